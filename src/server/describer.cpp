// What answers with a file say: one describer a tree. It owns all that it needs, so that it outlives the configuration
// that it was made for, as long as another has the same tree. It neither blocks nor allocates.
#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "aliases.hpp"
#include "uringd/base/check.hpp"
#include "uringd/disk/fetch.hpp"
#include "uringd/http/listing.hpp"
#include "uringd/http/target.hpp"
#include "uringd/http/vary.hpp"
#include "uringd/server/snapshot.hpp"

namespace uringd::server {
namespace {

// A path below a root is shorter than path_limit; to it an index name or an extension is added.
constexpr size_t most_name_bytes =
    config::mount_prefix_most_bytes + site::Router::path_limit + disk::Fetch::name_limit + 1;

/// A mount's prefix and a name below it; the name itself where there is no prefix.
std::string_view join(std::string_view prefix, std::string_view name, std::span<char> memory) {
  if (prefix.empty()) return name;
  CHECK(prefix.size() + name.size() <= memory.size());
  const size_t size = prefix.copy(memory.data(), prefix.size());
  return {memory.data(), size + name.copy(memory.data() + size, name.size())};
}

class TreeDescriber final : public disk::Describer {
 public:
  TreeDescriber(const config::Config& config, uint32_t site, std::string_view prefix)
      : policy_(config.sites[site]), types_(config.types), prefix_(prefix) {}

  [[nodiscard]] disk::Description describe(std::string_view name_in_tree,
                                           std::span<char, most_lines_bytes> lines) const override;

 private:
  SitePolicy policy_;
  http::MediaTypes types_;
  std::string prefix_;
};

// Deterministic in the name alone: a file has the same fields whichever path led to it, and so have its siblings.
disk::Description TreeDescriber::describe(std::string_view name_in_tree,
                                          std::span<char, most_lines_bytes> lines) const {
  std::array<char, most_name_bytes> memory;
  const std::string_view name = join(prefix_, name_in_tree, memory);
  const bool listing = name.ends_with('/');
  disk::Description description;
  description.type =
      listing ? http::MediaType{http::ListingForm{}.media_type(), http::Density::plain} : types_.of(name);
  const bool dense = description.type.density == http::Density::dense;
  description.siblings = !listing && !dense && !policy_.precompressed.empty();
  const Aliases aliases(policy_, name);
  const site::HeaderLines written =
      policy_.rules.lines(aliases.paths(), description.type.value, site::Answer::representation,
                          lines.first<site::HeaderRules::most_bytes>());
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
      description.siblings || (!policy_.compress.empty() && description.type.density == http::Density::plain);
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

}  // namespace

std::shared_ptr<const disk::Describer> describer_for(const config::Config& config, uint32_t site,
                                                     std::string_view prefix) {
  return std::make_shared<const TreeDescriber>(config, site, prefix);
}

}  // namespace uringd::server
