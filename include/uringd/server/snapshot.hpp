// Snapshot: a configuration made ready to serve: roots opened, error pages read, routes and media types built. Built
// once, off the workers, then immutable (but for Sites, which is made to change); every worker reads the same one.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "uringd/base/fd.hpp"
#include "uringd/base/result.hpp"
#include "uringd/config/config.hpp"
#include "uringd/disk/sites.hpp"
#include "uringd/http/media_type.hpp"
#include "uringd/site/router.hpp"

namespace uringd::server {

/// A body kept in memory for answers that must never wait for a disk.
struct ErrorPage {
  std::string_view content_type;
  std::string body;
};

struct SiteErrorPages {
  /// For a status: its own page, else that of its class ("4xx"), else nullptr: the built-in one.
  [[nodiscard]] const ErrorPage* find(int status) const;

  std::vector<std::pair<std::string, ErrorPage>> pages;  // "404" or "5xx"
};

class Snapshot {
 public:
  /// Opens and reads; may block: for the main thread. `warnings` gets a line for each error page that cannot be read
  /// (the built-in page serves instead). The error: a root that cannot be opened.
  static Result<std::shared_ptr<const Snapshot>> build(std::shared_ptr<const config::Config> config,
                                                       std::vector<std::string>& warnings);
  /// For the simulator: no file is opened.
  Snapshot(std::shared_ptr<const config::Config> config, std::vector<disk::Sites::Site> sites);

  [[nodiscard]] const config::Config& config() const { return *config_; }
  [[nodiscard]] const site::Router& router() const { return router_; }
  [[nodiscard]] const http::MediaTypes& types() const { return types_; }
  /// The one part that changes: where the sites' roots are now. Written by the helper thread alone.
  [[nodiscard]] disk::Sites& sites() const { return *sites_; }
  [[nodiscard]] const SiteErrorPages& error_pages(uint32_t site) const { return error_pages_[site]; }

 private:
  std::shared_ptr<const config::Config> config_;
  site::Router router_;
  http::MediaTypes types_;
  std::unique_ptr<disk::Sites> sites_;
  std::vector<SiteErrorPages> error_pages_;
};

}  // namespace uringd::server
