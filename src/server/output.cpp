// Composing into one contiguous piece wherever it fits: a send of one buffer is the cheapest there is (design.md
// section 1).
#include "output.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "uringd/base/check.hpp"

namespace uringd::server {

BlockPool::BlockPool(size_t block_count) : block_count_(block_count) {
  void* memory = mmap(nullptr, block_count * block_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(memory != MAP_FAILED);
  area_ = static_cast<char*>(memory);
  free_.reserve(block_count);
  for (size_t block = block_count; block > 0; --block) free_.push_back(area_ + (block - 1) * block_bytes);
}

BlockPool::~BlockPool() {
  CHECK(free_.size() == block_count_);
  munmap(area_, block_count_ * block_bytes);
}

char* BlockPool::lease() {
  if (free_.empty()) return nullptr;
  char* block = free_.back();
  free_.pop_back();
  return block;
}

void BlockPool::give_back(char* block) {
  CHECK(free_.size() < block_count_);
  free_.push_back(block);
}

bool Output::take_block() {
  CHECK(composed_bytes_ == 0);
  if (!block_) block_ = pool_.lease();
  return block_ != nullptr;
}

void Output::give_block() {
  if (own_block_) {
    own_block_.reset();
    block_ = nullptr;
  }
  if (block_) pool_.give_back(std::exchange(block_, nullptr));
}

std::span<char> Output::room(size_t bytes, bool batch) {
  if (sealed_) return {};
  if (composed_bytes_ == 0 && !block_ && (batch || bytes > small_bytes) && bytes <= BlockPool::block_bytes) {
    static_cast<void>(take_block());
  }
  if (bytes > free_bytes()) return {};
  return {composed() + composed_bytes_, free_bytes()};
}

void Output::commit(size_t bytes) {
  CHECK(!sealed_ && bytes <= free_bytes());
  composed_bytes_ += bytes;
}

bool Output::add_head(const http::ReplyHead& head, bool batch) {
  if (sealed_) return false;
  size_t size = http::compose_head(head, room(1, batch));
  if (size == 0 && composed_bytes_ == 0 && !block_) {
    if (!take_block()) {
      own_block_ = std::make_unique<char[]>(BlockPool::block_bytes);
      block_ = own_block_.get();
    }
    size = http::compose_head(head, room(1, batch));
  }
  if (size == 0) return false;
  commit(size);
  return true;
}

void Output::add_body(std::span<const char> bytes, bool batch, cache::EntryRef pin, std::shared_ptr<const void> owner) {
  if (bytes.empty()) return;
  const std::span<char> space = bytes.size() <= free_bytes() ? room(bytes.size(), batch) : std::span<char>{};
  if (space.empty()) return add_span(bytes, std::move(pin), std::move(owner));
  std::memcpy(space.data(), bytes.data(), bytes.size());
  commit(bytes.size());
}

void Output::add_span(std::span<const char> bytes, cache::EntryRef pin, std::shared_ptr<const void> owner) {
  CHECK(!sealed_);
  span_ = bytes;
  pin_ = std::move(pin);
  owner_ = std::move(owner);
  sealed_ = true;
}

void Output::drop_span() {
  CHECK(sealed_);
  sent_ = std::min(sent_, composed_bytes_);
  span_ = {};
  pin_.reset();
  owner_.reset();
  sealed_ = false;
}

Output::Rest Output::rest() {
  Rest rest{};
  const auto add = [&rest](const char* data, size_t size) {
    if (size == 0) return;
    rest.parts[rest.count++] = {const_cast<char*>(data), size};
    rest.bytes += size;
  };
  if (sent_ < composed_bytes_) {
    add(composed() + sent_, composed_bytes_ - sent_);
    add(span_.data(), span_.size());
  } else {
    const size_t skipped = sent_ - composed_bytes_;
    add(span_.data() + skipped, span_.size() - skipped);
  }
  rest.span_bytes = span_.size() - span_sent();
  return rest;
}

bool Output::sent(size_t bytes) {
  sent_ += bytes;
  CHECK(sent_ <= composed_bytes_ + span_.size());
  return sent_ == composed_bytes_ + span_.size();
}

void Output::clear() {
  give_block();
  composed_bytes_ = sent_ = 0;
  span_ = {};
  pin_.reset();
  owner_.reset();
  sealed_ = false;
}

}  // namespace uringd::server
