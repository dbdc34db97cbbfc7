// compare: what a new configuration changes, for a reload: which keys have other values, which of those wait for a
// restart, and whether a site's cached answers may stay. Pure; the reload's thread.
#pragma once

#include <string>
#include <vector>

#include "uringd/config/config.hpp"

namespace uringd::config {

/// The keys outside [[site]] and [maps.NAME] whose values differ, as "server.workers", in the schema's order.
std::vector<std::string> changed_keys(const Config& before, const Config& after);

/// Those of changed_keys() that have their effect after a restart only.
std::vector<std::string> need_restart(const Config& before, const Config& after);

/// Whether all of a site that decides what a cached file's answer looks like is equal. What decides which file a
/// request means (hosts, root, mounts, fallback, rewrites), fields of a single answer (server_timing, cache_status) and
/// where things were written do not count; nor does what the whole configuration says ([types], [cache]).
bool same_tree_answers(const Site& a, const Site& b);

}  // namespace uringd::config
