// Router: step 4 of the journey: which site, and which path below its root, does a request mean? What never changes of
// it (hosts, rules, mounts) is a RouterPlan, built once and shared; each worker has a Router of its own over that. It
// opens nothing, allocates nothing per request and writes only into the caller's scratch memory.
//
//   method ─ target ─ host ─ rewrites (once) ─ names ─ mount
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "uringd/config/config.hpp"
#include "uringd/config/load.hpp"
#include "uringd/http/request.hpp"
#include "uringd/http/target.hpp"
#include "uringd/site/maps.hpp"
#include "uringd/site/random.hpp"
#include "uringd/site/rewrites.hpp"

namespace uringd::site {

/// Where a path of a site lies. Trees are numbered: the sites' roots in their order, then their mounts.
struct Place {
  uint32_t tree = 0;
  size_t prefix_bytes = 0;  // of the path, that name the mount
};

/// The answer of route(). `status` 0: `path` is to be looked up; otherwise that status, at once.
struct Route {
  int status = 0;
  uint32_t site = 0;       // index in Config::sites
  Place place;             // of `path`
  std::string_view path;   // decoded, normalised, NUL-terminated, begins with '/'; ends with one for a directory
  std::string_view query;  // as sent, without '?'
  bool has_query = false;
  bool rewritten = false;           // by an internal rule: path, and perhaps query, are not what was asked for
  uint32_t rule = Rewritten::none;  // that decided
  std::string_view location;        // of a rule's redirect; empty with 301: path with a slash at its end
  uint64_t fields = 0;              // request fields that the rules asked for: see Router::field()

  /// The path below the tree's root.
  [[nodiscard]] std::string_view path_in_tree() const { return path.substr(place.prefix_bytes); }
};

class RouterPlan {
 public:
  struct Mount {
    std::string prefix;  // "/uploads"
    uint32_t tree = 0;
  };

  /// Or everything that is wrong with the rules.
  [[nodiscard]] static std::expected<std::shared_ptr<const RouterPlan>, std::vector<config::Problem>> build(
      const config::Config& config, std::vector<config::Problem>& warnings);

  /// The site for a host in canonical form: exact beats *.suffix beats "*"; none: the first site.
  [[nodiscard]] uint32_t site_for(std::string_view canonical_host) const;
  [[nodiscard]] Place place_of(uint32_t site, std::string_view path) const;
  /// `path` is a mount's prefix, without the slash of the directory that it is.
  [[nodiscard]] bool is_mount(uint32_t site, std::string_view path) const;
  [[nodiscard]] const RuleSet& rules(uint32_t site) const { return *sites_[site].rules; }

 private:
  friend class Router;
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  struct Site {
    bool hidden = false;                   // dot names are served
    std::vector<Mount> mounts;             // longest prefix first
    std::shared_ptr<const RuleSet> rules;  // nullptr: none
  };

  std::unordered_map<std::string, uint32_t, Hash, std::equal_to<>> hosts_;  // exact names, "*.suffix", "*"
  std::vector<Site> sites_;
};

class Router {
 public:
  /// The longest decoded path that is looked up; longer ones are 404: openat2(2) would say ENAMETOOLONG.
  static constexpr size_t path_limit = 4096;
  /// Scratch memory that route() needs for a request head of `header_bytes`.
  static constexpr size_t scratch_bytes(size_t header_bytes) {
    return 2 * header_bytes + 2 * Rewrites::expansion_bytes + 16;
  }

  /// `maps` outlives it. `seed`: of what rnd maps pick.
  Router(std::shared_ptr<const RouterPlan> plan, const Maps& maps, uint64_t seed);

  /// 405 (Allow: GET, HEAD, OPTIONS), 501, 204 (OPTIONS), 400, 404 (hidden names, names no file can have), what a rule
  /// says, 414 (it expands to more than fits), or 0. Views point into `scratch` and the request's bytes. Two calls for
  /// one request may differ: maps change, and pick.
  /// `scheme`: what a trusted proxy says that the client spoke; empty: the target's, else http.
  [[nodiscard]] Route route(const http::Request& request, std::span<char> scratch, std::string_view scheme = {},
                            RewriteTrace* trace = nullptr);
  [[nodiscard]] Place place_of(uint32_t site, std::string_view path) const { return plan_->place_of(site, path); }
  /// The site that the request's Host (or absolute-form target) names.
  [[nodiscard]] uint32_t site_of(const http::Request& request, std::span<char> scratch) const;
  [[nodiscard]] bool has_rules(uint32_t site) const { return rewrites_[site] != nullptr; }
  /// The name of a bit of Route::fields.
  [[nodiscard]] std::string_view field(uint32_t site, unsigned bit) const { return plan_->rules(site).field(bit); }

 private:
  std::optional<http::Target> rewrite(const http::Request& request, Route& route, std::span<char> scratch,
                                      std::string_view scheme, RewriteTrace* trace);

  std::shared_ptr<const RouterPlan> plan_;
  const Maps& maps_;
  Random random_;
  std::vector<std::unique_ptr<Rewrites>> rewrites_;  // by site; nullptr: none
};

}  // namespace uringd::site
