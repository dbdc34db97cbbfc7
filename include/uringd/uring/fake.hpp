// World: files, clients, sockets and a clock, made from a seed, behind the same Ring that the program uses (link
// uring_fake_dep in place of uring_dep). The same seed and the same calls give the same run. It completes operations in
// any order that a kernel could, with any result that a kernel could give (Mischief says how often), and it stops the
// process (CHECK) on what no kernel would forgive: a loan broken, a descriptor used after its end, two sends on one
// socket.
//
//   World world(seed, Mischief::wild());                        // print the seed before: a failed CHECK aborts
//   world.put_file("index.html", "<p>hi");
//   const int root = world.root(), listener = world.listen();
//   RingOptions options;  options.world = &world;
//   Ring ring = *Ring::create(options);                         // one ring at a time per World
//   Client& client = world.connect(listener);
//   world.after(2'000'000, [&](World&) { client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n"); });
//   world.after(9'000'000, [](World& w) { w.put_file("index.html", "<p>bye"); });
//   while (…) { for (const Completion& c : ring.turn(true)) handle(c);  world.check(); }
//   CHECK(world.held().empty());                                // at the end nothing is open, lent or under way
//
// Time moves a little each turn; turn(true) with nothing ready jumps to what happens next (an operation's end, a
// timeout, an action of at() or after()) and returns empty when nothing ever will. Memory lent for reading into is
// garbage until its completion; memory lent for sending is read at the moment of the transfer; so what is touched too
// early shows as wrong bytes. Everything here belongs to one thread.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "uringd/uring/attributes.hpp"
#include "uringd/uring/tag.hpp"

namespace uringd::uring {

/// splitmix64: a seed's sequence, the same on every machine.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next();
  /// Evenly from [0, bound); 0 for a bound of 0.
  uint64_t below(uint64_t bound) { return bound == 0 ? 0 : next() % bound; }
  bool chance(uint32_t per_mille) { return per_mille > 0 && below(1000) < per_mille; }

 private:
  uint64_t state_;
};

/// How often the kernel is unkind, in chances per thousand where nothing else is said. All zero: a friendly kernel.
struct Mischief {
  uint32_t short_read = 0;         // a read brings fewer bytes than the file has there
  uint32_t read_error = 0;         // -EIO, of reads and looks
  uint32_t torn_read = 0;          // its first half is taken now, the rest at another time
  uint32_t open_error = 0;         // -EMFILE, -ENFILE, -EAGAIN, -ENOMEM
  uint32_t uncached = 0;           // a cached walk or read answers -EAGAIN
  uint32_t accept_error = 0;       // -EMFILE, -ENFILE, -ENOBUFS, -ENOMEM, -ECONNABORTED
  uint32_t lost_more = 0;          // a multishot's completion without `more`
  uint32_t no_buffers = 0;         // -ENOBUFS although there are buffers
  uint32_t short_receive = 0;      // 1 byte up to what is there
  uint32_t short_send = 0;         // 1 byte up to what fits
  uint32_t send_error = 0;         // the connection breaks: -EPIPE, -ECONNRESET, -ETIMEDOUT
  uint32_t no_unacknowledged = 0;  // unacknowledged() answers -EOPNOTSUPP, as a unix socket does
  uint32_t cancel_loses = 0;       // -ENOENT or -EALREADY, and the operation takes place
  uint32_t interrupted_wait = 0;   // a waiting turn returns with nothing
  uint32_t held_back = 0;          // a completion that could come now comes at a later turn
  uint64_t longest_delay_ns = 0;   // every operation takes up to this long
  uint32_t no_cachestat = 0;       // in_page_cache() does not tell, as to who does not own the file
  uint32_t slow = 0;               // an open, read or look takes up to slowest_ns
  uint64_t slowest_ns = 0;
  uint32_t late = 0;  // an open, read or look takes place, and its completion comes up to latest_ns later
  uint64_t latest_ns = 0;
  uint32_t short_append = 0;  // an append takes fewer bytes than it was given; of a pipe, only beyond PIPE_BUF
  uint32_t append_error = 0;  // -ENOSPC, -EIO, -EINTR, -EAGAIN

  static Mischief none() { return {}; }
  /// Every kind, often enough to meet several in one run.
  static Mischief wild();
};

/// One client of the simulated network. Owned by World, valid as long as it.
class Client {
 public:
  /// Bytes for the server; they arrive in order, in pieces that the seed chooses.
  void send(std::string_view bytes);
  /// FIN: no more bytes from here, reading goes on.
  void half_close();
  /// FIN, and what the server sends from now on is answered with RST.
  void close();
  /// RST: everything under way is lost.
  void reset();
  /// A client that does not read lets the server's socket buffer fill up. Clients begin reading.
  void set_reading(bool on) { reading_ = on; }
  /// Bytes that the server may have sent and the client not yet read. At least 1; 64 KiB to begin with.
  void set_window(size_t bytes) { window_ = bytes > 0 ? bytes : 1; }
  /// Takes what has been read since the last call.
  std::string take_received();
  [[nodiscard]] const std::string& received() const { return received_; }
  /// The server's end came (after all of its bytes, if this client reads).
  [[nodiscard]] bool saw_end() const { return saw_end_; }
  /// RST came from the server: it closed while bytes were unread, or bytes came to a closed socket.
  [[nodiscard]] bool was_reset() const { return was_reset_; }
  [[nodiscard]] bool accepted() const { return accepted_; }
  /// Nothing of what was sent is still on its way to the server's program.
  [[nodiscard]] bool all_taken() const { return inbound_.size() == inbound_taken_; }
  /// The address that the server sees, unique in its World.
  [[nodiscard]] const sockaddr_in& address() const { return address_; }

