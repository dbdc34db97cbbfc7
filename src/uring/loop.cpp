// The loop's side of Ring: queueing, one enter per turn, reaping. The kernel runs our completions only inside our own
// enter (DEFER_TASKRUN), so a turn enters when something is queued, when the caller waits, or when the kernel's flags
// say that completions overflowed or task work waits (either bit; hazards: testing for both at once stalls every
// operation).
#include <cerrno>
#include <ctime>
#include <utility>

#include "implementation.hpp"

namespace uringd::uring {

namespace {

constexpr uint64_t ns_per_s = 1'000'000'000;
constexpr unsigned submit_attempts = 10'000;  // of 1 ms: a kernel without memory for ten seconds has ended us anyway

timespec now(clockid_t clock) {
  timespec time{};
  CHECK(clock_gettime(clock, &time) == 0);
  return time;
}

}  // namespace

uint32_t Ring::Implementation::kernel_flags() const { return __atomic_load_n(ring.sq.kflags, __ATOMIC_RELAXED); }

void Ring::Implementation::enter(unsigned wait_for) {
  buffers.publish();
  ++counters.enters;
  const int result = wait_for > 0 ? io_uring_submit_and_wait(&ring, wait_for) : io_uring_submit_and_get_events(&ring);
  interrupted = result == -EINTR;
  if (result >= 0) {
    counters.submissions += static_cast<unsigned>(result);
    return;
  }
  CHECK(result != -EBADR);  // the kernel dropped completions: loans that would never end
  CHECK(result == -EINTR || result == -EAGAIN || result == -EBUSY);  // EBUSY: completions pile up; EAGAIN: no memory
}

void Ring::Implementation::reap(std::vector<Completion>& into) {
  for (;;) {
    unsigned head = 0;
    unsigned seen = 0;
    io_uring_cqe* cqe = nullptr;
    io_uring_for_each_cqe(&ring, head, cqe) {
      if (into.size() == into.capacity()) break;
      ++seen;
      Completion completion{.tag = Tag::unpack(cqe->user_data),
                            .result = cqe->res,
                            .more = (cqe->flags & IORING_CQE_F_MORE) != 0,
                            .has_buffer = (cqe->flags & IORING_CQE_F_BUFFER) != 0,
                            .socket_nonempty = (cqe->flags & IORING_CQE_F_SOCK_NONEMPTY) != 0,
                            .buffer = static_cast<uint16_t>(cqe->flags >> IORING_CQE_BUFFER_SHIFT)};
      if (completion.has_buffer) buffers.taken(completion.buffer);
      if (cqe->user_data == armed_timeout) armed_timeout = none;
      if (completion.tag.kind != Kind::nobody) into.push_back(completion);
    }
    io_uring_cq_advance(&ring, seen);
    counters.completions += seen;
    CHECK(*ring.cq.koverflow == 0);
    if (!(kernel_flags() & IORING_SQ_CQ_OVERFLOW)) return;
    ++counters.overflows;
    if (into.size() == into.capacity()) return;  // the rest keeps its place in the kernel
    enter(0);                                    // moves the overflow list into the queue that we have just emptied
  }
}

void Ring::Implementation::reserve(unsigned count) {
  CHECK(count <= setup.submission_entries);
  for (unsigned attempt = 0; io_uring_sq_space_left(&ring) < count; ++attempt) {
    CHECK(attempt < submit_attempts);
    if (attempt > 0) {
      const timespec pause{.tv_sec = 0, .tv_nsec = 1'000'000};
      nanosleep(&pause, nullptr);
    }
    enter(0);
    // Room in the completion queue for what was just submitted; the caller may still hold the last turn's span, so
    // completions wait in the backlog, which never reallocates: beyond its capacity they stay with the kernel.
    if (io_uring_cq_ready(&ring) > setup.completion_entries / 2) reap(backlog);
  }
}

io_uring_sqe* Ring::Implementation::entry(Tag tag) {
  reserve(1);
  io_uring_sqe* sqe = io_uring_get_sqe(&ring);
  CHECK(sqe != nullptr);
  sqe->user_data = tag.pack();  // io_uring_prep_* leaves user_data alone
  return sqe;
}

std::span<const Completion> Ring::turn(bool wait) {
  Implementation& self = *implementation_;
  std::swap(self.reaped, self.backlog);
  self.backlog.clear();
  do {
    const bool idle = self.reaped.empty() && io_uring_cq_ready(&self.ring) == 0;
    const bool work =
        io_uring_sq_ready(&self.ring) > 0 || (self.kernel_flags() & (IORING_SQ_CQ_OVERFLOW | IORING_SQ_TASKRUN)) != 0;
    self.interrupted = false;
    if (work || (wait && idle)) self.enter(wait && idle ? 1 : 0);
    self.reap(self.reaped);
  } while (wait && self.reaped.empty() && !self.interrupted);
  return self.reaped;
}

uint64_t Ring::monotonic_ns() const {
  const timespec time = now(CLOCK_MONOTONIC);
  return static_cast<uint64_t>(time.tv_sec) * ns_per_s + static_cast<uint64_t>(time.tv_nsec);
}

int64_t Ring::wall_ns() const {
  const timespec time = now(CLOCK_REALTIME);
  return int64_t{time.tv_sec} * static_cast<int64_t>(ns_per_s) + time.tv_nsec;
}

void Ring::timeout_at(uint64_t monotonic_ns, Tag tag) {
  Implementation& self = *implementation_;
  CHECK(self.armed_timeout == Implementation::none);
  io_uring_sqe* sqe = self.entry(tag);
  self.armed_timeout = tag.pack();
  self.deadline.tv_sec = static_cast<int64_t>(monotonic_ns / ns_per_s);
  self.deadline.tv_nsec = static_cast<int64_t>(monotonic_ns % ns_per_s);
  io_uring_prep_timeout(sqe, &self.deadline, 0, IORING_TIMEOUT_ABS);
}

}  // namespace uringd::uring
