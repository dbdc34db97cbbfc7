// Turns: a Bench with one large file, opened, that takes turns as the worker's loop does; for tests of streams. One
// thread. doctest comes last: both it and the program have a CHECK.
#pragma once

#include "harness.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace uringd::testing {

constexpr size_t unit = disk::PieceMemory::unit_bytes;
constexpr size_t piece_bytes = 4 * unit;

inline std::string numbered(size_t bytes) {
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
    disk->on_tick();
    while (step() || disk->eager()) disk->on_tick();
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

inline BenchOptions with(size_t memory_bytes, size_t turn_bytes = SIZE_MAX) {
  BenchOptions options;
  options.memory_bytes = memory_bytes;
  options.disk.stream_piece_bytes = piece_bytes;
  options.disk.turn_bytes = turn_bytes;
  return options;
}

}  // namespace uringd::testing
