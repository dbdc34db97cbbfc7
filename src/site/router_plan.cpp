// Hosts are looked up by hash, a suffix at a time, so that a thousand sites cost what one costs.
#include <algorithm>

#include "uringd/base/check.hpp"
#include "uringd/site/router.hpp"

namespace uringd::site {

std::expected<std::shared_ptr<const RouterPlan>, std::vector<config::Problem>> RouterPlan::build(
    const config::Config& config, std::vector<config::Problem>& warnings) {
  auto plan = std::make_shared<RouterPlan>();
  std::vector<config::Problem> problems;
  auto next_tree = static_cast<uint32_t>(config.sites.size());
  CHECK(next_tree > 0);
  for (const config::Site& site : config.sites) {
    const auto index = static_cast<uint32_t>(plan->sites_.size());
    for (const std::string& host : site.hosts) plan->hosts_.emplace(host, index);
    Site& planned = plan->sites_.emplace_back(Site{.hidden = site.hidden});
    for (const auto& mount : site.mounts) planned.mounts.push_back({mount.first, next_tree++});
    std::ranges::sort(planned.mounts, std::ranges::greater{}, [](const Mount& m) { return m.prefix.size(); });
    if (site.rewrites.empty()) continue;
    auto rules = RuleSet::compile(site, config.maps, warnings);
    if (rules) {
      planned.rules = std::move(*rules);
    } else {
      problems.insert(problems.end(), rules.error().begin(), rules.error().end());
    }
  }
  if (!problems.empty()) return std::unexpected(std::move(problems));
  return plan;
}

uint32_t RouterPlan::site_for(std::string_view canonical_host) const {
  if (auto exact = hosts_.find(canonical_host); exact != hosts_.end()) return exact->second;
  char pattern[256] = "*";
  for (size_t dot = canonical_host.find('.'); dot != std::string_view::npos; dot = canonical_host.find('.', dot + 1)) {
    const std::string_view suffix = canonical_host.substr(dot);
    if (suffix.size() + 1 > sizeof pattern) continue;
    suffix.copy(pattern + 1, suffix.size());
    if (auto found = hosts_.find(std::string_view(pattern, suffix.size() + 1)); found != hosts_.end()) {
      return found->second;
    }
  }
  auto any = hosts_.find(std::string_view("*"));
  return any != hosts_.end() ? any->second : 0;
}

Place RouterPlan::place_of(uint32_t site, std::string_view path) const {
  for (const Mount& mount : sites_[site].mounts) {
    if (path.starts_with(mount.prefix) && path.substr(mount.prefix.size()).starts_with('/')) {
      return {mount.tree, mount.prefix.size()};
    }
  }
  return {site, 0};
}

bool RouterPlan::is_mount(uint32_t site, std::string_view path) const {
  return std::ranges::find(sites_[site].mounts, path, &Mount::prefix) != sites_[site].mounts.end();
}

}  // namespace uringd::site
