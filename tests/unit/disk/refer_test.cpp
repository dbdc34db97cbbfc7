// Streams whose pages go by reference, through a Transfer of the test's own: the fake world's descriptors are none of
// the kernel's.
#include <algorithm>

#include "turns.hpp"

#include <doctest/doctest.h>

using namespace uringd;
using namespace uringd::testing;

namespace {

struct RecordingTransfer final : disk::Transfer {
  bool prepare(int) override { return prepares; }
  bool resident(int, uint64_t offset, size_t bytes, bool) override {
    return offset >= resident_from && offset + bytes <= resident_until;
  }
  disk::Transferred send(std::span<const char> before, int, uint64_t offset, size_t bytes, int) override {
    if (broken) return {disk::Transferred::End::broken, 0, before.size()};
    const size_t first = std::min(before.size(), room);
    sent.append(before.data(), first);
    room -= first;
    if (room == 0) return {disk::Transferred::End::full, 0, first};
    const size_t taken = std::min(bytes, room);
    room -= taken;
    sent += content->substr(offset, taken);
    return {disk::Transferred::End::sent, taken, first};
  }
  const std::string* content = nullptr;
  std::string sent;
  size_t room = SIZE_MAX;
  uint64_t resident_from = 0;
  uint64_t resident_until = UINT64_MAX;
  bool prepares = true;
  bool broken = false;
};

/// A connection without the rest: sends pieces at once, and hears what went without it.
struct Referring final : disk::StreamClient {
  void on_piece(std::span<const char> bytes) override { piece.assign(bytes.begin(), bytes.end()); }
  void on_stream_failed(int) override { failed = true; }
  void on_memory_wanted() override {}
  std::span<const char> before_pages() override { return head; }
  void on_referred(size_t before, size_t bytes) override {
    head = head.substr(before);
    referred += bytes;
  }
  void on_reading() override { ++reading; }
  std::string_view head;
  std::string piece;
  bool failed = false;
  uint64_t referred = 0;
  int reading = 0;
};

struct Referred {
  explicit Referred(disk::ZeroCopy zero_copy = disk::ZeroCopy::always, size_t bytes = 3'000'000,
                    size_t kept_descriptors = 0)
      : bench(options(zero_copy, kept_descriptors), bytes) {
    transfer.content = &bench.content;
    const int listener = bench.world.listen();
    bench.world.connect(listener);
    bench.ring->accept(listener, peer, {.kind = uring::Kind::acceptor});
    const auto completions = bench.ring->turn(true);
    socket = {static_cast<uint32_t>(completions.front().result)};
  }
  ~Referred() {
    bench.disk->let_go_of_socket(socket);
    bench.ring->close(socket, {.kind = uring::Kind::acceptor});
    bench.ring->turn(true);
  }
  BenchOptions options(disk::ZeroCopy zero_copy, size_t kept_descriptors) {
    BenchOptions chosen = with(size_t{4} << 20);
    chosen.disk.zero_copy = zero_copy;
    chosen.disk.transfer = &transfer;
    chosen.disk.worth_referring_bytes = 1;
    chosen.disk.kept_descriptors = kept_descriptors;
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
  world.transfer.resident_from = disk::OpenFile::stretch_bytes;
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
  CHECK(got.size() >= disk::OpenFile::stretch_bytes);
  CHECK(world.bench.disk->counters().referred_bytes > 0);
  world.leave();
}

TEST_CASE("each stretch is looked for in memory before it goes by reference") {
  Referred world;
  world.transfer.resident_until = disk::OpenFile::stretch_bytes;
  world.start(0, 3'000'000);
  CHECK(world.client.referred == disk::OpenFile::stretch_bytes);
  CHECK(world.stream->holds_piece());
  world.leave();
}

TEST_CASE("a stretch that a slow socket takes bit by bit is looked for in memory again after a while") {
  for (const uint64_t waits_ms : {10U, 200U}) {
    CAPTURE(waits_ms);
    Referred world;
    world.start_until_full(100'000);
    world.transfer.resident_until = 0;
    world.bench.age(waits_ms * 1'000'000);
    world.transfer.room = 100'000;
    while (!world.stream->holds_piece() && world.client.referred == 100'000) world.bench.turn();
    CHECK(world.stream->holds_piece() == (waits_ms == 200));
    world.leave();
  }
}

TEST_CASE("a client whose answer has begun hears so before it hears that its stream failed") {
  Referred world;
  world.client.head = "head";
  world.transfer.broken = true;  // behind the head: the file has ended, or the socket is gone
  world.start(0, 3'000'000);
  CHECK(world.client.failed);
  CHECK(world.client.head.empty());
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

TEST_CASE("by reference a head goes before the pages, also where the socket takes little at a time") {
  Referred world;
  const std::string head(5000, 'h');
  world.client.head = head;
  world.stream = world.bench.disk->stream(world.bench.file, 0, 100'000, world.client, world.socket);
  world.stream->next();
  while (!world.stream->finished()) {
    world.transfer.room = 3000;
    world.bench.turn();
  }
  CHECK(world.client.referred == 100'000);
  CHECK(world.client.head.empty());
  const bool same = world.transfer.sent == head + world.bench.content.substr(0, 100'000);
  CHECK(same);
  world.leave();
}

TEST_CASE("by reference nothing of a head goes before a piece that must be read") {
  Referred world;
  world.client.head = "head";
  world.transfer.resident_from = disk::OpenFile::stretch_bytes;
  world.start(0, 3'000'000);
  CHECK(world.stream->holds_piece());
  CHECK(world.transfer.sent.empty());
  world.leave();
}

TEST_CASE("a socket's descriptor is kept for its next answers, as long as there are few, until it is let go of") {
  for (const size_t kept_descriptors : {0U, 4U}) {
    CAPTURE(kept_descriptors);
    Referred world(disk::ZeroCopy::always, 300'000, kept_descriptors);
    const size_t before = world.bench.world.open_files();
    world.start(0, 200'000);
    world.leave();
    const size_t kept = kept_descriptors / 4;
    CHECK(world.bench.world.open_files() == before + kept);
    world.stream = world.bench.disk->stream(world.bench.file, 0, 100'000, world.client, world.socket);
    CHECK(world.bench.world.operations().size() == 1 - kept);  // the one that makes a descriptor
    world.stream->next();
    world.bench.turns();
    CHECK(world.stream->finished());
    CHECK(world.client.referred == 300'000);
    world.leave();
    world.bench.disk->let_go_of_socket(world.socket);
    world.bench.turns();
    CHECK(world.bench.world.open_files() == before);
  }
}

TEST_CASE("by reference few bytes are not worth it") {
  Referred world;
  disk::DiskOptions options = world.options(disk::ZeroCopy::always, 0).disk;
  options.worth_referring_bytes = 1000;
  constexpr uint32_t site = 0;
  world.bench.disk->reconfigure(options, std::span(&site, 1));
  for (const uint64_t length : {999U, 1000U}) {
    world.start(0, length);
    CHECK(world.stream->by_reference() == (length == 1000));
    world.leave();
  }
}
