// Streams beside each other: what a turn may move, what may be in flight, what is read ahead and given up again, and
// pages that go by reference (through a Transfer of the test's own: the fake world's descriptors are none of the
// kernel's).
#include "harness.hpp"

#include <algorithm>
#include <deque>

#include <doctest/doctest.h>

using namespace uringd;
using namespace uringd::testing;

namespace {

constexpr size_t unit = disk::PieceMemory::unit_bytes;
constexpr size_t piece_bytes = 4 * unit;

std::string numbered(size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += std::to_string(text.size()) + ' ';
  text.resize(bytes);
  return text;
}

/// A large file, opened; turns as the worker's loop takes them.
struct Turns : Bench {
  explicit Turns(const BenchOptions& options = {}, size_t bytes = 600'000) : Bench(options), content(numbered(bytes)) {
    put("large.bin", content);
    age();
    Waiting waiting;
    if (disk->fetch(key("/large.bin"), waiting)) turns();
    file = waiting.file;
  }
  ~Turns() { file.reset(); }
  void turn() {
    step();
    disk->on_tick();
  }
  void turns() {
    do {
      while (step()) disk->on_tick();
      disk->on_tick();
    } while (disk->eager());
  }
  /// From now on a read takes milliseconds.
  void slow() {
    world.mischief().slow = 1000;
    world.mischief().slowest_ns = 5'000'000;
  }
  void hang() {
    world.mischief().slow = 1000;
    world.mischief().slowest_ns = second_ns * 1'000'000;
  }
  [[nodiscard]] size_t reads() const {
    const std::vector<uring::Tag> tags = world.operations();
    return static_cast<size_t>(
        std::count_if(tags.begin(), tags.end(), [](const uring::Tag& tag) { return tag.kind == uring::Kind::stream; }));
  }
  std::string content;
  disk::OpenFileRef file;
};

BenchOptions with(size_t memory_bytes, size_t turn_bytes = SIZE_MAX, size_t reading_bytes = SIZE_MAX) {
  BenchOptions options;
  options.memory_bytes = memory_bytes;
  options.disk.stream_piece_bytes = piece_bytes;
  options.disk.turn_bytes = turn_bytes;
  options.disk.reading_bytes = reading_bytes;
  return options;
}

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
  CHECK(bench.reads() == 2);
  CHECK(bench.disk->eager());
  bench.disk->on_tick();  // ends the turn that they came in
  CHECK(bench.reads() == 2);
  bench.disk->on_tick();
  CHECK(bench.reads() == 4);
  bench.disk->on_tick();
  CHECK(bench.reads() == 5);
  CHECK(!bench.disk->eager());
  for (Downloading& client : clients) client.leave();
}

