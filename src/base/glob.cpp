// Matching by going back to the last star only: a later star can take over whatever an earlier one could have taken,
// so no other way needs to be tried, and many stars cost no more than one. Braces are written out, one pattern after
// the other, into a buffer on the stack: none of those is longer than the pattern.
#include "uringd/base/glob.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

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

// --- braces ---

constexpr size_t most_patterns = 64;  // a `{…}` for each of many file types, twice
constexpr size_t most_depth = 4;
constexpr size_t most_braces = 32;  // each is looked for its end, so this and the length bound the time
constexpr size_t most_bytes = 512;

/// How many bytes of `pattern` at `at` belong together, so that no brace or comma among them means more than itself.
size_t whole(std::string_view pattern, size_t at) {
  if (pattern[at] == '\\') return std::min<size_t>(2, pattern.size() - at);
  if (pattern[at] != '[') return 1;
  const size_t end = set_end(pattern.substr(0, pattern.find('/', at)), at);
  return end == none ? 1 : end - at;
}

/// The braces that open at `pattern[at]`: their end (after '}'), or `none`.
size_t braces_end(std::string_view pattern, size_t at) {
  size_t depth = 0;
  for (; at < pattern.size(); at += whole(pattern, at)) {
    if (pattern[at] == '{') ++depth;
    if (pattern[at] == '}' && --depth == 0) return at + 1;
  }
  return none;
}

/// The alternatives of "a,{b,c}" one after the other: "a", "{b,c}".
class Alternatives {
 public:
  explicit Alternatives(std::string_view inside) : rest_(inside) { find_end(); }
  [[nodiscard]] bool done() const { return done_; }
  [[nodiscard]] std::string_view first() const { return rest_.substr(0, end_); }
  void next() {
    done_ = end_ == rest_.size();
    if (done_) return;
    rest_.remove_prefix(end_ + 1);
    find_end();
  }

 private:
  void find_end() {
    size_t depth = 0;
    for (end_ = 0; end_ < rest_.size(); end_ += whole(rest_, end_)) {
      if (rest_[end_] == ',' && depth == 0) return;
      if (rest_[end_] == '{') ++depth;
      if (rest_[end_] == '}') --depth;
    }
  }

  std::string_view rest_;
  size_t end_ = 0;
  bool done_ = false;
};

size_t count_patterns(std::string_view pattern, size_t depth);

size_t count_alternatives(std::string_view inside, size_t depth) {
  if (depth > most_depth) return most_patterns + 1;
  size_t count = 0;
  for (Alternatives each(inside); !each.done(); each.next()) count += count_patterns(each.first(), depth);
  return count;
}

/// How many patterns `pattern`, which stands in `depth` braces, is when written out; above `most_patterns` it is some
/// number above.
size_t count_patterns(std::string_view pattern, size_t depth) {
  size_t count = 1;
  for (size_t at = 0; at < pattern.size();) {
    const size_t end = pattern[at] == '{' ? braces_end(pattern, at) : none;
    if (end != none) {
      count = std::min(count * count_alternatives(pattern.substr(at + 1, end - at - 2), depth + 1), most_patterns + 1);
    }
    at = end != none ? end : at + whole(pattern, at);
  }
  return count;
}

/// Writes the pattern of that `number` (below count_patterns()) at `out`. Returns where it ends.
char* write_out(std::string_view pattern, size_t number, char* out) {
  for (size_t at = 0; at < pattern.size();) {
    const size_t end = pattern[at] == '{' ? braces_end(pattern, at) : none;
    if (end == none) {
      const size_t bytes = whole(pattern, at);
      out = std::copy_n(pattern.data() + at, bytes, out);
      at += bytes;
      continue;
    }
    const std::string_view inside = pattern.substr(at + 1, end - at - 2);
    const size_t count = count_alternatives(inside, 0);
    size_t chosen = number % count;
    number /= count;
    for (Alternatives each(inside);; each.next()) {
      const size_t here = count_patterns(each.first(), 0);
      if (chosen < here) {
        out = write_out(each.first(), chosen, out);
        break;
      }
      chosen -= here;
    }
    at = end;
  }
  return out;
}

/// Whether `matches` says so of any pattern without braces that `pattern` stands for.
template <typename Matches>
bool any_pattern(std::string_view pattern, Matches matches) {
  if (!pattern.contains('{')) return matches(pattern);
  if (!glob_problem(pattern).empty()) return false;
  std::array<char, most_bytes> buffer;
  const size_t count = count_patterns(pattern, 0);
  for (size_t number = 0; number < count; ++number) {
    const char* end = write_out(pattern, number, buffer.data());
    if (matches(std::string_view(buffer.data(), static_cast<size_t>(end - buffer.data())))) return true;
  }
  return false;
}

bool match_plain(std::string_view pattern, std::string_view path) {
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

bool plain_may_match_below(std::string_view pattern, std::string_view directory) {
  Segments wanted(pattern);
  for (Segments found(directory); !found.done(); found.next()) {
    if (wanted.done()) return false;
    if (wanted.first() == "**") return true;
    if (!match_segment(wanted.first(), found.first())) return false;
    wanted.next();
  }
  return !wanted.done();
}

}  // namespace

std::string_view glob_problem(std::string_view pattern) {
  const auto braces = static_cast<size_t>(std::ranges::count(pattern, '{'));
  if (braces == 0) return {};
  if (pattern.size() > most_bytes) return "a pattern with braces has at most 512 bytes";
  if (braces > most_braces) return "a pattern has at most 32 braces";
  if (count_patterns(pattern, 0) > most_patterns) return "braces stand for at most 64 patterns and are at most 4 deep";
  return {};
}

std::vector<std::string> glob_written_out(std::string_view pattern) {
  std::vector<std::string> all;
  any_pattern(pattern, [&](std::string_view one) {
    all.emplace_back(one);
    return false;
  });
  return all;
}

bool glob_match(std::string_view pattern, std::string_view path) {
  return any_pattern(pattern, [&](std::string_view plain) { return match_plain(plain, path); });
}

bool glob_may_match_below(std::string_view pattern, std::string_view directory) {
  if (directory.empty()) return true;
  return any_pattern(pattern, [&](std::string_view plain) { return plain_may_match_below(plain, directory); });
}

}  // namespace uringd
