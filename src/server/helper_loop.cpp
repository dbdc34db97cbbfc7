// The loop, its jobs and its events.
#include "helper_loop.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "uringd/base/check.hpp"
#include "uringd/base/result.hpp"
#include "uringd/disk/names.hpp"

namespace uringd::server {
namespace {

constexpr uint32_t jobs_a_turn = 64;
constexpr uint64_t preload_pause_ms = 10;
constexpr uring::Tag timer_tag{.kind = uring::Kind::timer};
// How long an open that is under way is waited for at the end: one that takes longer may never come back.
constexpr uint32_t end_rounds = 50;
constexpr std::chrono::milliseconds end_round{2};

}  // namespace

HelperLoop::HelperLoop(uring::Ring& ring, disk::Sites& sites, SiteKeeper& keeper, const HelperOptions& options,
                       log::Logger& logger, HelperJobs& jobs, Background& background,
                       std::span<Mailbox* const> mailboxes, HelperCounters& counters, std::atomic<uint64_t>& watches)
    : ring_(ring),
      sites_(sites),
      options_(options),
      logger_(logger),
      jobs_(jobs),
      mailboxes_(mailboxes),
      counters_(counters),
      watches_(watches),
      keeper_(keeper),
      looks_(ring, sites, keeper, logger, counters, options.stale_after_ms),
      pages_(sites, keeper, background, logger, options.stale_after_ms) {
  if (!options.watch) return;
  watch_.emplace(sites, logger, options.watch_limit);
  if (!watch_->open()) {
    watch_.reset();
    return;
  }
  events_ = std::make_unique<std::array<char, size_t{64} << 10>>();
  watch_->rebuild_all();
}

void HelperLoop::run() {
  if (watch_) ring_.read(watch_->descriptor(), *events_, 0, {.kind = uring::Kind::watch});
  for (uint32_t site = 0; site < sites_.count(); ++site) start_preload(site);
  while (!jobs_.ending()) turn();
  finish();
}

void HelperLoop::finish() {
  for (uint32_t rounds = 0; rounds < end_rounds && looks_.opening() > 0; ++rounds) {
    for (const uring::Completion& completion : ring_.turn(false)) {
      if (completion.tag.kind == uring::Kind::root) looks_.abandon(completion.tag.slot, completion.result);
    }
    if (looks_.opening() > 0) std::this_thread::sleep_for(end_round);
  }
}

void HelperLoop::turn() {
  if (!std::exchange(waking_armed_, true)) {
    ring_.read(jobs_.descriptor(), {reinterpret_cast<char*>(&waking_), sizeof waking_}, 0,
               {.kind = uring::Kind::mailbox});
  }
  arm_timer();
  for (const uring::Completion& completion : ring_.turn(!busy())) dispatch(completion);
  if (jobs_.ending()) return;
  keeper_.on_time(now_ms());
  looks_.on_time(now_ms());
  pages_.on_time(now_ms());
  // Submits the opens of roots before anything slow is done: what the kernel has cached is answered at once.
  for (const uring::Completion& completion : ring_.turn(false)) dispatch(completion);
  do_jobs();
  if (watch_) {
    watch_->work();
    watches_.store(watch_->watches(), std::memory_order_relaxed);
    look_when_watched();
  }
  do_listing();
  do_preload();
}

// A root that was switched after the start had opened it and before its first watch stood: no event tells of that.
void HelperLoop::look_when_watched() {
  if (watch_->work_waits() || std::exchange(looked_when_watched_, true)) return;
  for (uint32_t site = 0; site < sites_.count(); ++site) looks_.look_now(site);
}

bool HelperLoop::busy() const {
  return !waiting_.empty() || (watch_ && watch_->work_waits()) || listing_ || !listings_.empty() ||
         ((preload_ || !preload_sites_.empty()) && !preload_paused_);
}

void HelperLoop::arm_timer() {
  uint64_t due_ms = std::min({keeper_.next_ms(), looks_.next_ms(), pages_.next_ms()});
  if (preload_paused_) due_ms = std::min(due_ms, now_ms() + preload_pause_ms);
  if (due_ms == UINT64_MAX || cancelling_) return;
  if (armed_ms_ == UINT64_MAX) {
    armed_ms_ = due_ms;
    ring_.timeout_at(due_ms * 1'000'000, timer_tag);
  } else if (due_ms < armed_ms_) {
    cancelling_ = true;
    ring_.cancel(timer_tag, {});
  }
}

void HelperLoop::dispatch(const uring::Completion& completion) {
  switch (completion.tag.kind) {
    case uring::Kind::timer:
      armed_ms_ = UINT64_MAX;
      cancelling_ = false;
      preload_paused_ = false;
      return;
    case uring::Kind::mailbox: {
      waking_armed_ = false;
      for (Job& job : jobs_.take()) waiting_.push_back(std::move(job));
      return;
    }
    case uring::Kind::watch: return on_events(completion.result);
    case uring::Kind::root: {
      const uint32_t site = completion.tag.slot;
      if (!looks_.on_completion(site, completion.result, now_ms())) return;
      if (watch_) watch_->rebuild(site);
      pages_.look_now(site);
      return start_preload(site);
    }
    default: CHECK(false);
  }
}

// --- events ---

void HelperLoop::on_events(int32_t result) {
  CHECK(watch_);
  if (result < 0 && result != -EINTR && result != -EAGAIN) {
    logger_.error("inotify: its descriptor cannot be read (" + errno_text(-result) +
                  "): changes of files are seen after cache.stale_after from now on");
    watch_.reset();
    watches_.store(0, std::memory_order_relaxed);
    return keeper_.doubt_all();
  }
  if (result > 0) {
    ++counters_.events;
    const disk::WatchNews news = watch_->on_events(std::span(*events_).first(static_cast<size_t>(result)));
    if (news.overflow) {
      ++counters_.overflows;
      keeper_.doubt_all();
      watch_->rebuild_all();
      for (uint32_t site = 0; site < sites_.count(); ++site) looks_.look_now(site);
      if (!std::exchange(overflow_said_, true)) {
        logger_.warn(
            "inotify lost events, so everything held is looked at again: where this happens often, raise the "
            "sysctl fs.inotify.max_queued_events (said once; counted)");
      }
    }
    for (const uint32_t site : news.moved) {
      keeper_.release(site);
      pages_.look_now(site);
      watch_->rebuild(site);
    }
    for (const uint32_t site : news.doubted) keeper_.doubt(site);
    for (const uint32_t site : news.roots) looks_.look_now(site);
    for (const disk::Invalidated& notice : news.invalidated) keeper_.invalidate(notice);
  }
  ring_.read(watch_->descriptor(), *events_, 0, {.kind = uring::Kind::watch});
}

// --- jobs ---

void HelperLoop::do_jobs() {
  for (uint32_t done = 0; done < jobs_a_turn && !waiting_.empty(); ++done) {
    Job job = std::move(waiting_.front());
    waiting_.pop_front();
    if (job.kind == Job::Kind::list) {
      listings_.push_back(std::move(job));
      continue;
    }
    do_job(job);
    jobs_.finished(job);
  }
}

void HelperLoop::do_job(const Job& job) {
  switch (job.kind) {
    case Job::Kind::watch:
      if (watch_) watch_->add(job.site, job.directory, job.worker);
      return;
    case Job::Kind::unwatch:
      if (watch_) watch_->remove(job.site, job.directory, job.worker);
      return;
    case Job::Kind::done: return keeper_.done_with(job.state);
    case Job::Kind::pages: return pages_.on_pages(job);
    case Job::Kind::list: CHECK(false);
  }
}

void HelperLoop::do_listing() {
  if (!listing_) {
    if (listings_.empty() || (watch_ && watch_->work_waits())) return;
    listing_.emplace(listings_.front().descriptor);
  }
  if (listing_->step()) return;
  std::unique_ptr<disk::Names> names = listing_->finish();
  listing_.reset();
  const Job job = std::move(listings_.front());
  listings_.pop_front();
  jobs_.finished(job);
  if (jobs_.ending()) return;
  ++counters_.listings;
  mailboxes_[job.worker]->post(disk::Listed{job.ticket, std::move(names)});
}

}  // namespace uringd::server
