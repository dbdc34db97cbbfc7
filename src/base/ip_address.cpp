// Addresses read and written by hand: text() is on the access log's path, once a request, and inet_ntop(3) goes through
// printf for it. What is read is what inet_pton(3) reads, no more: four decimal numbers without leading zeros (some
// programs take 010 as 8), or RFC 4291 §2.2; what is written is RFC 5952.
#include "uringd/base/ip_address.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace uringd {
namespace {

constexpr size_t groups_of_v6 = 8;
constexpr size_t mapped_bytes = 12;  // before the IPv4 address in ::ffff:192.0.2.1
constexpr std::array<unsigned char, mapped_bytes> mapped_prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr std::string_view local_text = "unix:", unknown_text = "-";
constexpr std::string_view cidr_forms = R"(expected "192.0.2.1", "10.0.0.0/8", "2001:db8::/32" or "unix:")";

std::optional<std::array<unsigned char, 4>> parse_v4(std::string_view text) {
  std::array<unsigned char, 4> bytes{};
  size_t at = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i > 0 && (at == text.size() || text[at++] != '.')) return std::nullopt;
    const size_t first = at;
    unsigned value = 0;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9' && at - first < 3; ++at) {
      value = value * 10 + static_cast<unsigned>(text[at] - '0');
    }
    if (at == first || value > 255 || (text[first] == '0' && at - first > 1)) return std::nullopt;
    bytes[i] = static_cast<unsigned char>(value);
  }
  if (at != text.size()) return std::nullopt;
  return bytes;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') return (c | 0x20) - 'a' + 10;
  return -1;
}

/// Groups between colons, as one side of "::" has them; the last may be an IPv4 address, which takes two.
struct Groups {
  std::array<unsigned char, 16> bytes{};
  size_t size = 0;  // of bytes

  /// False: no such list, or one longer than an address. "" is a list of none.
  bool read(std::string_view text, bool v4_may_end) {
    while (!text.empty()) {
      const size_t colon = text.find(':');
      const std::string_view group = text.substr(0, colon);
      const bool last = colon == std::string_view::npos;
      if (last && v4_may_end && group.contains('.')) {
        const auto four = parse_v4(group);
        if (!four || size + 4 > bytes.size()) return false;
        std::memcpy(bytes.data() + size, four->data(), 4);
        size += 4;
        return true;
      }
      if (group.empty() || group.size() > 4 || size + 2 > bytes.size()) return false;
      unsigned value = 0;
      for (char c : group) {
        const int digit = hex_value(c);
        if (digit < 0) return false;
        value = value << 4 | static_cast<unsigned>(digit);
      }
      bytes[size++] = static_cast<unsigned char>(value >> 8);
      bytes[size++] = static_cast<unsigned char>(value);
      if (last) return true;
      text.remove_prefix(colon + 1);
      if (text.empty()) return false;  // a colon ends it
    }
    return true;
  }
};

std::optional<std::array<unsigned char, 16>> parse_v6(std::string_view text) {
  Groups before, after;
  const size_t gap = text.find("::");
  if (gap == std::string_view::npos) {
    if (!before.read(text, true) || before.size != before.bytes.size()) return std::nullopt;
    return before.bytes;
  }
  if (!before.read(text.substr(0, gap), false) || !after.read(text.substr(gap + 2), true)) return std::nullopt;
  if (before.size + after.size >= before.bytes.size()) return std::nullopt;  // "::" stands for one group at least
  std::memcpy(before.bytes.data() + before.bytes.size() - after.size, after.bytes.data(), after.size);
  return before.bytes;
}

char* write_decimal(char* out, unsigned char value) {
  if (value >= 100) *out++ = static_cast<char>('0' + value / 100);
  if (value >= 10) *out++ = static_cast<char>('0' + value / 10 % 10);
  *out++ = static_cast<char>('0' + value % 10);
  return out;
}

