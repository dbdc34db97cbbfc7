// World's doorway: what a test does to files, clients and time, and what it asks about them.
#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "state.hpp"
#include "uringd/base/check.hpp"

namespace uringd::uring {

uint64_t Random::next() {
  state_ += 0x9e3779b97f4a7c15ULL;
  uint64_t value = state_;
  value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ value >> 27) * 0x94d049bb133111ebULL;
  return value ^ value >> 31;
}

Mischief Mischief::wild() {
  return {.short_read = 30,
          .read_error = 10,
          .torn_read = 100,
          .open_error = 10,
          .uncached = 400,
          .accept_error = 50,
          .lost_more = 100,
          .no_buffers = 50,
          .short_receive = 300,
          .short_send = 200,
          .send_error = 5,
          .no_unacknowledged = 100,
          .cancel_loses = 400,
          .interrupted_wait = 20,
          .held_back = 200,
          .longest_delay_ns = 2'000'000,
          .late = 100,
          .latest_ns = 1'000'000,
          .short_append = 300,
          .append_error = 100};
}

// --- Client ---

void Client::send(std::string_view bytes) {
  if (reset_ || inbound_end_ || bytes.empty()) return;
  if (server_closed_) {  // bytes for a closed socket
    was_reset_ = true;
    return WorldState::break_connection(*this);
  }
  inbound_.append(bytes);
}

void Client::half_close() { inbound_end_ = true; }

void Client::close() {
  inbound_end_ = true;
  closed_ = true;
  if (!outbound_.empty()) WorldState::break_connection(*this);  // closing over unread bytes resets
}

void Client::reset() {
  inbound_end_ = true;
  closed_ = true;
  WorldState::break_connection(*this);
}

std::string Client::take_received() { return std::exchange(received_, {}); }

// --- WorldState ---

