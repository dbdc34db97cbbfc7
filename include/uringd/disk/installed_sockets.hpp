// InstalledSockets: the descriptors of sockets that large files are sent to by reference, kept from one answer to the
// next of the same connection: making one and closing it costs as much as sending 16 KiB. By slot of the direct table;
// who closes a socket lets go of its descriptor first. Owned by Disk; bounded.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "uringd/uring/ring.hpp"

namespace uringd::disk {

class InstalledSockets {
 public:
  explicit InstalledSockets(size_t most) : most_(most) {}

  /// Its descriptor, or -1.
  [[nodiscard]] int find(uring::Direct socket) const {
    return socket.slot < descriptors_.size() ? descriptors_[socket.slot] : -1;
  }
  /// Takes the descriptor over, unless there are too many or it has one already: find() tells.
  void keep(uring::Direct socket, int descriptor) {
    if (count_ >= most_ || find(socket) >= 0) return;
    if (socket.slot >= descriptors_.size()) descriptors_.resize(socket.slot + 1, -1);
    descriptors_[socket.slot] = descriptor;
    ++count_;
  }
  /// Gives it away: the caller closes it. -1: there is none.
  [[nodiscard]] int take(uring::Direct socket) {
    if (find(socket) < 0) return -1;
    --count_;
    return std::exchange(descriptors_[socket.slot], -1);
  }
  [[nodiscard]] bool full() const { return count_ >= most_; }
  [[nodiscard]] size_t count() const { return count_; }

 private:
  size_t most_;
  size_t count_ = 0;
  std::vector<int> descriptors_;
};

}  // namespace uringd::disk
