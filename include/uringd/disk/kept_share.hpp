// KeptShare: of which small files descriptors are kept. Belongs to one Disk. Where there are more files than
// descriptors, keeping the latest of all of them only turns them over: each is closed before it is asked for again,
// and a miss costs 1 us more for nothing (100,000 files, 12,000 descriptors, measured). So the files are a share of all
// paths, told by their hash, and the share is halved for as long as what it keeps does not pay, down to a 64th.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace uringd::disk {

class KeptShare {
 public:
  /// `limit`: descriptors that may be kept.
  explicit KeptShare(size_t limit) : limit_(limit) {}

  [[nodiscard]] bool has(uint64_t hash) const { return (hash >> 40 & ((1U << halved_) - 1)) == 0; }
  void borrowed() { ++borrowed_; }
  /// One more was kept, `count` are now. After twice as many as have room, at least 128, the share is chosen anew: the
  /// first fill every descriptor, and have not been asked for again yet.
  void kept(size_t count) {
    if (++kept_ < std::max(2 * limit_ >> halved_, size_t{128})) return;
    const bool pays = borrowed_ >= kept_;  // an open and a close saved cost two to three times what keeping does
    const bool has_room = count < limit_ / 4;
    if (!pays && halved_ < most_halved) ++halved_;
    if (pays && has_room && halved_ > 0) --halved_;
    kept_ = borrowed_ = 0;
  }
  /// It is a 2^halved()th.
  [[nodiscard]] unsigned halved() const { return halved_; }

 private:
  static constexpr unsigned most_halved = 6;

  size_t limit_;
  size_t kept_ = 0, borrowed_ = 0;  // since it was chosen
  unsigned halved_ = 0;
};

}  // namespace uringd::disk
