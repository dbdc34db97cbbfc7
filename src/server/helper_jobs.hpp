// HelperJobs: what the workers ask of the helper thread, and how they wake it; error pages come from the background
// thread on the same way, and other configurations from the daemon. Any thread posts, the helper takes.
// Bounds: 4,096 jobs that can be refused; those that give something back (unwatch, done_with, dispose) are never
// refused, and there is at most one of them for each thing that was given; nor are pages, one a site, and
// configurations, one a reload.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "background.hpp"
#include "uringd/base/fd.hpp"
#include "uringd/base/post_queue.hpp"
#include "uringd/disk/notice.hpp"
#include "uringd/server/helper.hpp"

namespace uringd::server {

struct Job {
  enum class Kind : uint8_t { watch, unwatch, list, done, pages, configure, dispose };
  Kind kind;
  uint32_t worker = 0;  // of those that a worker's door posts
  uint32_t site = 0;
  std::string directory;                            // watch, unwatch
  int descriptor = -1;                              // list
  uint64_t ticket = 0;                              // list
  const disk::SiteState* state = nullptr;           // done
  uint64_t order = 0;                               // pages
  std::shared_ptr<const disk::ErrorPages> pages{};  // pages; nullptr: as they were
  std::vector<std::string> problems{};              // pages: what is wrong with them
  std::unique_ptr<HelperWork> work{};               // configure
  std::shared_ptr<const void> thing{};              // dispose: it ends with the job
  [[nodiscard]] bool refusable() const { return kind == Kind::watch || kind == Kind::list; }
};

class HelperJobs {
 public:
  static constexpr uint32_t limit = 4096;

  HelperJobs();
  /// Any thread. False: too many wait.
  bool post(Job job);
  /// Any thread: the helper thread is to end.
  void end();
  [[nodiscard]] bool ending() const { return ending_.load(std::memory_order_acquire); }

  /// The helper. Each job that was taken and is refusable is to be counted as done with finished().
  [[nodiscard]] std::vector<Job> take() { return queue_.take(); }
  void finished(const Job& job) {
    if (job.refusable()) asked_.fetch_sub(1, std::memory_order_relaxed);
  }
  [[nodiscard]] int descriptor() const { return event_.number(); }

 private:
  Fd event_;
  PostQueue<Job> queue_;
  std::atomic<uint32_t> asked_{0};
  std::atomic<bool> ending_{false};
};

/// One worker's door.
class Door final : public disk::HelperDoor {
 public:
  Door(HelperJobs& jobs, Background& background, uint32_t worker)
      : jobs_(jobs), background_(background), worker_(worker) {}

  bool watch(uint32_t site, std::string_view directory) override {
    return jobs_.post({.kind = Job::Kind::watch, .worker = worker_, .site = site, .directory = std::string(directory)});
  }
  void unwatch(uint32_t site, std::string_view directory) override {
    jobs_.post({.kind = Job::Kind::unwatch, .worker = worker_, .site = site, .directory = std::string(directory)});
  }
  bool list(int directory, uint64_t ticket) override {
    return jobs_.post({.kind = Job::Kind::list, .worker = worker_, .descriptor = directory, .ticket = ticket});
  }
  void done_with(const disk::SiteState* state) override {
    jobs_.post({.kind = Job::Kind::done, .worker = worker_, .state = state});
  }
  bool list_files(disk::ListingOrder order, uint64_t ticket) override {
    return background_.list(worker_, std::move(order), ticket);
  }
  bool encode(disk::EncodeOrder order, uint64_t ticket) override {
    return background_.encode(worker_, std::move(order), ticket);
  }

 private:
  HelperJobs& jobs_;
  Background& background_;
  uint32_t worker_;
};

}  // namespace uringd::server
