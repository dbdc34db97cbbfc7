// From a request to a site and a path, in the order in which a request can be turned away: method, target, host, name.
#include "uringd/site/router.hpp"

#include "uringd/base/check.hpp"
#include "uringd/http/host.hpp"
#include "uringd/http/target.hpp"

namespace uringd::site {

Router::Router(const config::Config& config) {
  uint32_t index = 0;
  for (const config::Site& site : config.sites) {
    for (const std::string& host : site.hosts) hosts_.emplace(host, index);
    hidden_.push_back(site.hidden);
    ++index;
  }
  CHECK(index > 0);
}

uint32_t Router::site_for(std::string_view canonical_host) const {
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

// The authority of an absolute-form target is the request's Host field already.
uint32_t Router::site_of(const http::Request& request, std::span<char> scratch) const {
  if (hidden_.size() == 1) return 0;
  const auto host = http::canonical_host(request.field(http::Field::host).value_or(""), scratch);
  return host ? site_for(*host) : 0;
}

Route Router::route(const http::Request& request, std::span<char> scratch) const {
  switch (request.method()) {
    case http::Method::unknown: return {.status = 501, .site = site_of(request, scratch)};
    case http::Method::not_allowed: return {.status = 405, .site = site_of(request, scratch)};
    case http::Method::get:
    case http::Method::head:
    case http::Method::options: break;
  }
  const auto target = http::parse_target(request.target(), scratch);
  if (!target) return {.status = target.error(), .site = site_of(request, scratch)};
  Route route{.path = target->path, .query = target->query, .has_query = target->has_query};
  const size_t used = static_cast<size_t>(target->path.data() - scratch.data()) + target->path.size() + 2;
  CHECK(used <= scratch.size());
  route.site = site_of(request, scratch.subspan(used));
  if (request.method() == http::Method::options) {
    route.status = 204;
  } else if (target->asterisk) {
    route.status = 400;
  } else if ((target->hidden && !hidden_[route.site]) || target->name_too_long || route.path.size() + 2 > path_limit) {
    route.status = 404;
  } else if (target->trailing_slash && route.path.size() > 1) {
    char* end = scratch.data() + (used - 2);
    end[0] = '/';
    end[1] = '\0';
    route.path = {route.path.data(), route.path.size() + 1};
  }
  return route;
}

}  // namespace uringd::site
