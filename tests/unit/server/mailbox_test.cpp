// Mailbox between threads.
#include "uringd/server/mailbox.hpp"

#include <poll.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include <doctest/doctest.h>

using namespace uringd;
using namespace uringd::server;

namespace {

bool readable(const Mailbox& mailbox, int wait_ms = 0) {
  pollfd ready{.fd = mailbox.descriptor(), .events = POLLIN, .revents = 0};
  return poll(&ready, 1, wait_ms) == 1;
}

void read_event(const Mailbox& mailbox) {
  uint64_t count = 0;
  REQUIRE(read(mailbox.descriptor(), &count, sizeof count) == sizeof count);
}

const disk::Invalidated& invalidated(const disk::Notice& notice) { return std::get<disk::Invalidated>(notice); }

}  // namespace

TEST_CASE("notices are taken in the order of posting, once, and wake the worker") {
  Mailbox mailbox;
  CHECK(!readable(mailbox));
  CHECK(mailbox.take_notices().capacity() == 0);  // nothing there: nothing allocated
  mailbox.post(disk::Invalidated{1, "/a"});
  mailbox.post(disk::Invalidated{2, "/b"});
  mailbox.post(disk::Preload{3, {"/c"}});
  CHECK(mailbox.pending() == 3);
  CHECK(readable(mailbox));
  read_event(mailbox);
  const std::vector<disk::Notice> notices = mailbox.take_notices();
  REQUIRE(notices.size() == 3);
  CHECK(invalidated(notices[0]).path == "/a");
  CHECK(invalidated(notices[1]).path == "/b");
  CHECK(std::get<disk::Preload>(notices[2]).paths.size() == 1);
  CHECK(mailbox.pending() == 0);
  CHECK(mailbox.take_notices().empty());
  CHECK(!readable(mailbox));
  mailbox.post(disk::Invalidated{1, "/d"});
  CHECK(readable(mailbox));
}

TEST_CASE("commands and notices do not take each other") {
  Mailbox mailbox;
  mailbox.post(Command::drain);
  mailbox.post(Command::drain);
  mailbox.post(disk::Retired{nullptr});
  CHECK(readable(mailbox));
  CHECK(mailbox.take() == static_cast<uint32_t>(Command::drain));
  CHECK(mailbox.take() == 0);
  CHECK(mailbox.take_notices().size() == 1);
}

TEST_CASE("a mailbox with notices in it can die") {
  Mailbox mailbox;
  mailbox.post(disk::Listed{1, std::make_unique<disk::Names>(10)});
  CHECK(mailbox.pending() == 1);
}

TEST_CASE("of four posters at once each one's order is kept and nothing is lost, not even the wake-up") {
  constexpr uint32_t posters = 4;
  constexpr uint32_t each = 20'000;
  Mailbox mailbox;
  std::vector<std::thread> threads;
  for (uint32_t poster = 0; poster < posters; ++poster) {
    threads.emplace_back([&mailbox, poster] {
      for (uint32_t number = 0; number < each; ++number) {
        mailbox.post(disk::Invalidated{poster, std::to_string(number)});
      }
    });
  }
  std::vector<uint32_t> next(posters, 0);
  uint32_t taken = 0;
  bool ordered = true;
  while (taken < posters * each) {
    REQUIRE(readable(mailbox, 5000));  // a lost wake-up would show here
    read_event(mailbox);
    for (const disk::Notice& notice : mailbox.take_notices()) {
      const disk::Invalidated& one = invalidated(notice);
      ordered &= one.path == std::to_string(next[one.site]++);
      ++taken;
    }
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(ordered);
  CHECK(mailbox.pending() == 0);
}
