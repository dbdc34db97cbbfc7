// Snapshot: a configuration made ready to serve: roots opened, error pages and maps read, rules compiled, routes, media
// types and field lines built. Built off the workers, at start and for each reload, then immutable (but for Maps, which
// are made to change); every worker reads the same one, and has a Router of its own. Its trees have slots of the one
// disk::Sites: a tree that is the same as in the configuration before keeps its slot, and so what is held of it.
#pragma once

#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "uringd/base/fd.hpp"
#include "uringd/base/result.hpp"
#include "uringd/config/config.hpp"
#include "uringd/config/load.hpp"
#include "uringd/disk/describe.hpp"
#include "uringd/disk/sites.hpp"
#include "uringd/http/content_coding.hpp"
#include "uringd/http/media_type.hpp"
#include "uringd/server/map_file.hpp"
#include "uringd/site/header_rules.hpp"
#include "uringd/site/maps.hpp"
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

/// What answers with a file of that site, or of its mount at `prefix` (empty: the site's own root), are to say.
std::shared_ptr<const disk::Describer> describer_for(const config::Config& config, uint32_t site,
                                                     std::string_view prefix);

class Snapshot {
 public:
  /// Opens and reads; may block: not for a worker. Everything that is wrong at once: patterns, maps, roots that cannot
  /// be opened. `warnings`: error pages that cannot be read (the built-in page serves instead), what is odd in rules
  /// and maps. `before`: the configuration that this one follows, whose unchanged trees it takes over.
  static std::expected<std::shared_ptr<const Snapshot>, std::vector<config::Problem>> build(
      std::shared_ptr<const config::Config> config, uint32_t workers, std::vector<config::Problem>& warnings,
      std::shared_ptr<disk::Sites> sites = std::make_shared<disk::Sites>(), const Snapshot* before = nullptr);
  /// For the simulator: no file is opened, and `sites` has its trees in those slots already, which stay its own.
  Snapshot(std::shared_ptr<const config::Config> config, uint32_t workers, std::shared_ptr<disk::Sites> sites,
           std::vector<uint32_t> slots);

  [[nodiscard]] const config::Config& config() const { return *config_; }
  /// That worker's own.
  [[nodiscard]] site::Router& router(uint32_t worker) const { return *routers_[worker]; }
  /// Written by the helper thread alone.
  [[nodiscard]] site::Maps& maps() const { return *maps_; }
  [[nodiscard]] const SitePolicy& policy(uint32_t site) const { return *policies_[site]; }
  /// A number that the site keeps for as long as configurations that follow each other have it: one with its first
  /// host name, else with any of its names; else the first site stays the first. No other site ever gets it.
  [[nodiscard]] uint32_t site_id(uint32_t site) const { return site_ids_[site]; }
  /// What the maps were made of, in their order.
  [[nodiscard]] const std::vector<MapFile>& map_files() const { return map_files_; }
  /// What else changes: where the trees' roots are now, and their error pages. Written by the helper thread alone.
  [[nodiscard]] disk::Sites& sites() const { return *sites_; }
  /// The slot of a tree, as site::Place counts them: the sites in their order, then their mounts.
  [[nodiscard]] uint32_t slot_of(uint32_t tree) const { return slots_[tree]; }
  [[nodiscard]] const std::vector<uint32_t>& slots() const { return slots_; }

 private:
  struct Tree;
  class Takeover;
  Snapshot(std::shared_ptr<const config::Config> config, std::shared_ptr<disk::Sites> sites);
  void name_sites(const Snapshot* before);
  void add_router(std::shared_ptr<const site::RouterPlan> plan, uint64_t seed);
  void read_maps(std::vector<config::Problem>& problems, std::vector<config::Problem>& warnings);
  void open_trees(const Snapshot* before, std::vector<config::Problem>& problems,
                  std::vector<config::Problem>& warnings);
  [[nodiscard]] std::vector<std::pair<uint32_t, std::string_view>> tree_names() const;

  std::shared_ptr<const config::Config> config_;
  std::shared_ptr<disk::Sites> sites_;
  std::unique_ptr<site::Maps> maps_;
  std::vector<MapFile> map_files_;
  std::vector<std::unique_ptr<site::Router>> routers_;
  std::vector<std::shared_ptr<const SitePolicy>> policies_;
  std::vector<uint32_t> site_ids_;
  uint32_t next_site_id_ = 0;
  std::vector<uint32_t> slots_;
  std::vector<std::shared_ptr<const Tree>> trees_;  // their slots, for as long as any configuration has them
};

}  // namespace uringd::server
