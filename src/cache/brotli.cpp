// BrotliRun: each block that the library takes has a header in front, by which it is found again when the library was
// left in the middle.
#include "brotli.hpp"

#include <brotli/encode.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace uringd::cache {
namespace {

constexpr int most_window_bits = 22;  // 4 MiB: with 24 brotli takes 74 MiB of memory, not 36, for large bodies

/// The smallest window that reaches over the whole body: 16 bytes less than a power of two (RFC 7932 §9.1).
uint32_t window_bits(size_t size) {
  int bits = BROTLI_MIN_WINDOW_BITS;
  while (bits < most_window_bits && (size_t{1} << bits) - 16 < size) ++bits;
  return static_cast<uint32_t>(bits);
}

}  // namespace

struct alignas(std::max_align_t) BrotliRun::Block : Link<Block> {
  size_t size;
};

void* BrotliRun::allocate(void* run, size_t size) {
  auto* self = static_cast<BrotliRun*>(run);
  void* memory = size <= self->left_bytes_ ? std::malloc(sizeof(Block) + size) : nullptr;
  if (!memory) std::longjmp(self->short_of_memory_, 1);
  auto* block = new (memory) Block;
  block->size = size;
  self->left_bytes_ -= size;
  self->blocks_.push_back(*block);
  return block + 1;
}

void BrotliRun::release(void* run, void* memory) {
  if (!memory) return;
  Block* block = static_cast<Block*>(memory) - 1;
  static_cast<BrotliRun*>(run)->left_bytes_ += block->size;
  block->unlink();
  block->~Block();
  std::free(block);
}

BrotliRun::~BrotliRun() {
  while (Block* block = blocks_.front()) release(this, block + 1);
}

size_t BrotliRun::encode(std::span<const char> bytes, int level, bool text, std::span<char> out) {
  // Nothing in this frame has a destructor: the state is one of the blocks.
  if (setjmp(short_of_memory_) != 0) return 0;
  BrotliEncoderState* state = BrotliEncoderCreateInstance(allocate, release, this);
  if (!state) return 0;
  const auto hint = static_cast<uint32_t>(std::min<size_t>(bytes.size(), size_t{1} << 30));
  BrotliEncoderSetParameter(state, BROTLI_PARAM_QUALITY, static_cast<uint32_t>(level));
  BrotliEncoderSetParameter(state, BROTLI_PARAM_LGWIN, window_bits(bytes.size()));
  BrotliEncoderSetParameter(state, BROTLI_PARAM_SIZE_HINT, hint);
  BrotliEncoderSetParameter(state, BROTLI_PARAM_MODE, text ? BROTLI_MODE_TEXT : BROTLI_MODE_GENERIC);
  const auto* in = reinterpret_cast<const uint8_t*>(bytes.data());
  auto* next = reinterpret_cast<uint8_t*>(out.data());
  size_t in_left = bytes.size();
  size_t out_left = out.size();
  const bool done =
      BrotliEncoderCompressStream(state, BROTLI_OPERATION_FINISH, &in_left, &in, &out_left, &next, nullptr) &&
      BrotliEncoderIsFinished(state);
  return done ? out.size() - out_left : 0;
}

}  // namespace uringd::cache
