// What literal text every match of a pattern has. Reads just enough of RE2's syntax to be sure of that, and gives up
// where it is not: flags (but "(?i)" before all), \Q…\E, escapes with arguments, alternatives outside of groups.
#include <utility>

#include "rule_filter.hpp"

namespace uringd::site {
namespace {

/// The outermost level of a pattern, one piece after another.
struct Pieces {
  static constexpr int opaque = -1;

  std::string_view pattern;
  std::vector<int> pieces = {};  // a byte, or opaque
  size_t at = 0;

  /// Behind the class that begins at `at`; npos: it does not end.
  size_t class_end() const {
    size_t i = at + 1;
    if (i < pattern.size() && pattern[i] == '^') ++i;
    if (i < pattern.size() && pattern[i] == ']') ++i;
    while (i < pattern.size() && pattern[i] != ']') {
      if (pattern[i] == '\\') {
        i += 2;
      } else if (pattern.substr(i).starts_with("[:")) {
        const size_t end = pattern.find(":]", i + 2);
        i = end == std::string_view::npos ? i + 1 : end + 2;
      } else {
        ++i;
      }
    }
    return i < pattern.size() ? i + 1 : std::string_view::npos;
  }

  bool skip_class() {
    const size_t end = class_end();
    if (end == std::string_view::npos) return false;
    at = end;
    return true;
  }

  bool skip_group() {
    int depth = 0;
    while (at < pattern.size()) {
      const char c = pattern[at];
      if (c == '[') {
        if (!skip_class()) return false;
        continue;
      }
      at += c == '\\' ? 2 : 1;
      if (c == '(') ++depth;
      if (c == ')' && --depth == 0) return true;
    }
    return false;
  }

  bool escape() {
    if (at + 1 >= pattern.size()) return false;
    const char c = pattern[at + 1];
    at += 2;
    const bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (!alphanumeric && c > ' ' && c < 0x7f) {
      pieces.push_back(c);
      return true;
    }
    pieces.push_back(opaque);
    return std::string_view("dDwWsSbBAzafnrtv").find(c) != std::string_view::npos;
  }

  /// Repetition of the last piece.
  bool repeat(char c) {
    if (pieces.empty()) return false;
    ++at;
    if (c == '+') {  // at least one: also what the repetition begins and ends with
      const int last = pieces.back();
      pieces.push_back(opaque);
      pieces.push_back(last);
      return true;
    }
    pieces.back() = opaque;
    if (c != '{') return true;
    const size_t end = pattern.find('}', at);
    if (end == std::string_view::npos) return false;
    at = end + 1;
    return true;
  }

  /// False: nothing is sure.
  bool read() {
    while (at < pattern.size()) {
      const char c = pattern[at];
      bool sure = true;
      switch (c) {
        case '|':
        case ')': return false;
        case '(':
          pieces.push_back(opaque);
          sure = skip_group();
          break;
        case '[':
          pieces.push_back(opaque);
          sure = skip_class();
          break;
        case '\\': sure = escape(); break;
        case '*':
        case '?':
        case '+':
        case '{': sure = repeat(c); break;
        case '.':
        case '^':
        case '$':
          pieces.push_back(opaque);
          ++at;
          break;
        default: pieces.push_back(static_cast<unsigned char>(c)); ++at;
      }
      if (!sure) return false;
    }
    return true;
  }
};

/// Flags change what is read behind them, and (?i) what a letter is. Names of groups are harmless.
bool has_flags(std::string_view pattern) {
  for (size_t at = pattern.find("(?"); at != std::string_view::npos; at = pattern.find("(?", at + 1)) {
    if (at + 2 >= pattern.size() || (pattern[at + 2] != ':' && pattern[at + 2] != 'P')) return true;
  }
  return false;
}

int lower(int c) { return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c; }
int upper(int c) { return c >= 'a' && c <= 'z' ? c - ('a' - 'A') : c; }

bool ends_escaped(std::string_view text) {
  const size_t other = text.find_last_not_of('\\');
  return (other == std::string_view::npos ? text.size() : text.size() - other - 1) % 2 != 0;
}

}  // namespace

Literals literals_of(std::string_view pattern) {
  constexpr std::string_view fold_case = "(?i)";
  const bool folds = pattern.starts_with(fold_case);
  if (folds) pattern.remove_prefix(fold_case.size());
  const bool from_begin = pattern.starts_with('^');
  if (from_begin) pattern.remove_prefix(1);
  const bool to_end = pattern.ends_with('$') && !ends_escaped(pattern.substr(0, pattern.size() - 1));
  if (to_end) pattern.remove_suffix(1);
  Pieces read{.pattern = pattern};
  if (has_flags(pattern) || pattern.find("\\Q") != std::string_view::npos || !read.read()) return {};
  Literals literals;
  // A NUL is in no path, and in keys means that there is nothing. Which bytes above ASCII are one letter: RE2 knows.
  auto is_byte = [folds](int piece) { return piece > 0 && (!folds || piece < 0x80); };
  auto is_exact = [folds, is_byte](int piece) { return is_byte(piece) && (!folds || lower(piece) == upper(piece)); };
  for (size_t i = 0; from_begin && i < read.pieces.size() && is_exact(read.pieces[i]); ++i) {
    literals.prefix += static_cast<char>(read.pieces[i]);
  }
  size_t first = read.pieces.size();
  while (to_end && first > 0 && is_exact(read.pieces[first - 1])) --first;
  for (size_t i = first; i < read.pieces.size(); ++i) literals.suffix += static_cast<char>(read.pieces[i]);
  std::string run;
  for (int piece : read.pieces) {
    if (is_byte(piece)) {
      run += static_cast<char>(lower(piece));
    } else {
      literals.inside.push_back(std::exchange(run, ""));
    }
  }
  literals.inside.push_back(run);
  std::erase(literals.inside, "");
  return literals;
}

}  // namespace uringd::site
