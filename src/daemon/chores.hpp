// Chores: what the main thread has done for it because it may wait for a disk: reading a configuration, opening log
// files. One at a time, each on a thread of its own, so that signals are heard whatever a disk does. Main thread.
//
//   resting ──► start() ──► at work ──► finished() ──► resting
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "uringd/base/fd.hpp"

namespace uringd::daemon {

class Chores {
 public:
  /// What is left to do on the main thread.
  using Rest = std::function<void()>;

  Chores();
  /// One that is at work is left behind: the process is about to end.
  ~Chores();
  Chores(const Chores&) = delete;
  Chores& operator=(const Chores&) = delete;

  [[nodiscard]] bool at_work() const { return at_work_; }
  /// `chore` runs on another thread; nothing of it may refer to what the main thread changes meanwhile. `failed` is
  /// called in the place of its rest where there is no thread or no memory for it.
  void start(std::function<Rest()> chore, const std::function<void(const std::string& why)>& failed);
  /// Readable when finished() has something.
  [[nodiscard]] int descriptor() const;
  /// The rest of the chore that has ended, or nothing.
  [[nodiscard]] Rest finished();

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;  // with the thread, which may outlive us
  bool at_work_ = false;
};

}  // namespace uringd::daemon
