// Stream: bytes in order in bounded memory, downloads that wait in line, and no answer that looks whole though its file
// changed.
#include "harness.hpp"

#include <pthread.h>

#include <algorithm>
#include <cerrno>

#include <doctest/doctest.h>

using namespace uringd;
using namespace uringd::testing;

namespace {

constexpr size_t unit = disk::PieceMemory::unit_bytes;

std::string numbered(size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += std::to_string(text.size()) + ' ';
  text.resize(bytes);
  return text;
}

/// A bench with one large file, opened.
struct Opened : Bench {
  explicit Opened(const BenchOptions& options = {}) : Bench(without_turns(options)), content(numbered(300'000)) {
    put("large.bin", content);
    age();
    Waiting waiting;
    if (disk->fetch(key("/large.bin"), waiting)) run();
    file = waiting.file;
  }
  ~Opened() {
    file.reset();
    run();
  }
  /// What a turn may move is stream_turns_test's.
  static BenchOptions without_turns(BenchOptions options) {
    options.disk.turn_bytes = SIZE_MAX;
    return options;
  }
  std::string content;
  disk::OpenFileRef file;
};

}  // namespace

TEST_CASE("a stream brings exactly the bytes asked for, in order, and its last piece ends it") {
  for (const auto& [first, length] :
       {std::pair<size_t, size_t>{0, 300'000}, {0, 1}, {299'999, 1}, {12'345, 200'000}, {65'536, 65'536}}) {
    CAPTURE(first);
    Opened bench;
    REQUIRE(bench.file);
    Downloading client;
    client.start(bench, bench.file, first, length);
    client.run(bench);
    CHECK(!client.failed);
    const bool same = client.got == bench.content.substr(first, length);
    CHECK(same);
    CHECK(bench.memory.free_bytes() == bench.memory.area().size());
  }
}

TEST_CASE("what a client gives back of its piece is read again") {
  Opened bench;
  Downloading client;
  client.start(bench, bench.file, 0, 300'000);
  bench.run();
  client.got = client.piece.substr(0, 1000);
  client.stream->give_back(1000);
  CHECK(bench.memory.free_bytes() == bench.memory.area().size());
  client.stream->next();
  client.run(bench);
  const bool same = client.got == bench.content;
  CHECK(same);
}

TEST_CASE("a file rewritten while it is sent fails before the last piece, whatever had been sent") {
  Opened bench;
  Downloading client;
  client.start(bench, bench.file, 0, 300'000);
  bench.run();
  bench.put("large.bin", std::string(300'000, 'x'));
  client.run(bench);
  CHECK(client.failed);
  CHECK(client.got.size() < 300'000);
}

TEST_CASE("a file that shrinks while it is sent, or cannot be read, fails") {
  for (const bool shrinks : {true, false}) {
    CAPTURE(shrinks);
    Opened bench;
    Downloading client;
    client.start(bench, bench.file, 0, 300'000);
    bench.run();
    if (shrinks) {
      bench.world.resize("root/large.bin", 70'000);
    } else {
      bench.world.fail_read("root/large.bin", EIO);
    }
    client.run(bench);
    CHECK(client.failed);
    CHECK(client.got.size() < 300'000);
    CHECK(bench.disk->counters().stream_failures == 1);
  }
}

TEST_CASE("a file removed or replaced by rename while it is sent comes whole") {
  for (const bool replaced : {true, false}) {
    CAPTURE(replaced);
    Opened bench;
    Downloading client;
    client.start(bench, bench.file, 0, 300'000);
    bench.run();
    if (replaced) {
      bench.world.replace_file("root/large.bin", "new");
    } else {
      bench.world.remove("root/large.bin");
    }
    client.run(bench);
    CHECK(!client.failed);
    const bool same = client.got == bench.content;
    CHECK(same);
  }
}

TEST_CASE("a client may leave in any state, and nothing stays behind") {
  Opened bench({.memory_bytes = unit});
  Downloading holds;
  Downloading in_line;
  Downloading reading;
  holds.start(bench, bench.file, 0, 300'000);
  bench.run();
  REQUIRE(holds.stream->holds_piece());
  in_line.start(bench, bench.file, 0, 300'000);
  bench.run();
  CHECK(bench.disk->streams_wait());
  in_line.leave();
  CHECK(!bench.disk->streams_wait());
  holds.leave();
  bench.cold(false);
  reading.start(bench, bench.file, 0, 300'000);
  bench.disk->on_tick();
  reading.leave();
  CHECK(!bench.disk->idle());  // the piece is lent to the kernel until the read ends
  bench.run();
  CHECK(bench.disk->idle());
  CHECK(reading.piece.empty());
  CHECK(bench.memory.free_bytes() == unit);
}

TEST_CASE("who holds a piece is asked for it once, after a while, and only when others wait for memory") {
  Opened bench({.memory_bytes = unit});
  const auto later = [&](uint64_t ms) {
    bench.world.advance(ms * 1'000'000);
    bench.step();
    bench.disk->on_tick();
  };
  Downloading holds;
  Downloading waits;
  holds.start(bench, bench.file, 0, 300'000);
  bench.run();
  later(5000);
  CHECK(holds.memory_wanted == 0);
  waits.start(bench, bench.file, 0, 300'000);
  later(1);
  CHECK(holds.memory_wanted == 1);
  later(5000);
  CHECK(holds.memory_wanted == 1);
  holds.stream->give_back(0);
  bench.run();
  REQUIRE(waits.stream->holds_piece());
  holds.stream->next();
  later(100);
  CHECK(waits.memory_wanted == 0);
  later(150);
  CHECK(waits.memory_wanted == 1);
  holds.leave();
  waits.leave();
  bench.run();
}

namespace {

constexpr size_t crowd_size = 5000;

struct CrowdResult {
  size_t in_memory = 0;  // downloads that hold a piece at the beginning
  bool in_order = false;
  bool one_for_one = true;  // each piece given back lets exactly the next one go on
  size_t complete = 0;
  bool idle = false;
};

/// 5,000 downloads of one unit each, in memory for four, given back one by one. No doctest here: not our thread.
CrowdResult run_crowd() {
  CrowdResult result;
  Opened bench({.memory_bytes = 4 * unit});
  std::vector<Downloading*> order;
  std::vector<Downloading> crowd(crowd_size);
  for (Downloading& client : crowd) {
    client.order = &order;
    client.start(bench, bench.file, 0, unit);
  }
  bench.run();
  result.in_memory = order.size();
  std::sort(order.begin(), order.end());  // reads that run side by side end in any order
  for (size_t number = 0; number < order.size(); ++number) {
    const size_t before = order.size();
    order[number]->take();
    bench.run();
    result.one_for_one = result.one_for_one && order.size() == std::min(before + 1, crowd_size);
  }
  result.in_order = order.size() == crowd_size && std::is_sorted(order.begin(), order.end());
  for (Downloading& client : crowd) {
    result.complete += client.got == bench.content.substr(0, unit) && client.stream->finished();
    client.leave();
  }
  bench.file.reset();
  bench.disk->let_go();  // it is kept open otherwise
  bench.run();
  result.idle = bench.disk->idle() && bench.world.held().empty();
  return result;
}

}  // namespace

TEST_CASE("5,000 downloads that wait for memory go on in the order they came, on a stack of 256 KiB") {
  CrowdResult result;
  pthread_attr_t attributes;
  REQUIRE(pthread_attr_init(&attributes) == 0);
  REQUIRE(pthread_attr_setstacksize(&attributes, size_t{256} << 10) == 0);
  pthread_t thread{};
  const auto body = [](void* into) -> void* {
    *static_cast<CrowdResult*>(into) = run_crowd();
    return nullptr;
  };
  REQUIRE(pthread_create(&thread, &attributes, body, &result) == 0);
  REQUIRE(pthread_join(thread, nullptr) == 0);
  pthread_attr_destroy(&attributes);
  CHECK(result.in_memory == 4);
  CHECK(result.in_order);
  CHECK(result.one_for_one);
  CHECK(result.complete == crowd_size);
  CHECK(result.idle);
}
