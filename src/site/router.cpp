// From a request to a site and a path, in the order in which a request can be turned away: method, target, host, rules,
// names. Scratch memory is used from its start: the path, the host, what a rule expands to, that path normalised.
#include "uringd/site/router.hpp"

#include <utility>

#include "uringd/base/check.hpp"
#include "uringd/http/host.hpp"
#include "uringd/http/target.hpp"

namespace uringd::site {
namespace {

/// A path as it is routed: with the slash of a directory at its end, a NUL behind it, and what its names are.
struct Named {
  std::string_view path;
  bool hidden = false;
  bool name_too_long = false;
};

/// `target.path` lies in `memory`, which has room for two bytes behind it.
Named named(const http::Target& target, std::span<char> memory) {
  Named result{target.path, target.hidden, target.name_too_long};
  if (target.trailing_slash && target.path.size() > 1) {
    const size_t end = static_cast<size_t>(target.path.data() - memory.data()) + target.path.size();
    CHECK(end + 2 <= memory.size());
    memory[end] = '/';
    memory[end + 1] = '\0';
    result.path = {target.path.data(), target.path.size() + 1};
  }
  return result;
}

/// 0: it is not.
int refused_status(http::Method method) {
  switch (method) {
    case http::Method::unknown: return 501;
    case http::Method::not_allowed: return 405;
    case http::Method::get:
    case http::Method::head:
    case http::Method::options: break;
  }
  return 0;
}

// Of a target in absolute form (RFC 9112 §3.2.2).
std::string_view scheme_of(std::string_view target) {
  constexpr std::string_view https = "https:";
  if (target.size() < https.size()) return "http";
  for (size_t i = 0; i < https.size(); ++i) {
    if ((target[i] | 0x20) != (https[i] | 0x20)) return "http";
  }
  return "https";
}

}  // namespace

Router::Router(std::shared_ptr<const RouterPlan> plan, const Maps& maps, uint64_t seed)
    : plan_(std::move(plan)), maps_(maps), random_(seed), rewrites_(plan_->sites_.size()) {
  for (size_t site = 0; site < rewrites_.size(); ++site) {
    if (plan_->sites_[site].rules) rewrites_[site] = std::make_unique<Rewrites>(plan_->sites_[site].rules);
  }
}

// The authority of an absolute-form target is the request's Host field already.
uint32_t Router::site_of(const http::Request& request, std::span<char> scratch) const {
  if (rewrites_.size() == 1) return 0;
  const auto host = http::canonical_host(request.field(http::Field::host).value_or(""), scratch);
  return host ? plan_->site_for(*host) : 0;
}

Route Router::route(const http::Request& request, std::span<char> scratch, std::string_view scheme,
                    RewriteTrace* trace) {
  const int refused = refused_status(request.method());
  const auto target = http::parse_target(request.target(), scratch);
  if (!target) return {.status = refused != 0 ? refused : target.error(), .site = site_of(request, scratch)};
  Route route{.query = target->query, .has_query = target->has_query};
  const size_t used = static_cast<size_t>(target->path.data() - scratch.data()) + target->path.size() + 2;
  CHECK(used <= scratch.size());
  Named name = named(*target, scratch);
  route.path = name.path;
  const std::span<char> rest = scratch.subspan(used);
  route.site = site_of(request, rest);
  route.status = refused;
  if (refused == 0 && request.method() == http::Method::options) route.status = 204;
  if (route.status == 0 && target->asterisk) route.status = 400;
  const int decided = std::exchange(route.status, 0);
  if (rewrites_[route.site] && decided != 400) {
    // A preflight's fields are those of the resource that it asks about (Fetch, §4.8): an internal path is followed for
    // it too, a redirect is not.
    if (const auto rewritten = rewrite(request, route, rest, scheme, trace)) name = named(*rewritten, scratch);
    route.path = name.path;
  }
  if (decided != 0) {
    route.status = decided;
    route.location = {};
  }
  if (route.status != 0) return route;
  const RouterPlan::Site& site = plan_->sites_[route.site];
  const size_t with_slash_and_nul = route.path.size() + (route.path.ends_with('/') ? 1 : 2);
  if ((name.hidden && !site.hidden) || name.name_too_long || with_slash_and_nul > path_limit) {
    route.status = 404;
  } else if (!site.mounts.empty()) {
    if (plan_->is_mount(route.site, route.path)) route.status = 301;
    route.place = plan_->place_of(route.site, route.path);
  } else {
    route.place = {route.site, 0};
  }
  return route;
}

// The target of a rule's internal path, or nothing: no rule, or route.status says it all.
std::optional<http::Target> Router::rewrite(const http::Request& request, Route& route, std::span<char> scratch,
                                            std::string_view scheme, RewriteTrace* trace) {
  RewriteInput input{.request = &request,
                     .path = route.path,
                     .host = {},
                     .query = route.query,
                     .has_query = route.has_query,
                     .scheme = scheme.empty() ? scheme_of(request.target()) : scheme};
  if (const auto host = http::canonical_host(request.field(http::Field::host).value_or(""), scratch)) {
    input.host = *host;
    scratch = scratch.subspan(host->size());
  }
  const Rewritten result =
      rewrites_[route.site]->apply(input, maps_, random_, scratch.first<Rewrites::expansion_bytes>(), trace);
  route.fields = result.fields;
  route.rule = result.rule;
  if (result.rule == Rewritten::none) return {};
  route.status = result.status;
  route.location = result.location;
  if (route.status != 0) return {};
  route.rewritten = true;
  route.query = result.query;
  route.has_query = result.has_query;
  std::optional<http::Target> target = http::normalise_path(result.path, scratch.subspan(Rewrites::expansion_bytes));
  if (!target) route.status = 404;  // a map's value holds a byte that no file name has
  return target;
}

}  // namespace uringd::site
