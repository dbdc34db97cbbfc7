// Router: step 4 of the journey: which site, and which path below its root, does a request mean? Immutable once built,
// shared by all workers. It opens nothing, allocates nothing per request and writes only into the caller's scratch
// memory.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "uringd/config/config.hpp"
#include "uringd/http/request.hpp"

namespace uringd::site {

/// The answer of route(). `status` 0: `path` is to be looked up; otherwise that status, at once.
struct Route {
  int status = 0;
  uint32_t site = 0;       // index in Config::sites
  std::string_view path;   // decoded, normalised, NUL-terminated, begins with '/'; ends with one for a directory
  std::string_view query;  // as sent, without '?'
  bool has_query = false;
};

class Router {
 public:
  /// The longest decoded path that is looked up; longer ones are 404: openat2(2) would say ENAMETOOLONG.
  static constexpr size_t path_limit = 4096;
  /// Scratch memory that route() needs for a request head of `header_bytes`.
  static constexpr size_t scratch_bytes(size_t header_bytes) { return 2 * header_bytes + 8; }

  explicit Router(const config::Config& config);

  /// 405 (Allow: GET, HEAD, OPTIONS), 501, 204 (OPTIONS), 400, 404 (hidden names, names no file can have), or 0. Views
  /// point into `scratch` and the request's bytes.
  [[nodiscard]] Route route(const http::Request& request, std::span<char> scratch) const;
  /// The site for a host in canonical form: exact beats *.suffix beats "*"; none: the first site.
  [[nodiscard]] uint32_t site_for(std::string_view canonical_host) const;
  /// The site that the request's Host (or absolute-form target) names.
  [[nodiscard]] uint32_t site_of(const http::Request& request, std::span<char> scratch) const;

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  std::unordered_map<std::string, uint32_t, Hash, std::equal_to<>> hosts_;  // exact names, "*.suffix", "*"
  std::vector<bool> hidden_;                                                // by site: dot names are served
};

}  // namespace uringd::site
