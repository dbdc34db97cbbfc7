// parse_target and encode_path. Each component is decoded straight into the output and judged there: dropped (empty,
// "."), taken back with the one before it (".."), or kept. Nothing is decoded after that, so "%252e" is a name with a
// percent sign.
#include "uringd/http/target.hpp"

#include <bit>

#include "characters.hpp"
#include "eight_bytes.hpp"
#include "uringd/base/check.hpp"
#include "uringd/http/host.hpp"

namespace uringd::http {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr size_t name_max = 255;  // NAME_MAX of Linux's file systems

/// Splits an absolute-form target; what is left in `raw` begins with '/' or '?', or is empty.
bool take_authority(std::string_view& raw, std::string_view& authority) {
  const size_t scheme_size = raw.find("://");
  if (scheme_size == std::string_view::npos) return false;
  const std::string_view scheme = raw.substr(0, scheme_size);
  if (!equals_folded(scheme, "http") && !equals_folded(scheme, "https")) return false;
  raw.remove_prefix(scheme_size + 3);
  authority = raw.substr(0, raw.find_first_of("/?"));
  raw.remove_prefix(authority.size());
  return valid_host(authority);
}

/// Writes a normalised path. Invariant: out[0, size) is "" or "/name" one or more times.
class PathWriter {
 public:
  explicit PathWriter(std::span<char> out) : out_(out) {}

  /// Decodes one component of a path, without slashes; false: bad encoding.
  bool add(std::string_view raw) {
    const size_t start = size_;
    out_[size_++] = '/';
    for (size_t i = 0; i < raw.size(); ++i) {
      char c = raw[i];
      if (c == '%') {
        if (raw.size() - i < 3) return false;
        const int high = hex_value(raw[i + 1]), low = hex_value(raw[i + 2]);
        if (high < 0 || low < 0) return false;
        c = static_cast<char>(high * 16 + low);
        if (c == '\0' || c == '/') return false;
        i += 2;
      }
      out_[size_++] = c;
    }
    settle(start);
    return true;
  }

  /// The same for text that is decoded already.
  void add_decoded(std::string_view name) {
    const size_t start = size_;
    out_[size_++] = '/';
    size_ += name.copy(out_.data() + size_, name.size());
    settle(start);
  }

  /// The last component added named a directory by itself: "", "." or "..".
  bool ends_in_directory() const { return ends_in_directory_; }

  std::string_view finish() {
    if (size_ == 0) out_[size_++] = '/';
    out_[size_] = '\0';
    return {out_.data(), size_};
  }

 private:
  void settle(size_t start) {
    const std::string_view name{out_.data() + start + 1, size_ - start - 1};
    ends_in_directory_ = name.empty() || name == "." || name == "..";
    if (!ends_in_directory_) return;
    const bool up = name == "..";
    size_ = start;
    if (!up) return;
    while (size_ > 0) {  // above the root there is nothing to take back (RFC 3986 §5.2.4)
      --size_;
      if (out_[size_] == '/') break;
    }
  }

  std::span<char> out_;
  size_t size_ = 0;
  bool ends_in_directory_ = false;
};

void judge_names(Target& target) {
  std::string_view rest = target.path;
  for (bool first = true; rest.size() > 1; first = false) {
    rest.remove_prefix(1);
    const std::string_view name = rest.substr(0, rest.find('/'));
    rest.remove_prefix(name.size());
    if (name.size() > name_max) target.name_too_long = true;
    if (name.front() == '.' && !(first && name == ".well-known")) target.hidden = true;
  }
}

/// Its bytes are the path: nothing to decode, merge, resolve or hide, and no name that is too long.
bool is_plain(std::string_view raw) {
  if (raw.size() > name_max || raw.front() != '/') return false;
  return !any_window(raw, 7, [](EightBytes bytes) {
    const uint64_t slashes = bytes.equal_to('/');
    const uint64_t behind_a_slash = slashes << 8;  // little endian: the byte that follows
    return (bytes.equal_to('%') | (behind_a_slash & (slashes | bytes.equal_to('.')))) != 0;
  });
}

void take_plain(std::string_view raw, std::span<char> out, Target& target) {
  target.trailing_slash = raw.back() == '/';
  const size_t size = raw.size() - (target.trailing_slash && raw.size() > 1 ? 1 : 0);
  raw.copy(out.data(), size);
  out[size] = '\0';
  target.path = {out.data(), size};
}

}  // namespace

std::expected<Target, int> parse_target(std::string_view raw, std::span<char> out) {
  CHECK(out.size() >= raw.size() + 2);
  Target target;
  if (!good_target_bytes(raw)) return std::unexpected(400);
  if (raw == "*") {
    target.asterisk = true;
    raw = "/";
  } else if (!raw.starts_with('/')) {
    if (!take_authority(raw, target.authority)) return std::unexpected(400);
  }

  if (const size_t mark = raw.find('?'); mark != std::string_view::npos) {
    target.has_query = true;
    target.query = raw.substr(mark + 1);
    raw = raw.substr(0, mark);
  }

  if (raw.empty()) raw = "/";  // "http://host" and "http://host?query" (RFC 9110 §4.2.3)
  if (is_plain(raw)) {
    take_plain(raw, out, target);
    return target;
  }
  PathWriter writer{out};
  while (!raw.empty()) {
    raw.remove_prefix(1);  // the slash before each component
    const std::string_view component = raw.substr(0, raw.find('/'));
    if (!writer.add(component)) return std::unexpected(400);
    raw.remove_prefix(component.size());
  }
  target.trailing_slash = writer.ends_in_directory();
  target.path = writer.finish();
  judge_names(target);
  return target;
}

std::optional<Target> normalise_path(std::string_view decoded, std::span<char> out) {
  CHECK(out.size() >= decoded.size() + 2);
  if (!decoded.starts_with('/') || decoded.contains('\0')) return std::nullopt;
  PathWriter writer{out};
  while (!decoded.empty()) {
    decoded.remove_prefix(1);
    const std::string_view name = decoded.substr(0, decoded.find('/'));
    writer.add_decoded(name);
    decoded.remove_prefix(name.size());
  }
  Target target;
  target.trailing_slash = writer.ends_in_directory();
  target.path = writer.finish();
  judge_names(target);
  return target;
}

size_t encode_path(std::string_view decoded, std::span<char> out) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  if (!decoded.starts_with('/')) return 0;
  while (decoded.starts_with("//")) decoded.remove_prefix(1);  // "//host/" would be another host (RFC 3986 §4.2)
  size_t size = 0;
  for (char c : decoded) {
    if (is_class(c, path_char)) {
      if (size + 1 > out.size()) return 0;
      out[size++] = c;
    } else {
      if (size + 3 > out.size()) return 0;
      const auto byte = static_cast<unsigned char>(c);
      out[size++] = '%';
      out[size++] = digits[byte >> 4];
      out[size++] = digits[byte & 15];
    }
  }
  return size;
}

}  // namespace uringd::http
