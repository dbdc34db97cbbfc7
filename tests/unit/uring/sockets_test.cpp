// The ring's socket operations on real loopback sockets.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <sys/stat.h>

#include <vector>

#include "harness.hpp"

using namespace uringd;
using namespace uringd::uring;
using namespace uringd::uring::test;

namespace {

/// A ring with one accepted connection and its client.
struct Pair {
  explicit Pair(RingOptions options = {}, int client_receive_bytes = 0)
      : ring(make_ring(options)), completions(ring), client() {
    ring.accept_multishot(listener.socket.number(), tag_of(1000));
    client = listener.connect(client_receive_bytes);
    const Completion accepted = completions.wait_for(1000);
    REQUIRE(accepted.result >= 0);
    CHECK(accepted.more);
    server.slot = static_cast<uint32_t>(accepted.result);
  }
  Ring ring;
  Completions completions;
  Listener listener;
  Fd client;
  Direct server;
};

std::string take(Pair& pair, const Completion& completion) {
  const auto bytes = pair.ring.bytes_of(completion);
  std::string text(bytes.begin(), bytes.end());
  pair.ring.give_back(completion.buffer);
  return text;
}

}  // namespace

TEST_CASE("a multishot accept answers every client with a direct slot of its own and stays armed") {
  Pair pair;
  std::vector<Fd> clients;
  std::vector<int> slots{static_cast<int>(pair.server.slot)};
  for (int number = 0; number < 20; ++number) {
    clients.push_back(pair.listener.connect());
    const Completion accepted = pair.completions.wait_for(1000);
    REQUIRE(accepted.result >= 0);
    CHECK(accepted.more);
    for (const int slot : slots) CHECK(slot != accepted.result);
    slots.push_back(accepted.result);
  }
}

TEST_CASE("a multishot receive delivers what the client sends, then result 0 at its end") {
  Pair pair;
  pair.ring.receive_multishot(pair.server, tag_of(1));
  REQUIRE(write(pair.client.number(), "hello", 5) == 5);
  Completion got = pair.completions.wait_for(1);
  REQUIRE(got.result == 5);
  CHECK(got.more);
  REQUIRE(got.has_buffer);
  CHECK(take(pair, got) == "hello");
  REQUIRE(write(pair.client.number(), "again", 5) == 5);
  got = pair.completions.wait_for(1);
  REQUIRE(got.result == 5);
  CHECK(take(pair, got) == "again");
  REQUIRE(shutdown(pair.client.number(), SHUT_WR) == 0);
  got = pair.completions.wait_for(1);
  CHECK(got.result == 0);
  CHECK_FALSE(got.more);
  if (got.has_buffer) pair.ring.give_back(got.buffer);
}

TEST_CASE("with two receive buffers a third arrival ends the multishot with ENOBUFS, and giving back lets it go on") {
  RingOptions options;
  options.receive_buffers = 2;
  options.receive_buffer_bytes = 16;
  Pair pair(options);
  pair.ring.receive_multishot(pair.server, tag_of(1));
  const std::string sent(48, 'x');
  REQUIRE(write(pair.client.number(), sent.data(), sent.size()) == 48);
  const Completion first = pair.completions.wait_for(1);
  const Completion second = pair.completions.wait_for(1);
  const Completion third = pair.completions.wait_for(1);
  CHECK(first.result == 16);
  CHECK(second.result == 16);
  CHECK(third.result == -ENOBUFS);
  CHECK_FALSE(third.more);
  CHECK(take(pair, first) == std::string(16, 'x'));
  CHECK(take(pair, second) == std::string(16, 'x'));
  pair.ring.receive_multishot(pair.server, tag_of(2));
  const Completion last = pair.completions.wait_for(2);
  REQUIRE(last.result == 16);
  CHECK(take(pair, last) == std::string(16, 'x'));
}

TEST_CASE("a thousand arrivals pass through four buffers without a byte out of place") {
  RingOptions options;
  options.receive_buffers = 4;
  options.receive_buffer_bytes = 64;
  Pair pair(options);
  pair.ring.receive_multishot(pair.server, tag_of(1));
  std::string sent;
  std::string got;
  for (int round = 0; round < 1000; ++round) {
    const std::string line = "line " + std::to_string(round) + "\n";
    REQUIRE(write(pair.client.number(), line.data(), line.size()) == static_cast<ssize_t>(line.size()));
    sent += line;
    while (got.size() < sent.size()) {
      const Completion completion = pair.completions.wait_for(1);
      if (completion.result > 0) got += take(pair, completion);
      if (!completion.more) pair.ring.receive_multishot(pair.server, tag_of(1));
    }
  }
  CHECK(got == sent);
}

