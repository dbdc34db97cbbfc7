// Client: see client.hpp. The socket is non-blocking and every wait is one poll with what is left of the patience.
#include "client.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>

namespace uringd::testing {
namespace {

using Clock = std::chrono::steady_clock;

Milliseconds left_until(Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<Milliseconds>(deadline - Clock::now());
  return std::max(left, Milliseconds{0});
}

bool is_token(std::string_view text) {
  constexpr std::string_view kPunctuation = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kPunctuation.find(c) != std::string_view::npos;
  });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// A date of now that was rendered up to a minute ago is one; a wrong zone or a frozen clock is not.
bool is_date_of_now(std::string_view value) {
  const std::time_t now = std::time(nullptr);
  for (std::time_t t = now + 2; t >= now - 60; --t) {
    if (http_date(t) == value) return true;
  }
  return false;
}

// What every answer promises, whatever its status: RFC 9110 §6.6.1 (Date), §8.6 (one Content-Length).
void check_form(const Response& response) {
  INFO("head:\n", response.head);
  for (std::size_t i = 0; i < response.fields.size(); ++i) {
    const std::string name = lower(response.fields[i].first);
    for (std::size_t k = i + 1; k < response.fields.size(); ++k) CHECK(lower(response.fields[k].first) != name);
  }
  if (response.status < 200) return;
  CHECK(is_date_of_now(response.field("Date")));
  const bool endless = response.field("Content-Type") == "text/event-stream";
  if (response.status != 304 && response.status != 204) CHECK(response.has("Content-Length") != endless);
}

bool has_body(const Response& response, std::string_view method) {
  return method != "HEAD" && response.status >= 200 && response.status != 204 && response.status != 304;
}

}  // namespace

Client::Client(Client&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), in_(std::move(other.in_)), start_(other.start_), ending_(other.ending_) {}

Client& Client::operator=(Client&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = std::exchange(other.fd_, -1);
    in_ = std::move(other.in_);
    start_ = other.start_;
    ending_ = other.ending_;
  }
  return *this;
}

