// One listen address: a unix path, a passed socket's name, or host and port cut at the last colon, the host handed to
// inet_pton(3).
#include "uringd/config/listen.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <optional>
#include <type_traits>

#include "source_file.hpp"

namespace uringd::config {
namespace {

constexpr std::string_view unix_prefix = "unix:";
constexpr std::string_view passed_prefix = "fd:";
// systemd.socket(5), FileDescriptorName=.
constexpr std::size_t most_name_bytes = 255;
constexpr const char* forms = R"("127.0.0.1:8080", "[::1]:8080", ":8080", "unix:/run/uringd.sock" or "fd:NAME")";

template <typename Address>
void store(ListenAddress& listen, const Address& address) {
  static_assert(std::is_trivially_copyable_v<Address> && sizeof(Address) <= sizeof(sockaddr_storage));
  std::memcpy(&listen.address, &address, sizeof address);
  listen.address_size = sizeof address;
}

Result<ListenAddress> parse_unix(std::string_view path, std::string_view base_directory) {
  ListenAddress listen;
  listen.kind = ListenAddress::Kind::unix_path;
  const std::string resolved = resolve_path(base_directory, path);
  sockaddr_un address{};
  if (path.empty()) return failure("no path after unix:; expected an address such as \"unix:/run/uringd.sock\"");
  if (resolved.contains('\0')) return failure("a NUL byte in the path");
  if (resolved.size() >= sizeof address.sun_path) {
    return failure("the socket's path has " + std::to_string(resolved.size()) + " bytes; expected at most " +
                   std::to_string(sizeof address.sun_path - 1));
  }
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, resolved.data(), resolved.size());
  store(listen, address);
  // The kernel wants the length up to and with the NUL, not the whole array.
  listen.address_size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + resolved.size() + 1);
  listen.text = std::string(unix_prefix) + resolved;
  return listen;
}

/// systemd.socket(5): a name has ASCII bytes, none of them a control character or a colon.
Result<ListenAddress> parse_passed(std::string_view name) {
  const bool fits = !name.empty() && name.size() <= most_name_bytes &&
                    std::ranges::all_of(name, [](char byte) { return byte > 0x20 && byte < 0x7f && byte != ':'; });
  if (!fits) {
    return failure(
        "expected fd: and a name as FileDescriptorName= of a systemd socket unit has it, such as \"fd:http\"");
  }
  ListenAddress listen;
  listen.kind = ListenAddress::Kind::passed;
  listen.text = std::string(passed_prefix) + std::string(name);
  return listen;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || rest != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

bool all_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// Fills address and dual_stack from `host`, which is "" for all addresses, an IPv4 address or "[IPv6]".
bool parse_host(std::string_view host, std::uint16_t port, ListenAddress& listen) {
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(port);
  if (host.empty()) {
    listen.dual_stack = true;
    six.sin6_addr = in6addr_any;
    store(listen, six);
    return true;
  }
  if (host.front() == '[' && host.back() == ']') {
    const std::string address(host.substr(1, host.size() - 2));
    if (inet_pton(AF_INET6, address.c_str(), &six.sin6_addr) != 1) return false;
    store(listen, six);
    return true;
  }
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = htons(port);
  if (inet_pton(AF_INET, std::string(host).c_str(), &four.sin_addr) != 1) return false;
  store(listen, four);
  return true;
}

Error host_error(std::string_view host) {
  if (host.contains(':')) return {"an IPv6 address goes in brackets: \"[::1]:8080\""};
  return {std::string("host names are not looked up; expected an address: ") + forms};
}

}  // namespace

Result<ListenAddress> parse_listen_address(std::string_view text, std::string_view base_directory) {
  Result<ListenAddress> listen;
  if (text.starts_with(unix_prefix)) {
    listen = parse_unix(text.substr(unix_prefix.size()), base_directory);
    if (!listen) return listen;
  } else if (text.starts_with(passed_prefix)) {
    listen = parse_passed(text.substr(passed_prefix.size()));
    if (!listen) return listen;
  } else {
    if (all_digits(text)) return failure("a port alone; expected \":" + std::string(text) + "\" for all addresses");
    const std::size_t colon = text.rfind(':');
    if (text.contains("//")) return failure(std::string("expected an address, not a URL: ") + forms);
    if (text.contains('\0') || colon == text.npos || text.ends_with(']')) {
      return failure(std::string("no port; expected ") + forms);
    }
    const auto port = parse_port(text.substr(colon + 1));
    if (!port) return failure("expected a port from 1 to 65535 after the last colon");
    if (!parse_host(text.substr(0, colon), *port, *listen)) {
      return std::unexpected(host_error(text.substr(0, colon)));
    }
    listen->text = std::string(text);
  }
  listen->backlog = default_backlog;
  return listen;
}

bool is_local(const ListenAddress& address) {
  if (address.kind == ListenAddress::Kind::unix_path) return true;
  if (address.kind == ListenAddress::Kind::passed) return false;
  const IpAddress ip = IpAddress::from(address.address, address.address_size);
  // 127.0.0.0/8, as bytes 12 to 15 of the mapped form.
  return ip.is_v4() ? ip.bytes()[12] == IN_LOOPBACKNET : ip == IpAddress::parse("::1");
}

}  // namespace uringd::config