char* write_hex(char* out, unsigned value) {  // RFC 5952 §4.1, §4.3: no leading zeros, lower case
  int shift = 12;
  while (shift > 0 && value >> shift == 0) shift -= 4;
  for (; shift >= 0; shift -= 4) *out++ = "0123456789abcdef"[value >> shift & 0xf];
  return out;
}

/// RFC 5952 §4.2: "::" takes the longest run of zero groups, the first of several, never a single one.
char* write_v6(char* out, const std::array<unsigned char, 16>& bytes) {
  std::array<unsigned, groups_of_v6> groups{};
  for (size_t i = 0; i < groups.size(); ++i) groups[i] = unsigned{bytes[2 * i]} << 8 | bytes[2 * i + 1];
  size_t gap = groups.size(), gap_size = 1;
  for (size_t i = 0; i < groups.size();) {
    size_t end = i;
    while (end < groups.size() && groups[end] == 0) ++end;
    if (end - i > gap_size) gap = i, gap_size = end - i;
    i = end + 1;
  }
  for (size_t i = 0; i < groups.size();) {
    if (i == gap) {
      *out++ = ':';
      i += gap_size;
      if (i == groups.size()) *out++ = ':';
      continue;
    }
    if (i > 0) *out++ = ':';
    out = write_hex(out, groups[i++]);
  }
  return out;
}

/// The first `bits` of 128 are as they were, the others zero.
std::array<unsigned char, 16> masked(std::array<unsigned char, 16> bytes, unsigned bits) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    const unsigned kept = bits <= i * 8 ? 0 : std::min<unsigned>(bits - static_cast<unsigned>(i) * 8, 8);
    bytes[i] = static_cast<unsigned char>(bytes[i] & (0xff00u >> kept));
  }
  return bytes;
}

/// What is wrong with what should be an address. Its bytes are not repeated: nobody knows what they are.
std::string address_problem(std::string_view text) {
  const std::string forms{cidr_forms};
  if (text.empty()) return "an empty text; " + forms;
  if (text.starts_with(local_text)) return R"(expected "unix:" alone, which stands for the peers of all unix sockets)";
  if (text.contains('[') || text.contains(']')) return "an address goes without brackets and port here; " + forms;
  if (text.contains('%')) return "an address goes without a zone here; " + forms;
  const size_t colon = text.find(':');
  if (colon != std::string_view::npos && parse_v4(text.substr(0, colon))) {
    return "an address goes without a port here; " + forms;
  }
  if (text.find_first_not_of("0123456789abcdefABCDEF.:") != std::string_view::npos) {
    return "no address (names are not looked up); " + forms;
  }
  return "no address; " + forms;
}

}  // namespace

IpAddress IpAddress::from(const sockaddr_storage& address, socklen_t size) {
  if (size >= sizeof(sockaddr_in) && address.ss_family == AF_INET) {
    std::array<unsigned char, 4> bytes{};
    std::memcpy(bytes.data(), reinterpret_cast<const char*>(&address) + offsetof(sockaddr_in, sin_addr), bytes.size());
    return v4(bytes);
  }
  if (size >= sizeof(sockaddr_in6) && address.ss_family == AF_INET6) {
    std::array<unsigned char, 16> bytes{};
    std::memcpy(bytes.data(), reinterpret_cast<const char*>(&address) + offsetof(sockaddr_in6, sin6_addr),
                bytes.size());
    return v6(bytes);
  }
  // unix(7): an unnamed peer, as clients are, has nothing but its family.
  if (size >= sizeof(sa_family_t) && address.ss_family == AF_UNIX) return local();
  return {};
}

IpAddress IpAddress::v4(const std::array<unsigned char, 4>& bytes) {
  IpAddress address;
  address.kind_ = Kind::ip;
  std::memcpy(address.bytes_.data(), mapped_prefix.data(), mapped_bytes);
  std::memcpy(address.bytes_.data() + mapped_bytes, bytes.data(), bytes.size());
  return address;
}