Client Client::connect(int family, const void* address, std::size_t size, int receive_buffer_bytes, bool must) {
  Client client(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  REQUIRE(client.fd_ >= 0);
  const int one = 1;
  if (family != AF_UNIX) ::setsockopt(client.fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (receive_buffer_bytes > 0) {
    ::setsockopt(client.fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
  }
  int error = 0;
  if (::connect(client.fd_, static_cast<const sockaddr*>(address), static_cast<socklen_t>(size)) != 0) {
    error = errno;
    if (error == EINPROGRESS) {
      socklen_t length = sizeof error;
      if (!client.wait(POLLOUT, kPatience)) FAIL("connect: no answer");
      ::getsockopt(client.fd_, SOL_SOCKET, SO_ERROR, &error, &length);
    }
  }
  if (error != 0 && must) FAIL("connect: " << std::strerror(error));
  if (error != 0) client.close();
  return client;
}

namespace {
sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}
}  // namespace

Client Client::tcp(int port, int receive_buffer_bytes) {
  const sockaddr_in address = loopback(port);
  return connect(AF_INET, &address, sizeof address, receive_buffer_bytes, true);
}

Client Client::try_tcp(int port) {
  const sockaddr_in address = loopback(port);
  return connect(AF_INET, &address, sizeof address, 0, false);
}

Client Client::tcp6(int port) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(static_cast<std::uint16_t>(port));
  address.sin6_addr = in6addr_loopback;
  return connect(AF_INET6, &address, sizeof address, 0, true);
}

Client Client::unix_socket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(path.size() < sizeof address.sun_path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return connect(AF_UNIX, &address, sizeof address, 0, true);
}

bool Client::wait(short events, Milliseconds patience) {
  const Clock::time_point deadline = Clock::now() + patience;
  pollfd watched{fd_, events, 0};
  for (;;) {
    const int ready = ::poll(&watched, 1, static_cast<int>(left_until(deadline).count()));
    if (ready >= 0 || errno != EINTR) return ready > 0;
  }
}

void Client::take_in() {
  char piece[65536];
  const ssize_t got = ::recv(fd_, piece, sizeof piece, 0);
  if (got > 0) {
    in_.append(piece, static_cast<std::size_t>(got));
  } else if (got == 0) {
    ending_ = Ending::closed;
  } else if (errno != EAGAIN && errno != EINTR) {
    ending_ = Ending::reset;
  }
}

bool Client::fill(Milliseconds patience) {
  const Clock::time_point deadline = Clock::now() + patience;
  const std::size_t before = in_.size();
  while (ending_ == Ending::open && in_.size() == before) {
    if (!wait(POLLIN, left_until(deadline))) return false;
    take_in();
  }
  return in_.size() > before;
}

void Client::consume(std::size_t count) {
  start_ += count;
  // Moving the rest down only when half is spent keeps a deep pipeline linear.
  if (start_ > in_.size() / 2) {
    in_.erase(0, start_);
    start_ = 0;
  }
}

bool Client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const short events = ending_ == Ending::open ? POLLIN | POLLOUT : POLLOUT;
    if (!wait(events, kPatience)) FAIL("send: the peer takes nothing, " << bytes.size() << " bytes left");
    if (ending_ == Ending::open) take_in();
    if (ending_ == Ending::reset) return false;
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
    if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::size_t Client::send_without_reading(std::string_view bytes, Milliseconds quiet) {
  std::size_t total = 0;
  while (total < bytes.size() && wait(POLLOUT, quiet)) {
    const ssize_t sent = ::send(fd_, bytes.data() + total, bytes.size() - total, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) break;
    if (sent > 0) total += static_cast<std::size_t>(sent);
  }
  return total;
}

void Client::parse_head(Response& response) const {
  INFO("head:\n", response.head);
  const std::string_view head = response.head;
  const std::size_t first_end = head.find("\r\n");
  const std::string_view line = head.substr(0, first_end);
  // RFC 9112 §4: HTTP-version SP status-code SP [reason]
  const bool well_formed = line.size() >= 13 && line.substr(0, 7) == "HTTP/1." && line[8] == ' ' && line[12] == ' ';
  REQUIRE(well_formed);
  response.minor_version = line[7] - '0';
  std::from_chars(line.data() + 9, line.data() + 12, response.status);
  response.reason = line.substr(13);
  for (std::size_t at = first_end + 2; at + 2 < head.size();) {
    const std::size_t end = head.find("\r\n", at);
    const std::string_view field = head.substr(at, end - at);
    const std::size_t colon = std::min(field.find(':'), field.size());
    CHECK(colon < field.size());
    CHECK(is_token(field.substr(0, colon)));
    CHECK(field.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
    response.fields.emplace_back(field.substr(0, colon), trimmed(field.substr(std::min(colon + 1, field.size()))));
    at = end + 2;
  }
}

Response Client::read_head(Milliseconds patience) {
  const Clock::time_point deadline = Clock::now() + patience;
  Response response;
  std::size_t end = std::string_view::npos;
  while ((end = unread().find("\r\n\r\n")) == std::string_view::npos) {
    if (!fill(left_until(deadline))) return response;
  }
  response.head = unread().substr(0, end + 4);
  consume(end + 4);
  parse_head(response);
  check_form(response);
  return response;
}

Response Client::read_response_or_end(std::string_view method, Milliseconds patience) {
  const Clock::time_point deadline = Clock::now() + patience;
  Response response = read_head(patience);
  if (response.status == 0) return response;
  if (!has_body(response, method)) {
    response.complete = true;
    return response;
  }
  const std::uint64_t length = response.has("Content-Length") ? response.content_length() : UINT64_MAX;
  while (unread().size() < length && fill(left_until(deadline))) {
  }
  const std::size_t count = static_cast<std::size_t>(std::min<std::uint64_t>(length, unread().size()));
  response.body = unread().substr(0, count);
  response.complete = count == length || (length == UINT64_MAX && ending_ == Ending::closed);
  consume(count);
  return response;
}

Response Client::read_response(std::string_view method) {
  Response response = read_response_or_end(method);
  if (response.status == 0) {
    const std::string ending = ending_ == Ending::open ? "open" : ending_ == Ending::closed ? "closed" : "reset";
    FAIL("no answer; the connection is " << ending << ", unread: " << std::string(unread().substr(0, 200)));
  }
  if (!response.complete) FAIL("the body ended after " << response.body.size() << " bytes of\n" << response.head);
  return response;
}

std::string Client::read_some(std::size_t limit_bytes, Milliseconds patience) {
  if (unread().empty()) fill(patience);
  std::string bytes(unread().substr(0, limit_bytes));
  consume(bytes.size());
  return bytes;
}

std::uint64_t Client::read_body(std::uint64_t size_bytes, const std::function<void(std::string_view)>& sink) {
  std::uint64_t given = 0;
  while (given < size_bytes) {
    if (unread().empty() && !fill(kPatience)) break;
    const std::size_t count = static_cast<std::size_t>(std::min<std::uint64_t>(unread().size(), size_bytes - given));
    sink(unread().substr(0, count));
    consume(count);
    given += count;
  }
  return given;
}

std::string Client::read_until_end() {
  while (fill(kPatience)) {
  }
  if (ending_ == Ending::open) FAIL("the peer does not close; it sent " << unread().size() << " bytes so far");
  std::string bytes(unread());
  consume(bytes.size());
  return bytes;
}

Response Client::get(std::string_view target, std::string_view fields) { return ask(get_request(target, fields)); }

Response Client::head(std::string_view target, std::string_view fields) {
  return ask(request("HEAD", target, fields), "HEAD");
}

Response Client::ask(std::string_view bytes, std::string_view method) {
  send(bytes);
  return read_response(method);
}

Ending Client::wait_for_end(Milliseconds patience) {
  fill(patience);
  if (!unread().empty()) FAIL_CHECK("bytes where the connection should end: " << std::string(unread().substr(0, 300)));
  return ending_;
}

bool Client::anything_within(Milliseconds patience) { return !unread().empty() || fill(patience); }

void Client::send_urgent() { ::send(fd_, "!", 1, MSG_OOB | MSG_NOSIGNAL); }

void Client::half_close() { ::shutdown(fd_, SHUT_WR); }

void Client::reset() {
  const linger at_once{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

void Client::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

}  // namespace uringd::testing