TEST_CASE("reads of what is in memory are bounded in bytes, and who waits for others' bytes sleeps") {
  Turns bench(with(size_t{16} << 20, SIZE_MAX, 3 * piece_bytes));
  std::deque<Downloading> clients;
  for (int count = 0; count < 10; ++count) clients.emplace_back().start(bench, bench.file, 0, piece_bytes);
  bench.disk->on_tick();
  CHECK(bench.reads() == 3);
  CHECK(!bench.disk->eager());
  CHECK(bench.disk->streams_wait());
  bench.turns();
  for (Downloading& client : clients) {
    CHECK(client.stream->holds_piece());
    client.take();
    client.leave();
  }
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

// --- by reference ---

namespace {

struct RecordingTransfer final : disk::Transfer {
  bool prepare(int) override { return prepares; }
  bool resident(int, uint64_t offset, size_t bytes, bool) override {
    return offset >= resident_from && offset + bytes <= resident_until;
  }
  disk::Transferred send(int, uint64_t offset, size_t bytes, int) override {
    if (room == 0) return {disk::Transferred::End::full};
    const size_t taken = std::min(bytes, room);
    room -= taken;
    sent += content->substr(offset, taken);
    return {disk::Transferred::End::sent, taken};
  }
  const std::string* content = nullptr;
  std::string sent;
  size_t room = SIZE_MAX;
  uint64_t resident_from = 0;
  uint64_t resident_until = UINT64_MAX;
  bool prepares = true;
};

/// A connection without the rest: sends pieces at once, and hears what went without it.
struct Referring final : disk::StreamClient {
  void on_piece(std::span<const char> bytes) override { piece.assign(bytes.begin(), bytes.end()); }
  void on_stream_failed(int) override { failed = true; }
  void on_memory_wanted() override {}
  void on_referred(size_t bytes) override { referred += bytes; }
  void on_reading() override { ++reading; }
  std::string piece;
  bool failed = false;
  uint64_t referred = 0;
  int reading = 0;
};

struct Referred {
  explicit Referred(disk::ZeroCopy zero_copy = disk::ZeroCopy::always, size_t bytes = 3'000'000)
      : bench(options(zero_copy), bytes) {
    transfer.content = &bench.content;
    const int listener = bench.world.listen();
    bench.world.connect(listener);
    bench.ring->accept(listener, peer, {.kind = uring::Kind::acceptor});
    const auto completions = bench.ring->turn(true);
    socket = {static_cast<uint32_t>(completions.front().result)};
  }
  ~Referred() {
    bench.ring->close(socket, {.kind = uring::Kind::acceptor});
    bench.ring->turn(true);
  }
  BenchOptions options(disk::ZeroCopy zero_copy) {
    BenchOptions chosen = with(size_t{4} << 20);
    chosen.disk.zero_copy = zero_copy;
    chosen.disk.transfer = &transfer;
    return chosen;
  }
  void start(uint64_t first, uint64_t length) {
    stream = bench.disk->stream(bench.file, first, length, client, socket);
    stream->next();
    bench.turns();
  }
  /// The whole file into a socket with some room, until that is full.
  void start_until_full(size_t room) {
    transfer.room = room;
    stream = bench.disk->stream(bench.file, 0, 3'000'000, client, socket);
    stream->next();
    while (transfer.room > 0) bench.turn();
  }
  void leave() {
    std::exchange(stream, nullptr)->abandon();
    bench.turns();
  }
  RecordingTransfer transfer;
  Turns bench;
  uring::PeerAddress peer;
  uring::Direct socket;
  Referring client;
  disk::Stream* stream = nullptr;
};

}  // namespace

TEST_CASE("by reference exactly the bytes asked for go out, in order, and no memory is taken") {
  for (const auto& [first, length] :
       {std::pair<size_t, size_t>{0, 3'000'000}, {1, 1}, {1'048'575, 2}, {1'048'576, 1'048'576}, {999, 2'500'000}}) {
    CAPTURE(first);
    Referred world;
    world.start(first, length);
    CHECK(world.stream->finished());
    CHECK(world.client.referred == length);
    CHECK(world.bench.disk->counters().referred_bytes == length);
    CHECK(world.bench.disk->counters().stream_pieces == 0);
    const bool same = world.transfer.sent == world.bench.content.substr(first, length);
    CHECK(same);
    world.leave();
  }
}

TEST_CASE("a file that may change goes by reference only if zero_copy says always") {
  for (const auto zero_copy : {disk::ZeroCopy::safe, disk::ZeroCopy::never, disk::ZeroCopy::always}) {
    Referred world(zero_copy);
    world.start(0, 3'000'000);
    CHECK(world.stream->by_reference() == (zero_copy == disk::ZeroCopy::always));
    CHECK(world.transfer.sent.empty() == (zero_copy != disk::ZeroCopy::always));
    world.leave();
  }
}

TEST_CASE("a socket that takes part of a stretch is waited for, and gets the rest") {
  Referred world;
  world.start_until_full(1'500'000);
  while (!world.stream->finished()) {
    CHECK(world.transfer.sent.size() == world.client.referred);
    world.transfer.room = 100'000;
    world.bench.turn();
  }
  const bool same = world.transfer.sent == world.bench.content;
  CHECK(same);
  world.leave();
}

TEST_CASE("pages that are not in memory come as a piece, and those behind them by reference again") {
  Referred world;
  world.transfer.resident_from = size_t{1} << 20;
  world.start(0, 3'000'000);
  CHECK(world.client.reading == 1);
  std::string got;
  while (world.stream->holds_piece()) {
    CHECK(world.transfer.sent.empty());
    got += world.client.piece;
    world.stream->sent_all();
    world.stream->next();
    world.bench.turns();
  }
  CHECK(world.stream->finished());
  const bool same = got + world.transfer.sent == world.bench.content;
  CHECK(same);
  CHECK(got.size() >= size_t{1} << 20);
  CHECK(world.bench.disk->counters().referred_bytes > 0);
  world.leave();
}

TEST_CASE("where the socket cannot be used by system calls the file is copied") {
  Referred world;
  world.transfer.prepares = false;
  world.start(0, 3'000'000);
  CHECK(!world.stream->by_reference());
  CHECK(world.stream->holds_piece());
  world.leave();
}

TEST_CASE("by reference too a file that was rewritten fails before its last bytes") {
  Referred world;
  world.start_until_full(100'000);
  world.bench.put("large.bin", std::string(3'000'000, 'x'));
  while (!world.client.failed && !world.stream->finished()) {
    world.transfer.room = 400'000;
    world.bench.turn();
  }
  CHECK(world.client.failed);
  CHECK(world.transfer.sent.size() < 3'000'000);
  world.leave();
}

TEST_CASE("a client that leaves while its socket is full leaves nothing behind") {
  Referred world;
  world.start_until_full(100'000);
  world.leave();
  CHECK(world.bench.disk->idle());
}

TEST_CASE("a client that leaves before its descriptor has come leaves nothing behind") {
  Referred world;
  world.stream = world.bench.disk->stream(world.bench.file, 0, 1000, world.client, world.socket);
  world.stream->next();
  world.leave();
  CHECK(world.bench.disk->idle());
  CHECK(world.transfer.sent.empty());
}
