// OverlayDesk: PUT /cache/PATH, and the table of overlays that all workers serve. It keeps the newest; each change is a
// round of errands to the workers, and is answered when all of them serve it. Compressed copies follow an upload, one
// at a time, made by the thread of low priority. Part of the admin's handler; its worker's thread only.
//
//   PUT: begin() ──► Upload, piece by piece ──► put() ──► (a round) ──► 201, 204
//                                                  └─► copies: quick ones, then the best ──► a round each
//
// Overlays outlive reloads, as long as a configuration has their site (Snapshot::site_id); then they are dropped, and
// the log says so. A restart and an upgrade begin without any.
//
// Bounds: admin.overlay_size for all bodies, 10,000 overlays; copies of bodies of 256 bytes to 4 MiB as for files, best
// ones up to 1 MiB.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "round.hpp"
#include "upload.hpp"
#include "uringd/admin/admin.hpp"
#include "uringd/cache/encode.hpp"
#include "uringd/log/logger.hpp"
#include "uringd/server/handler.hpp"
#include "uringd/server/overlays.hpp"
#include "uringd/server/snapshot.hpp"

namespace uringd::admin {

class OverlayDesk {
 public:
  static constexpr size_t most_overlays = 10'000;
  static constexpr uint64_t retry_ms = 1000;

  OverlayDesk(Steering& steering, Calls& calls, const std::vector<server::Mailbox*>& workers, log::Logger& logger);
  void attach(server::Replies& replies) { replies_ = &replies; }
  void use(const std::shared_ptr<const server::Snapshot>& snapshot);

  /// `site`: its place in the configuration. `path`: decoded, normalised.
  std::variant<server::BodyPlan, server::Answer> begin(const server::Asked& asked, uint32_t site,
                                                       std::string_view path);
  server::Handling put(const server::Asked& asked, uint32_t site, std::string_view path,
                       std::unique_ptr<server::BodySink> body);
  /// The one at `path`, or all below a directory ("/a/", "/"). Returns how many; errands that are posted to workers
  /// after this find them gone.
  size_t remove(uint32_t site, std::string_view path);

  [[nodiscard]] const server::Overlays::Shared& table() const { return table_; }
  void on_turn(uint64_t now_ms);
  [[nodiscard]] uint64_t next_ms() const { return copy_again_ms_; }

 private:
  struct Copy {
    http::Coding coding;
    cache::Effort effort;
  };
  [[nodiscard]] size_t limit() const { return snapshot_->config().admin.overlay_size_bytes; }
  [[nodiscard]] size_t room(uint32_t id, std::string_view path) const;
  [[nodiscard]] std::optional<server::Answer> refuse(const http::Request& request, uint32_t site,
                                                     std::string_view path) const;
  [[nodiscard]] std::shared_ptr<const server::Overlay> made_of(const http::Request& request, uint32_t site,
                                                               std::string_view path, Upload* upload) const;
  void publish(server::Overlays::Shared next, std::function<void()> done = [] {});

  // overlay_copies.cpp
  [[nodiscard]] static http::CodingSet never_copied(const server::Overlay& overlay);
  void want_copies(const server::Overlay& overlay);
  void go_on_copying();
  [[nodiscard]] std::optional<Copy> next_copy(const server::Overlay& overlay) const;
  void on_copied(const server::Overlay& of, const Copy& copy, const std::shared_ptr<const std::string>& bytes);

  Steering& steering_;
  Calls& calls_;
  const std::vector<server::Mailbox*>& workers_;
  log::Logger& logger_;
  server::Replies* replies_ = nullptr;
  std::shared_ptr<const server::Snapshot> snapshot_;
  server::Overlays::Shared table_;
  size_t uploading_ = 0;  // bytes of uploads under way
  std::deque<std::pair<uint32_t, std::string>> to_copy_;
  bool copying_ = false;  // a copy of the first of them is ordered
  uint64_t now_ms_ = 0;
  uint64_t copy_again_ms_ = UINT64_MAX;
};

}  // namespace uringd::admin
