// Bench: a Disk on the fake ring, with a world of files and a clock that follows it. Waiting and Downloading record
// what the disk tells them. One thread; friendly kernel, so that a test says itself what goes wrong. doctest comes
// last: both it and the program have a CHECK.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "uringd/cache/key.hpp"
#include "uringd/disk/disk.hpp"
#include "uringd/uring/fake.hpp"

namespace uringd::testing {

constexpr uint64_t second_ns = 1'000'000'000;

struct BenchOptions {
  size_t memory_bytes = size_t{1} << 20;
  disk::DiskOptions disk{.queue_size = 512, .max_cached_file_bytes = 4096, .stream_piece_bytes = size_t{64} << 10};
};

class Bench {
 public:
  explicit Bench(const BenchOptions& options = {})
      : world(1, uring::Mischief::none()),
        cache(size_t{1} << 20),
        memory(options.memory_bytes),
        logger(log::Level::info, make_pipe(log_ends)),
        sites{disk::SiteFiles{.root = make_root(world), .index = {"index.html", "index.txt"}}} {
    uring::RingOptions ring_options;
    ring_options.world = &world;
    ring.emplace(std::move(*uring::Ring::create(ring_options)));
    disk.emplace(*ring, cache, memory, clock, logger, std::span<const disk::SiteFiles>(sites), types, options.disk);
    look_at_clock();
  }
  ~Bench() {
    for (const int end : log_ends) ::close(end);
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  void put(const std::string& name, std::string content) { world.put_file("root/" + name, std::move(content)); }
  /// Files put until now are no longer racily young.
  void age() {
    world.advance(second_ns);
    look_at_clock();
  }
  [[nodiscard]] static cache::Key key(std::string_view path) { return cache::make_key(0, path, 7); }

  /// Completions of one turn; false when nothing will ever happen.
  bool step() {
    const auto completions = ring->turn(true);
    look_at_clock();
    for (const uring::Completion& completion : completions) disk->on_completion(completion);
    return !completions.empty();
  }
  void run() {
    while (step()) {
    }
  }
  /// The same; `change` happens each time that a fetch has asked for bytes and not got them yet.
  void run_changing_while_read(const std::function<void()>& change) {
    do {
      for (const uring::Tag& tag : world.operations()) {
        if (tag.kind == uring::Kind::fetch && tag.step == 1) change();
      }
    } while (step());
  }
  [[nodiscard]] std::string log_lines() {
    logger.drain();
    char text[4096];
    const ssize_t size = ::read(log_ends[0], text, sizeof text);
    return {text, static_cast<size_t>(size > 0 ? size : 0)};
  }

  uring::World world;
  cache::Cache cache;
  disk::PieceMemory memory;
  Clock clock;
  int log_ends[2] = {-1, -1};
  log::Logger logger;
  http::MediaTypes types;
  std::array<disk::SiteFiles, 1> sites;
  std::optional<uring::Ring> ring;
  std::optional<disk::Disk> disk;

 private:
  static int make_root(uring::World& world) {
    world.put_directory("root");
    return world.root("root");
  }
  static int make_pipe(int (&ends)[2]) { return ::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0 ? ends[1] : -1; }
  void look_at_clock() {
    clock.monotonic_ns = ring->monotonic_ns();
    clock.monotonic_ms = clock.monotonic_ns / 1'000'000;
    clock.wall_ns = ring->wall_ns();
    clock.wall_s = clock.wall_ns / 1'000'000'000;
  }
};

/// Who waits on a fetch. `then` may ask for more.
struct Waiting final : disk::Waiter {
  void on_fetched(const disk::Outcome& outcome) override {
    ++told;
    status = outcome.status;
    entry = cache::EntryRef(outcome.entry);
    file = outcome.file;
    if (then) then();
  }
  [[nodiscard]] std::string body() const {
    return entry ? std::string(entry->body().begin(), entry->body().end()) : "no entry";
  }
  int told = 0;
  int status = 0;
  cache::EntryRef entry;
  disk::OpenFileRef file;
  std::function<void()> then;
};

/// Who downloads, and holds each piece until take() or until `at_once` says so.
struct Downloading final : disk::StreamClient {
  void on_piece(std::span<const char> bytes) override {
    piece.assign(bytes.begin(), bytes.end());
    if (order) order->push_back(this);
  }
  void on_stream_failed() override { failed = true; }
  void on_memory_wanted() override { ++memory_wanted; }
  void start(Bench& bench, const disk::OpenFileRef& file, uint64_t first, uint64_t length) {
    stream = bench.disk->stream(file, first, length, *this);
    stream->next();
  }
  /// Has sent its piece.
  void take() {
    got += std::exchange(piece, {});
    stream->sent_all();
  }
  void leave() { std::exchange(stream, nullptr)->abandon(); }
  /// To the end or to a failure; leaves then.
  void run(Bench& bench) {
    for (bench.run(); stream->holds_piece(); bench.run()) {
      take();
      if (!stream->finished()) stream->next();
    }
    leave();
  }

  disk::Stream* stream = nullptr;
  std::string piece;
  std::string got;
  bool failed = false;
  int memory_wanted = 0;
  std::vector<Downloading*>* order = nullptr;
};

}  // namespace uringd::testing
