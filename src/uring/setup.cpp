// Setting a ring up within what this process is allowed. Order: ring and its completion queue, worker limits, direct
// table, receive buffers, registered memory; each falls back to a smaller size or to the plain form, and RingSetup says
// which. Then it is restricted to its own operations, where that was asked for, and enabled; what must be tried by
// submitting comes last. What never falls back: SINGLE_ISSUER and DEFER_TASKRUN (6.1); a ring without them is slower
// than epoll (measured).
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <memory>

#include "implementation.hpp"
#include "uringd/uring/features.hpp"

namespace uringd::uring {

namespace {

constexpr uint32_t fewest_submissions =
    64;  // with 256 completions it fits Debian's smallest sensible memory lock, 64 KiB
constexpr uint32_t fewest_completions = 256;
constexpr uint32_t fewest_slots = 8;
constexpr uint32_t fewest_buffers = 16;
constexpr uint32_t reserved_descriptors =
    32;                                    // files, logs, listeners, inotify: they share RLIMIT_NOFILE with the table
constexpr uint32_t most_buffers = 32768;   // IORING_REGISTER_PBUF_RING's bound
constexpr Tag probe{.kind = Kind::timer};  // set-up's own; never seen by a caller

std::unexpected<Error> refused(int negative_errno, const char* call) {
  return failure(explain_refusal(-negative_errno, call, "/proc"));
}

/// Half of `size`, but not below `floor`, unless it is there already.
uint32_t halved(uint32_t size, uint32_t floor) { return size <= floor ? size : std::max(size / 2, floor); }

}  // namespace

Result<void> Ring::Implementation::make_ring(const RingOptions& options) {
  uint32_t submissions = std::max(options.submission_entries, 2U);  // a chain needs two
  uint32_t completions = std::max(options.completion_entries, submissions);
  for (;;) {
    io_uring_params parameters{};
    parameters.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
                       IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CLAMP;
    if (options.restricted) parameters.flags |= IORING_SETUP_R_DISABLED;  // restrictions are for disabled rings only
    parameters.cq_entries = completions;
    const int result = io_uring_queue_init_params(submissions, &ring, &parameters);
    if (result == 0) {
      running = true;
      setup.submission_entries = parameters.sq_entries;
      setup.completion_entries = parameters.cq_entries;
      return {};
    }
    const uint32_t fewer_submissions = halved(submissions, fewest_submissions);
    const uint32_t fewer_completions = std::max(halved(completions, fewest_completions), fewer_submissions);
    if (result != -ENOMEM || (fewer_submissions == submissions && fewer_completions == completions))
      return refused(result, "io_uring_setup");
    submissions = fewer_submissions;
    completions = fewer_completions;
  }
}

Result<void> Ring::Implementation::make_direct_table(const RingOptions& options) {
  rlimit limit{};
  CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  const rlim_t allowed = limit.rlim_cur > reserved_descriptors ? limit.rlim_cur - reserved_descriptors : 0;
  uint32_t slots =
      static_cast<uint32_t>(std::min<rlim_t>(options.direct_slots, std::max<rlim_t>(allowed, fewest_slots)));
  for (;;) {
    const int result = io_uring_register_files_sparse(&ring, slots);
    if (result >= 0) break;
    const uint32_t fewer = halved(slots, fewest_slots);
    if ((result != -EMFILE && result != -ENOMEM) || fewer == slots) return refused(result, "io_uring_register");
    slots = fewer;
  }
  setup.direct_slots = slots;
  return {};
}

Result<void> Ring::Implementation::make_buffers(const RingOptions& options) {
  uint32_t count = std::min(std::bit_floor(options.receive_buffers), most_buffers);
  for (;;) {
    const int result = buffers.set_up(ring, count, options.receive_buffer_bytes);
    if (result == 0) break;
    const uint32_t fewer = halved(count, fewest_buffers);
    if (result != -ENOMEM || fewer == count) return refused(result, "io_uring_register");
    count = fewer;
  }
  setup.receive_buffers = count;
  return {};
}

void Ring::Implementation::register_memory(const RingOptions& options) {
  if (options.registered_memory.empty()) return;
  const iovec area{.iov_base = options.registered_memory.data(), .iov_len = options.registered_memory.size()};
  if (io_uring_register_buffers(&ring, &area, 1) < 0) return;  // memory lock, or over 1 GiB: plain reads do as well
  registered = options.registered_memory;
  setup.registered_memory = true;
}

Result<void> Ring::Implementation::restrict_and_enable() {
  setup.restriction_errno = -restrict_operations();  // refused: the list is void, the ring a plain one
  setup.restricted = setup.restriction_errno == 0;
  if (const int result = io_uring_enable_rings(&ring); result < 0) return refused(result, "io_uring_register");
  return {};
}

int Ring::Implementation::result_of_only_entry() {
  int result = 0;
  do {
    result = io_uring_submit_and_wait(&ring, 1);
  } while (result == -EINTR);
  if (result < 0) return result;
  io_uring_cqe* cqe = nullptr;
  if (const int missing = io_uring_wait_cqe(&ring, &cqe); missing < 0) return missing;
  result = cqe->res;
  io_uring_cqe_seen(&ring, cqe);
  return result;
}

bool Ring::Implementation::can_ask_sockets() {
  int pair[2] = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return false;
  sa_family_t family = 0;  // an unnamed peer's address is its family alone
  io_uring_prep_cmd_sock(entry(probe), SOCKET_URING_OP_GETSOCKOPT, pair[0], SOL_SOCKET, SO_PEERNAME, &family,
                         sizeof family);
  const int result = result_of_only_entry();
  ::close(pair[0]);
  ::close(pair[1]);
  return result == sizeof family && family == AF_UNIX;
}

bool Ring::Implementation::can_install() {
  const std::unique_ptr<io_uring_probe, void (*)(io_uring_probe*)> known(io_uring_get_probe_ring(&ring),
                                                                         io_uring_free_probe);
  return known != nullptr && io_uring_opcode_supported(known.get(), IORING_OP_FIXED_FD_INSTALL) != 0;
}

Result<void> Ring::Implementation::set_up(const RingOptions& options) {
  for (const Resolve resolve : {Resolve::symlinks_inside, Resolve::no_symlinks}) {
    for (const Walk walk : {Walk::cached, Walk::in_thread}) {
      open_how& way = ways[static_cast<int>(resolve)][static_cast<int>(walk)];
      way.flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
      way.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
      if (resolve == Resolve::no_symlinks) way.resolve |= RESOLVE_NO_SYMLINKS;
      if (walk == Walk::cached) way.resolve |= RESOLVE_CACHED | RESOLVE_NO_XDEV;
    }
  }

  if (auto made = make_ring(options); !made) return made;
  // A filter can allow io_uring_setup and deny one of the other two calls: this one is the first to register, and the
  // nop below the first to enter.
  if (const int result = io_uring_register_ring_fd(&ring); result < 0) return refused(result, "io_uring_register");
  unsigned workers[2] = {options.bounded_workers, options.unbounded_workers};
  if (const int result = io_uring_register_iowq_max_workers(&ring, workers); result < 0)
    return refused(result, "io_uring_register");
  if (auto made = make_direct_table(options); !made) return made;
  if (auto made = make_buffers(options); !made) return made;
  register_memory(options);
  setup.install = can_install();
  if (options.restricted) {
    if (auto made = restrict_and_enable(); !made) return made;
  }
  io_uring_prep_nop(entry(probe));
  if (const int result = result_of_only_entry(); result < 0) return refused(result, "io_uring_enter");
  setup.peer_name = !options.without_peer_name && can_ask_sockets();
  // Twice the queue: what a turn returns may hold an overflow list besides the queue itself.
  reaped.reserve(size_t{setup.completion_entries} * 2);
  backlog.reserve(size_t{setup.completion_entries} * 2);
  return {};
}

}  // namespace uringd::uring
