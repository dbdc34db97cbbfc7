// MapWatch: an inotify instance for the directories that maps' files lie in. Any event in one means a look at its
// maps: a file is written in place, a rename puts another one there, a ConfigMap's ..data link is switched beside it.
// The directory comes as a descriptor that the ring has opened, so adding a watch walks no path and waits for no disk.
// On the helper thread, which reads the descriptor on its ring.
// Bounds: one watch for each directory.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "uringd/base/fd.hpp"

namespace uringd::server {

struct MapWatchNews {
  bool overflow = false;     // events were lost
  std::vector<int> changed;  // watches, each once
  std::vector<int> gone;     // watches whose directory is not there any more, or elsewhere; among `changed` too
};

class MapWatch {
 public:
  /// 0 or an errno.
  int open();
  [[nodiscard]] int descriptor() const { return inotify_.number(); }
  /// The watch's number, the same one for the same directory, or a negative errno.
  int add(int directory);
  void remove(int watch);
  /// What a read of the descriptor brought.
  [[nodiscard]] static MapWatchNews read_events(std::span<const char> events);

 private:
  Fd inotify_;
};

}  // namespace uringd::server
