// Both versions are read from the front, a part at a time, and each part is judged as soon as it has ended: what has
// begun as HTTP or TLS is refused at its first byte, not when a timer ends.
#include "uringd/http/proxy_protocol.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "characters.hpp"

namespace uringd::http {
namespace {

using Progress = ProxyHeader::Progress;

constexpr std::string_view signature_1 = "PROXY ";
constexpr std::string_view signature_2{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr size_t most_line = 107;  // §2.1, with CRLF
constexpr size_t fixed_size = 16;  // §2.2: signature, version and command, family and protocol, length
constexpr size_t inet_block = 12, inet6_block = 36, unix_block = 216;

ProxyHeader verdict(Progress progress) { return {.progress = progress, .used = 0, .source = {}}; }
ProxyHeader complete(size_t used, IpAddress source) {
  return {.progress = Progress::complete, .used = used, .source = source};
}

/// One of them begins with the other.
bool agree(std::string_view a, std::string_view b) {
  const size_t size = std::min(a.size(), b.size());
  return a.substr(0, size) == b.substr(0, size);
}

/// §2.1: 0 to 65535 without leading zeros.
bool is_port(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] == '0' && text.size() > 1)) return false;
  unsigned value = 0;
  for (char c : text) {
    if (!is_digit(c)) return false;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  return value <= 65'535;
}

/// The line without its CRLF, or what has come of it, from behind "PROXY TCP4 " or "PROXY TCP6 ": two addresses of that
/// family and two ports. Is each word right that has ended?
bool read_words(std::string_view words, bool six, bool line_ended, IpAddress& source) {
  constexpr size_t count = 4;
  for (size_t i = 0; i < count; ++i) {
    const size_t end = words.find(' ');
    const bool last = i == count - 1;
    if (end == std::string_view::npos && !line_ended) return true;
    if ((end == std::string_view::npos) != last) return false;
    const std::string_view word = words.substr(0, end);
    if (i < 2) {
      // ::ffff:192.0.2.1 in TCP6 is a form that §2.1 does not have and that proxies with dual-stack sockets write.
      const auto address = IpAddress::parse(word);
      if (!address || word.contains(':') != six) return false;
      if (i == 0) source = *address;
    } else if (!is_port(word)) {
      return false;
    }
    if (!last) words.remove_prefix(end + 1);
  }
  return true;
}

ProxyHeader parse_line(std::string_view text) {
  const std::string_view line = text.substr(0, most_line);
  // §2.1: neither a CR nor an LF alone ends the line.
  const size_t end = line.find_first_of("\r\n");
  const bool ended = end != std::string_view::npos;
  if (ended && line[end] == '\n') return verdict(Progress::invalid);
  if (ended && end + 1 < line.size() && line[end + 1] != '\n') return verdict(Progress::invalid);
  const bool whole = ended && end + 1 < line.size();
  const std::string_view words = line.substr(0, end).substr(signature_1.size());

  constexpr std::string_view unknown = "UNKNOWN";
  bool right = false;
  IpAddress source;
  if (words.starts_with(unknown)) {  // whatever follows is to be ignored
    right = words.size() == unknown.size() || words[unknown.size()] == ' ';
  } else if (words.starts_with("TCP4 ") || words.starts_with("TCP6 ")) {
    right = read_words(words.substr(5), words[3] == '6', ended, source);
  } else {
    right = !ended && (agree(words, unknown) || agree(words, "TCP4 ") || agree(words, "TCP6 "));
  }
  if (!right) return verdict(Progress::invalid);
  if (whole) return complete(end + 2, source);
  return verdict(line.size() == most_line ? Progress::invalid : Progress::need_more);
}

/// The source of §2.2's address block, which begins at `block`; unknown where it has none that is an IP address.
IpAddress source_of(unsigned family, std::string_view block) {
  if (family == 1) {
    std::array<unsigned char, 4> bytes{};
    std::memcpy(bytes.data(), block.data(), bytes.size());
    return IpAddress::v4(bytes);
  }
  if (family == 2) {
    std::array<unsigned char, 16> bytes{};
    std::memcpy(bytes.data(), block.data(), bytes.size());
    return IpAddress::v6(bytes);
  }
  return {};
}

ProxyHeader parse_binary(std::string_view text) {
  constexpr size_t version_at = 12, family_at = 13, length_at = 14;
  auto byte = [text](size_t at) { return static_cast<unsigned>(static_cast<unsigned char>(text[at])); };

  if (text.size() <= version_at) return verdict(Progress::need_more);
  const unsigned version = byte(version_at) >> 4, command = byte(version_at) & 0xf;
  if (version != 2 || command > 1) return verdict(Progress::invalid);
  const bool local = command == 0;

  if (text.size() <= family_at) return verdict(Progress::need_more);
  unsigned family = byte(family_at) >> 4;
  const unsigned protocol = byte(family_at) & 0xf;
  if (!local && (family > 3 || protocol > 2)) return verdict(Progress::invalid);
  // LOCAL: the family is to be ignored, and so is the address where the protocol is UNSPEC.
  if (local || protocol == 0) family = 0;

  if (text.size() < fixed_size) return verdict(Progress::need_more);
  const size_t length = byte(length_at) << 8 | byte(length_at + 1);
  constexpr std::array<size_t, 4> least = {0, inet_block, inet6_block, unix_block};
  if (length < least[family] || length > ProxyHeader::most_bytes - fixed_size) return verdict(Progress::invalid);
  if (text.size() < fixed_size + length) return verdict(Progress::need_more);
  return complete(fixed_size + length, source_of(family, text.substr(fixed_size, length)));
}

}  // namespace

ProxyHeader parse_proxy_header(std::span<const char> bytes) {
  const std::string_view text{bytes.data(), bytes.size()};
  const bool first = agree(text, signature_1), second = agree(text, signature_2);
  if (!first && !second) return verdict(Progress::invalid);
  if (text.size() < signature_1.size()) return verdict(Progress::need_more);
  if (first) return parse_line(text);
  return parse_binary(text);
}

}  // namespace uringd::http
