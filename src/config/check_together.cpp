// Checks of a merged configuration, one method per matter, in the order of the file's sections. A key whose own value
// was refused is not blamed a second time.
#include "check_together.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "read_process.hpp"
#include "token_file.hpp"
#include "uringd/base/check.hpp"
#include "uringd/config/listen.hpp"
#include "uringd/config/quantity.hpp"

namespace uringd::config {
namespace {

constexpr const char* no_directory = "is no directory";

class Checker {
 public:
  Checker(const Sources& sources, Merge& merge, Problems& problems, Problems& warnings)
      : sources_(sources), merge_(merge), problems_(problems), warnings_(warnings) {}

  void check() {
    check_proxies();
    check_log();
    check_admin();
    check_token_file();
    check_hosts();
    check_cache();
    check_maps();
    for (std::size_t index = 0; index < merge_.config().sites.size(); ++index) {
      check_fields(index);
      check_mounts(index);
      if (!check_root(index)) continue;
      check_error_pages(index);
      check_fallback(index);
    }
  }

 private:
  [[nodiscard]] Place place_of(std::size_t site_index, const char* key) const {
    const Place* origin = merge_.origin("site." + std::to_string(site_index) + "." + key);
    return origin ? *origin : merge_.site_place(site_index);
  }

  [[nodiscard]] bool refused(std::size_t site_index, const char* key) const {
    return merge_.refused("site." + std::to_string(site_index) + "." + key);
  }

  /// "log.access: ", or nothing where the flag at `place` says it.
  static std::string prefix(const Place& place, const std::string& key) {
    return place.where == "--set " + key ? "" : key + ": ";
  }

  /// A header that nobody may say is read and thrown away: surely not what was meant.
  void check_proxies() {
    const Config::Server& server = merge_.config().server;
    const Place* place = merge_.origin("server.listen");
    if (!place || !server.trusted_proxies.empty() || merge_.refused("server.trusted_proxies")) return;
    for (const ListenAddress& address : server.listen) {
      if (!address.proxy_protocol) continue;
      warnings_.add(*place, prefix(*place, "server.listen") + describe(std::string_view(address.text)) +
                                ": proxy_protocol without server.trusted_proxies: no proxy is believed, every client "
                                "has the address that its connection comes from");
    }
  }

