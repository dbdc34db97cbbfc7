// The sets of ghosts: at most 32 bytes are looked at or moved.
#include "uringd/cache/ghost.hpp"

#include <algorithm>
#include <bit>

namespace uringd::cache {

Ghosts::Ghosts(size_t count, size_t window_bytes)
    : mask_(mask_for(count)), window_(window_bytes / 256), sets_(std::make_unique<Set[]>(mask_ + 1)) {}

size_t Ghosts::mask_for(size_t count) { return std::bit_ceil(std::max<size_t>(count / std::tuple_size_v<Set>, 1)) - 1; }

void Ghosts::resize(size_t count, size_t window_bytes) {
  window_ = window_bytes / 256;
  if (mask_for(count) <= mask_) return;
  mask_ = mask_for(count);
  sets_ = std::make_unique<Set[]>(mask_ + 1);
}

void Ghosts::add(uint64_t hash, size_t bytes) {
  left_bytes_ += bytes;
  const uint32_t fingerprint = fingerprint_of(hash);
  Set& set = set_of(hash);
  // One that is there already moves to the front, else the last one goes.
  auto last = std::ranges::find(set.begin(), set.end() - 1, fingerprint, &Ghost::fingerprint);
  std::move_backward(set.begin(), last, last + 1);
  set.front() = {fingerprint, now()};
}

bool Ghosts::take(uint64_t hash) {
  Set& set = set_of(hash);
  const auto place = std::ranges::find(set, fingerprint_of(hash), &Ghost::fingerprint);
  if (place == set.end()) return false;
  const bool soon = now() - place->left_at <= window_;
  std::move(place + 1, set.end(), place);
  set.back() = {};
  return soon;
}

}  // namespace uringd::cache
