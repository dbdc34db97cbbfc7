// Host values by the grammar of RFC 3986 §3.2.2 and §3.2.3.
#include "uringd/http/host.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "characters.hpp"
#include "uringd/base/check.hpp"

namespace uringd::http {
namespace {

struct Authority {
  std::string_view host;  // with its brackets, not empty
  bool literal = false;
};

bool valid_port(std::string_view port) {  // may be empty (RFC 3986 §3.2.3)
  unsigned value = 0;
  for (char c : port) {
    if (!is_digit(c)) return false;
    value = value * 10 + static_cast<unsigned>(c - '0');
    if (value > 65535) return false;
  }
  return true;
}

bool valid_literal(std::string_view inside) {
  if (!inside.empty() &&
      lower(inside.front()) == 'v') {  // IPvFuture: "v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" )
    const size_t dot = inside.find('.');
    if (dot == std::string_view::npos || dot < 2 || dot + 1 == inside.size()) return false;
    return std::ranges::all_of(inside.substr(1, dot - 1), [](char c) { return hex_value(c) >= 0; }) &&
           std::ranges::all_of(inside.substr(dot + 1), [](char c) { return c == ':' || is_class(c, reg_name_char); });
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (inside.size() >= text.size() || inside.find('\0') != std::string_view::npos) return false;
  std::ranges::copy(inside, text.begin());
  in6_addr address;
  return inet_pton(AF_INET6, text.data(), &address) == 1;
}

bool valid_name(std::string_view name) {
  for (size_t i = 0; i < name.size(); ++i) {
    if (is_class(name[i], reg_name_char)) continue;
    if (name[i] != '%' || i + 2 >= name.size() || hex_value(name[i + 1]) < 0 || hex_value(name[i + 2]) < 0)
      return false;
    i += 2;
  }
  return true;
}

std::optional<Authority> split(std::string_view value) {
  if (value.empty()) return std::nullopt;
  size_t host_size = 0;
  const bool literal = value.front() == '[';
  if (literal) {
    const size_t bracket = value.find(']');
    if (bracket == std::string_view::npos || !valid_literal(value.substr(1, bracket - 1))) return std::nullopt;
    host_size = bracket + 1;
  } else {
    host_size = std::min(value.find(':'), value.size());
    if (host_size == 0 || !valid_name(value.substr(0, host_size))) return std::nullopt;
  }
  const std::string_view rest = value.substr(host_size);
  if (!rest.empty() && (rest.front() != ':' || !valid_port(rest.substr(1)))) return std::nullopt;
  return Authority{value.substr(0, host_size), literal};
}

/// One address has many texts ("::1", "0:0::1"): the one of RFC 5952, in its brackets. nullopt: no IPv6 address.
std::optional<std::string_view> canonical_literal(std::string_view literal, std::span<char> out) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  literal = literal.substr(1, literal.size() - 2);
  if (literal.size() >= text.size()) return std::nullopt;
  std::ranges::copy(literal, text.begin());
  in6_addr address;
  if (inet_pton(AF_INET6, text.data(), &address) != 1) return std::nullopt;
  CHECK(inet_ntop(AF_INET6, &address, text.data(), text.size()));
  const std::string_view written(text.data());
  if (written.size() + 2 > out.size()) return std::nullopt;
  out[0] = '[';
  std::ranges::copy(written, out.begin() + 1);
  out[written.size() + 1] = ']';
  return std::string_view{out.data(), written.size() + 2};
}

}  // namespace

bool valid_host(std::string_view host_value) { return split(host_value).has_value(); }

std::optional<std::string_view> canonical_host(std::string_view host_value, std::span<char> out) {
  const std::optional<Authority> authority = split(host_value);
  if (!authority) return std::nullopt;
  std::string_view host = authority->host;
  if (authority->literal) {
    if (const auto canonical = canonical_literal(host, out)) return canonical;
  }
  if (!authority->literal && host.ends_with('.')) host.remove_suffix(1);
  if (host.empty() || host.size() > out.size()) return std::nullopt;
  std::ranges::transform(host, out.begin(), lower);
  return std::string_view{out.data(), host.size()};
}

}  // namespace uringd::http
