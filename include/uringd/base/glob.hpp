// Glob: which paths a pattern means. Pure functions; matching never takes more than pattern × path steps, whatever the
// pattern.
//
//   ?  one byte of a segment      *  any bytes of a segment      [a-z] [!a-z]  one byte of a set, never '/'
//   \x  the byte x itself         **  as a whole segment: any number of segments, none too ("/assets/**", "**/*.css")
#pragma once

#include <string_view>

namespace uringd {

/// `path` begins with a slash. A pattern without one at its start is read as if it had it: "*.html" is a file at the
/// top, "**/*.html" one anywhere.
[[nodiscard]] bool glob_match(std::string_view pattern, std::string_view path);

/// False: nothing below `directory` ("" is the top, else "/dir") can match: a walk need not go there.
[[nodiscard]] bool glob_may_match_below(std::string_view pattern, std::string_view directory);

}  // namespace uringd
