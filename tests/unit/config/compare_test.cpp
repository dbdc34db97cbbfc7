// What a reload is told: every key that differs is named once, those that wait for a restart among them, and a site's
// cached answers stay exactly where nothing that they show has changed.
#include "uringd/config/compare.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>

#include "schema.hpp"
#include "temporary_directory.hpp"
#include "uringd/config/load.hpp"

using namespace uringd::config;
using Paths = std::vector<std::string>;

namespace {

/// The configuration that `KEY = VALUE` of a flag gives.
Config with(const std::string& key, const std::string& value) {
  const TemporaryDirectory directory;
  Sources sources;
  sources.sets = {{"site.root", "/"}, {key, value == "TOKEN" ? directory.token() : value}};
  const auto loaded = load(sources);
  REQUIRE(loaded.has_value());
  return *loaded->config;
}

/// Another value than the default, for each key outside sites and maps.
const std::vector<std::pair<std::string, std::string>> others = {
    {"server.listen", "fd:http"},
    {"server.workers", "3"},
    {"server.pin", "false"},
    {"server.user", "www-data"},
    {"server.shutdown_delay", "1s"},
    {"server.drain_timeout", "31s"},
    {"server.trusted_proxies", "10.0.0.0/8"},
    {"server.sandbox", "false"},
    {"limits.connections", "9"},
    {"limits.connections_per_ip", "9"},
    {"limits.header_size", "17KiB"},
    {"limits.header_timeout", "11s"},
    {"limits.body_size", "65KiB"},
    {"limits.body_timeout", "11s"},
    {"limits.idle_timeout", "61s"},
    {"limits.send_timeout", "61s"},
    {"limits.requests_per_connection", "9"},
    {"disk.queue_size", "9"},
    {"disk.timeout", "31s"},
    {"disk.kernel_threads", "9"},
    {"disk.stream_size", "1MiB"},
    {"disk.stream_memory", "65MiB"},
    {"disk.zero_copy", "never"},
    {"cache.size", "1GiB"},
    {"cache.max_file_size", "65KiB"},
    {"cache.stale_after", "3s"},
    {"cache.missing_ttl", "3s"},
    {"cache.idle_after", "11m"},
    {"cache.watch", "false"},
    {"cache.preload", "/a"},
    {"log.level", "warn"},
    {"log.access", "stdout"},
    {"log.format", "json"},
    {"admin.listen", "unix:/a"},
    {"admin.token_file", "TOKEN"},
    {"admin.read", "open"},
    {"admin.overlay_size", "17MiB"},
    {"types", "{ \".foo\" = \"application/x-foo\" }"},
};

const Paths restart_keys = {"server.workers", "server.pin", "server.user", "server.sandbox", "disk.stream_memory"};

/// A site whose every member that is a list or a text has something in it.
Site full_site() {
  Site site;
  site.hosts = {"a.example"};
  site.root = "/srv";
  site.mounts = {{"/m", "/mnt"}};
  site.index = {"index.html"};
  site.error_pages = {{"404", "/404.html"}};
  site.extensions = {"html"};
  site.fallback = "/index.html";
  site.precompressed = {Coding::br};
  site.compress = {Coding::zstd};
  site.cache_control = {{"*", "no-cache"}};
  site.headers = {{"/**", {"server"}, {{"X-A", "1"}}, "config.toml:9:1"}};
  site.rewrites.emplace_back().match = "a";
  site.where = "config.toml:1:1";
  return site;
}

bool stays(const std::function<void(Site&)>& change) {
  Site changed = full_site();
  change(changed);
  const bool same = same_tree_answers(full_site(), changed);
  CHECK(same == same_tree_answers(changed, full_site()));
  return same;
}

}  // namespace

TEST_CASE("equal configurations have no changed keys, sites and maps aside") {
  CHECK(changed_keys(default_config(), default_config()).empty());
  Config other = default_config();
  other.sites.push_back(full_site());
  other.maps.push_back({"legacy", "a.txt", MapKind::cdb, 1, ""});
  CHECK(changed_keys(default_config(), other).empty());
  CHECK(need_restart(default_config(), other).empty());
}

