// IpAddress, Cidr, CidrSet: clients' addresses as values, in one form: an IPv4 address is its IPv4-mapped IPv6 address
// (::ffff:192.0.2.1, RFC 4291 §2.5.5.2), so that a client looks the same on a dual-stack socket and on an IPv4 one.
// Pure: no resolver, no allocation but for text and sets.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "uringd/base/result.hpp"

namespace uringd {

class IpAddress {
 public:
  enum class Kind : uint8_t { unknown, ip, local };  // local: a unix socket's peer

  IpAddress() = default;
  /// AF_INET, AF_INET6 (its scope is dropped) and AF_UNIX; anything else, or fewer bytes than it takes: unknown.
  static IpAddress from(const sockaddr_storage& address, socklen_t size);
  static IpAddress v4(const std::array<unsigned char, 4>& bytes);
  static IpAddress v6(const std::array<unsigned char, 16>& bytes);
  static IpAddress local();
  /// "192.0.2.1" or "2001:db8::1", without brackets, port or zone.
  /// Strict, as inet_pton(3): "010.0.0.1" and "10.1" are none.
  static std::optional<IpAddress> parse(std::string_view text);

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] bool is_ip() const { return kind_ == Kind::ip; }
  [[nodiscard]] bool is_v4() const;
  [[nodiscard]] const std::array<unsigned char, 16>& bytes() const { return bytes_; }
  /// "192.0.2.1", "2001:db8::1" (RFC 5952), "unix:", or "-" where nobody knows; written into `out`, without a NUL.
  static constexpr size_t most_text_bytes = 46;
  [[nodiscard]] std::string_view text(std::array<char, most_text_bytes>& out) const;
  [[nodiscard]] std::string text() const;
  bool operator==(const IpAddress&) const = default;

 private:
  Kind kind_ = Kind::unknown;
  std::array<unsigned char, 16> bytes_{};
};

/// A block of addresses, "192.0.2.0/24", "2001:db8::/32", one address, or "unix:" for all peers of unix sockets.
class Cidr {
 public:
  /// The error says what would be right: bits behind the prefix that are not zero are one, as is a prefix too long. Its
  /// text repeats `text` only where that is known to be an address.
  static Result<Cidr> parse(std::string_view text);
  /// Never of an unknown address. IPv6 blocks hold no IPv4 client, "::/0" neither; "::ffff:0:0/96" is "0.0.0.0/0".
  [[nodiscard]] bool contains(const IpAddress& address) const;
  [[nodiscard]] const std::string& text() const { return text_; }  // as written
  bool operator==(const Cidr&) const = default;

 private:
  std::string text_;
  IpAddress first_;
  uint8_t prefix_bits_ = 0;  // of 128
};

class CidrSet {
 public:
  CidrSet() = default;
  explicit CidrSet(std::vector<Cidr> blocks) : blocks_(std::move(blocks)) {}
  [[nodiscard]] bool contains(const IpAddress& address) const;
  [[nodiscard]] bool empty() const { return blocks_.empty(); }
  [[nodiscard]] const std::vector<Cidr>& blocks() const { return blocks_; }
  bool operator==(const CidrSet&) const = default;

 private:
  std::vector<Cidr> blocks_;
};

}  // namespace uringd
