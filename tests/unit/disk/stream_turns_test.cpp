// Streams beside each other: what a turn may move, what may be in flight, what is read ahead and given up again.
#include <deque>

#include "turns.hpp"

#include <doctest/doctest.h>

using namespace uringd;
using namespace uringd::testing;

namespace {

void finish(Turns& bench, Downloading& client) {
  for (bench.turns(); client.stream->holds_piece(); bench.turns()) {
    client.take();
    if (!client.stream->finished()) client.stream->next();
  }
  client.leave();
}

}  // namespace

TEST_CASE("while a client sends one piece of a file on a slow disk the next is read, and it comes whole") {
  Turns bench(with(size_t{4} << 20));
  REQUIRE(bench.file);
  bench.slow();
  Downloading client;
  client.start(bench, bench.file, 1000, 500'000);
  bench.turns();
  REQUIRE(client.stream->holds_piece());
  CHECK(bench.disk->counters().read_ahead == 1);
  CHECK(bench.memory.area().size() - bench.memory.free_bytes() == 2 * piece_bytes);
  finish(bench, client);
  // 500,000 bytes are 8 pieces; the first was nobody's next, and one may have happened to come at once.
  CHECK(bench.disk->counters().read_ahead.value() >= 6);
  const bool same = client.got == bench.content.substr(1000, 500'000);
  CHECK(same);
  CHECK(bench.memory.free_bytes() == bench.memory.area().size());
}

TEST_CASE("a download whose reads end at once holds one piece at a time") {
  Turns bench(with(size_t{4} << 20));
  Downloading client;
  client.start(bench, bench.file, 0, 500'000);
  bench.turn();
  while (!client.stream->holds_piece()) bench.turn();
  CHECK(bench.disk->counters().read_ahead == 0);
  CHECK(bench.memory.area().size() - bench.memory.free_bytes() == piece_bytes);
  client.leave();
}

TEST_CASE("a piece read ahead is given up for a download that waits for memory, and read again") {
  Turns bench(with(64 * unit));
  bench.slow();
  Downloading first;
  first.start(bench, bench.file, 0, 600'000);
  bench.turns();
  REQUIRE(first.stream->holds_piece());
  REQUIRE(bench.disk->counters().read_ahead == 1);
  std::deque<Downloading> others;
  while (bench.memory.free_bytes() > 0) {
    others.emplace_back().start(bench, bench.file, 0, 600'000);
    bench.turns();
  }
  const size_t holding = others.size();
  others.emplace_back().start(bench, bench.file, 0, 600'000);
  bench.turns();
  CHECK(others[holding].stream->holds_piece());  // and nobody had to give anything back for it
  CHECK(first.memory_wanted == 0);
  for (Downloading& other : others) other.leave();
  finish(bench, first);
  const bool same = first.got == bench.content;
  CHECK(same);
}

TEST_CASE("a client that leaves while its next piece is being read leaves nothing behind") {
  Turns bench(with(size_t{4} << 20));
  bench.slow();
  Downloading client;
  client.start(bench, bench.file, 0, 600'000);
  while (!client.stream->holds_piece()) bench.turn();
  REQUIRE(bench.reads() == 1);
  client.leave();
  CHECK(!bench.disk->idle());
  bench.turns();
  CHECK(bench.disk->idle());
  CHECK(bench.memory.free_bytes() == bench.memory.area().size());
}

TEST_CASE("a part given back is read again although the piece behind it was read ahead") {
  Turns bench(with(size_t{4} << 20));
  bench.slow();
  Downloading client;
  client.start(bench, bench.file, 0, 600'000);
  while (!client.stream->holds_piece()) bench.turn();
  client.got = client.piece.substr(0, 100);
  client.stream->give_back(100);
  client.stream->next();
  finish(bench, client);
  const bool same = client.got == bench.content;
  CHECK(same);
}

TEST_CASE("a turn reads and sends no more than its bytes, whoever comes; the rest waits for the next, awake") {
  Turns bench(with(size_t{16} << 20, 2 * piece_bytes));
  bench.hang();
  std::deque<Downloading> clients;
  for (int count = 0; count < 5; ++count) clients.emplace_back().start(bench, bench.file, 0, 600'000);
  CHECK(bench.reads() == 0);
  CHECK(bench.disk->eager());
  bench.disk->on_tick();  // ends the turn that they came in
  CHECK(bench.reads() == 2);
  CHECK(bench.disk->eager());
  bench.disk->on_tick();
  CHECK(bench.reads() == 4);
  bench.disk->on_tick();
  CHECK(bench.reads() == 5);
  CHECK(!bench.disk->eager());
  for (Downloading& client : clients) client.leave();
}

TEST_CASE("what is in memory is copied without a read in flight, as far as the turn's bytes reach, in order") {
  Turns bench(with(size_t{16} << 20, 4 * piece_bytes));
  std::deque<Downloading> clients;
  for (int count = 0; count < 5; ++count) clients.emplace_back().start(bench, bench.file, 0, piece_bytes);
  for (const size_t holding : {2U, 4U, 5U}) {  // each is copied here, and will be once more by its send
    CHECK(bench.disk->eager());
    bench.disk->on_tick();
    for (size_t number = 0; number < 5; ++number) {
      CHECK(clients[number].stream->holds_piece() == (number < holding));
    }
  }
  CHECK(!bench.disk->eager());
  CHECK(bench.reads() == 0);
  CHECK(bench.disk->in_flight() == 0);
  for (Downloading& client : clients) {
    client.take();
    CHECK(client.stream->finished());
    const bool same = client.got == bench.content.substr(0, piece_bytes);
    CHECK(same);
    client.leave();
  }
}

TEST_CASE("nobody hears of bytes from within its own call") {
  Turns bench(with(size_t{4} << 20));
  Downloading client;
  client.start(bench, bench.file, 0, 600'000);
  CHECK(client.piece.empty());
  bench.disk->on_tick();
  REQUIRE(!client.piece.empty());
  client.take();
  client.stream->next();
  CHECK(client.piece.empty());
  client.leave();
}

TEST_CASE("reads that need the disk take a thread each, and who waits for one holds no memory and nobody up") {
  BenchOptions options = with(size_t{16} << 20);
  options.disk.kernel_threads = 3;
  Turns bench(options);
  bench.hang();
  std::deque<Downloading> clients;
  for (int count = 0; count < 10; ++count) clients.emplace_back().start(bench, bench.file, 0, piece_bytes);
  bench.disk->on_tick();
  CHECK(bench.reads() == 3);
  CHECK(bench.memory.area().size() - bench.memory.free_bytes() == 3 * piece_bytes);
  CHECK(bench.disk->in_flight() == 3);
  bench.warm();
  Downloading quick;
  quick.start(bench, bench.file, 0, piece_bytes);
  bench.pass(5);
  CHECK(quick.stream->holds_piece());
  quick.take();
  quick.leave();
  for (Downloading& client : clients) client.leave();
}
