// Reading configuration files. glob(3) is asked not to sort: its order follows the locale, ours the bytes.
#include "source_file.hpp"

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "uringd/base/fd.hpp"

namespace uringd::config {

Result<std::string> read_source_file(const std::string& path, bool must_be_regular) {
  // O_NONBLOCK only where a FIFO would be refused anyway: a pipe that a person named is waited for.
  const int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | (must_be_regular ? O_NONBLOCK : 0);
  const Fd file(::open(path.c_str(), flags));
  if (!file.open()) return failure(errno_text(errno));
  struct stat status{};
  if (::fstat(file.number(), &status) != 0) return failure(errno_text(errno));
  if (S_ISDIR(status.st_mode)) return failure("is a directory; expected a file");
  if (must_be_regular && !S_ISREG(status.st_mode)) return failure("is not a regular file");
  std::string content;
  for (;;) {
    constexpr std::size_t piece = 64 * 1024;
    const std::size_t had = content.size();
    content.resize(had + piece);
    const ssize_t count = ::read(file.number(), content.data() + had, piece);
    const int error = errno;
    content.resize(had + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    if (count < 0 && error == EINTR) continue;
    if (count < 0) return failure(errno_text(error));
    if (count == 0) return content;
    if (content.size() > file_size_limit) return failure("larger than 1MiB; expected a configuration file");
  }
}

std::vector<std::string> matching_paths(const std::string& pattern) {
  if (pattern.find_first_of("*?[") == std::string::npos) return {pattern};
  glob_t found{};
  const std::unique_ptr<glob_t, void (*)(glob_t*)> owner(&found, ::globfree);
  if (::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) != 0) return {};
  std::vector<std::string> paths(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  std::ranges::sort(paths);
  return paths;
}

std::string directory_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return {};
  return std::string(path.substr(0, slash == 0 ? 1 : slash));
}

std::string resolve_path(std::string_view directory, std::string_view path) {
  if (directory.empty() || path.starts_with('/')) return std::string(path);
  return std::string(directory) + (directory.ends_with('/') ? "" : "/") + std::string(path);
}

}  // namespace uringd::config
