// KernelTransfer on the kernel's own sockets: what goes before the pages and the pages, whatever a socket takes.
#include "uringd/disk/transfer.hpp"

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "uringd/base/fd.hpp"

#include <doctest/doctest.h>

using namespace uringd;
using End = disk::Transferred::End;

namespace {

struct Sending {
  Sending() {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    socket = Fd{ends[0]};
    client = Fd{ends[1]};
    const int bytes = 16384;
    REQUIRE(::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes) == 0);
    REQUIRE(transfer.prepare(ends[0]));
    file = Fd{::memfd_create("pages", MFD_CLOEXEC)};
    for (size_t at = 0; content.size() < 300'000; ++at) content += std::to_string(at) + ' ';
    REQUIRE(::write(file.number(), content.data(), content.size()) == static_cast<ssize_t>(content.size()));
  }
  disk::Transferred send(std::string_view before, size_t offset, size_t bytes) {
    return transfer.send(before, file.number(), offset, bytes, socket.number());
  }
  std::string take() {
    char bytes[5000];
    const ssize_t got = ::recv(client.number(), bytes, sizeof bytes, MSG_DONTWAIT);
    return {bytes, got > 0 ? static_cast<size_t>(got) : 0};
  }
  disk::KernelTransfer transfer;
  Fd socket, client, file;
  std::string content;
};

}  // namespace

TEST_CASE("what goes before, and pages, arrive once and in order, wherever the socket is full between them") {
  const size_t room = Sending().send(std::string(300'000, 'h'), 0, 1).before;
  REQUIRE(room > 0);
  REQUIRE(room < 300'000);
  for (const size_t size : {size_t{0}, size_t{1}, room - 1, room, room + 1, 3 * room}) {
    CAPTURE(size);
    Sending world;
    const std::string head(size, 'h');
    const std::string whole = head + world.content;
    std::string got;
    size_t before = 0;
    for (size_t at = 0; at < world.content.size() && got.size() <= whole.size();) {
      const disk::Transferred sent = world.send(std::string_view(head).substr(before), at, world.content.size() - at);
      REQUIRE(sent.end != End::broken);
      before += sent.before;
      at += sent.bytes;
      if (sent.end == End::full) got += world.take();
    }
    for (std::string more = world.take(); !more.empty(); more = world.take()) got += more;
    CHECK(before == size);
    const bool same = got == whole;
    CHECK(same);
  }
}

TEST_CASE("where the file ends before its pages, what went before them is told all the same") {
  Sending world;
  const disk::Transferred sent = world.send("head", world.content.size(), 1);
  CHECK(sent.end == End::broken);
  CHECK(sent.before == 4);
  CHECK(sent.bytes == 0);
}

TEST_CASE("a client that is gone is a broken transfer, and no signal") {
  Sending world;
  world.client = Fd{};
  CHECK(world.send("head", 0, 1000).end == End::broken);
}
