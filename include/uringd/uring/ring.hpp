// Ring: everything a worker asks of the kernel. One ring, one thread (SINGLE_ISSUER): the thread that creates it is the
// only one that calls it. Every operation takes a Tag and ends in exactly one terminal Completion with that tag
// (multishots post more before it, each with `more` set). Whatever an operation points to is lent to the kernel until
// that completion arrives, cancelled or not. Nothing here blocks except turn(wait), and nothing allocates after
// create().
//
// Two implementations stand behind this header: src/uring (io_uring) and src/uring/fake (a seeded world for tests/sim).
// Bounds: submission entries (a full queue is submitted, never refused), completion entries, direct slots, buffers.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>

#include "uringd/base/result.hpp"
#include "uringd/stats/counter.hpp"
#include "uringd/uring/attributes.hpp"
#include "uringd/uring/page_cache.hpp"
#include "uringd/uring/tag.hpp"

namespace uringd::uring {

/// A slot of the ring's direct table: a socket without a descriptor number.
struct Direct {
  uint32_t slot = UINT32_MAX;
  [[nodiscard]] bool valid() const { return slot != UINT32_MAX; }
};

/// Storage that accept() and peer_name() fill; lent until their completion.
struct PeerAddress {
  sockaddr_storage address{};
  socklen_t size = 0;
};

struct Completion {
  Tag tag;
  int32_t result = 0;            // bytes, a descriptor, a direct slot, or a negative errno
  bool more = false;             // a multishot goes on (IORING_CQE_F_MORE)
  bool has_buffer = false;       // `buffer` names a buffer of the buffer ring, which the caller must give_back()
  bool socket_nonempty = false;  // of a receive: the socket held more (IORING_CQE_F_SOCK_NONEMPTY)
  uint16_t buffer = 0;
};

enum class Resolve : uint8_t { symlinks_inside, no_symlinks };
enum class Walk : uint8_t { cached, in_thread };

/// Storage that look() fills; lent until its completion. Holds a struct statx.
struct StatusBuffer {
  alignas(8) unsigned char bytes[256];
};

struct World;  // the fake's files, sockets and clock; the real ring ignores it

struct RingOptions {
  uint32_t submission_entries = 1024;
  uint32_t completion_entries = 8192;
  uint32_t direct_slots = 4096;    // sockets; cut to what RLIMIT_NOFILE allows
  uint32_t receive_buffers = 512;  // of receive_buffer_bytes each; a power of two
  uint32_t receive_buffer_bytes = 4096;
  uint32_t bounded_workers = 16;      // io-wq threads for regular files
  uint32_t unbounded_workers = 16;    // io-wq threads for opens and what may wait for ever
  std::span<char> registered_memory;  // one area for read pieces; registered where the memory-lock limit allows it
  bool without_peer_name = false;     // as on kernels before 6.7
  bool restricted = false;            // only the operations below, for whoever comes to submit (server.sandbox)
  World* world = nullptr;
};

/// What this ring got, after fall-backs.
struct RingSetup {
  uint32_t submission_entries = 0, completion_entries = 0, direct_slots = 0, receive_buffers = 0;
  bool registered_memory = false;  // else reads use the plain form
  bool peer_name = false;          // socket commands through the ring (6.7); else accept() brings the address, and
                                   // unacknowledged() is not to be called
  bool install = false;            // install() can be used
  bool restricted = false;         // the kernel refuses any operation that is not below, with -EACCES
  int restriction_errno = 0;       // why not, where it was asked for
};

struct RingCounters {
  stats::Counter enters, submissions, completions, overflows;
};

class Ring {
 public:
  /// A ring of at most `options`' sizes, smaller where memory-lock or descriptor limits ask for it. The error names the
  /// cause (sysctl, seccomp, kernel too old, memory lock) and the way out.
  static Result<Ring> create(const RingOptions& options);
  Ring(Ring&&) noexcept;
  Ring& operator=(Ring&&) = delete;
  ~Ring();

  [[nodiscard]] const RingSetup& setup() const;
  [[nodiscard]] const RingCounters& counters() const;

  // --- the loop -----------------------------------------------------------------------------------------------------
  /// Submits what was queued, waits for at least one completion if `wait`, and returns all that are there, in order
  /// (none, when a signal ended the wait). The span is valid until the next call. A lost completion (-EBADR) is a
  /// CHECK: nothing can be trusted after it.
  std::span<const Completion> turn(bool wait);
  /// Other bounds on the kernel's threads (io-wq) from now on; threads beyond a lower one end as they fall idle.
  void set_workers(uint32_t bounded, uint32_t unbounded);
  /// CLOCK_MONOTONIC and CLOCK_REALTIME; one vDSO call each.
  [[nodiscard]] uint64_t monotonic_ns() const;
  [[nodiscard]] int64_t wall_ns() const;