IpAddress IpAddress::v6(const std::array<unsigned char, 16>& bytes) {
  IpAddress address;
  address.kind_ = Kind::ip;
  address.bytes_ = bytes;
  return address;
}

IpAddress IpAddress::local() {
  IpAddress address;
  address.kind_ = Kind::local;
  return address;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (!text.contains(':')) {
    const auto bytes = parse_v4(text);
    if (!bytes) return std::nullopt;
    return v4(*bytes);
  }
  const auto bytes = parse_v6(text);
  if (!bytes) return std::nullopt;
  return v6(*bytes);
}

bool IpAddress::is_v4() const {
  return kind_ == Kind::ip && std::memcmp(bytes_.data(), mapped_prefix.data(), mapped_bytes) == 0;
}

std::string_view IpAddress::text(std::array<char, most_text_bytes>& out) const {
  if (kind_ == Kind::unknown) return unknown_text;
  if (kind_ == Kind::local) return local_text;
  char* end = out.data();
  if (is_v4()) {
    for (size_t i = mapped_bytes; i < bytes_.size(); ++i) {
      if (i > mapped_bytes) *end++ = '.';
      end = write_decimal(end, bytes_[i]);
    }
  } else {
    end = write_v6(end, bytes_);
  }
  return {out.data(), static_cast<size_t>(end - out.data())};
}

std::string IpAddress::text() const {
  std::array<char, most_text_bytes> out;
  return std::string{text(out)};
}

Result<Cidr> Cidr::parse(std::string_view text) {
  Cidr block;
  block.text_ = text;
  if (text == local_text) {
    block.first_ = IpAddress::local();
    return block;
  }
  const size_t slash = text.find('/');
  const std::string_view address_text = text.substr(0, slash);
  const auto address = IpAddress::parse(address_text);
  if (!address) return failure(address_problem(text.starts_with(local_text) ? text : address_text));
  const bool colons = address_text.contains(':');
  const unsigned most = colons ? 128 : 32, of_128 = colons ? 0 : 96;
  unsigned bits = most;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const bool number = !digits.empty() && digits.size() <= 3 && (digits.size() == 1 || digits[0] != '0') &&
                        digits.find_first_not_of("0123456789") == std::string_view::npos;
    if (!number) {
      return failure("expected a number of bits from 0 to " + std::to_string(most) + " after the slash, such as \"" +
                     std::string{address_text} + (colons ? "/64\"" : "/24\""));
    }
    bits = 0;
    for (char c : digits) bits = bits * 10 + static_cast<unsigned>(c - '0');
    if (bits > most) {
      return failure(std::string{text} + ": a prefix too long; expected at most /" + std::to_string(most));
    }
  }
  block.prefix_bits_ = static_cast<uint8_t>(of_128 + bits);
  block.first_ = IpAddress::v6(masked(address->bytes(), block.prefix_bits_));
  if (block.first_ != *address) {
    const std::string mapped = colons && block.first_.is_v4() ? "::ffff:" : "";
    return failure(std::string{text} + ": bits behind the prefix are set; expected " + mapped + block.first_.text() +
                   "/" + std::to_string(bits));
  }
  return block;
}

bool Cidr::contains(const IpAddress& address) const {
  if (address.kind() != first_.kind()) return false;
  if (!first_.is_ip()) return first_.kind() == IpAddress::Kind::local;
  // "::/0" is all of IPv6: an IPv4 client on a dual-stack socket is not meant, though its mapped form begins so.
  if (address.is_v4() != first_.is_v4()) return false;
  const size_t whole = prefix_bits_ / 8;
  const unsigned rest = prefix_bits_ % 8;
  if (std::memcmp(address.bytes().data(), first_.bytes().data(), whole) != 0) return false;
  return rest == 0 || (address.bytes()[whole] ^ first_.bytes()[whole]) >> (8 - rest) == 0;
}

bool CidrSet::contains(const IpAddress& address) const {
  return std::ranges::any_of(blocks_, [&](const Cidr& block) { return block.contains(address); });
}

}  // namespace uringd