Client& WorldState::new_client(int listener) {
  const auto found = listeners.find(listener);
  CHECK(found != listeners.end());
  const auto number = static_cast<uint32_t>(clients.size());
  clients.push_back(std::make_unique<Client>());
  Client& client = *clients.back();
  client.address_.sin_family = AF_INET;
  client.address_.sin_port = htons(static_cast<uint16_t>(1024 + number % 60'000));
  client.address_.sin_addr.s_addr = htonl(10U << 24 | (number & 0xffffff));
  if (found->second.open) {
    found->second.waiting.push_back(&client);
  } else {
    client.was_reset_ = true;
    break_connection(client);
  }
  return client;
}

void WorldState::run_events() {
  for (;;) {
    const auto first = std::min_element(events.begin(), events.end(), [](const Event& one, const Event& other) {
      return std::pair(one.due_ns, one.order) < std::pair(other.due_ns, other.order);
    });
    if (first == events.end() || first->due_ns > now) return;
    const auto action = std::move(first->action);
    events.erase(first);
    action(owner);
  }
}

void WorldState::touch_directories() {
  for (const auto& directory : tree.take_touched()) {
    directory->modified_ns = directory->changed_ns = change_time();
  }
}

int64_t WorldState::change_time() {
  int64_t time = wall_offset + static_cast<int64_t>(now);
  time -= time % static_cast<int64_t>(granularity);
  if (granularity == 1 && time <= last_change) time = last_change + 1;
  return last_change = time;
}

void WorldState::changed(Node& node) {
  CHECK(!node.immutable);  // nobody can
  node.modified_ns = node.changed_ns = change_time();
  touch_directories();
}

void WorldState::unlinked(Node& node) {
  for (const auto& [name, child] : node.children) unlinked(*child);
  node.link_count = 0;
  node.changed_ns = change_time();
}

size_t WorldState::taken_slots() const {
  return slots.size() - static_cast<size_t>(std::count(slots.begin(), slots.end(), nullptr));
}

void WorldState::check() const {
  const auto with_caller = static_cast<size_t>(std::count(owners.begin(), owners.end(), BufferOwner::caller));
  if (attached) CHECK(with_caller + kernel_buffers() == setup.receive_buffers);
  for (auto operation = flight.begin(); operation != flight.end(); ++operation) {
    const Operation& one = **operation;
    if (one.done) continue;
    const bool of_a_file = one.action == Action::read || one.action == Action::look || one.action == Action::append;
    if (of_a_file && one.tag.kind != Kind::mailbox) CHECK(files.contains(one.number));
    if (one.action == Action::open && one.number != WorldState::top) CHECK(roots.contains(one.number));
    if (one.client != nullptr && !one.decided && !one.ending) CHECK(slots[one.socket.slot] == one.client);
    for (auto other = std::next(operation); other != flight.end(); ++other) {
      if (one.action == Action::cancel && (*other)->action == Action::cancel) continue;
      CHECK((*other)->done || one.tag.kind == Kind::nobody || (*other)->tag != one.tag);
    }
  }
}

// --- World ---

World::World(uint64_t seed, Mischief mischief) : state_(std::make_unique<WorldState>(*this, seed, mischief)) {}
World::~World() { CHECK(!state_->attached); }  // the Ring dies first

uint64_t World::now_ns() const { return state_->now; }
void World::interrupt() { state_->interrupted = true; }
void World::advance(uint64_t ns) { state_->now += ns; }
void World::step_wall_clock(int64_t ns) { state_->wall_offset += ns; }
void World::at(uint64_t monotonic_ns, std::function<void(World&)> action) {
  state_->events.push_back({monotonic_ns, state_->event_order++, std::move(action)});
}
void World::after(uint64_t ns, std::function<void(World&)> action) { at(state_->now + ns, std::move(action)); }
Random& World::random() { return state_->random; }
Mischief& World::mischief() { return state_->mischief; }

void World::put_file(const std::string& path, std::string content) {
  Node& node = *state_->tree.make(path, NodeType::regular);
  node.content = std::move(content);
  node.generated = false;
  state_->changed(node);
}

void World::replace_file(const std::string& path, std::string content) {
  remove(path);
  Node& node = *state_->tree.make(path, NodeType::regular);
  node.content = std::move(content);
  state_->changed(node);
}

void World::put_generated(const std::string& path, uint64_t size_bytes, uint64_t version) {
  Node& node = *state_->tree.make(path, NodeType::regular);
  node.content.clear();
  node.generated = true;
  node.generated_size = size_bytes;
  node.version = version;
  state_->changed(node);
}

char World::generated_byte(uint64_t version, uint64_t offset) { return uring::generated_byte(version, offset); }

void World::resize(const std::string& path, uint64_t size_bytes) {
  Node& node = *state_->tree.at(path);
  CHECK(node.type == NodeType::regular);
  if (node.generated) {
    node.generated_size = size_bytes;
  } else {
    node.content.resize(size_bytes, '\0');
  }
  state_->changed(node);
}

void World::put_directory(const std::string& path) { state_->changed(*state_->tree.make(path, NodeType::directory)); }

void World::put_symlink(const std::string& path, std::string target) {
  Node& node = *state_->tree.make(path, NodeType::symlink);
  node.content = std::move(target);
  state_->changed(node);
}

void World::put_other(const std::string& path) { state_->changed(*state_->tree.make(path, NodeType::other)); }
void World::remove(const std::string& path) {
  if (const auto node = state_->tree.remove(path)) state_->unlinked(*node);
  state_->touch_directories();
}
void World::set_immutable(const std::string& path, bool on) { state_->tree.at(path)->immutable = on; }
void World::fail_open(const std::string& path, int error_number) { state_->tree.at(path)->open_error = error_number; }
void World::fail_read(const std::string& path, int error_number) { state_->tree.at(path)->read_error = error_number; }
void World::fail_append(const std::string& path, int error_number) {
  state_->tree.at(path)->append_error = error_number;
}
void World::set_stuck(const std::string& path, bool on) { state_->tree.at(path)->stuck = on; }
std::string World::content(const std::string& path) const { return state_->tree.at(path)->content; }
void World::set_timestamp_granularity(uint64_t ns) { state_->granularity = std::max<uint64_t>(ns, 1); }

int World::root(const std::string& path) {
  state_->roots[state_->next_number] = state_->tree.at(path);
  return state_->next_number++;
}

void World::close_root(int root) { CHECK(state_->roots.erase(root) == 1); }

void World::set_remote(bool on) { state_->remote = on; }

std::vector<std::string> World::names(int directory) const {
  const auto found = state_->files.find(directory);
  CHECK(found != state_->files.end());  // closed before, or never open
  std::vector<std::string> names;
  for (const auto& [name, child] : found->second->children) names.push_back(name);
  return names;
}

void World::close_file(int file) { state_->close_file(file); }

int World::listen() {
  state_->listeners[state_->next_number] = {};
  return state_->next_number++;
}

Client& World::connect(int listener) { return state_->new_client(listener); }

void World::check() const { state_->check(); }

std::vector<Tag> World::operations() const {
  std::vector<Tag> tags;
  for (const auto& operation : state_->flight) {
    if (!operation->done) tags.push_back(operation->tag);
  }
  for (const Operation& operation : state_->queued) tags.push_back(operation.tag);
  return tags;
}

size_t World::open_files() const { return state_->files.size() + state_->installed.size(); }
size_t World::open_sockets() const { return state_->taken_slots(); }
size_t World::lent_buffers() const { return state_->owners.size() - state_->kernel_buffers(); }

std::string World::held() const {
  std::string text;
  for (const Tag& tag : operations()) {
    text += "operation of kind " + std::to_string(static_cast<int>(tag.kind)) + " step " + std::to_string(tag.step) +
            " slot " + std::to_string(tag.slot) + " generation " + std::to_string(tag.generation) + "\n";
  }
  for (const auto& [number, node] : state_->files) {
    text += "descriptor " + std::to_string(number) + " of inode " + std::to_string(node->inode) + "\n";
  }
  for (const auto& [number, client] : state_->installed) {
    text += "descriptor " + std::to_string(number) + " of the socket of port " +
            std::to_string(ntohs(client->address().sin_port)) + "\n";
  }
  for (size_t slot = 0; slot < state_->slots.size(); ++slot) {
    if (state_->slots[slot] != nullptr) text += "socket in direct slot " + std::to_string(slot) + "\n";
  }
  if (const size_t buffers = lent_buffers(); buffers > 0) text += std::to_string(buffers) + " receive buffers\n";
  return text;
}

}  // namespace uringd::uring