  // --- sockets ------------------------------------------------------------------------------------------------------
  /// Result: a direct slot, or a negative errno. Multishot: re-arm whenever a completion comes without `more`.
  void accept_multishot(int listener, Tag tag);
  /// One connection, its peer's address written to `peer`. Result as above.
  void accept(int listener, PeerAddress& peer, Tag tag);
  /// A connection is in the listener's backlog (a plain system call that never waits).
  [[nodiscard]] bool connection_waits(int listener) const;
  /// SO_PEERNAME of a direct socket (needs setup().peer_name). `peer.size` says what is asked for: the size of the
  /// listener's own address (getsockname; 2 for unix sockets), because the kernel refuses more with -EINVAL. Result:
  /// that size.
  void peer_name(Direct socket, PeerAddress& peer, Tag tag);
  /// Bytes arrive in buffers of the buffer ring; result 0 is the end of the stream; -ENOBUFS ends the multishot and is
  /// no error of the connection.
  void receive_multishot(Direct socket, Tag tag);
  /// The same for one piece: half a request, or all of one, is what a new client sends.
  void receive_once(Direct socket, Tag tag);
  /// Result > 0 when there is something to receive, an end or an error too: what a quiet connection waits with, since
  /// it holds a quarter of the kernel's memory that a receive holds.
  void poll_readable(Direct socket, Tag tag);
  /// Result: bytes taken, perhaps fewer than asked.
  void send(Direct socket, std::span<const char> bytes, Tag tag);
  /// The same for several spans; `message` and all that it points to are lent.
  void send_message(Direct socket, const msghdr& message, Tag tag);
  /// A chain for the last bytes of a connection, at most most_last_bytes: sends them, and when all are taken closes the
  /// socket. Two completions, the send's first; where not all were taken the close's is -ECANCELED, and the socket is
  /// still open. For sockets with nothing unread: else the close is a reset.
  void send_and_close(Direct socket, std::span<const char> bytes, Tag send_tag, Tag close_tag);
  void send_message_and_close(Direct socket, const msghdr& message, Tag send_tag, Tag close_tag);
  static constexpr size_t most_last_bytes = size_t{16} * 1024;
  /// Result >= 0 when the socket can take bytes again (or is broken).
  void poll_writable(Direct socket, Tag tag);
  /// Result: bytes that the peer has not acknowledged (SIOCOUTQ; needs setup().peer_name), or a negative errno: unix
  /// sockets may answer -EOPNOTSUPP, always.
  void unacknowledged(Direct socket, Tag tag);
  /// shutdown(SHUT_WR): the client sees the end, we go on reading.
  void shutdown_write(Direct socket, Tag tag);
  /// A normal descriptor of the same socket, for system calls; the caller closes it with close_file() before or after
  /// the direct one. Needs setup().install (6.8). Result: a descriptor.
  void install(Direct socket, Tag tag);
  void close(Direct socket, Tag tag);
  /// Asks for the end of the operation tagged `target`: it can lose (-ENOENT, -EALREADY). Two completions, any order.
  void cancel(Tag target, Tag tag);
  /// A chain: cancels `target`, then closes the socket whatever came of it. Three completions (target's among them),
  /// any order.
  void cancel_and_close(Tag target, Tag cancel_tag, Direct socket, Tag close_tag);