TEST_CASE("every key outside sites and maps is named where it alone differs, and those that need a restart are five") {
  const Config before = with("server.workers", "0");
  for (const Key& key : schema()) {
    if (key.in_site() || key.in_map()) continue;
    CAPTURE(key.path);
    const auto other = std::ranges::find(others, key.path, &std::pair<std::string, std::string>::first);
    REQUIRE(other != others.end());
    const Config after = with(other->first, other->second);
    CHECK(changed_keys(before, after) == Paths{other->first});
    CHECK(changed_keys(after, before) == Paths{other->first});
    const bool restart = std::ranges::find(restart_keys, key.path) != restart_keys.end();
    CHECK(need_restart(before, after) == (restart ? Paths{other->first} : Paths{}));
  }
}

TEST_CASE("several changed keys are named in the order of the schema") {
  Config after = default_config();
  after.disk.stream_memory_bytes = 1 << 21;
  after.limits.connections = 5;
  after.server.user = "nobody";
  after.server.workers = 5;
  CHECK(changed_keys(default_config(), after) ==
        Paths{"server.workers", "server.user", "limits.connections", "disk.stream_memory"});
  CHECK(need_restart(default_config(), after) == Paths{"server.workers", "server.user", "disk.stream_memory"});
}

TEST_CASE("a listener's further keys and an address block are parts of its key's value") {
  const auto listen = [](const std::string& more) {
    return with("server.listen", "[{ address = \"unix:/a\"" + more + "}]");
  };
  const Config before = listen("");
  for (const char* more : {", proxy_protocol = true", ", mode = \"0600\"", ", backlog = 7"}) {
    CAPTURE(more);
    CHECK(changed_keys(before, listen(more)) == Paths{"server.listen"});
  }
  CHECK(changed_keys(before, listen(", proxy_protocol = false")).empty());
  CHECK(changed_keys(listen(", mode = \"660\""), listen(", mode = \"0660\"")).empty());
  CHECK(changed_keys(with("server.trusted_proxies", "10.0.0.0/8"), with("server.trusted_proxies", "10.0.0.0/9")) ==
        Paths{"server.trusted_proxies"});
}

TEST_CASE("whatever a cached file's answer shows makes its tree another one") {
  CHECK_FALSE(stays([](Site& site) { site.precompressed = {}; }));
  CHECK_FALSE(stays([](Site& site) { site.compress = {Coding::gzip}; }));
  CHECK_FALSE(stays([](Site& site) { site.index.emplace_back("a.html"); }));
  CHECK_FALSE(stays([](Site& site) { site.extensions = {"htm"}; }));
  CHECK_FALSE(stays([](Site& site) { site.cache_control[0].second = "no-store"; }));
  CHECK_FALSE(stays([](Site& site) { site.headers[0].match = "/*"; }));
  CHECK_FALSE(stays([](Site& site) { site.headers[0].remove = {}; }));
  CHECK_FALSE(stays([](Site& site) { site.headers[0].set[0].second = "2"; }));
  CHECK_FALSE(stays([](Site& site) { site.headers.push_back(site.headers[0]); }));
  CHECK_FALSE(stays([](Site& site) { site.hidden = true; }));
  CHECK_FALSE(stays([](Site& site) { site.listing = true; }));
  CHECK_FALSE(stays([](Site& site) { site.symlinks = Symlinks::never; }));
  CHECK_FALSE(stays([](Site& site) { site.error_pages[0].second = "/oops.html"; }));
  CHECK_FALSE(stays([](Site& site) { site.keep_previous = Duration(1); }));
}

TEST_CASE("which file a request means, and where things were written, leave a tree's answers as they are") {
  CHECK(stays([](Site&) {}));
  CHECK(stays([](Site& site) { site.hosts = {"*"}; }));
  CHECK(stays([](Site& site) { site.root = "/other"; }));
  CHECK(stays([](Site& site) { site.mounts = {}; }));
  CHECK(stays([](Site& site) { site.fallback = ""; }));
  CHECK(stays([](Site& site) { site.rewrites = {}; }));
  CHECK(stays([](Site& site) { site.server_timing = true; }));
  CHECK(stays([](Site& site) { site.cache_status = true; }));
  CHECK(stays([](Site& site) { site.where = site.headers[0].where = "other.toml:2:2"; }));
}
