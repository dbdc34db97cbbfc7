// The helper's thread: started with its ring made or not at all, ended within the patience that there is, or left
// behind.
#include "uringd/server/helper.hpp"

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "helper_jobs.hpp"
#include "helper_loop.hpp"
#include "uringd/base/check.hpp"

namespace uringd::server {
namespace {

uring::RingOptions small_ring(bool restricted) {
  return {.submission_entries = 64,
          .completion_entries = 256,
          .direct_slots = 8,
          .receive_buffers = 16,
          .bounded_workers = 8,     // one for each device that hangs: opens of roots, looks at maps
          .unbounded_workers = 10,  // ... where the kernel counts them here; the reads of inotify before Linux 6.4
          .restricted = restricted};
}

}  // namespace

struct Helper::Implementation {
  enum class Life : uint8_t { made, running, ended, stuck };

  Implementation(disk::Sites& the_sites, HelperWork first_work, log::Logger& the_logger, uint32_t workers)
      : sites(the_sites), first(std::move(first_work)), logger(the_logger) {
    doors.reserve(workers);
    for (uint32_t worker = 0; worker < workers; ++worker) doors.emplace_back(jobs, background, worker);
  }

  void become(Life next, std::optional<Error> refusal = {}) {
    const std::lock_guard guard(lock);
    life = next;
    error = std::move(refusal);
    changed.notify_all();
  }

  void thread_main() {
    pthread_setname_np(pthread_self(), "uringd/helper");
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    auto created = uring::Ring::create(small_ring(first.options.restricted_ring));
    if (!created) return become(Life::ended, created.error());
    std::optional<uring::Ring> ring(std::move(*created));
    HelperLoop loop(*ring, {sites, *keeper, retired_maps, logger, jobs, background, mailboxes, counters, watches},
                    std::move(first));
    become(Life::running);
    loop.run();
    ring.reset();  // cancels what is under way; until then the loop's buffers are lent
    become(loop.may_be_stuck() ? Life::stuck : Life::ended);
  }

  /// False: nobody would carry it out.
  bool post_if_alive(Job job, Life earliest) {
    const std::lock_guard guard(lock);
    if (life < earliest || life > Life::running) return false;
    jobs.post(std::move(job));
    return true;
  }

  disk::Sites& sites;
  HelperWork first;          // until the thread takes it
  RetiredMaps retired_maps;  // not the thread's, for the same reason as `keeper` below
  log::Logger& logger;
  HelperJobs jobs;
  Background background{[this](uint64_t order, std::shared_ptr<const disk::ErrorPages> pages,
                               std::vector<std::string> problems) {
    jobs.post({.kind = Job::Kind::pages, .order = order, .pages = std::move(pages), .problems = std::move(problems)});
  }};
  std::vector<Door> doors;
  std::vector<Mailbox*> mailboxes;
  HelperCounters counters;
  std::atomic<uint64_t> watches{0};
  std::atomic<uint64_t> retired{0};
  std::optional<SiteKeeper> keeper;  // not the thread's: a worker may read a retired state after the thread has ended

  std::thread thread;
  std::mutex lock;  // of what follows: taken at start and end, and by what a reload posts
  std::condition_variable changed;
  Life life = Life::made;
  std::optional<Error> error;
};

Helper::Helper(disk::Sites& sites, HelperWork work, log::Logger& logger, uint32_t workers)
    : implementation_(std::make_shared<Implementation>(sites, std::move(work), logger, workers)) {}

Helper::~Helper() { stop(std::chrono::seconds(1)); }

disk::HelperDoor& Helper::door(uint32_t worker) {
  CHECK(worker < implementation_->doors.size());
  return implementation_->doors[worker];
}

Result<void> Helper::start(std::span<Mailbox* const> mailboxes) {
  Implementation& self = *implementation_;
  CHECK(!self.thread.joinable());
  CHECK(mailboxes.size() == self.doors.size());
  self.mailboxes.assign(mailboxes.begin(), mailboxes.end());
  self.keeper.emplace(self.sites, self.mailboxes, self.counters, self.retired);
  try {
    self.thread = std::thread([shared = implementation_] { shared->thread_main(); });
  } catch (const std::system_error& refused) {
    self.life = Implementation::Life::ended;
    return failure(std::string("no thread for the helper: ") + refused.what() +
                   "; raise the limit of tasks (ulimit -u, TasksMax=)");
  }
  std::unique_lock guard(self.lock);
  self.changed.wait(guard, [&] { return self.life != Implementation::Life::made; });
  if (self.error) return failure("the helper thread's ring: " + self.error->message);
  return self.background.start(mailboxes);
}

void Helper::configure(HelperWork work) {
  Job job{.kind = Job::Kind::configure, .work = std::make_unique<HelperWork>(std::move(work))};
  implementation_->post_if_alive(std::move(job), Implementation::Life::made);
}

void Helper::dispose(std::shared_ptr<const void> thing) {
  Job job{.kind = Job::Kind::dispose, .thing = std::move(thing)};
  implementation_->post_if_alive(std::move(job), Implementation::Life::running);
}

bool Helper::encode(disk::EncodeOrder order, std::function<void(std::shared_ptr<const std::string>)> done) {
  return implementation_->background.encode(std::move(order), std::move(done));
}

bool Helper::stop(std::chrono::milliseconds patience) {
  Implementation& self = *implementation_;
  const auto deadline = std::chrono::steady_clock::now() + patience;
  if (self.thread.joinable()) self.jobs.end();  // both end at the same time
  const bool background_ended = self.background.stop(patience);
  std::unique_lock guard(self.lock);
  if (!self.thread.joinable()) return self.life != Implementation::Life::stuck && background_ended;
  self.changed.wait_until(guard, deadline, [&] { return self.life > Implementation::Life::running; });
  const bool ended = self.life == Implementation::Life::ended;
  if (!ended) self.life = Implementation::Life::stuck;
  guard.unlock();
  if (ended) {
    self.thread.join();
    const std::vector<Job> too_late = self.jobs.take();  // what they carry ends here
  } else {
    self.thread.detach();
  }
  return ended && background_ended;
}

const HelperCounters& Helper::counters() const { return implementation_->counters; }
uint64_t Helper::watches() const { return implementation_->watches.load(std::memory_order_relaxed); }
uint64_t Helper::retired_states() const { return implementation_->retired.load(std::memory_order_relaxed); }
uint64_t Helper::retired_maps() const { return implementation_->retired_maps.count(); }

}  // namespace uringd::server
