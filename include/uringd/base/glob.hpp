// Glob: which paths a pattern means. Pure functions; matching allocates nothing and never takes more than pattern ×
// path steps for each of the patterns that braces stand for, whatever the pattern.
//
//   ?  one byte of a segment      *  any bytes of a segment      [a-z] [!a-z]  one byte of a set, never '/'
//   \x  the byte x itself         **  as a whole segment: any number of segments, none too ("/assets/**", "**/*.css")
//   {a,b}  the pattern with either in its place ("**/*.{css,js}", "/{a,b/**}/x", "/x{,.br}"); what is not closed means
//          itself. Bounds: 64 patterns in all, 4 braces deep, 32 braces, 512 bytes (glob_problem)
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace uringd {

/// Why no path will match `pattern`: its braces exceed a bound. Empty: it is a pattern. For who reads configuration.
[[nodiscard]] std::string_view glob_problem(std::string_view pattern);

/// The patterns without braces that it stands for: for who matches often, as braces are read anew in each match. None
/// where there is a glob_problem().
[[nodiscard]] std::vector<std::string> glob_written_out(std::string_view pattern);

/// `path` begins with a slash. A pattern without one at its start is read as if it had it: "*.html" is a file at the
/// top, "**/*.html" one anywhere.
[[nodiscard]] bool glob_match(std::string_view pattern, std::string_view path);

/// False: nothing below `directory` ("" is the top, else "/dir") can match: a walk need not go there.
[[nodiscard]] bool glob_may_match_below(std::string_view pattern, std::string_view directory);

}  // namespace uringd
