// What the main thread does for the admin interface: starts it, hears what it asks for, says what has become of that.
#include <chrono>
#include <utility>

#include "server.hpp"
#include "uringd/daemon/version.hpp"

namespace uringd::daemon {
namespace {

int64_t wall_ns() {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(since_epoch).count();
}

}  // namespace

// The admin worker's thread.
void Server::want_reload() {
  admin_calls_.store(true, std::memory_order_release);
  shared_.wake();
}

// The admin worker's thread.
bool Server::encode(const server::Overlay& overlay, http::Coding coding, cache::Effort effort, OnEncoded done) {
  const server::OverlayBody& body = overlay.body();
  return helper_.encode({.bytes = std::string(body.bytes.data(), body.bytes.size()),
                         .etag = std::string(body.etag()),
                         .coding = coding,
                         .effort = effort,
                         .text = !overlay.content_type.starts_with("application/wasm")},
                        std::move(done));
}

void Server::hear_admin() {
  if (!admin_calls_.exchange(false, std::memory_order_acquire)) return;
  if (stopping()) return dismiss_admin("the server is stopping");
  if (reload_wanted_ || chores_.at_work() || upgrade_) logger_.info("reload: follows what is under way");
  reload_wanted_ = true;
}

Result<void> Server::start_admin() {
  if (!config().admin.listen) return {};
  if (auto listening = admin_listeners_.listen(); !listening) return listening;
  auto own = admin_listeners_.of_worker(0);
  if (!own) return std::unexpected(own.error());
  admin::Served served{workers_.mailboxes(), workers_.figures(), standing_};
  if (auto started = admin_.start(snapshot_, std::move(served), seed_); !started) return started;
  std::vector<server::ListenerChange> additions;
  for (server::Listener& listener : *own) {
    additions.push_back({server::ListenerChange::Kind::add, 0, std::move(listener)});
  }
  admin_.post(std::move(additions));
  return {};
}

// A reload. What was off may be switched on; what is switched off keeps its thread, which then has nothing to do.
void Server::change_admin(Listeners::Plan plan) {
  std::vector<server::ListenerChange> changes = admin_listeners_.carry_out(std::move(plan));
  if (admin_.running()) {
    admin_.configure(snapshot_);
    return admin_.post(std::move(changes));
  }
  if (auto started = start_admin(); !started) logger_.error("reload: admin.listen: " + started.error().message);
}

void Server::hand_admin_over() {
  dismiss_admin("another process serves now: ask it");
  admin_.post(admin_listeners_.hand_over());
  admin_.post(server::Command::hand_over);
}

admin::Standing Server::first_standing(std::string config_text) const {
  const int64_t now_ns = wall_ns();
  const auto monotonic = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch());
  return {.version = std::string(version_number()),
          .started_ns = now_ns,
          .started_monotonic_ns = static_cast<uint64_t>(monotonic.count()),
          .config_file = sources_.file.value_or(""),
          .config_text = std::move(config_text),
          .last_reload_ns = now_ns,
          .last_successful_load_ns = now_ns};
}

// Before it answers who wanted it: they may ask next what is in force.
void Server::tell_admin(bool good, std::vector<std::string> problems) {
  standing_.reloads = reloads_;
  standing_.last_reload_successful = good;
  standing_.last_reload_ns = wall_ns();
  if (good) standing_.last_successful_load_ns = standing_.last_reload_ns;
  admin_.tell(standing_);
  admin_.reloaded(wanted_by_admin_, {.good = good, .problems = std::move(problems)});
}

// No reload will come any more, for whoever waits for one.
void Server::dismiss_admin(const char* why) { admin_.reloaded(UINT64_MAX, {.good = false, .problems = {why}}); }

}  // namespace uringd::daemon
