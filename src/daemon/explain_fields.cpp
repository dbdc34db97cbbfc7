// Header rules and cache_control, told where they apply. What they come to is asked of site/header_rules; here is only
// which of them it was.
#include "explain_fields.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "uringd/base/glob.hpp"

namespace uringd::daemon {
namespace {

const config::Site& site_of(const Inquiry& inquiry) { return inquiry.snapshot.config().sites[inquiry.route.site]; }

/// The paths by which the file is asked for, as the site's header rules see them.
std::vector<std::string> names_of(const Inquiry& inquiry, std::string_view name) {
  const server::SitePolicy& policy = inquiry.snapshot.policy(inquiry.route.site);
  const std::string path = inquiry.snapshot.sites().rules(inquiry.tree).prefix + std::string(name);
  const size_t last = path.rfind('/') + 1;
  std::vector<std::string> names{path};
  if (std::ranges::find(policy.index, path.substr(last)) != policy.index.end()) names.push_back(path.substr(0, last));
  for (const std::string& extension : policy.extensions) {
    if (path.size() - last <= extension.size() || !path.ends_with(extension)) continue;
    names.push_back(path.substr(0, path.size() - extension.size()));
    break;
  }
  return names;
}

std::string effect_of(const config::HeaderRule& rule) {
  std::vector<std::string> set;
  for (const auto& field : rule.set) set.push_back(shown(field.first));
  std::string text = set.empty() ? "" : "sets " + listed(set);
  if (!rule.remove.empty()) text += (text.empty() ? "removes " : ", removes ") + shown(listed(rule.remove));
  return text.empty() ? "does nothing" : text;
}

void tell_rules(const Inquiry& inquiry, const std::vector<std::string>& paths, bool error) {
  for (const config::HeaderRule& rule : site_of(inquiry).headers) {
    if (std::ranges::none_of(paths, [&](const std::string& path) { return glob_match(rule.match, path); })) continue;
    inquiry.story.tell("headers", "site.headers at " + shown(rule.where) + " matches " + shown(rule.match) + ": " +
                                      effect_of(rule) + (error ? " (of an error: nothing about caching)" : ""));
  }
}

void tell_cache_control(const Inquiry& inquiry, const Representation& representation,
                        const std::vector<std::string>& paths) {
  constexpr std::string_view field = "\r\nCache-Control: ";
  const std::string lines = "\r\n" + representation.lines;
  const size_t at = lines.find(field);
  if (at == std::string::npos) return;
  for (const config::HeaderRule& rule : site_of(inquiry).headers) {
    const bool matches = std::ranges::any_of(paths, [&](const auto& path) { return glob_match(rule.match, path); });
    const bool sets = std::ranges::any_of(
        rule.set, [](const auto& set) { return set.first.size() == 13 && set.first.starts_with("Cache-"); });
    if (matches && sets) return;
  }
  const size_t from = at + field.size();
  inquiry.story.tell("headers", "cache_control says " +
                                    shown_in_quotes(lines.substr(from, lines.find("\r\n", from) - from)) + " of " +
                                    shown(representation.description.type.value));
}

}  // namespace

void tell_fields(const Inquiry& inquiry, const Representation& representation) {
  const std::vector<std::string> names = names_of(inquiry, representation.name);
  tell_cache_control(inquiry, representation, names);
  tell_rules(inquiry, names, false);
}

void tell_fields(const Inquiry& inquiry, std::string_view path, bool error) {
  tell_rules(inquiry, {std::string(path)}, error);
}

}  // namespace uringd::daemon
