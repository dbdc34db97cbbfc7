// Brotli's encoder within bounds. As distributions build it, the library ends the process when memory is short
// (BROTLI_ENCODER_EXIT_ON_OOM is its default), so its allocator here never answers "no": it leaves by longjmp, over
// frames of C alone, and what the library had taken is freed after it. One run, one object, on any thread.
#pragma once

#include <csetjmp>
#include <cstddef>
#include <span>

#include "uringd/base/list.hpp"

namespace uringd::cache {

class BrotliRun {
 public:
  explicit BrotliRun(size_t most_memory_bytes) : left_bytes_(most_memory_bytes) {}
  ~BrotliRun();
  BrotliRun(const BrotliRun&) = delete;
  BrotliRun& operator=(const BrotliRun&) = delete;

  /// Bytes of `out` that were written; 0: memory was short, or `out` is. `level`: 2 to 11. Once.
  size_t encode(std::span<const char> bytes, int level, bool text, std::span<char> out);

 private:
  struct Block;
  static void* allocate(void* run, size_t size);
  static void release(void* run, void* memory);

  List<Block> blocks_;
  size_t left_bytes_;
  std::jmp_buf short_of_memory_;
};

}  // namespace uringd::cache
