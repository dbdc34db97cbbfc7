// Making a configuration ready. Everything here may block and runs before a worker sees the result.
#include "uringd/server/snapshot.hpp"

#include <fcntl.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <unordered_map>

#include "map_file.hpp"
#include "uringd/base/check.hpp"
#include "uringd/config/compare.hpp"
#include "uringd/disk/error_pages.hpp"

namespace uringd::server {
namespace {

std::vector<http::Coding> codings_of(const std::vector<config::Coding>& configured) {
  std::vector<http::Coding> codings;
  for (const config::Coding coding : configured) {
    switch (coding) {
      case config::Coding::gzip: codings.push_back(http::Coding::gzip); break;
      case config::Coding::zstd: codings.push_back(http::Coding::zstd); break;
      case config::Coding::br: codings.push_back(http::Coding::br); break;
    }
  }
  return codings;
}

std::vector<std::string> with_dots(const std::vector<std::string>& extensions) {
  std::vector<std::string> result;
  result.reserve(extensions.size());
  for (const std::string& extension : extensions) result.push_back("." + extension);
  return result;
}

disk::SiteRules rules_of(const config::Site& site, const http::MediaTypes& types) {
  disk::SiteRules rules{.root_path = site.root,
                        .resolve = site.symlinks == config::Symlinks::never ? uring::Resolve::no_symlinks
                                                                            : uring::Resolve::symlinks_inside,
                        .index = site.index,
                        .extensions = with_dots(site.extensions),
                        .listing = site.listing,
                        .hidden = site.hidden,
                        .compress = codings_of(site.compress),
                        .keep_previous_ms = static_cast<uint64_t>(site.keep_previous.count())};
  for (const auto& [name, path] : site.error_pages)
    rules.error_pages.push_back({name, path, std::string(types.of(path).value)});
  return rules;
}

// A directory beside the root: its files are named and answered as the site's are, its errors are the site's.
void become_mount(disk::SiteRules& rules, const config::Site& site, std::string_view prefix) {
  rules.prefix = prefix;
  rules.root_path = std::ranges::find(site.mounts, prefix, &std::pair<std::string, std::string>::first)->second;
  rules.error_pages.clear();
}

Result<disk::Root> open_root(const std::string& path) {
  Fd directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.open()) return failure(errno_text(errno) + "; give a directory that exists");
  return disk::describe_root(std::move(directory));
}

}  // namespace

SitePolicy::SitePolicy(const config::Site& site)
    : precompressed(codings_of(site.precompressed)),
      compress(codings_of(site.compress)),
      rules(site),
      index(site.index),
      extensions(with_dots(site.extensions)),
      fallback(site.fallback),
      measures(site.server_timing || site.cache_status),
      server_timing(site.server_timing),
      cache_status(site.cache_status) {}

/// One tree and its slot, which is given back when the last configuration that has it is gone.
struct Snapshot::Tree {
  Tree(std::shared_ptr<disk::Sites> all, uint32_t its_slot, disk::SiteRules its_rules,
       std::shared_ptr<const config::Config> its_config, uint32_t its_site)
      : sites(std::move(all)),
        slot(its_slot),
        rules(std::move(its_rules)),
        config(std::move(its_config)),
        site(its_site) {}
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;
  ~Tree() { sites->remove(slot); }

  std::shared_ptr<disk::Sites> sites;
  uint32_t slot;
  disk::SiteRules rules;
  std::shared_ptr<const config::Config> config;  // that it was made for
  uint32_t site;
};

/// The trees of the configuration before that are still to be had.
class Snapshot::Takeover {
 public:
  explicit Takeover(const Snapshot* before) {
    if (!before) return;
    for (const auto& tree : before->trees_) trees_.emplace(tree->rules.root_path, tree);
  }
  /// One with these rules whose files are answered in the same way, or nothing.
  std::shared_ptr<const Tree> take(const disk::SiteRules& rules, const config::Config& config, uint32_t site) {
    const auto [first, last] = trees_.equal_range(rules.root_path);
    for (auto found = first; found != last; ++found) {
      const Tree& tree = *found->second;
      if (tree.rules != rules || tree.config->types != config.types) continue;
      if (!config::same_tree_answers(tree.config->sites[tree.site], config.sites[site])) continue;
      std::shared_ptr<const Tree> taken = std::move(found->second);
      trees_.erase(found);
      return taken;
    }
    return nullptr;
  }

 private:
  std::unordered_multimap<std::string, std::shared_ptr<const Tree>> trees_;
};

Snapshot::Snapshot(std::shared_ptr<const config::Config> config, std::shared_ptr<disk::Sites> sites)
    : config_(std::move(config)), sites_(std::move(sites)), maps_(std::make_unique<site::Maps>()) {
  for (const config::Site& site : config_->sites) policies_.push_back(std::make_shared<const SitePolicy>(site));
}

Snapshot::Snapshot(std::shared_ptr<const config::Config> config, uint32_t workers, std::shared_ptr<disk::Sites> sites,
                   std::vector<uint32_t> slots)
    : Snapshot(std::move(config), std::move(sites)) {
  slots_ = std::move(slots);
  CHECK(slots_.size() == tree_names().size());
  name_sites(nullptr);
  std::vector<config::Problem> warnings;
  auto plan = site::RouterPlan::build(*config_, warnings);
  CHECK(plan);
  for (uint32_t worker = 0; worker < workers; ++worker) add_router(*plan, worker);
}

