// CacheDesk: GET /cache, DELETE and PUT /cache/PATH (which overlay_desk knows more of): sends the errands, keeps who
// waits for them, and answers. Part of the admin's handler; its worker's thread only.
//
//   GET: waiting ──► (a round of inventories is made, one at a time) ──► a listing, kept for a while ──► answered
//
// A listing costs the serving workers time, so it is used again for 200 times as long as making it took the slowest of
// them: however many ask, they get at most 0.5 % of its time, and as much again for turns that are cut short and what
// the looking pushes out of the CPU's caches (measured; with 64 times 20 clients that ask without a pause cost 5 %).
// A small cache's is gone in a moment. Bounds: 128 waiting; 16 drops under way; beyond: 503.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "endpoint.hpp"
#include "listing.hpp"
#include "overlay_desk.hpp"
#include "round.hpp"
#include "uringd/server/handler.hpp"
#include "uringd/server/snapshot.hpp"

namespace uringd::admin {

class CacheDesk {
 public:
  CacheDesk(Steering& steering, Calls& calls, const std::vector<server::Mailbox*>& workers, log::Logger& logger)
      : calls_(calls), workers_(workers), overlays_(steering, calls, workers, logger) {}
  void attach(server::Replies& replies) {
    replies_ = &replies;
    overlays_.attach(replies);
  }
  /// Another configuration: what was listed was of another one's sites. Who waits for a site that is gone: 404.
  void use(std::shared_ptr<const server::Snapshot> snapshot);

  /// A listing that is not used again takes memory for nothing.
  void on_turn(uint64_t now_ms) {
    if (kept_ && now_ms >= kept_->until_ms()) kept_.reset();
    overlays_.on_turn(now_ms);
  }
  [[nodiscard]] uint64_t next_ms() const {
    return std::min(kept_ ? kept_->until_ms() : UINT64_MAX, overlays_.next_ms());
  }

  server::Handling list(const server::Asked& asked, const Routed& routed);
  server::Handling drop(const server::Asked& asked, const Routed& routed);
  std::variant<server::BodyPlan, server::Answer> begin_put(const server::Asked& asked, const Routed& routed);
  server::Handling put(const server::Asked& asked, const Routed& routed, std::unique_ptr<server::BodySink> body);
  /// Of overlays and their copies.
  [[nodiscard]] uint64_t overlay_bytes() const { return overlays_.table()->bytes(); }

 private:
  struct Waiting {
    server::Ticket ticket;
    uint32_t site;     // its place in the configuration in force,
    uint32_t site_id;  // and what it keeps across reloads
    uint64_t changes;  // that a listing for it must know of
    PageQuestion question;
  };
  struct Round {
    uint32_t site_id;
    uint64_t changes;  // before it began
  };
  struct Kept {
    uint32_t site_id;
    std::shared_ptr<const Listing> listing;
    server::Overlays::Shared overlays;  // that are in it
    uint64_t until_ns;
    [[nodiscard]] uint64_t until_ms() const { return until_ns / 1'000'000 + 1; }
  };
  /// Of ?site=, or the answer that says what is wrong with it.
  [[nodiscard]] std::expected<uint32_t, server::Answer> site_of(std::string_view query) const;
  [[nodiscard]] std::optional<uint32_t> place_of(uint32_t site_id) const;
  [[nodiscard]] server::Answer page_of(const Listing& listing, const Waiting& waiting) const;
  void begin_listing();
  void on_listed(Round round, std::vector<std::shared_ptr<Inventory>> inventories);

  Calls& calls_;
  const std::vector<server::Mailbox*>& workers_;
  server::Replies* replies_ = nullptr;
  std::shared_ptr<const server::Snapshot> snapshot_;
  std::vector<Waiting> waiting_;
  bool listing_ = false;  // a round is under way
  uint64_t changes_ = 0;  // drops that were finished, and configurations
  std::optional<Kept> kept_;
  size_t drops_ = 0;  // under way
  OverlayDesk overlays_;
};

}  // namespace uringd::admin