 private:
  friend struct WorldState;
  std::string inbound_;  // to the server; the first `inbound_taken_` bytes are received already
  size_t inbound_taken_ = 0;
  std::string outbound_;  // from the server, in its socket buffer
  std::string received_;
  size_t window_ = size_t{64} * 1024;
  sockaddr_in address_{};
  bool reading_ = true;
  bool inbound_end_ = false;   // FIN from the client
  bool closed_ = false;        // the client closed
  bool reset_ = false;         // the connection is broken, from either side
  bool outbound_end_ = false;  // FIN from the server
  bool server_closed_ = false;
  bool saw_end_ = false;
  bool was_reset_ = false;
  bool accepted_ = false;
};

struct WorldState;

struct World {
  explicit World(uint64_t seed, Mischief mischief = Mischief::wild());
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // --- time ---
  [[nodiscard]] uint64_t now_ns() const;
  void advance(uint64_t ns);
  /// A waiting turn returns with nothing, as when a signal comes; for actions of at() and after().
  void interrupt();
  /// The wall clock is set forward or back; the monotonic clock goes on.
  void step_wall_clock(int64_t ns);
  /// `action` happens inside the turn that reaches this time.
  void at(uint64_t monotonic_ns, std::function<void(World&)> action);
  void after(uint64_t ns, std::function<void(World&)> action);
  /// For the caller's own choices: part of the same seed.
  Random& random();
  /// May be changed at any time: a run that must end clean sets Mischief::none() first.
  Mischief& mischief();

  // --- files: paths are relative to the tree's top, parents are made; open_file() walks from there too ---
  /// A file with this content. One that exists is rewritten in place: same inode, new times.
  void put_file(const std::string& path, std::string content);
  /// The same by rename: a new inode; descriptors that are open keep the old one.
  void replace_file(const std::string& path, std::string content);
  /// A file of any size whose byte at `offset` is generated_byte(version, offset). Rewritten in place as put_file().
  void put_generated(const std::string& path, uint64_t size_bytes, uint64_t version);
  static char generated_byte(uint64_t version, uint64_t offset);
  /// Shorter, or longer by zeros (a generated file: by its own bytes).
  void resize(const std::string& path, uint64_t size_bytes);
  void put_directory(const std::string& path);
  void put_symlink(const std::string& path, std::string target);
  /// A FIFO, socket or device: it opens, may be appended to, and must never be read.
  void put_other(const std::string& path);
  void remove(const std::string& path);
  /// Nobody can change it until this is taken back; a test that tries is stopped.
  void set_immutable(const std::string& path, bool on);
  /// What opening (reading) answers from now on; 0 for the usual. Positive errno.
  void fail_open(const std::string& path, int error_number);
  void fail_read(const std::string& path, int error_number);
  void fail_append(const std::string& path, int error_number);
  /// As a pipe that nobody reads: appends wait until this is taken back, or they are cancelled.
  void set_stuck(const std::string& path, bool on);
  /// All bytes of a file, or those that were appended to a pipe.
  [[nodiscard]] std::string content(const std::string& path) const;
  /// Changes of a file within this time share one timestamp, as on kernels before 6.13. 1: every change is visible.
  void set_timestamp_granularity(uint64_t ns);
  /// A descriptor of the directory `path` for open_beneath(); it is the test's, and not counted in open_files().
  int root(const std::string& path = ".");
  /// Nothing may be opened beneath it any more; an open that is under way stops the process.
  void close_root(int root);
  /// As on a network file system: attributes_of() tells what the last open or look saw, and the truth is another.
  void set_remote(bool on);
  /// The names in a directory that the program has open, sorted.
  [[nodiscard]] std::vector<std::string> names(int directory) const;
  /// As another thread closes a descriptor that was handed to it, without the ring.
  void close_file(int file);

  // --- network ---
  int listen();
  Client& connect(int listener);

  // --- checks ---
  /// After every step: buffers add up, every operation has one owner and an open socket or descriptor.
  void check() const;
  /// What the program still holds, one line each; empty when quiet. Operations in flight, descriptors, sockets,
  /// buffers.
  [[nodiscard]] std::string held() const;
  [[nodiscard]] std::vector<Tag> operations() const;
  [[nodiscard]] size_t open_files() const;
  [[nodiscard]] size_t open_sockets() const;
  [[nodiscard]] size_t lent_buffers() const;

  [[nodiscard]] WorldState& state() { return *state_; }

 private:
  std::unique_ptr<WorldState> state_;
};

}  // namespace uringd::uring
