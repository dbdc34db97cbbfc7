// A second reading of the PROXY protocol, of bytes that have all arrived, by splitting and inet_pton(3): slow, plain,
// and written from HAProxy's specification (§2.1, §2.2) rather than from the parser. Used by unit tests and fuzzers.
#pragma once

#include <arpa/inet.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "uringd/http/proxy_protocol.hpp"

namespace uringd::http::testing {

struct ProxyTruth {
  size_t used = 0;
  std::string source;  // the 16 bytes of the address, or "" for none
  bool operator==(const ProxyTruth&) const = default;
};

inline std::string source_bytes(const IpAddress& address) {
  if (!address.is_ip()) return "";
  return {address.bytes().begin(), address.bytes().end()};
}

inline std::string mapped(const std::string& four) { return std::string(10, '\0') + "\xff\xff" + four; }

inline std::optional<std::string> address_bytes(int family, const std::string& text) {
  std::array<char, 16> bytes{};
  if (text.contains('\0') || inet_pton(family, text.c_str(), bytes.data()) != 1) return std::nullopt;
  if (family == AF_INET) return mapped({bytes.data(), 4});
  return std::string{bytes.data(), 16};
}

inline std::optional<ProxyTruth> read_version_1(const std::string& bytes) {
  const size_t end = bytes.substr(0, 107).find("\r\n");
  if (end == std::string::npos) return std::nullopt;
  const std::string line = bytes.substr(0, end);
  if (line.find_first_of("\r\n") != std::string::npos) return std::nullopt;
  std::vector<std::string> words(1);
  for (char c : line) {
    if (c == ' ') {
      words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  if (words.size() < 2 || words[0] != "PROXY") return std::nullopt;
  if (words[1] == "UNKNOWN") return ProxyTruth{.used = end + 2, .source = ""};
  if (words.size() != 6 || (words[1] != "TCP4" && words[1] != "TCP6")) return std::nullopt;
  const int family = words[1] == "TCP4" ? AF_INET : AF_INET6;
  const auto source = address_bytes(family, words[2]);
  if (!source || !address_bytes(family, words[3])) return std::nullopt;
  for (const std::string& port : {words[4], words[5]}) {
    if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != std::string::npos ||
        std::to_string(std::stoi(port)) != port || std::stoi(port) > 65'535) {
      return std::nullopt;
    }
  }
  return ProxyTruth{.used = end + 2, .source = *source};
}

inline std::optional<ProxyTruth> read_version_2(const std::string& bytes) {
  const std::string signature{"\x0D\x0A\x0D\x0A\x00\x0D\x0A\x51\x55\x49\x54\x0A", 12};
  if (bytes.size() < 16 || !bytes.starts_with(signature)) return std::nullopt;
  std::array<size_t, 4> last{};
  for (size_t i = 0; i < 4; ++i) last[i] = static_cast<unsigned char>(bytes[12 + i]);
  const size_t length = last[2] * 256 + last[3];
  if (bytes.size() < 16 + length || 16 + length > ProxyHeader::most_bytes) return std::nullopt;
  if (last[0] == 0x20) return ProxyTruth{.used = 16 + length, .source = ""};  // LOCAL: the family is ignored
  if (last[0] != 0x21) return std::nullopt;
  switch (last[1]) {
    case 0x00:
    case 0x01:
    case 0x02:
    case 0x10:
    case 0x20:
    case 0x30: return ProxyTruth{.used = 16 + length, .source = ""};
    case 0x11:
    case 0x12:
      if (length < 12) return std::nullopt;
      return ProxyTruth{.used = 16 + length, .source = mapped(bytes.substr(16, 4))};
    case 0x21:
    case 0x22:
      if (length < 36) return std::nullopt;
      return ProxyTruth{.used = 16 + length, .source = bytes.substr(16, 16)};
    case 0x31:
    case 0x32:
      if (length < 216) return std::nullopt;
      return ProxyTruth{.used = 16 + length, .source = ""};
    default: return std::nullopt;
  }
}

/// The header that the bytes begin with; nullopt: none, be it not all there or wrong.
inline std::optional<ProxyTruth> read_proxy_header(const std::string& bytes) {
  const auto first = read_version_1(bytes);
  return first ? first : read_version_2(bytes);
}

/// Is what every prefix of `bytes` was told in order: need_more, then one verdict that stays; complete where and only
/// where the second reading says so, at the header's last byte; and never need_more beyond what a header may be?
/// Each prefix lies in memory of its own, so that ASan sees a read behind it. "" or what does not hold.
inline std::string split_problem(const std::string& bytes) {
  using Progress = ProxyHeader::Progress;
  const auto truth = read_proxy_header(bytes);
  ProxyHeader before;
  for (size_t size = 0; size <= bytes.size(); ++size) {
    const std::vector<char> piece(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    const ProxyHeader now = parse_proxy_header(piece);
    const std::string at = " at " + std::to_string(size) + " bytes";
    if (before.progress != Progress::need_more) {
      if (now.progress != before.progress || now.used != before.used || now.source != before.source) {
        return "a verdict that changes" + at;
      }
    } else if (now.progress == Progress::complete) {
      if (!truth || truth->used != now.used || truth->source != source_bytes(now.source)) return "complete" + at;
      if (now.used != size) return "late" + at;
    } else if (now.progress == Progress::invalid && truth) {
      return "invalid" + at;
    } else if (now.progress == Progress::need_more &&
               (size >= ProxyHeader::most_bytes || (size >= 107 && bytes[0] == 'P'))) {
      return "waits for ever" + at;
    }
    before = now;
  }
  return truth && before.progress != Progress::complete ? "not complete at the end" : "";
}

}  // namespace uringd::http::testing
