// Harness of the real ring's tests: a ring, a loopback listener or a temporary directory, and completions collected by
// tag.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include <doctest/doctest.h>

#include "uringd/base/fd.hpp"
#include "uringd/uring/ring.hpp"

namespace uringd::uring::test {

inline Tag tag_of(uint32_t number) { return {.kind = Kind::connection, .step = 1, .slot = number, .generation = 7}; }

/// meson runs all tests twice: the second time every ring is restricted to its own operations.
inline Ring make_ring(RingOptions options = {}) {
  if (std::getenv("URINGD_TEST_RESTRICTED") != nullptr) options.restricted = true;
  auto ring = Ring::create(options);
  if (!ring) FAIL(ring.error().message);
  return std::move(*ring);
}

/// Takes completions out of order; each is handed out once. At most five seconds per wait: a guard timeout of its own
/// tag.
class Completions {
 public:
  explicit Completions(Ring& ring) : ring_(ring) {}

  Completion wait_for(uint32_t number) {
    for (int turns = 0; turns < 100'000; ++turns) {
      for (auto at = seen_.begin(); at != seen_.end(); ++at) {
        if (at->tag != tag_of(number)) continue;
        const Completion found = *at;
        seen_.erase(at);
        return found;
      }
      collect(true);
    }
    FAIL("no completion");
    return {};
  }
  void collect(bool wait) {
    for (const Completion& completion : ring_.turn(wait)) seen_.push_back(completion);
  }
  [[nodiscard]] size_t waiting() const { return seen_.size(); }

 private:
  Ring& ring_;
  std::deque<Completion> seen_;
};

/// A listening loopback (or unix) socket and what it takes to connect to it.
struct Listener {
  explicit Listener(int family = AF_INET) {
    socket = Fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    size = family == AF_UNIX ? sizeof(sa_family_t) : family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    address.ss_family = static_cast<sa_family_t>(family);
    if (family == AF_INET) reinterpret_cast<sockaddr_in*>(&address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (family == AF_INET6) reinterpret_cast<sockaddr_in6*>(&address)->sin6_addr = in6addr_loopback;
    REQUIRE(bind(socket.number(), reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(listen(socket.number(), 64) == 0);
    size = sizeof address;  // a unix socket bound to its family alone got an abstract name
    REQUIRE(getsockname(socket.number(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  }
  [[nodiscard]] Fd connect(int receive_bytes = 0) const {
    Fd client(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (receive_bytes > 0) setsockopt(client.number(), SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    REQUIRE(::connect(client.number(), reinterpret_cast<const sockaddr*>(&address), size) == 0);
    return client;
  }

  Fd socket;
  sockaddr_storage address{};
  socklen_t size = 0;
};

inline std::string read_exactly(int socket, size_t bytes) {
  std::string got(bytes, '\0');
  size_t have = 0;
  while (have < bytes) {
    const ssize_t more = ::read(socket, got.data() + have, bytes - have);
    if (more <= 0) break;
    have += static_cast<size_t>(more);
  }
  got.resize(have);
  return got;
}

/// A directory that goes with its owner.
struct Directory {
  Directory() {
    std::string name = (std::filesystem::temp_directory_path() / "uringd-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
    root = Fd(::open(name.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  }
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  void write(const std::string& name, const std::string& content) const {
    std::ofstream(path / name, std::ios::binary) << content;
  }

  std::filesystem::path path;
  Fd root;
};

}  // namespace uringd::uring::test
