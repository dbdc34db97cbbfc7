// Admin: what answers on the admin interface: a server::Handler of a worker of its own, so that none of its work runs
// on a serving ring's time but what only a serving worker can do, which it does in slices (server::Errand). The daemon
// owns it: it outlives the admin worker and the serving workers. Handler calls come on the admin worker's thread; what
// the daemon says comes from any thread.
//
// Bounds: one list of the cache is made at a time and shared by all who ask meanwhile; 16 drops are under way.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "uringd/admin/report.hpp"
#include "uringd/cache/encode.hpp"
#include "uringd/http/content_coding.hpp"
#include "uringd/log/logger.hpp"
#include "uringd/server/figures_source.hpp"
#include "uringd/server/handler.hpp"
#include "uringd/server/mailbox.hpp"
#include "uringd/server/overlays.hpp"
#include "uringd/server/snapshot.hpp"

namespace uringd::admin {

/// leaving: shutdown_delay. draining: listeners are closed, workers end.
enum class State : uint8_t { serving, leaving, draining };

/// What came of a reload.
struct ReloadOutcome {
  bool good = false;
  std::vector<std::string> problems;  // lines as the log has them: "config.toml:2:1: …"
};

/// What the admin interface asks of the daemon; any thread.
class Steering {
 public:
  /// Read the configuration again, as on SIGHUP. The daemon looks at Admin::reloads_wanted() before it begins to read,
  /// and gives that number to Admin::reloaded() when it is done.
  virtual void want_reload() = 0;
  /// Where a configuration ends: freeing one can take long, and close directories.
  virtual void dispose(std::shared_ptr<const void> thing) = 0;
  /// Have a copy of an overlay's body made. `done` is called on some thread with it (nullptr: not worth it), or never,
  /// where the process ends before. False: not now.
  using OnEncoded = std::function<void(std::shared_ptr<const std::string> bytes)>;
  [[nodiscard]] virtual bool encode(const server::Overlay& overlay, http::Coding coding, cache::Effort effort,
                                    OnEncoded done) = 0;

 protected:
  ~Steering() = default;
};

/// What the admin interface is about: the serving workers, in one order, and what the daemon knows.
struct Served {
  std::vector<server::Mailbox*> workers;  // outlive it
  std::vector<std::shared_ptr<const server::FiguresSource>> figures;
  Standing standing;
};

class Admin : public server::Handler {
 public:
  /// What is referred to outlives it. `own`: the admin worker's mailbox.
  static std::unique_ptr<Admin> make(Steering& steering, Served served, server::Mailbox& own,
                                     std::shared_ptr<const server::Snapshot> snapshot, log::Logger& logger);

  // The daemon; any thread, never waits.
  virtual void configure(std::shared_ptr<const server::Snapshot> snapshot) = 0;
  virtual void tell(Standing standing) = 0;
  virtual void set_state(State state) = 0;
  [[nodiscard]] virtual uint64_t reloads_wanted() const = 0;
  /// All that were wanted up to that one are answered with this.
  virtual void reloaded(uint64_t last, ReloadOutcome outcome) = 0;
};

}  // namespace uringd::admin
