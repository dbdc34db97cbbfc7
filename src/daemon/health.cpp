// One request over one blocking socket, and one deadline for all of it.
#include "uringd/daemon/health.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <string_view>

#include "uringd/base/fd.hpp"
#include "uringd/config/listen.hpp"

namespace uringd::daemon {
namespace {

using config::ListenAddress;
using Clock = std::chrono::steady_clock;

constexpr auto patience = std::chrono::seconds(5);
constexpr const char* default_url = "http://127.0.0.1:9090/healthz";
constexpr const char* expected =
    "; expected a URL such as http://127.0.0.1:9090/healthz, or unix:/run/uringd-admin.sock";

bool wait_for(const Fd& socket, short what, Clock::time_point until) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
  pollfd ready{socket.number(), what, 0};
  return left > 0 && poll(&ready, 1, static_cast<int>(left)) > 0;
}

Result<Fd> connect_to(const ListenAddress& address, Clock::time_point until) {
  Fd socket(::socket(address.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.open()) return failure(errno_text(errno));
  int error = 0;
  if (connect(socket.number(), reinterpret_cast<const sockaddr*>(&address.address), address.address_size) != 0) {
    error = errno;
  }
  if (error == EINPROGRESS) {
    if (!wait_for(socket, POLLOUT, until)) return failure("no connection within 5 s");
    socklen_t size = sizeof error;
    getsockopt(socket.number(), SOL_SOCKET, SO_ERROR, &error, &size);
  }
  if (error != 0) return failure(errno_text(error));
  return socket;
}

/// The status, with the first bytes of what was said.
Result<std::pair<int, std::string>> ask(const HealthTarget& target) {
  const auto until = Clock::now() + patience;
  auto socket = connect_to(target.address, until);
  if (!socket) return std::unexpected(socket.error());
  const std::string request =
      "GET " + target.path + " HTTP/1.1\r\nHost: " + target.host + "\r\nConnection: close\r\n\r\n";
  if (send(socket->number(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
    return failure(errno_text(errno));
  }
  std::string answer;
  std::array<char, 4096> bytes{};
  while (answer.size() < bytes.size()) {
    if (!wait_for(*socket, POLLIN, until)) return failure("no answer within 5 s");
    const ssize_t got = recv(socket->number(), bytes.data(), bytes.size(), 0);
    if (got < 0) return failure(errno_text(errno));
    if (got == 0) break;
    answer.append(bytes.data(), static_cast<size_t>(got));
  }
  constexpr std::string_view version = "HTTP/1.1 ";
  if (!answer.starts_with(version) || answer.size() < version.size() + 3) return failure("no answer of HTTP");
  const std::string status = answer.substr(version.size(), 3);
  if (!std::ranges::all_of(status, [](char c) { return c >= '0' && c <= '9'; })) return failure("no answer of HTTP");
  const size_t body = answer.find("\r\n\r\n");
  return std::pair(std::stoi(status), body == answer.npos ? std::string{} : answer.substr(body + 4));
}

Result<HealthTarget> configured(const config::Sources& sources) {
  if (!sources.file && !sources.directory) return health_target(std::string(default_url));
  config::Sources lenient = sources;
  lenient.without_token = true;  // it is not needed, and perhaps not ours to read
  const auto loaded = config::load(lenient);
  if (!loaded) return failure(config::to_line(loaded.error().front()));
  const auto& listen = loaded->config->admin.listen;
  if (!listen) return failure("admin.listen is \"\", so nothing answers; set it, or give a URL");
  return health_target(*listen);
}

int complain(const std::string& what) {
  std::fprintf(stderr, "uringd: --health: %s\n", what.c_str());
  return 1;
}

}  // namespace

Result<HealthTarget> health_target(const std::string& url) {
  HealthTarget target;
  constexpr std::string_view http = "http://", local = "unix:";
  std::string_view rest = url;
  if (rest.starts_with(local)) {
    auto address = config::parse_listen_address(url);
    if (!address) return failure(url + ": " + address.error().message);
    target.address = *address;
    target.host = "localhost";
    return target;
  }
  if (!rest.starts_with(http)) return failure(url + expected);
  rest.remove_prefix(http.size());
  const size_t slash = std::min(rest.find('/'), rest.size());
  target.host = rest.substr(0, slash);
  if (slash + 1 < rest.size()) target.path = rest.substr(slash);
  if (target.path.find_first_of(" \r\n\t#") != target.path.npos) return failure(url + expected);
  const size_t colon = target.host.rfind(':');
  const bool has_port = colon != target.host.npos && target.host.find(']', colon) == target.host.npos;
  std::string name = target.host.substr(0, has_port ? colon : target.host.npos);
  if (name == "localhost") name = "127.0.0.1";  // no resolver: it could block, and a static binary has none
  auto address = config::parse_listen_address(name + (has_port ? target.host.substr(colon) : ":80"));
  if (!address || name.empty() || address->kind != ListenAddress::Kind::tcp) return failure(url + expected);
  target.address = *address;
  return target;
}

Result<HealthTarget> health_target(const ListenAddress& listen) {
  if (listen.kind == ListenAddress::Kind::passed) {
    return failure("admin.listen is " + listen.text + ", whose address is not known here; give a URL");
  }
  HealthTarget target{.address = listen, .host = "localhost"};
  if (listen.kind != ListenAddress::Kind::tcp) return target;
  if (listen.address.ss_family == AF_INET) {
    auto& four = reinterpret_cast<sockaddr_in&>(target.address.address);
    if (four.sin_addr.s_addr == htonl(INADDR_ANY)) four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return target;
  }
  auto& six = reinterpret_cast<sockaddr_in6&>(target.address.address);
  if (!IN6_IS_ADDR_UNSPECIFIED(&six.sin6_addr)) return target;
  if (!listen.dual_stack) {
    six.sin6_addr = in6addr_loopback;
    return target;
  }
  sockaddr_in four{};  // IPv6 may be off
  four.sin_family = AF_INET;
  four.sin_port = six.sin6_port;
  four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  target.address.address = {};
  reinterpret_cast<sockaddr_in&>(target.address.address) = four;
  target.address.address_size = sizeof four;
  return target;
}

int ask_health(const config::Sources& sources, const std::string& url) {
  const auto target = url.empty() ? configured(sources) : health_target(url);
  if (!target) return complain(target.error().message);
  const auto answer = ask(*target);
  if (!answer) return complain(answer.error().message);
  if (answer->first == 200) return 0;
  const std::string_view said = answer->second;
  return complain("the server said " + std::to_string(answer->first) + " " +
                  std::string(said.substr(0, said.find_first_of("\r\n"))));
}

}  // namespace uringd::daemon
