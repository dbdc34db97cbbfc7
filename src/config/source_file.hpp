// Files of the configuration: reading them whole within a bound, finding included ones, and joining paths. Owned by
// nobody: free functions; blocking, so never on a serving worker.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "uringd/base/result.hpp"

namespace uringd::config {

/// A configuration larger than this is a mistake (a binary, a device), not a configuration.
inline constexpr std::size_t file_size_limit = 1024 * 1024;

/// The content, or why not ("No such file or directory"). `must_be_regular`: for names that a glob found, which must
/// not hang on a FIFO; a file that a person named may be a pipe.
Result<std::string> read_source_file(const std::string& path, bool must_be_regular);

/// The paths that `pattern` (glob(7)) matches, in byte order; none where it has wildcards and matches nothing. A name
/// without wildcards is returned as it is, there or not.
std::vector<std::string> matching_paths(const std::string& pattern);

/// "sites" for "sites/a.toml", "" for "a.toml", "/" for "/a.toml".
std::string directory_of(std::string_view path);

/// `path` itself where it is absolute or `directory` is empty, else both joined.
std::string resolve_path(std::string_view directory, std::string_view path);

}  // namespace uringd::config
