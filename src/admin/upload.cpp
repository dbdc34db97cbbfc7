// Growing, and the bounds.
#include "upload.hpp"

#include <algorithm>
#include <cstring>

namespace uringd::admin {

bool GrowingBytes::append(std::span<const char> bytes) {
  const size_t needed = size_ + bytes.size();
  if (needed > capacity_) {
    constexpr size_t least_bytes = 4096;
    const size_t wanted = std::max({needed, 2 * capacity_, least_bytes});
    auto* grown = static_cast<char*>(std::realloc(memory_.get(), wanted));
    if (!grown) return false;
    [[maybe_unused]] const char* moved = memory_.release();
    memory_.reset(grown);
    capacity_ = wanted;
  }
  if (!bytes.empty()) std::memcpy(memory_.get() + size_, bytes.data(), bytes.size());
  size_ = needed;
  return true;
}

std::shared_ptr<const char> GrowingBytes::release() {
  if (!memory_) return std::make_shared<const char>();
  char* memory = memory_.release();
  if (auto* exact = static_cast<char*>(std::realloc(memory, std::max<size_t>(size_, 1)))) memory = exact;
  size_ = capacity_ = 0;
  return {memory, Free{}};
}

int Upload::take(std::span<const char> bytes) {
  if (bytes_.size() + bytes.size() > room_()) return 413;
  if (under_way_ + bytes.size() > most_under_way_()) return 503;
  if (!bytes_.append(bytes)) return 503;
  under_way_ += bytes.size();
  counted_ += bytes.size();
  return 0;
}

}  // namespace uringd::admin