  void check_log() {
    const std::string& target = merge_.config().log.access;
    const Place* place = merge_.origin("log.access");
    if (!place || merge_.refused("log.access") || target.empty() || target == log_stdout) return;
    struct stat status{};
    if (::stat(target.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return;
    problems_.add(*place, prefix(*place, "log.access") + "found " + describe(std::string_view(target)) +
                              ", which is a directory; expected a file, such as " +
                              describe(target + (target.ends_with('/') ? "" : "/") + "access.log"));
  }

  void check_admin() {
    const Config::Admin& admin = merge_.config().admin;
    const Place* place = merge_.origin("admin.listen");
    if (!place || !admin.listen || merge_.refused("admin.listen")) return;
    const std::string found =
        prefix(*place, "admin.listen") + "found " + describe(std::string_view(admin.listen->text));
    const bool has_token = !admin.token_file.empty() || merge_.refused("admin.token_file");
    if (!has_token && !is_local(*admin.listen)) {
      problems_.add(*place, found +
                                " without admin.token_file; expected a token_file, an address of loopback "
                                "such as \"127.0.0.1:9090\", or a unix socket");
    } else if (!has_token && admin.read == AdminRead::token) {
      const Place* read = merge_.origin("admin.read");
      CHECK(read != nullptr);
      problems_.add(*read,
                    prefix(*read, "admin.read") + "found \"token\" without admin.token_file; expected a token_file");
    }
    const auto same = [&](const ListenAddress& other) { return other.text == admin.listen->text; };
    if (std::ranges::any_of(merge_.config().server.listen, same)) {
      problems_.add(*place, found + ", which server.listen has; expected an address of its own");
    }
  }

  void check_token_file() {
    const std::string& path = merge_.config().admin.token_file;
    const Place* place = merge_.origin("admin.token_file");
    if (path.empty() || !place || merge_.refused("admin.token_file")) return;
    auto token = read_token_file(path);
    if (token) {
      merge_.config().admin.token = std::move(*token);
    } else if (!token.error().unreadable || !sources_.without_token) {
      problems_.add(*place, prefix(*place, "admin.token_file") + "found " + describe(std::string_view(path)) + ": " +
                                token.error().found + "; expected " + token.error().expected);
    }
  }

  void check_hosts() {
    std::map<std::string, Place> seen;
    const std::vector<Site>& sites = merge_.config().sites;
    for (std::size_t index = 0; index < sites.size(); ++index) {
      if (refused(index, "hosts")) continue;
      const Place place = place_of(index, "hosts");
      for (const std::string& host : sites[index].hosts) {
        const auto [earlier, fresh] = seen.try_emplace(host, place);
        if (fresh) continue;
        const bool is_default = !merge_.origin("site." + std::to_string(index) + ".hosts");
        problems_.add(place, "site.hosts: " + describe(host) + (is_default ? " (the default)" : "") +
                                 " is taken by the site at " + earlier->second.where + "; expected each host once");
      }
    }
  }

  void check_cache() {
    const Config::Cache& cache = merge_.config().cache;
    if (!cache.size_bytes || *cache.size_bytes >= cache.max_file_size_bytes) return;
    const Place* origin = merge_.origin("cache.max_file_size");
    if (!origin) origin = merge_.origin("cache.size");
    CHECK(origin != nullptr);
    problems_.add(*origin, "cache.max_file_size: found " + in_quotes(format_size(cache.max_file_size_bytes)) +
                               "; expected at most cache.size, " + in_quotes(format_size(*cache.size_bytes)));
  }

  void check_maps() {
    for (const Map& map : merge_.config().maps) {
      const std::string path = "maps." + map.name;
      if (!map.file.empty() || merge_.refused(path + ".file")) continue;
      problems_.add(merge_.map_place(map.name),
                    path + ": found a table without file; expected file = \"maps/" + map.name + ".txt\"");
    }
  }

  void check_mounts(std::size_t index) {
    if (refused(index, "mounts")) return;
    const Site& site = merge_.config().sites[index];
    for (const auto& [at, directory] : site.mounts) {
      if (!site.hidden && at.contains("/.") && !(at + '/').starts_with("/.well-known/")) {
        warnings_.add(
            place_of(index, "mounts"),
            "site.mounts: " + describe(at) + " begins a name with a dot: 404 for all of it, unless hidden = true");
      }
      const std::string reason = why_no_directory(directory);
      if (reason.empty()) continue;
      const Place place = place_of(index, "mounts");
      problems_.add(place, prefix(place, "site.mounts") + "found " + describe(at) + " = " + describe(directory) + ": " +
                               reason + "; expected a directory");
    }
  }

  /// Empty for a directory.
  static std::string why_no_directory(const std::string& path) {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0) return errno_text(errno);
    return S_ISDIR(status.st_mode) ? "" : no_directory;
  }

  bool check_root(std::size_t index) {
    const Site& site = merge_.config().sites[index];
    if (refused(index, "root")) return false;
    const std::string reason = why_no_directory(site.root);
    if (reason.empty()) return true;
    if (sources_.directory && site.root == *sources_.directory) {
      problems_.add(merge_.site_place(index),
                    reason + "; expected a directory to serve" +
                        (reason == no_directory ? ", or a configuration: --config " + site.root : ""));
      return false;
    }
    const Place place = place_of(index, "root");
    problems_.add(
        place, prefix(place, "site.root") + "found " + describe(site.root) + ": " + reason + "; expected a directory");
    return false;
  }

  void check_error_pages(std::size_t index) {
    const Site& site = merge_.config().sites[index];
    for (const auto& [status, page] : site.error_pages) {
      struct stat file{};
      if (::stat((site.root + page).c_str(), &file) == 0 && S_ISREG(file.st_mode)) continue;
      warnings_.add(place_of(index, "error_pages"), "site.error_pages: " + status + " = " + describe(page) +
                                                        ": no such file below root; the built-in page is used");
    }
  }

  void check_fallback(std::size_t index) {
    const Site& site = merge_.config().sites[index];
    struct stat file{};
    if (site.fallback.empty() || (::stat((site.root + site.fallback).c_str(), &file) == 0 && S_ISREG(file.st_mode))) {
      return;
    }
    warnings_.add(place_of(index, "fallback"),
                  "site.fallback: " + describe(site.fallback) + ": no such file below root; 404 until it is there");
  }

  /// One answer has one Cache-Control by default and may match all rules: their sum bounds what is written.
  void check_fields(std::size_t index) {
    if (refused(index, "headers") || refused(index, "cache_control")) return;
    const Site& site = merge_.config().sites[index];
    const auto line_size = [](std::string_view name, std::string_view value) {
      return name.size() + value.size() + std::string_view(": \r\n").size();
    };
    std::size_t longest = 0;
    for (const auto& field : site.cache_control) longest = std::max(longest, line_size("Cache-Control", field.second));
    std::size_t bytes = default_field_line.size() + longest;
    for (const HeaderRule& rule : site.headers) {
      for (const auto& [name, value] : rule.set) bytes += line_size(name, value);
    }
    if (bytes <= site_fields_most_bytes) return;
    const char* key = site.headers.empty() ? "cache_control" : "headers";
    problems_.add(place_of(index, key),
                  std::string("site.") + key + ": found " + std::to_string(bytes) +
                      " bytes of fields, all rules and cache_control together; expected at most " +
                      std::to_string(site_fields_most_bytes));
  }

  const Sources& sources_;
  Merge& merge_;
  Problems& problems_;
  Problems& warnings_;
};

}  // namespace

void check_together(const Sources& sources, Merge& merge, Problems& problems, Problems& warnings) {
  Checker(sources, merge, problems, warnings).check();
}

}  // namespace uringd::config
