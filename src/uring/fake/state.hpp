// WorldState: everything that the fake kernel knows. Operations pass through: queued → in flight (submitted) → posted;
// a decided operation has its outcome and waits only for its turn to be posted. Owned by World; the one Ring borrows
// it.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tree.hpp"
#include "uringd/uring/fake.hpp"
#include "uringd/uring/ring.hpp"

namespace uringd::uring {

enum class Action : uint8_t {
  accept_multishot,
  accept,
  peer_name,
  receive,
  poll_readable,
  send,
  send_message,
  poll,
  unacknowledged,
  shutdown_write,
  install,
  close,
  cancel,
  open,
  read,
  look,
  append,
  close_file,
  timeout
};

struct Operation {
  Action action = Action::timeout;
  Tag tag;
  uint64_t due_ns = 0;  // not posted before
  int number = -1;      // listener or descriptor
  Direct socket;
  Client* client = nullptr;  // the socket's other end, resolved at submission
  std::span<char> into;
  std::span<const char> from;
  const msghdr* message = nullptr;
  const char* path = nullptr;
  Resolve resolve = Resolve::symlinks_inside;
  Walk walk = Walk::in_thread;
  StatusBuffer* status = nullptr;
  uint64_t offset = 0;
  PeerAddress* peer = nullptr;
  uint32_t peer_size = 0;
  Tag target;  // of a cancel
  bool decided = false;
  int outcome = 0;
  bool once = false;          // a receive that ends with its first bytes
  bool close_behind = false;  // a send in a chain with its socket's close, tagged
  Tag close_tag;
  bool ending = false;  // cancelled, but it lost: its next completion is its last
  bool torn = false;
  size_t half = 0;  // bytes of `first_half` that a torn read took at an earlier time
  std::string first_half;
  bool done = false;  // its terminal completion is posted
};

struct Event {
  uint64_t due_ns;
  uint64_t order;
  std::function<void(World&)> action;
};

struct Listener {
  bool open = true;
  std::deque<Client*> waiting;
};

enum class BufferOwner : uint8_t { kernel, caller };

struct WorldState {
  static constexpr int top = -1;  // in place of a root: the tree's top, from which open_file() walks

  WorldState(World& world, uint64_t seed, Mischief chances) : owner(world), random(seed), mischief(chances) {}

  // --- ring.cpp: the loop -------------------------------------------------------------------------------------------
  void attach(const RingOptions& options);
  void detach();
  void queue(Operation operation);
  void submit();
  std::span<const Completion> turn(bool wait);
  void post(Operation& operation, int result, bool more = false);
  void finish(Operation& operation, int result);
  void give_back(uint16_t buffer);
  [[nodiscard]] std::span<const char> bytes_of(const Completion& completion) const;

  // --- operations.cpp: what each operation does ---------------------------------------------------------------------
  void begin(Operation& operation);
  /// It could take place now.
  [[nodiscard]] bool ready(const Operation& operation) const;
  /// Takes place, and posts at most one completion.
  void carry_out(Operation& operation);
  void begin_socket(Operation& operation);
  void begin_file(Operation& operation);
  void cancel(Operation& operation);
  void close_socket(Operation& operation);
  /// The second part of a chain: begins when the first was whole, else ends with -ECANCELED.
  void close_behind(const Operation& send, int result);
  void accept(Operation& operation);
  void receive(Operation& operation);
  void read(Operation& operation);
  void open(Operation& operation);
  void look(Operation& operation);
  void append(Operation& operation);
  void install(Operation& operation);
  void close_file(int number);
  void peer_name(Operation& operation);
  [[nodiscard]] int transfer(Operation& operation);
  void drain_clients();
  void server_closed(Client& client);
  /// The program's last hold on the socket is gone, if it is: a direct slot or an installed descriptor.
  void let_go(Client& client);
  void close_listener(int listener);
  static void break_connection(Client& client);
  /// It reads, and there is something to read or an end to see.
  [[nodiscard]] static bool can_read(const Client& client);
  [[nodiscard]] uint64_t delay() { return random.below(mischief.longest_delay_ns + 1); }

  // --- world.cpp ----------------------------------------------------------------------------------------------------
  Client& new_client(int listener);
  void check() const;
  void run_events();
  [[nodiscard]] int64_t change_time();
  void changed(Node& node);
  /// Its name is gone, and the names of all below it: link counts fall, change times move.
  void unlinked(Node& node);
  /// Directories whose names changed get their times.
  void touch_directories();

  [[nodiscard]] char* memory_of(uint16_t buffer) { return pool.data() + size_t{buffer} * buffer_bytes; }
  void garble(std::span<char> memory);
  void take_buffer(uint16_t& buffer);
  [[nodiscard]] size_t kernel_buffers() const;
  [[nodiscard]] size_t free_slot();
  [[nodiscard]] size_t taken_slots() const;
  /// When something can happen next; UINT64_MAX for never.
  [[nodiscard]] uint64_t next_time() const;

  World& owner;
  Random random;
  Mischief mischief;
  uint64_t now = 1'000'000'000;
  int64_t wall_offset = 1'700'000'000'000'000'000;
  uint64_t granularity = 1;
  int64_t last_change = 0;
  Tree tree;

  int next_number = 10'000;  // never used twice: a descriptor used after its end cannot pass for another
  std::map<int, std::shared_ptr<Node>> files;
  std::map<int, std::shared_ptr<Node>> roots;
  std::map<int, Client*> installed;  // descriptors of sockets
  std::map<int, Listener> listeners;
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<Event> events;
  uint64_t event_order = 0;
  bool interrupted = false;
  bool remote = false;

  bool attached = false;
  RingSetup setup;
  RingCounters counters;
  std::vector<Client*> slots;  // nullptr: free
  std::deque<Operation> queued;
  std::vector<std::unique_ptr<Operation>> flight;
  std::vector<Completion> completions;
  std::vector<char> pool;
  std::vector<BufferOwner> owners;
  uint32_t buffer_bytes = 0;
};

}  // namespace uringd::uring
