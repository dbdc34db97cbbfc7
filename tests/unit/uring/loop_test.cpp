// The ring's loop: timeouts, tiny queues under hundreds of operations, and cancels.
#include <array>
#include <csignal>
#include <map>
#include <vector>

#include "harness.hpp"

using namespace uringd;
using namespace uringd::uring;
using namespace uringd::uring::test;

namespace {

constexpr uint32_t accept_tag = 9000, receive_tag = 1000, cancel_tag = 2000, close_tag = 3000;

RingOptions tiny() {
  RingOptions options;
  options.submission_entries = 8;
  options.completion_entries = 16;
  options.receive_buffers = 4;
  return options;
}

/// Accepted connections with a receive armed on each, tagged receive_tag + its place.
struct Peers {
  Peers(Ring& ring, uint32_t count) {
    Completions accepted(ring);
    ring.accept_multishot(listener.socket.number(), tag_of(accept_tag));
    for (uint32_t number = 0; number < count; ++number) {
      clients.push_back(listener.connect());
      servers.push_back({static_cast<uint32_t>(accepted.wait_for(accept_tag).result)});
      ring.receive_multishot(servers.back(), tag_of(receive_tag + number));
    }
    CHECK(ring.turn(false).empty());
  }
  Listener listener;
  std::vector<Fd> clients;
  std::vector<Direct> servers;
};

}  // namespace

