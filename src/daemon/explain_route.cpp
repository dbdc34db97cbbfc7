// The router has decided; this finds what it went by. A host can only be told here: the router's table forgets which of
// a site's names it was.
#include "explain_route.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "uringd/http/host.hpp"
#include "uringd/http/target.hpp"

namespace uringd::daemon {
namespace {

const config::Site& site_of(const Inquiry& inquiry) { return inquiry.snapshot.config().sites[inquiry.route.site]; }

std::string at(const std::string& where) { return where.empty() ? "" : " at " + shown(where); }

/// Of the site's names the one that beats the others: the host itself, the longest suffix, "*".
const std::string* name_for(const config::Site& site, std::string_view host) {
  const std::string* best = nullptr;
  for (const std::string& name : site.hosts) {
    if (name == host) return &name;
    const bool suffix = name.starts_with("*.") && host.size() >= name.size() && host.ends_with(name.substr(1));
    if ((suffix || name == "*") && (!best || name.size() > best->size())) best = &name;
  }
  return best;
}

void tell_site(const Inquiry& inquiry) {
  const config::Site& site = site_of(inquiry);
  const size_t count = inquiry.snapshot.config().sites.size();
  std::string words = "#" + std::to_string(inquiry.route.site + 1) + at(site.where) + ", because ";
  std::array<char, 512> memory;
  const auto sent = inquiry.request.field(http::Field::host).value_or("");
  const auto host = http::canonical_host(sent, memory);
  const std::string* name = host ? name_for(site, *host) : nullptr;
  if (count == 1) {
    words += "there is no other";
  } else if (!name) {
    words += "no site has a host for " + shown_in_quotes(sent) + ", and it is the first";
  } else if (*name == *host) {
    words += "its host is " + shown_in_quotes(*name);
  } else {
    words += "its host " + shown_in_quotes(*name) + " matches " + shown_in_quotes(*host);
  }
  inquiry.story.tell("site", words);
}

std::string outcome_of(const config::Rewrite& rule) {
  if (rule.status == 0) return "rewrites to " + shown(rule.to);
  if (rule.to.empty()) return "answers " + std::to_string(rule.status);
  return "redirects to " + shown(rule.to);
}

std::string captures_of(const site::RewriteTrace& trace) {
  std::string text;
  for (size_t index = 1; index < trace.captures.size(); ++index) {
    text += (index == 1 ? ": $" : ", $") + std::to_string(index) + " = " + shown_in_quotes(trace.captures[index]);
  }
  return text;
}

void tell_rules(const Inquiry& inquiry, const site::RewriteTrace& trace) {
  const std::vector<config::Rewrite>& rules = site_of(inquiry).rewrites;
  for (const auto& [index, missed] : trace.tried) {
    const config::Rewrite& rule = rules[index];
    const std::string matches = "site.rewrites" + at(rule.where) + " matches " + shown(rule.match);
    if (missed.empty()) {
      inquiry.story.tell("rule", matches + captures_of(trace) + "; " + outcome_of(rule));
    } else {
      const std::string reason =
          missed == "to" ? "it redirects to the very address that was asked for" : shown(missed) + " does not hold";
      inquiry.story.tell("rule", "passed over: " + matches + ", but " + reason);
    }
  }
  if (!rules.empty() && inquiry.route.rule == site::Rewritten::none) {
    inquiry.story.tell("rule", trace.tried.empty() ? "none: no pattern of this site's rewrites matches"
                                                   : "none: no other pattern of this site's rewrites matches");
  }
  for (const site::MapLookup& lookup : trace.lookups) {
    const config::Map& map = inquiry.snapshot.config().maps[lookup.map];
    inquiry.story.tell("map", shown(map.name) + "[" + shown_in_quotes(lookup.key) + "] " +
                                  (lookup.found ? "= " : "is not there: ") + shown_in_quotes(lookup.value) + " (" +
                                  shown(map.file) + ")");
  }
}

/// The normalised path's names again, as the router saw them.
http::Target names_of(std::string_view path) {
  std::vector<char> memory(path.size() + 2);
  return http::normalise_path(path, memory).value_or(http::Target{});
}

}  // namespace

void tell_route(const Inquiry& inquiry, const site::RewriteTrace& trace) {
  const site::Route& route = inquiry.route;
  tell_site(inquiry);
  tell_rules(inquiry, trace);
  if (route.path.empty()) return;
  std::string words = shown(route.path);
  if (route.has_query) words += ", query " + shown_in_quotes(route.query);
  if (route.rewritten) words += " (internal)";
  inquiry.story.tell("path", words);
  if (route.place.prefix_bytes == 0) return;
  const disk::SiteRules& rules = inquiry.snapshot.sites().rules(route.place.tree);
  inquiry.story.tell("mount", shown(rules.prefix) + " is " + shown(rules.root_path));
}

std::string why_invalid(std::string_view target) {
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'); };
  const size_t path_bytes = std::min(target.find('?'), target.size());
  for (size_t index = 0; index < target.size(); ++index) {
    const auto byte = static_cast<unsigned char>(target[index]);
    if (byte <= 0x20 || byte >= 0x7F) return shown_in_quotes(target.substr(index, 1)) + " must be percent-encoded";
    if (byte == '#') return "# and what follows is for the browser, not for a request";
    if (byte != '%' || index >= path_bytes) continue;
    const std::string_view code = target.substr(index, 3);
    if (code.size() < 3 || !is_hex(code[1]) || !is_hex(code[2])) return "% has no two hex digits behind it";
    if (code == "%00" || code == "%2f" || code == "%2F") return std::string(code) + " is in no file's name";
  }
  return target.starts_with('/') ? "" : "the path begins neither with / nor with http://";
}

std::string why_at_once(const Inquiry& inquiry) {
  const site::Route& route = inquiry.route;
  if (route.status == 414) return "what the rule expands to is too long";
  if (route.rule != site::Rewritten::none && !route.rewritten) return "the rule says so";
  if (route.status == 400) return why_invalid(inquiry.request.target());
  const http::Target names = names_of(route.path);
  if (names.hidden && !site_of(inquiry).hidden) return "a name in it begins with a dot, and hidden is off";
  if (names.name_too_long || route.path.size() + 2 > site::Router::path_limit) return "it is too long for any file";
  return "the rule's path holds a byte that no file name has";
}

}  // namespace uringd::daemon
