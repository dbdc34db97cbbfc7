// Making a configuration ready. Everything here may block and runs before a worker sees the result, but for describe(),
// which neither blocks nor allocates.
#include "uringd/server/snapshot.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "uringd/base/check.hpp"
#include "uringd/http/listing.hpp"
#include "uringd/http/target.hpp"
#include "uringd/http/vary.hpp"

namespace uringd::server {
namespace {

std::vector<http::Coding> codings_of(const std::vector<config::Coding>& configured) {
  std::vector<http::Coding> codings;
  for (const config::Coding coding : configured) {
    switch (coding) {
      case config::Coding::gzip: codings.push_back(http::Coding::gzip); break;
      case config::Coding::zstd: codings.push_back(http::Coding::zstd); break;
      case config::Coding::br: codings.push_back(http::Coding::br); break;
    }
  }
  return codings;
}

std::vector<std::string> with_dots(const std::vector<std::string>& extensions) {
  std::vector<std::string> result;
  result.reserve(extensions.size());
  for (const std::string& extension : extensions) result.push_back("." + extension);
  return result;
}

disk::SiteRules rules_of(const config::Site& site, const http::MediaTypes& types) {
  disk::SiteRules rules{.root_path = site.root,
                        .resolve = site.symlinks == config::Symlinks::never ? uring::Resolve::no_symlinks
                                                                            : uring::Resolve::symlinks_inside,
                        .index = site.index,
                        .extensions = with_dots(site.extensions),
                        .listing = site.listing,
                        .hidden = site.hidden,
                        .compress = codings_of(site.compress),
                        .keep_previous_ms = static_cast<uint64_t>(site.keep_previous.count())};
  for (const auto& [name, path] : site.error_pages) rules.error_pages.push_back({name, path, types.of(path).value});
  return rules;
}

/// The paths by which a file is asked for: its own, its directory's where it is the index, its own without extension.
struct Aliases {
  std::array<std::string_view, 3> paths;
  size_t count = 0;
  bool has_extension = false;

  Aliases(const SitePolicy& policy, std::string_view name) {
    paths[count++] = name;
    const size_t slash = name.rfind('/');
    const std::string_view last = name.substr(slash + 1);
    if (std::ranges::find(policy.index, last) != policy.index.end()) paths[count++] = name.substr(0, slash + 1);
    for (const std::string& extension : policy.extensions) {
      if (last.size() <= extension.size() || !last.ends_with(extension)) continue;
      has_extension = true;
      paths[count++] = name.substr(0, name.size() - extension.size());
      return;
    }
  }
};

}  // namespace

SitePolicy::SitePolicy(const config::Site& site)
    : precompressed(codings_of(site.precompressed)),
      compress(codings_of(site.compress)),
      rules(site),
      index(site.index),
      extensions(with_dots(site.extensions)),
      fallback(site.fallback),
      measures(site.server_timing || site.cache_status),
      server_timing(site.server_timing),
      cache_status(site.cache_status) {}

Snapshot::Snapshot(std::shared_ptr<const config::Config> config, std::vector<disk::Sites::Site> sites)
    : config_(std::move(config)),
      router_(*config_),
      types_(config_->types),
      sites_(std::make_unique<disk::Sites>(std::move(sites))) {
  for (const config::Site& site : config_->sites) policies_.emplace_back(site);
}

Result<std::shared_ptr<const Snapshot>> Snapshot::build(std::shared_ptr<const config::Config> config,
                                                        std::vector<std::string>& warnings) {
  auto snapshot = std::make_shared<Snapshot>(std::move(config), std::vector<disk::Sites::Site>{});
  std::vector<disk::Sites::Site> sites;
  for (const config::Site& site : snapshot->config().sites) {
    Fd directory(open(site.root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory.open()) {
      return failure(site.where + ": root " + site.root + ": " + errno_text(errno) + "; give a directory that exists");
    }
    auto root = disk::describe_root(std::move(directory));
    if (!root) return failure(site.where + ": root " + site.root + ": " + root.error().message);
    disk::SiteRules rules = rules_of(site, snapshot->types_);
    std::vector<std::string> problems;
    disk::ErrorPages pages = disk::read_error_pages(*root, rules.error_pages, rules.compress, problems);
    for (const std::string& problem : problems) warnings.push_back(site.where + ": " + problem);
    sites.push_back({.rules = std::move(rules),
                     .root = std::make_shared<disk::Root>(std::move(*root)),
                     .pages = std::make_shared<const disk::ErrorPages>(std::move(pages))});
  }
  snapshot->sites_ = std::make_unique<disk::Sites>(std::move(sites));
  return snapshot;
}

// Deterministic in the name alone: a file has the same fields whichever path led to it, and so have its siblings.
disk::Description Snapshot::describe(uint32_t site, std::string_view name,
                                     std::span<char, most_lines_bytes> lines) const {
  const SitePolicy& policy = policies_[site];
  const bool listing = name.ends_with('/');
  disk::Description description;
  description.type =
      listing ? http::MediaType{http::ListingForm{}.media_type(), http::Density::plain} : types_.of(name);
  const bool dense = description.type.density == http::Density::dense;
  description.siblings = !listing && !dense && !policy.precompressed.empty();
  const Aliases aliases(policy, name);
  const site::HeaderLines written =
      policy.rules.lines(std::span(aliases.paths).first(aliases.count), description.type.value,
                         site::Answer::representation, lines.first<site::HeaderRules::most_bytes>());
  description.server = !(written.omitted & site::omit_server);
  description.tagged = !(written.omitted & site::omit_etag);
  description.modified = !(written.omitted & site::omit_last_modified);
  description.ranged = !(written.omitted & site::omit_accept_ranges);
  size_t size = written.bytes;
  const auto put = [&](std::string_view text) {
    CHECK(text.size() <= lines.size() - size);
    std::memcpy(lines.data() + size, text.data(), text.size());
    size += text.size();
  };
  // Said wherever it could be otherwise, not only where it is: a shared cache must know before it meets the first copy.
  const bool coded =
      description.siblings || (!policy.compress.empty() && description.type.density == http::Density::plain);
  if (listing) size = http::add_vary(lines, size, "Accept");
  if (coded) size = http::add_vary(lines, size, "Accept-Encoding");
  if (aliases.has_extension) {  // RFC 9110 §8.7: "/about" has a representation that is "/about.html"
    std::array<char, 1800> location;
    if (const size_t length = http::encode_path(name, location); length > 0) {
      put("Content-Location: ");
      put({location.data(), length});
      put("\r\n");
    }
  }
  description.lines_bytes = size;
  return description;
}

}  // namespace uringd::server
