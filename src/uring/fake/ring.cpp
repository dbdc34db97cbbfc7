// Ring over a World: the same doorway, with the kernel's part played by WorldState. A turn submits in order, lets a
// random choice of what could happen happen, and, when asked to wait, moves the clock to the next event until something
// has.
#include "uringd/uring/ring.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "state.hpp"
#include "uringd/base/check.hpp"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) static_cast<void>(0)
#define ASAN_UNPOISON_MEMORY_REGION(address, size) static_cast<void>(0)
#endif

namespace uringd::uring {

struct Ring::Implementation {
  explicit Implementation(WorldState& world) : state(world) {}
  Implementation(const Implementation&) = delete;
  Implementation& operator=(const Implementation&) = delete;
  ~Implementation() { state.detach(); }
  WorldState& state;
};

// --- WorldState's loop ---

void WorldState::attach(const RingOptions& options) {
  CHECK(!attached);
  attached = true;
  setup = {.submission_entries = options.submission_entries,
           .completion_entries = options.completion_entries,
           .direct_slots = options.direct_slots,
           .receive_buffers = options.receive_buffers,
           .registered_memory = !options.registered_memory.empty(),
           .peer_name = !options.without_peer_name,
           .install = true};
  counters = {};
  slots.assign(options.direct_slots, nullptr);
  buffer_bytes = options.receive_buffer_bytes;
  pool.resize(size_t{options.receive_buffers} * buffer_bytes);
  owners.assign(options.receive_buffers, BufferOwner::kernel);
  garble(pool);
  ASAN_POISON_MEMORY_REGION(pool.data(), pool.size());
}

void WorldState::detach() {
  flight.clear();  // what it borrowed may be gone already: not touched
  queued.clear();
  completions.clear();
  for (Client*& client : slots) {
    if (client != nullptr) server_closed(*std::exchange(client, nullptr));
  }
  for (const auto& [number, client] : std::exchange(installed, {})) server_closed(*client);
  ASAN_UNPOISON_MEMORY_REGION(pool.data(), pool.size());
  owners.clear();
  attached = false;
}

void WorldState::garble(std::span<char> memory) {
  if (!memory.empty()) std::memset(memory.data(), static_cast<int>(random.next() & 0xff), memory.size());
}

void WorldState::queue(Operation operation) {
  if (queued.size() == setup.submission_entries) submit();
  queued.push_back(std::move(operation));
}

void WorldState::submit() {
  while (!queued.empty()) {
    auto operation = std::make_unique<Operation>(std::move(queued.front()));
    queued.pop_front();
    ++counters.submissions;
    flight.push_back(std::move(operation));
    begin(*flight.back());
  }
  ++counters.enters;
}

void WorldState::post(Operation& operation, int result, bool more) {
  completions.push_back({.tag = operation.tag, .result = result, .more = more});
  ++counters.completions;
  operation.done = !more;
  if (operation.done && operation.close_behind) close_behind(operation, result);
}

uint64_t WorldState::next_time() const {
  uint64_t next = UINT64_MAX;
  for (const Event& event : events) next = std::min(next, event.due_ns);
  for (const auto& operation : flight) {
    if (!operation->done && operation->due_ns > now) next = std::min(next, operation->due_ns);
  }
  return next;
}

std::span<const Completion> WorldState::turn(bool wait) {
  completions.clear();
  submit();
  now += 1 + random.below(20'000);
  if (wait && random.chance(mischief.interrupted_wait)) return {};
  for (;;) {
    run_events();
    if (std::exchange(interrupted, false) && wait) return {};
    drain_clients();
    std::vector<Operation*> able;
    for (const auto& operation : flight) {
      const bool due = !operation->done && operation->due_ns <= now;
      if (due && (operation->decided || ready(*operation))) able.push_back(operation.get());
    }
    for (size_t left = able.size(); left > 0; --left) {
      std::swap(able[left - 1], able[random.below(left)]);
      Operation& operation = *able[left - 1];
      if (random.chance(mischief.held_back) && (!wait || !completions.empty())) continue;
      if (operation.decided) {
        post(operation, operation.outcome);
      } else if (ready(operation)) {  // still, after those before it
        carry_out(operation);
      }
    }
    std::erase_if(flight, [](const auto& operation) { return operation->done; });
    if (!wait || !completions.empty()) return completions;
    if (able.empty()) {
      const uint64_t next = next_time();
      const bool clients_read =
          std::any_of(clients.begin(), clients.end(), [](const auto& client) { return can_read(*client); });
      if (next == UINT64_MAX && !clients_read) return completions;  // nothing will ever happen
      now = clients_read ? now + 1 + random.below(20'000) : std::max(now, next);
    }
  }
}

void WorldState::take_buffer(uint16_t& buffer) {
  // Any of the kernel's: an order that a program could rely on would hide its mistakes.
  const auto start = static_cast<uint16_t>(random.below(owners.size()));
  for (size_t step = 0; step < owners.size(); ++step) {
    buffer = static_cast<uint16_t>((start + step) % owners.size());
    if (owners[buffer] != BufferOwner::kernel) continue;
    owners[buffer] = BufferOwner::caller;
    ASAN_UNPOISON_MEMORY_REGION(memory_of(buffer), buffer_bytes);
    return;
  }
  CHECK(!"a buffer was free");
}

size_t WorldState::kernel_buffers() const {
  return static_cast<size_t>(std::count(owners.begin(), owners.end(), BufferOwner::kernel));
}

void WorldState::give_back(uint16_t buffer) {
  CHECK(buffer < owners.size());
  CHECK(owners[buffer] == BufferOwner::caller);
  owners[buffer] = BufferOwner::kernel;
  garble({memory_of(buffer), buffer_bytes});
  ASAN_POISON_MEMORY_REGION(memory_of(buffer), buffer_bytes);
}

std::span<const char> WorldState::bytes_of(const Completion& completion) const {
  CHECK(completion.has_buffer);
  CHECK(completion.result >= 0);
  CHECK(completion.buffer < owners.size());
  CHECK(owners[completion.buffer] == BufferOwner::caller);
  return {pool.data() + size_t{completion.buffer} * buffer_bytes, static_cast<size_t>(completion.result)};
}

// --- the doorway ---

Ring::Ring(std::unique_ptr<Implementation> implementation) : implementation_(std::move(implementation)) {}
Ring::Ring(Ring&&) noexcept = default;
Ring::~Ring() = default;

Result<Ring> Ring::create(const RingOptions& options) {
  CHECK(options.world != nullptr);
  options.world->state().attach(options);
  return Ring(std::make_unique<Implementation>(options.world->state()));
}

const RingSetup& Ring::setup() const { return implementation_->state.setup; }
const RingCounters& Ring::counters() const { return implementation_->state.counters; }
std::span<const Completion> Ring::turn(bool wait) { return implementation_->state.turn(wait); }
uint64_t Ring::monotonic_ns() const { return implementation_->state.now; }
int64_t Ring::wall_ns() const {
  return implementation_->state.wall_offset + static_cast<int64_t>(implementation_->state.now);
}

void Ring::accept_multishot(int listener, Tag tag) {
  implementation_->state.queue({.action = Action::accept_multishot, .tag = tag, .number = listener});
}
bool Ring::connection_waits(int listener) const {
  const auto& found = implementation_->state.listeners.at(listener);
  return found.open && !found.waiting.empty();
}
void Ring::accept(int listener, PeerAddress& peer, Tag tag) {
  implementation_->state.queue({.action = Action::accept, .tag = tag, .number = listener, .peer = &peer});
}
void Ring::peer_name(Direct socket, PeerAddress& peer, Tag tag) {
  CHECK(setup().peer_name);
  CHECK(peer.size > 0);
  CHECK(peer.size <= sizeof peer.address);
  implementation_->state.queue(
      {.action = Action::peer_name, .tag = tag, .socket = socket, .peer = &peer, .peer_size = peer.size});
}
void Ring::unacknowledged(Direct socket, Tag tag) {
  CHECK(setup().peer_name);
  implementation_->state.queue({.action = Action::unacknowledged, .tag = tag, .socket = socket});
}
void Ring::receive_multishot(Direct socket, Tag tag) {
  implementation_->state.queue({.action = Action::receive, .tag = tag, .socket = socket});
}
void Ring::receive_once(Direct socket, Tag tag) {
  implementation_->state.queue({.action = Action::receive, .tag = tag, .socket = socket, .once = true});
}
void Ring::poll_readable(Direct socket, Tag tag) {
  implementation_->state.queue({.action = Action::poll_readable, .tag = tag, .socket = socket});
}
void Ring::send(Direct socket, std::span<const char> bytes, Tag tag) {
  implementation_->state.queue({.action = Action::send, .tag = tag, .socket = socket, .from = bytes});
}
void Ring::send_message(Direct socket, const msghdr& message, Tag tag) {
  implementation_->state.queue({.action = Action::send_message, .tag = tag, .socket = socket, .message = &message});
}
void Ring::send_and_close(Direct socket, std::span<const char> bytes, Tag send_tag, Tag close_tag) {
  CHECK(bytes.size() <= most_last_bytes);
  implementation_->state.queue({.action = Action::send,
                                .tag = send_tag,
                                .socket = socket,
                                .from = bytes,
                                .close_behind = true,
                                .close_tag = close_tag});
}
void Ring::send_message_and_close(Direct socket, const msghdr& message, Tag send_tag, Tag close_tag) {
  implementation_->state.queue({.action = Action::send_message,
                                .tag = send_tag,
                                .socket = socket,
                                .message = &message,
                                .close_behind = true,
                                .close_tag = close_tag});
}
void Ring::poll_writable(Direct socket, Tag tag) {
  implementation_->state.queue({.action = Action::poll, .tag = tag, .socket = socket});
}
void Ring::shutdown_write(Direct socket, Tag tag) {
  implementation_->state.queue({.action = Action::shutdown_write, .tag = tag, .socket = socket});
}
void Ring::install(Direct socket, Tag tag) {
  CHECK(setup().install);
  implementation_->state.queue({.action = Action::install, .tag = tag, .socket = socket});
}
void Ring::close(Direct socket, Tag tag) {
  implementation_->state.queue({.action = Action::close, .tag = tag, .socket = socket});
}
void Ring::cancel(Tag target, Tag tag) {
  implementation_->state.queue({.action = Action::cancel, .tag = tag, .target = target});
}
void Ring::cancel_and_close(Tag target, Tag cancel_tag, Direct socket, Tag close_tag) {
  // A hard link whose first part ends at once: the two take place in this order, whatever comes of the first.
  WorldState& state = implementation_->state;
  if (state.queued.size() + 2 > state.setup.submission_entries) state.submit();
  cancel(target, cancel_tag);
  state.queue({.action = Action::close, .tag = close_tag, .socket = socket, .target = target});
}

void Ring::open_beneath(int root, const char* path, Resolve resolve, Walk walk, Tag tag) {
  implementation_->state.queue(
      {.action = Action::open, .tag = tag, .number = root, .path = path, .resolve = resolve, .walk = walk});
}
void Ring::open_directory(const char*, Tag) { CHECK(!"only the helper thread does this, and it is not simulated"); }
void Ring::open_file(const char* path, Tag tag) {
  while (*path == '/') ++path;  // the tree's top is this world's
  implementation_->state.queue({.action = Action::open, .tag = tag, .number = WorldState::top, .path = path});
}
Cached Ring::in_page_cache(int, uint64_t, size_t) const {
  WorldState& world = implementation_->state;
  if (world.random.chance(world.mischief.no_cachestat)) return Cached::unknown;
  const bool cold = world.random.chance(world.mischief.uncached) || world.random.chance(world.mischief.slow);
  return cold ? Cached::no : Cached::yes;
}
int Ring::read_cached(int file, std::span<char> into, uint64_t offset) const {
  WorldState& world = implementation_->state;
  const auto found = world.files.find(file);
  CHECK(found != world.files.end());  // closed before, or never open
  const Node& node = *found->second;
  if (world.random.chance(world.mischief.uncached) || world.random.chance(world.mischief.slow)) {
    return world.random.chance(500) ? -EAGAIN : -EOPNOTSUPP;
  }
  if (node.read_error != 0) return -node.read_error;
  if (world.random.chance(world.mischief.read_error)) return -EIO;
  size_t count = node.read(into, offset);
  if (count > 1 && world.random.chance(world.mischief.short_read)) count = 1 + world.random.below(count - 1);
  world.garble(into.subspan(count));
  return static_cast<int>(count);
}
void Ring::read(int descriptor, std::span<char> into, uint64_t offset, Tag tag) {
  read(descriptor, into, offset, Walk::in_thread, tag);
}
void Ring::read(int file, std::span<char> into, uint64_t offset, Walk walk, Tag tag) {
  implementation_->state.queue(
      {.action = Action::read, .tag = tag, .number = file, .into = into, .walk = walk, .offset = offset});
}
void Ring::append(int file, std::span<const char> bytes, Tag tag) {
  CHECK(!bytes.empty());
  implementation_->state.queue({.action = Action::append, .tag = tag, .number = file, .from = bytes});
}
void Ring::close_file(int file, Tag tag) {
  implementation_->state.queue({.action = Action::close_file, .tag = tag, .number = file});
}
void Ring::close_file(int file) { implementation_->state.queue({.action = Action::close_file, .number = file}); }
std::expected<Attributes, int> Ring::attributes_of(int file) const {
  const WorldState& state = implementation_->state;
  const auto found = state.files.find(file);
  CHECK(found != state.files.end());  // closed before, or never open
  return state.remote ? found->second->seen : found->second->attributes();
}

void Ring::look(int file, StatusBuffer& into, Tag tag) {
  implementation_->state.queue({.action = Action::look, .tag = tag, .number = file, .status = &into});
}
Attributes Ring::attributes_from(const StatusBuffer& status) {
  Attributes attributes;
  std::memcpy(&attributes, status.bytes, sizeof attributes);
  return attributes;
}

void Ring::timeout_at(uint64_t monotonic_ns, Tag tag) {
  implementation_->state.queue({.action = Action::timeout, .tag = tag, .offset = monotonic_ns});
}
void Ring::set_workers(uint32_t, uint32_t) {}
void Ring::close_listener(int listener) { implementation_->state.close_listener(listener); }

std::span<const char> Ring::bytes_of(const Completion& completion) const {
  return implementation_->state.bytes_of(completion);
}
void Ring::give_back(uint16_t buffer) { implementation_->state.give_back(buffer); }

}  // namespace uringd::uring
