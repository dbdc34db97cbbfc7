// The loop and its jobs.
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

HelperLoop::HelperLoop(uring::Ring& ring, const Around& around, HelperWork first)
    : ring_(ring),
      sites_(around.sites),
      logger_(around.logger),
      jobs_(around.jobs),
      mailboxes_(around.mailboxes),
      counters_(around.counters),
      watches_(around.watches),
      keeper_(around.keeper),
      retired_(around.retired),
      looks_(ring, sites_, keeper_, logger_, counters_),
      pages_(sites_, keeper_, around.background, logger_),
      work_{.options = {.watch = false}},
      watch_(sites_, logger_) {
  configure(std::move(first));
}

void HelperLoop::run() {
  while (!jobs_.ending()) turn();
  finish();
}

bool HelperLoop::may_be_stuck() const {
  return looks_.opening() > 0 ||
         std::ranges::any_of(map_keepers_, [](const auto& one) { return one->under_way() > 0; });
}

void HelperLoop::finish() {
  for (uint32_t rounds = 0; rounds < end_rounds && may_be_stuck(); ++rounds) {
    for (const uring::Completion& completion : ring_.turn(false)) {
      if (completion.tag.kind == uring::Kind::root) looks_.abandon(completion);
      if (completion.tag.kind == uring::Kind::map) keeper_of(completion)->abandon(completion);
    }
    if (may_be_stuck()) std::this_thread::sleep_for(end_round);
  }
  ring_.turn(false);  // the closes
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
  retired_.on_time(now_ms(), mailboxes_);
  if (maps_) maps_->on_time(now_ms());
  // Submits the opens of roots before anything slow is done: what the kernel has cached is answered at once.
  for (const uring::Completion& completion : ring_.turn(false)) dispatch(completion);
  do_jobs();
  do_walks();
  do_listing();
  do_preload();
  if (maps_) maps_->work(now_ms());
}

bool HelperLoop::busy() const {
  return !waiting_.empty() || (maps_ && maps_->work_waits()) || watch_.work_waits() || listing_ || !listings_.empty() ||
         ((preload_ || !preload_sites_.empty()) && !preload_paused_);
}

void HelperLoop::arm_timer() {
  uint64_t due_ms = std::min({keeper_.next_ms(), looks_.next_ms(), pages_.next_ms(), retired_.next_ms()});
  if (maps_) due_ms = std::min(due_ms, maps_->next_ms());
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
    case uring::Kind::map: return on_map(completion);
    case uring::Kind::root: return on_root(completion);
    default: CHECK(false);
  }
}

void HelperLoop::on_root(const uring::Completion& completion) {
  const std::optional<uint32_t> moved = looks_.on_completion(completion, now_ms());
  if (!moved) return;
  watch_.rebuild(*moved);
  pages_.look_now(*moved);
  start_preload(*moved);
}

// --- jobs ---

void HelperLoop::do_jobs() {
  for (uint32_t done = 0; done < jobs_a_turn && !waiting_.empty(); ++done) {
    Job job = std::move(waiting_.front());
    waiting_.pop_front();
    if (job.kind == Job::Kind::list) {
      listings_.push_back({std::move(job), work_.owner});
      continue;
    }
    do_job(job);
    jobs_.finished(job);
  }
}

void HelperLoop::do_job(Job& job) {
  switch (job.kind) {
    case Job::Kind::watch: return watch_.add(job.site, job.directory, job.worker);
    case Job::Kind::unwatch: return watch_.remove(job.site, job.directory, job.worker);
    case Job::Kind::configure: return configure(std::move(*job.work));
    case Job::Kind::dispose: return;  // it ends with the job
    case Job::Kind::done: return keeper_.done_with(job.state);
    case Job::Kind::pages: return pages_.on_pages(job);
    case Job::Kind::list: CHECK(false);
  }
}

void HelperLoop::do_listing() {
  if (!listing_) {
    if (listings_.empty() || watch_.work_waits()) return;
    listing_.emplace(listings_.front().job.descriptor);
  }
  if (listing_->step()) return;
  std::unique_ptr<disk::Names> names = listing_->finish();
  listing_.reset();
  const Job job = std::move(listings_.front().job);
  listings_.pop_front();
  jobs_.finished(job);
  if (jobs_.ending()) return;
  ++counters_.listings;
  mailboxes_[job.worker]->post(disk::Listed{job.ticket, std::move(names)});
}

}  // namespace uringd::server