  // --- files --------------------------------------------------------------------------------------------------------
  /// openat2 of `path` (relative, NUL-terminated) that cannot leave the directory `root`: RESOLVE_BENEATH |
  /// RESOLVE_NO_MAGICLINKS, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC. Result: a descriptor. (openat2(2))
  /// Walk::cached: only what the kernel's name cache knows and only on the root's own mount, answered at once; -EAGAIN
  /// where the walk would need a disk, -EXDEV where it would leave the mount, or the root (RESOLVE_CACHED,
  /// RESOLVE_NO_XDEV). Only for roots on a local disk: on FUSE and network file systems opening itself asks the server,
  /// also where the name is cached, inside turn() (500 ms measured for 500 ms of FUSE_OPEN).
  /// Walk::in_thread: wherever it leads, by a kernel thread (io-wq).
  void open_beneath(int root, const char* path, Resolve resolve, Walk walk, Tag tag);
  /// open of a directory by its own name, links followed, nothing confined, by a kernel thread: for roots. Result: a
  /// descriptor.
  void open_directory(const char* path, Tag tag);
  /// open of a file by its own name, for reading (O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), links followed,
  /// nothing confined, by a kernel thread: for files that the configuration names. A FIFO opens at once, a directory
  /// too: what it is, the descriptor tells. Result: a descriptor.
  void open_file(const char* path, Tag tag);
  /// Read of something that is no file (an eventfd, inotify): completes when there is something to read.
  void read(int descriptor, std::span<char> into, uint64_t offset, Tag tag);
  /// Whether reading these bytes would ask no disk (a plain system call that never waits). `bytes` > 0.
  [[nodiscard]] Cached in_page_cache(int file, uint64_t offset, size_t bytes) const;
  /// Buffered read of a file at `offset`; the fixed form is used where `into` lies in registered memory. A short read
  /// is no error. Walk::cached: only what is in_page_cache(); answered at once, -EAGAIN or -EOPNOTSUPP where it is not
  /// there after all (RWF_NOWAIT). Walk::in_thread: by a kernel thread. Any other read, RWF_NOWAIT or not, begins its
  /// read-ahead inside turn(), and where the device's queue is full (128 requests of a loop device, fewer of a SATA
  /// disk) that waits for a tag: the whole worker stood still for 1.2 s at 256 cold reads (measured).
  void read(int file, std::span<char> into, uint64_t offset, Walk walk, Tag tag);
  /// Read of what is in_page_cache(), a plain system call (preadv2(2) with RWF_NOWAIT): bytes read, perhaps fewer than
  /// there is room for; 0 at the file's end; -EAGAIN or -EOPNOTSUPP where it is not there after all, and then its
  /// read-ahead was begun by this thread, as above.
  [[nodiscard]] int read_cached(int file, std::span<char> into, uint64_t offset) const;
  /// Writes at the file's end (O_APPEND), or wherever a pipe, a terminal or a socket takes bytes, by a kernel thread.
  /// Result: bytes taken, perhaps fewer. A pipe, socket or terminal that takes nothing is waited for by polling,
  /// and holds no kernel thread; cancel() ends that wait at once. Its descriptor may have O_NONBLOCK or not: where it
  /// has, -EAGAIN may come in place of the wait. Why not inside turn(): a terminal with room for a part of the bytes
  /// held it until somebody read (1.5 s, until the test did). By a kernel thread, the submission takes 1 us while that
  /// thread is busy and 7 to 15 us to wake it, whatever the file is (ext4, a full ext4, tmpfs, pipe, FIFO, pty,
  /// /dev/null, /dev/full; measured on 6.18); buffered writes of regular files, ext4 hands to one anyway. A file on a
  /// hung disk holds one, and no cancel() ends it.
  void append(int file, std::span<const char> bytes, Tag tag);
  /// Closes through the ring; nobody waits for it and no completion comes.
  void close_file(int file);
  /// The same by a kernel thread, with a completion: closing a file of a FUSE file system asks its server, and the last
  /// close of a large removed file frees its blocks.
  void close_file(int file, Tag tag);
  /// statx(fd, AT_EMPTY_PATH | AT_STATX_DONT_SYNC): a plain system call that never waits for a disk. Error: a positive
  /// errno.
  [[nodiscard]] std::expected<Attributes, int> attributes_of(int file) const;
  /// The same, asked of the file system itself (AT_STATX_FORCE_SYNC): for network and FUSE files, whose attributes the
  /// kernel may have from before. `into` is lent; then attributes_from(). Always takes a kernel thread.
  void look(int file, StatusBuffer& into, Tag tag);
  [[nodiscard]] static Attributes attributes_from(const StatusBuffer& status);

  // --- time and waking ----------------------------------------------------------------------------------------------
  /// One timeout at an absolute monotonic time; result -ETIME. At most one may be armed.
  void timeout_at(uint64_t monotonic_ns, Tag tag);
  /// Cancels a listener's multishot accept is cancel(); this closes the listener itself: shutdown(2), then close(2), so
  /// that its port is free at once. Only for sockets that this process opened and nobody else holds.
  void close_listener(int listener);

  // --- buffer ring --------------------------------------------------------------------------------------------------
  /// The bytes of a receive completion; valid until give_back.
  [[nodiscard]] std::span<const char> bytes_of(const Completion& completion) const;
  void give_back(uint16_t buffer);

 private:
  struct Implementation;
  explicit Ring(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace uringd::uring
