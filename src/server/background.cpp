// The background thread: orders taken, sorted by who waits for them, carried out one at a time, told of.
//
//   made ──► working ◄──► resting ──► ended
//               └───────────────────► ended, or stuck where patience ended first
//
// Nobody joins it: on a machine whose processors are all taken, a thread of low priority may need a while for its
// last instructions. What counts is that it does nothing any more, and one that rests does nothing.
#include "background.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <variant>

#include "background_memory.hpp"
#include "uringd/base/check.hpp"
#include "uringd/base/fd.hpp"
#include "uringd/base/post_queue.hpp"
#include "uringd/cache/encode.hpp"
#include "uringd/http/listing.hpp"

namespace uringd::server {
namespace {

constexpr int low_priority = 10;  // a tenth of what others get who want the processor too

struct ListJob {
  uint32_t worker;
  uint64_t ticket;
  disk::ListingOrder order;
};
struct CopyJob {
  uint32_t worker;
  uint64_t ticket;
  disk::EncodeOrder order;
  Background::OnEncoded done = {};  // in the place of worker and ticket
};
using AnyJob = std::variant<ListJob, CopyJob, PagesOrder>;

/// Takes `amount` of what there are `most` of, unless it is not there.
bool reserve(std::atomic<size_t>& used, size_t amount, size_t most) {
  if (used.fetch_add(amount, std::memory_order_relaxed) + amount <= most) return true;
  used.fetch_sub(amount, std::memory_order_relaxed);
  return false;
}
void give_back(std::atomic<size_t>& used, size_t amount) { used.fetch_sub(amount, std::memory_order_relaxed); }

/// The oldest, or nothing.
template <typename Job>
std::optional<Job> take_first(std::deque<Job>& jobs) {
  if (jobs.empty()) return std::nullopt;
  std::optional<Job> first(std::move(jobs.front()));
  jobs.pop_front();
  return first;
}

}  // namespace

struct Background::Implementation {
  enum class Life : uint8_t { made, working, resting, ended, stuck };

  explicit Implementation(OnPages called) : on_pages(std::move(called)), event(eventfd(0, EFD_CLOEXEC)) {
    CHECK(event.open());
  }

  // --- any thread ---

  void post(AnyJob job) {
    if (queue.post(std::move(job))) eventfd_write(event.number(), 1);
  }

  bool encode(CopyJob job) {
    const size_t bytes = job.order.bytes.size();
    if (!reserve(copies_waiting, 1, most_copies)) return false;
    if (!reserve(copy_bytes_waiting, bytes, most_copy_bytes)) {
      give_back(copies_waiting, 1);
      return false;
    }
    post(std::move(job));
    return true;
  }

  // --- the background thread ---

  void thread_main() {
    pthread_setname_np(pthread_self(), "uringd/idle");
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    // No lower: where the processors are all taken, a thread at SCHED_IDLE or nice 19 (a seventieth) is not run for
    // seconds, in the middle of a system call that holds the process's memory map: a worker that maps memory waits for
    // it, and the process cannot end (seen: 4 s in exit_mmap, 15 s after "stopped").
    setpriority(PRIO_PROCESS, 0, low_priority);
    while (!ending.load(std::memory_order_acquire)) {
      take_orders();
      if (work()) continue;
      if (!become(Life::resting)) return;
      eventfd_t posts = 0;
      eventfd_read(event.number(), &posts);
      if (!become(Life::working)) return;
    }
    become(Life::ended);
  }

  /// False: stop() has decided meanwhile.
  bool become(Life next) {
    const std::lock_guard guard(lock);
    if (life > Life::resting) return false;
    life = next;
    changed.notify_all();
    return true;
  }

  void take_orders() {
    for (AnyJob& job : queue.take()) {
      if (auto* listing = std::get_if<ListJob>(&job)) listings.push_back(std::move(*listing));
      if (auto* order = std::get_if<PagesOrder>(&job)) pages.push_back(std::move(*order));
      if (auto* copy = std::get_if<CopyJob>(&job)) {
        if (answer_from_memory(*copy)) continue;
        (copy->order.effort == cache::Effort::quick ? quick_copies : best_copies).push_back(std::move(*copy));
      }
    }
  }

  /// One job, of those for whom somebody waits most. False: there is none.
  bool work() {
    if (auto job = take_first(listings)) {
      list(*job);
    } else if (auto order = take_first(pages)) {
      look_at_pages(*order);
    } else if (auto quick = take_first(quick_copies)) {
      copy(*quick);
    } else if (auto best = take_first(best_copies)) {
      copy(*best);
    } else {
      return false;
    }
    return true;
  }

  void list(ListJob& job) {
    disk::Rendered rendered{job.ticket, std::nullopt};
    disk::DirectoryFiles found = disk::read_directory(job.order);
    if (!found.failed) {
      rendered.body =
          http::render_listing(job.order.prefix + job.order.path, found.files, found.truncated, job.order.form);
    }
    give_back(listings_waiting, 1);
    tell(job.worker, std::move(rendered));
  }