void Snapshot::name_sites(const Snapshot* before) {
  constexpr uint32_t none = UINT32_MAX;
  const std::vector<config::Site>& sites = config_->sites;
  site_ids_.assign(sites.size(), none);
  if (before) {
    const std::vector<config::Site>& old = before->config_->sites;
    next_site_id_ = before->next_site_id_;
    const auto take = [&](size_t site, size_t from) {
      const bool taken = std::ranges::find(site_ids_, before->site_ids_[from]) != site_ids_.end();
      if (site_ids_[site] == none && !taken) site_ids_[site] = before->site_ids_[from];
    };
    std::unordered_map<std::string_view, size_t> first, any;
    for (size_t from = 0; from < old.size(); ++from) {
      if (!old[from].hosts.empty()) first.emplace(old[from].hosts.front(), from);
      for (const std::string& host : old[from].hosts) any.emplace(host, from);
    }
    for (const auto* names : {&first, &any}) {
      for (size_t site = 0; site < sites.size(); ++site) {
        for (const std::string& host : sites[site].hosts) {
          if (const auto found = names->find(host); found != names->end()) take(site, found->second);
          if (names == &first) break;
        }
      }
    }
    take(0, 0);
  }
  for (uint32_t& id : site_ids_) {
    if (id == none) id = next_site_id_++;
  }
}

void Snapshot::add_router(std::shared_ptr<const site::RouterPlan> plan, uint64_t seed) {
  routers_.push_back(std::make_unique<site::Router>(std::move(plan), *maps_, seed));
}

// As site::Place counts them: {site, the mount's prefix or nothing}.
std::vector<std::pair<uint32_t, std::string_view>> Snapshot::tree_names() const {
  std::vector<std::pair<uint32_t, std::string_view>> names;
  const auto count = static_cast<uint32_t>(config_->sites.size());
  for (uint32_t site = 0; site < count; ++site) names.emplace_back(site, std::string_view{});
  for (uint32_t site = 0; site < count; ++site) {
    for (const auto& mount : config_->sites[site].mounts) names.emplace_back(site, mount.first);
  }
  return names;
}

std::expected<std::shared_ptr<const Snapshot>, std::vector<config::Problem>> Snapshot::build(
    std::shared_ptr<const config::Config> config, uint32_t workers, std::vector<config::Problem>& warnings,
    std::shared_ptr<disk::Sites> sites, const Snapshot* before) {
  std::shared_ptr<Snapshot> snapshot(new Snapshot(std::move(config), std::move(sites)));
  std::vector<config::Problem> problems;
  auto plan = site::RouterPlan::build(snapshot->config(), warnings);
  if (!plan) problems = std::move(plan.error());
  snapshot->name_sites(before);
  snapshot->read_maps(problems, warnings);
  snapshot->open_trees(before, problems, warnings);
  if (!problems.empty()) return std::unexpected(std::move(problems));
  for (uint32_t worker = 0; worker < workers; ++worker) {
    uint64_t seed = 0;
    CHECK(getrandom(&seed, sizeof seed, 0) == sizeof seed);
    snapshot->add_router(*plan, seed);
  }
  return snapshot;
}

void Snapshot::read_maps(std::vector<config::Problem>& problems, std::vector<config::Problem>& warnings) {
  std::vector<std::unique_ptr<const site::MapTable>> tables;
  for (const config::Map& map : config_->maps) {
    MapFile file{.map = map};
    auto table = load_map(map, warnings, &file.loaded);
    if (table) {
      tables.push_back(std::move(*table));
      map_files_.push_back(std::move(file));
    } else {
      problems.push_back(std::move(table.error()));
    }
  }
  if (tables.size() == config_->maps.size()) maps_ = std::make_unique<site::Maps>(std::move(tables));
}

void Snapshot::open_trees(const Snapshot* before, std::vector<config::Problem>& problems,
                          std::vector<config::Problem>& warnings) {
  Takeover takeover(before);
  const http::MediaTypes types(config_->types);
  for (const auto& [index, prefix] : tree_names()) {
    const config::Site& site = config_->sites[index];
    disk::SiteRules rules = rules_of(site, types);
    if (!prefix.empty()) become_mount(rules, site, prefix);
    auto tree = takeover.take(rules, *config_, index);
    if (!tree) {
      auto root = open_root(rules.root_path);
      if (!root) {
        const std::string what = prefix.empty() ? "root " : "mount " + std::string(prefix) + ": ";
        problems.push_back({site.where, what + rules.root_path + ": " + root.error().message});
        continue;
      }
      std::vector<std::string> found;
      disk::ErrorPages pages = disk::read_error_pages(*root, rules.error_pages, rules.compress, found);
      for (const std::string& problem : found) warnings.push_back({site.where, problem});
      const uint32_t slot = sites_->add({.rules = rules,
                                         .describer = describer_for(*config_, index, prefix),
                                         .root = std::make_shared<disk::Root>(std::move(*root)),
                                         .pages = std::make_shared<const disk::ErrorPages>(std::move(pages))});
      tree = std::make_shared<const Tree>(sites_, slot, std::move(rules), config_, index);
    }
    slots_.push_back(tree->slot);
    trees_.push_back(std::move(tree));
  }
}

}  // namespace uringd::server
