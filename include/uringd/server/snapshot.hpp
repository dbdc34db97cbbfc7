// Snapshot: a configuration made ready to serve: roots opened, error pages read, routes, media types and field lines
// built. Built once, off the workers, then immutable (but for Sites, which is made to change); every worker reads the
// same one. It is the disk's Describer.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "uringd/base/fd.hpp"
#include "uringd/base/result.hpp"
#include "uringd/config/config.hpp"
#include "uringd/disk/describe.hpp"
#include "uringd/disk/sites.hpp"
#include "uringd/http/content_coding.hpp"
#include "uringd/http/media_type.hpp"
#include "uringd/site/header_rules.hpp"
#include "uringd/site/router.hpp"

namespace uringd::server {

/// How one site answers, apart from where its files lie.
struct SitePolicy {
  explicit SitePolicy(const config::Site& site);

  std::vector<http::Coding> precompressed, compress;  // best first
  site::HeaderRules rules;
  std::vector<std::string> index, extensions;  // extensions with their dot
  std::string fallback;                        // "/index.html", or empty
  bool measures;                               // answers say what became of the request: Server-Timing, Cache-Status
  bool server_timing, cache_status;
};

class Snapshot final : public disk::Describer {
 public:
  /// Opens and reads; may block: for the main thread. `warnings` gets a line for each error page that cannot be read
  /// (the built-in page serves instead). The error: a root that cannot be opened.
  static Result<std::shared_ptr<const Snapshot>> build(std::shared_ptr<const config::Config> config,
                                                       std::vector<std::string>& warnings);
  /// For the simulator: no file is opened.
  Snapshot(std::shared_ptr<const config::Config> config, std::vector<disk::Sites::Site> sites);

  [[nodiscard]] const config::Config& config() const { return *config_; }
  [[nodiscard]] const site::Router& router() const { return router_; }
  [[nodiscard]] const SitePolicy& policy(uint32_t site) const { return policies_[site]; }
  /// The one part that changes: where the sites' roots are now, and their error pages. Written by the helper thread
  /// alone.
  [[nodiscard]] disk::Sites& sites() const { return *sites_; }

  [[nodiscard]] disk::Description describe(uint32_t site, std::string_view name,
                                           std::span<char, most_lines_bytes> lines) const override;

 private:
  std::shared_ptr<const config::Config> config_;
  site::Router router_;
  http::MediaTypes types_;
  std::vector<SitePolicy> policies_;
  std::unique_ptr<disk::Sites> sites_;
};

}  // namespace uringd::server
