// Matching by going back to the last star only: a later star can take over whatever an earlier one could have taken,
// so no other way needs to be tried, and many stars cost no more than one.
#include "uringd/base/glob.hpp"

#include <cstddef>

namespace uringd {
namespace {

constexpr size_t none = SIZE_MAX;

/// The set at `pattern[at]`, which is '[': its end (after ']'), or `none` where it is not closed and means itself.
size_t set_end(std::string_view pattern, size_t at) {
  size_t end = at + 1;
  if (end < pattern.size() && (pattern[end] == '!' || pattern[end] == '^')) ++end;
  if (end < pattern.size() && pattern[end] == ']') ++end;  // "[]x]": the first one is a member
  while (end < pattern.size() && pattern[end] != ']') ++end;
  return end < pattern.size() ? end + 1 : none;
}

bool in_set(std::string_view set, char byte) {  // without its brackets
  const bool negated = set.starts_with('!') || set.starts_with('^');
  if (negated) set.remove_prefix(1);
  const auto value = static_cast<unsigned char>(byte);
  for (size_t at = 0; at < set.size(); ++at) {
    const auto low = static_cast<unsigned char>(set[at]);
    auto high = low;
    if (at + 2 < set.size() && set[at + 1] == '-') {
      high = static_cast<unsigned char>(set[at + 2]);
      at += 2;
    }
    if (low <= value && value <= high) return !negated;
  }
  return negated;
}

/// How much of `pattern` at `at`, which is no star, means one byte equal to `byte`; 0: it is not equal.
size_t match_byte(std::string_view pattern, size_t at, char byte) {
  switch (pattern[at]) {
    case '?': return 1;
    case '\\':
      if (at + 1 < pattern.size()) return pattern[at + 1] == byte ? 2 : 0;
      break;
    case '[':
      if (const size_t end = set_end(pattern, at); end != none) {
        return in_set(pattern.substr(at + 1, end - at - 2), byte) ? end - at : 0;
      }
      break;
    default: break;
  }
  return pattern[at] == byte ? 1 : 0;
}

bool match_segment(std::string_view pattern, std::string_view text) {
  size_t at = 0;
  size_t position = 0;
  size_t after_star = none;  // in the pattern
  size_t taken = 0;          // by that star, in the text
  while (position < text.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      after_star = ++at;
      taken = position;
      continue;
    }
    const size_t step = at < pattern.size() ? match_byte(pattern, at, text[position]) : 0;
    if (step > 0) {
      at += step;
      ++position;
    } else if (after_star != none) {
      at = after_star;
      position = ++taken;
    } else {
      return false;
    }
  }
  while (at < pattern.size() && pattern[at] == '*') ++at;
  return at == pattern.size();
}

/// The segments of "/a/b" one after the other: "a", "b".
class Segments {
 public:
  explicit Segments(std::string_view path) : rest_(path), done_(false) {
    if (rest_.starts_with('/')) rest_.remove_prefix(1);
  }
  [[nodiscard]] bool done() const { return done_; }
  [[nodiscard]] std::string_view first() const { return rest_.substr(0, rest_.find('/')); }
  void next() {
    const size_t slash = rest_.find('/');
    done_ = slash == std::string_view::npos;
    rest_ = done_ ? std::string_view{} : rest_.substr(slash + 1);
  }

 private:
  std::string_view rest_;
  bool done_;
};

}  // namespace

bool glob_match(std::string_view pattern, std::string_view path) {
  Segments wanted(pattern);
  Segments found(path);
  Segments after_stars({});
  Segments taken({});
  bool stars = false;
  while (!found.done()) {
    if (!wanted.done() && wanted.first() == "**") {
      wanted.next();
      if (wanted.done()) return true;  // at the end it takes what is left, one segment at least
      after_stars = wanted;
      taken = found;
      stars = true;
    } else if (!wanted.done() && match_segment(wanted.first(), found.first())) {
      wanted.next();
      found.next();
    } else if (stars) {
      wanted = after_stars;
      taken.next();
      found = taken;
    } else {
      return false;
    }
  }
  return wanted.done();
}

bool glob_may_match_below(std::string_view pattern, std::string_view directory) {
  Segments wanted(pattern);
  if (directory.empty()) return true;
  for (Segments found(directory); !found.done(); found.next()) {
    if (wanted.done()) return false;
    if (wanted.first() == "**") return true;
    if (!match_segment(wanted.first(), found.first())) return false;
    wanted.next();
  }
  return !wanted.done();
}

}  // namespace uringd