TEST_CASE("a send to a client that does not read takes only a part, and poll_writable answers once it reads") {
  Pair pair({}, 4096);
  const std::string big(size_t{8} * 1024 * 1024, 'b');
  pair.ring.send(pair.server, big, tag_of(1));
  const Completion sent = pair.completions.wait_for(1);
  REQUIRE(sent.result > 0);
  CHECK(static_cast<size_t>(sent.result) < big.size());
  pair.ring.poll_writable(pair.server, tag_of(2));
  pair.completions.collect(false);
  CHECK(pair.completions.waiting() == 0);
  CHECK(read_exactly(pair.client.number(), static_cast<size_t>(sent.result)) ==
        big.substr(0, static_cast<size_t>(sent.result)));
  CHECK(pair.completions.wait_for(2).result >= 0);
}

TEST_CASE("a message of two spans arrives as one stream") {
  Pair pair;
  char head[] = "head ";
  char body[] = "body";
  iovec parts[] = {{head, 5}, {body, 4}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  pair.ring.send_message(pair.server, message, tag_of(1));
  CHECK(pair.completions.wait_for(1).result == 9);
  CHECK(read_exactly(pair.client.number(), 9) == "head body");
}

TEST_CASE("a send to a client that has gone is an error and no signal") {
  Pair pair;
  pair.client.close();
  pair.ring.send(pair.server, std::string_view("first"), tag_of(1));
  pair.completions.wait_for(1);
  Completion second;
  for (int attempt = 0; attempt < 100 && second.result >= 0; ++attempt) {
    pair.ring.send(pair.server, std::string_view("more"), tag_of(2));
    second = pair.completions.wait_for(2);
  }
  CHECK((second.result == -EPIPE || second.result == -ECONNRESET));
}

TEST_CASE("receive_once delivers one piece, says whether the socket holds more, and is over") {
  RingOptions options;
  options.receive_buffer_bytes = 4;
  Pair pair(options);
  pair.ring.receive_once(pair.server, tag_of(1));
  pair.completions.collect(false);
  REQUIRE(write(pair.client.number(), "hello", 5) == 5);
  for (const auto& [tag, piece] : {std::pair(1, "hell"), {2, "o"}}) {
    if (tag == 2) pair.ring.receive_once(pair.server, tag_of(tag));
    const Completion got = pair.completions.wait_for(tag);
    CHECK_FALSE(got.more);
    CHECK(got.socket_nonempty == (tag == 1));
    CHECK(take(pair, got) == piece);
  }
}

TEST_CASE("poll_readable comes when there are bytes, takes none, and can be cancelled") {
  Pair pair;
  pair.ring.poll_readable(pair.server, tag_of(1));
  pair.ring.cancel(tag_of(1), tag_of(2));
  CHECK(pair.completions.wait_for(1).result == -ECANCELED);
  CHECK(pair.completions.wait_for(2).result == 0);
  pair.ring.poll_readable(pair.server, tag_of(3));
  pair.completions.collect(false);
  REQUIRE(write(pair.client.number(), "hello", 5) == 5);
  CHECK(pair.completions.wait_for(3).result > 0);
  pair.ring.receive_once(pair.server, tag_of(4));
  const Completion got = pair.completions.wait_for(4);
  REQUIRE(got.result == 5);
  CHECK(take(pair, got) == "hello");
  pair.client.close();
  pair.ring.poll_readable(pair.server, tag_of(5));
  CHECK(pair.completions.wait_for(5).result > 0);  // an end is something to receive too
}

TEST_CASE("send_and_close sends all, then closes: the client sees the bytes and the end") {
  for (const bool as_message : {false, true}) {
    Pair pair;
    std::string bytes(8000, 'x');
    iovec parts[2] = {{bytes.data(), 5000}, {bytes.data() + 5000, 3000}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    if (as_message) {
      pair.ring.send_message_and_close(pair.server, message, tag_of(1), tag_of(2));
    } else {
      pair.ring.send_and_close(pair.server, bytes, tag_of(1), tag_of(2));
    }
    CHECK(pair.completions.wait_for(1).result == 8000);
    CHECK(pair.completions.wait_for(2).result == 0);
    CHECK(read_exactly(pair.client.number(), 8000) == bytes);
    char byte = 0;
    CHECK(read(pair.client.number(), &byte, 1) == 0);
    pair.ring.close(pair.server, tag_of(4));
    CHECK(pair.completions.wait_for(4).result == -EBADF);
  }
}

TEST_CASE("a send_and_close whose send is cut short leaves the socket open") {
  Pair pair({}, 4096);
  const std::string filler(1 << 20, 'f');
  int taken = 1;
  while (taken > 0) {  // until nothing more goes in
    pair.ring.send(pair.server, filler, tag_of(1));
    pair.completions.collect(false);
    usleep(50'000);
    pair.ring.cancel(tag_of(1), tag_of(2));
    pair.completions.wait_for(2);
    taken = pair.completions.wait_for(1).result;
  }
  const std::string bytes(16384, 'x');
  pair.ring.send_and_close(pair.server, bytes, tag_of(3), tag_of(4));
  pair.completions.collect(false);
  pair.ring.cancel(tag_of(3), tag_of(5));
  CHECK(pair.completions.wait_for(5).result == 0);
  CHECK(pair.completions.wait_for(3).result < 16384);
  CHECK(pair.completions.wait_for(4).result == -ECANCELED);
  pair.ring.close(pair.server, tag_of(6));
  CHECK(pair.completions.wait_for(6).result == 0);  // it was open
}

TEST_CASE("cancel_and_close ends an armed receive, closes the socket and frees its slot: three completions") {
  Pair pair;
  pair.ring.receive_multishot(pair.server, tag_of(1));
  pair.completions.collect(false);
  pair.ring.cancel_and_close(tag_of(1), tag_of(2), pair.server, tag_of(3));
  const Completion received = pair.completions.wait_for(1);
  CHECK(received.result == -ECANCELED);
  CHECK_FALSE(received.more);
  CHECK(pair.completions.wait_for(2).result == 0);
  CHECK(pair.completions.wait_for(3).result == 0);
  char byte = 0;
  CHECK(read(pair.client.number(), &byte, 1) == 0);  // the client sees the end at once
  pair.ring.close(pair.server, tag_of(4));
  CHECK(pair.completions.wait_for(4).result == -EBADF);
}

TEST_CASE("cancel_and_close closes the socket even when there is nothing to cancel") {
  Pair pair;
  pair.ring.cancel_and_close(tag_of(99), tag_of(2), pair.server, tag_of(3));
  CHECK(pair.completions.wait_for(2).result == -ENOENT);
  CHECK(pair.completions.wait_for(3).result == 0);
  char byte = 0;
  CHECK(read(pair.client.number(), &byte, 1) == 0);
}

TEST_CASE("shutdown_write shows the client the end while its own bytes still arrive") {
  Pair pair;
  pair.ring.shutdown_write(pair.server, tag_of(1));
  CHECK(pair.completions.wait_for(1).result == 0);
  char byte = 0;
  CHECK(read(pair.client.number(), &byte, 1) == 0);
  pair.ring.receive_multishot(pair.server, tag_of(2));
  REQUIRE(write(pair.client.number(), "late", 4) == 4);
  const Completion got = pair.completions.wait_for(2);
  REQUIRE(got.result == 4);
  CHECK(take(pair, got) == "late");
}

TEST_CASE("peer_name of an accepted socket is its client's own address, for IPv4 and IPv6") {
  for (const int family : {AF_INET, AF_INET6}) {
    Ring ring = make_ring();
    if (!ring.setup().peer_name) continue;  // before 6.7
    Completions completions(ring);
    const Listener listener(family);
    ring.accept_multishot(listener.socket.number(), tag_of(1));
    const Fd client = listener.connect();
    const Direct server{static_cast<uint32_t>(completions.wait_for(1).result)};
    PeerAddress peer;
    peer.size = listener.size;
    ring.peer_name(server, peer, tag_of(2));
    REQUIRE(completions.wait_for(2).result == static_cast<int>(listener.size));
    sockaddr_storage own{};
    socklen_t size = sizeof own;
    REQUIRE(getsockname(client.number(), reinterpret_cast<sockaddr*>(&own), &size) == 0);
    CHECK(memcmp(&own, &peer.address, size) == 0);
  }
}

TEST_CASE("a ring told to do without peer names says so, and accept() brings the address instead") {
  RingOptions options;
  options.without_peer_name = true;
  Ring ring = make_ring(options);
  CHECK_FALSE(ring.setup().peer_name);
  Completions completions(ring);
  const Listener listener;
  PeerAddress peer;
  ring.accept(listener.socket.number(), peer, tag_of(1));
  const Fd client = listener.connect();
  CHECK(completions.wait_for(1).result >= 0);
  CHECK(peer.size == sizeof(sockaddr_in));
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  REQUIRE(getsockname(client.number(), reinterpret_cast<sockaddr*>(&own), &size) == 0);
  CHECK(memcmp(&own, &peer.address, size) == 0);
}

TEST_CASE("unacknowledged counts what a client that does not read has not taken") {
  Pair pair({}, 4096);
  if (!pair.ring.setup().peer_name) return;
  pair.ring.unacknowledged(pair.server, tag_of(1));
  CHECK(pair.completions.wait_for(1).result == 0);
  const std::string big(size_t{1024} * 1024, 'b');
  pair.ring.send(pair.server, big, tag_of(2));
  REQUIRE(pair.completions.wait_for(2).result > 0);
  pair.ring.unacknowledged(pair.server, tag_of(3));
  CHECK(pair.completions.wait_for(3).result > 0);
}

TEST_CASE("unacknowledged of a unix socket is EOPNOTSUPP, or what a client that is owed nothing has not taken") {
  Ring ring = make_ring();
  if (!ring.setup().peer_name) return;
  Completions completions(ring);
  const Listener listener(AF_UNIX);
  ring.accept_multishot(listener.socket.number(), tag_of(1));
  const Fd client = listener.connect();
  const Direct server{static_cast<uint32_t>(completions.wait_for(1).result)};
  ring.unacknowledged(server, tag_of(2));
  const int result = completions.wait_for(2).result;
  CHECK((result == -EOPNOTSUPP || result == 0));
}

TEST_CASE("when all direct slots are taken accept answers ENFILE, and a closed one makes room") {
  RingOptions options;
  options.direct_slots = 8;
  Pair pair(options);
  std::vector<Fd> clients;
  for (int number = 0; number < 7; ++number) {
    clients.push_back(pair.listener.connect());
    REQUIRE(pair.completions.wait_for(1000).result >= 0);
  }
  clients.push_back(pair.listener.connect());
  const Completion refused = pair.completions.wait_for(1000);
  CHECK(refused.result == -ENFILE);
  CHECK_FALSE(refused.more);
  pair.ring.close(pair.server, tag_of(1));
  CHECK(pair.completions.wait_for(1).result == 0);
  pair.ring.accept_multishot(pair.listener.socket.number(), tag_of(1001));
  clients.push_back(pair.listener.connect());
  CHECK(pair.completions.wait_for(1001).result >= 0);
}

TEST_CASE("a closed listener's port can be bound again at once, while its ring lives on") {
  Ring ring = make_ring();
  Completions completions(ring);
  Listener listener;
  ring.accept_multishot(listener.socket.number(), tag_of(1));
  completions.collect(false);
  ring.cancel(tag_of(1), tag_of(2));
  CHECK(completions.wait_for(1).result == -ECANCELED);
  CHECK(completions.wait_for(2).result == 0);
  ring.close_listener(listener.socket.release());
  const Fd again(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  CHECK(bind(again.number(), reinterpret_cast<sockaddr*>(&listener.address), listener.size) == 0);
}

TEST_CASE(
    "an installed descriptor is the same socket: it writes after the direct one is closed, and ends it when it goes") {
  Pair pair;
  REQUIRE(pair.ring.setup().install);
  pair.ring.install(pair.server, tag_of(1));
  const int descriptor = pair.completions.wait_for(1).result;
  REQUIRE(descriptor >= 0);
  CHECK((fcntl(descriptor, F_GETFD) & FD_CLOEXEC) != 0);
  struct stat status{};
  REQUIRE(fstat(descriptor, &status) == 0);
  CHECK(S_ISSOCK(status.st_mode));
  pair.ring.close(pair.server, tag_of(2));
  CHECK(pair.completions.wait_for(2).result == 0);
  REQUIRE(write(descriptor, "hello", 5) == 5);
  CHECK(read_exactly(pair.client.number(), 5) == "hello");
  pair.ring.close_file(descriptor);
  pair.completions.collect(false);
  CHECK(read_exactly(pair.client.number(), 1).empty());
}