TEST_CASE("a tag survives its way through user_data, field by field") {
  const Tag tag{.kind = Kind::mailbox, .step = 255, .slot = Tag::slot_limit - 1, .generation = 0xabcdef};
  CHECK(Tag::unpack(tag.pack()) == tag);
  CHECK(tag.pack() == 0x06ff'ffff'ffab'cdefULL);
}

TEST_CASE("a timeout fires at its absolute time, not before, and can be armed again") {
  Ring ring = make_ring();
  for (int round = 0; round < 3; ++round) {
    const uint64_t due = ring.monotonic_ns() + 5'000'000;
    ring.timeout_at(due, tag_of(1));
    const auto completions = ring.turn(true);
    REQUIRE(completions.size() == 1);
    CHECK(completions[0].result == -ETIME);
    CHECK(completions[0].tag == tag_of(1));
    CHECK(ring.monotonic_ns() >= due);
  }
}

TEST_CASE("a cancelled timeout ends with ECANCELED and another may be armed") {
  Ring ring = make_ring();
  Completions completions(ring);
  ring.timeout_at(ring.monotonic_ns() + 60'000'000'000, tag_of(1));
  ring.cancel(tag_of(1), tag_of(2));
  CHECK(completions.wait_for(1).result == -ECANCELED);
  CHECK(completions.wait_for(2).result == 0);
  ring.timeout_at(ring.monotonic_ns(), tag_of(3));
  CHECK(completions.wait_for(3).result == -ETIME);
}

TEST_CASE("a turn that does not wait returns at once with nothing") {
  Ring ring = make_ring();
  CHECK(ring.turn(false).empty());
}

TEST_CASE("a signal ends a wait with nothing") {
  Ring ring = make_ring();
  struct sigaction action{};
  action.sa_handler = [](int) {};
  REQUIRE(sigaction(SIGALRM, &action, nullptr) == 0);
  alarm(1);
  CHECK(ring.turn(true).empty());
}

TEST_CASE("a queue of 8 and 16 entries loses none of 500 reads queued in one turn, chains among them") {
  Ring ring = make_ring(tiny());
  CHECK(ring.setup().submission_entries == 8);
  CHECK(ring.setup().completion_entries == 16);
  const Directory directory;
  directory.write("a", "0123456789");
  const Fd file(::open((directory.path / "a").c_str(), O_RDONLY | O_CLOEXEC));
  constexpr uint32_t count = 500, chains = 20;
  const Peers peers(ring, chains);

  std::vector<std::array<char, 10>> into(count);
  for (uint32_t number = 0; number < count; ++number) {
    ring.read(file.number(), into[number], 0, tag_of(number));
    if (number % (count / chains) != 0) continue;
    const uint32_t chain = number / (count / chains);
    ring.cancel_and_close(tag_of(receive_tag + chain), tag_of(cancel_tag + chain), peers.servers[chain],
                          tag_of(close_tag + chain));
  }
  std::map<uint32_t, int> results;
  for (int turns = 0; turns < 10'000 && results.size() < count + 3 * chains; ++turns) {
    for (const Completion& completion : ring.turn(true)) {
      CHECK(results.emplace(completion.tag.slot, completion.result).second);  // each exactly once
    }
  }
  CHECK(results.size() == count + 3 * chains);
  for (uint32_t number = 0; number < count; ++number) {
    CHECK(results[number] == 10);
    CHECK(std::string_view(into[number].data(), 10) == "0123456789");
  }
  for (uint32_t chain = 0; chain < chains; ++chain) {
    CHECK(results[receive_tag + chain] == -ECANCELED);
    CHECK(results[cancel_tag + chain] == 0);
    CHECK(results[close_tag + chain] == 0);
    char byte = 0;
    CHECK(read(peers.clients[chain].number(), &byte, 1) == 0);
  }
}

TEST_CASE("a chain travels in one submission, whatever place of the queue it begins at") {
  Ring ring = make_ring(tiny());
  Completions completions(ring);
  const Peers peers(ring, 9);
  for (uint32_t before = 0; before <= 8; ++before) {
    const uint64_t submitted = ring.counters().submissions;
    for (uint32_t number = 0; number < before; ++number) ring.cancel(tag_of(999'999), tag_of(number));
    ring.cancel_and_close(tag_of(receive_tag + before), tag_of(cancel_tag + before), peers.servers[before],
                          tag_of(close_tag + before));
    CHECK(ring.counters().submissions - submitted == (before < 7 ? 0 : before));
    for (uint32_t number = 0; number < before; ++number) CHECK(completions.wait_for(number).result == -ENOENT);
    CHECK(completions.wait_for(receive_tag + before).result == -ECANCELED);
    CHECK(completions.wait_for(cancel_tag + before).result == 0);
    CHECK(completions.wait_for(close_tag + before).result == 0);
  }
}

TEST_CASE("completions that overflow a queue of 16 all arrive, and the overflow is counted") {
  RingOptions options;
  options.submission_entries = 8;
  options.completion_entries = 16;
  Ring ring = make_ring(options);
  for (int round = 0; round < 5; ++round) {
    for (uint32_t number = 0; number < 200; ++number) ring.cancel(tag_of(999'999), tag_of(number));
    size_t seen = 0;
    for (int turns = 0; turns < 1000 && seen < 200; ++turns) seen += ring.turn(true).size();
    CHECK(seen == 200);
  }
  CHECK(ring.counters().overflows > 0);
  CHECK(ring.counters().submissions == 1000);
}

TEST_CASE("a ring that was moved goes on where it was") {
  Ring first = make_ring();
  first.timeout_at(first.monotonic_ns(), tag_of(1));
  Ring second = std::move(first);
  const auto completions = second.turn(true);
  REQUIRE(completions.size() == 1);
  CHECK(completions[0].tag == tag_of(1));
}

TEST_CASE("a ring that dies with reads and receives under way leaves nothing behind that writes") {
  for (int round = 0; round < 10; ++round) {
    const Listener listener;
    Fd client;
    {
      Ring ring = make_ring();
      Completions completions(ring);
      ring.accept_multishot(listener.socket.number(), tag_of(1));
      client = listener.connect();
      const Direct server{static_cast<uint32_t>(completions.wait_for(1).result)};
      ring.receive_multishot(server, tag_of(2));
      completions.collect(false);
    }
    (void)!write(client.number(), "late", 4);
  }
}

TEST_CASE("a second, small ring stands beside the first in one process and gets every size that it asks for") {
  Ring first = make_ring();
  RingOptions options;
  options.submission_entries = 64;
  options.completion_entries = 256;
  options.direct_slots = 8;
  options.receive_buffers = 16;
  Ring second = make_ring(options);
  CHECK(second.setup().submission_entries == 64);
  CHECK(second.setup().completion_entries == 256);
  CHECK(second.setup().direct_slots == 8);
  CHECK(second.setup().receive_buffers == 16);
  Completions completions(second);
  second.timeout_at(second.monotonic_ns() + 1'000'000, tag_of(1));
  CHECK(completions.wait_for(1).result == -ETIME);
}