  void copy(const CopyJob& job) {
    if (answer_from_memory(job)) return;
    const disk::EncodeOrder& order = job.order;
    // A copy that saves less than a sixteenth is not worth its place in the cache, nor the client's time.
    const size_t most_bytes = order.bytes.size() - order.bytes.size() / 16;
    auto bytes = cache::encode(order.bytes, order.coding, order.effort, order.text, most_bytes);
    made.fetch_add(1, std::memory_order_relaxed);
    RememberedCopies::Copy result;
    if (bytes) result = std::make_shared<const std::string>(std::move(*bytes));
    if (mailboxes.size() > 1) memory.remember(order, result);  // one worker asks once
    answer(job, std::move(result));
  }

  bool answer_from_memory(const CopyJob& job) {
    const RememberedCopies::Copy* known = memory.find(job.order);
    if (known) answer(job, *known);
    return known != nullptr;
  }

  void answer(const CopyJob& job, RememberedCopies::Copy result) {
    give_back(copies_waiting, 1);
    give_back(copy_bytes_waiting, job.order.bytes.size());
    if (!job.done) return tell(job.worker, disk::Encoded{job.ticket, std::move(result)});
    const std::lock_guard guard(lock);
    if (life == Life::working) job.done(std::move(result));
  }

  void look_at_pages(const PagesOrder& order) {
    std::shared_ptr<const disk::ErrorPages> next;
    std::vector<std::string> problems;
    if (disk::error_pages_changed(*order.root, order.rules, *order.current)) {
      next = std::make_shared<const disk::ErrorPages>(
          disk::read_error_pages(*order.root, order.rules, order.compress, problems));
    }
    const std::lock_guard guard(lock);
    if (life == Life::working) on_pages(order.number, std::move(next), std::move(problems));
  }

  void tell(uint32_t worker, disk::Notice notice) {
    const std::lock_guard guard(lock);
    if (life == Life::working) mailboxes[worker]->post(std::move(notice));
  }

  OnPages on_pages;
  Fd event;
  PostQueue<AnyJob> queue;
  std::atomic<size_t> listings_waiting{0};  // until they are answered
  std::atomic<size_t> copies_waiting{0};
  std::atomic<size_t> copy_bytes_waiting{0};
  std::atomic<uint64_t> made{0};
  std::atomic<bool> ending{false};

  // The thread's own.
  std::deque<ListJob> listings;
  std::deque<PagesOrder> pages;
  std::deque<CopyJob> quick_copies, best_copies;
  RememberedCopies memory{most_remembered_bytes};
  std::vector<Mailbox*> mailboxes;

  std::mutex lock;  // of life, and held while something is posted; workers never take it
  std::condition_variable changed;
  Life life = Life::made;
};

Background::Background(OnPages on_pages) : implementation_(std::make_shared<Implementation>(std::move(on_pages))) {}

Background::~Background() { stop(std::chrono::seconds(1)); }

bool Background::list(uint32_t worker, disk::ListingOrder order, uint64_t ticket) {
  Implementation& self = *implementation_;
  if (!reserve(self.listings_waiting, 1, most_listings)) return false;
  self.post(ListJob{worker, ticket, std::move(order)});
  return true;
}

bool Background::encode(uint32_t worker, disk::EncodeOrder order, uint64_t ticket) {
  return implementation_->encode({worker, ticket, std::move(order)});
}

bool Background::encode(disk::EncodeOrder order, OnEncoded done) {
  return implementation_->encode({0, 0, std::move(order), std::move(done)});
}

void Background::read_pages(PagesOrder order) {
  CHECK(order.root);
  CHECK(order.current);
  implementation_->post(std::move(order));
}

Result<void> Background::start(std::span<Mailbox* const> mailboxes) {
  Implementation& self = *implementation_;
  CHECK(self.life == Implementation::Life::made);
  self.mailboxes.assign(mailboxes.begin(), mailboxes.end());
  self.life = Implementation::Life::working;
  try {
    std::thread([shared = implementation_] { shared->thread_main(); }).detach();
  } catch (const std::system_error& refused) {
    self.life = Implementation::Life::ended;
    return failure(std::string("no thread for work that may wait: ") + refused.what() +
                   "; raise the limit of tasks (ulimit -u, TasksMax=)");
  }
  return {};
}

void Background::end() {
  implementation_->ending.store(true, std::memory_order_release);
  eventfd_write(implementation_->event.number(), 1);
}

bool Background::stop(std::chrono::milliseconds patience) {
  using Life = Implementation::Life;
  Implementation& self = *implementation_;
  std::unique_lock guard(self.lock);
  if (self.life == Life::made) self.life = Life::ended;
  if (self.life < Life::ended) {
    end();
    self.changed.wait_for(guard, patience, [&] { return self.life != Life::working; });
    self.life = self.life == Life::working ? Life::stuck : Life::ended;
  }
  return self.life == Life::ended;
}

uint64_t Background::copies_made() const { return implementation_->made.load(std::memory_order_relaxed); }

}  // namespace uringd::server
