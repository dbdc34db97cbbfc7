// FiguresSource: where others read what one worker has counted, whether it still lives or not. The worker's thread says
// when it is there and when it goes, and what it had counted by then stays; any other thread reads. The lock is taken
// at a worker's start and end and by readers, never while it serves; a worker that ends waits for one reading at most
// (some 10 us). Shared by the daemon and the admin worker: it outlives both of them.
#pragma once

#include <memory>
#include <mutex>

#include "uringd/server/figures.hpp"

namespace uringd::server {

class FiguresSource {
 public:
  /// The worker's thread. `worker` lives until end().
  void begin(const Worker& worker);
  void end();
  /// Any thread. Nothing but zeros before begin().
  [[nodiscard]] Figures read() const;

 private:
  mutable std::mutex mutex_;
  const Worker* worker_ = nullptr;
  std::unique_ptr<const Figures> last_;  // of a worker that has ended
};

}  // namespace uringd::server
