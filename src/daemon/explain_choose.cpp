// The order is the server's: siblings before copies where the client likes them equally, best first. A cold cache has
// no copies: the first that is wanted is ordered, and what there is serves meanwhile.
#include "explain_choose.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "uringd/cache/encode.hpp"
#include "uringd/cache/etag.hpp"
#include "uringd/disk/listing.hpp"
#include "uringd/http/conditional.hpp"
#include "uringd/http/listing.hpp"
#include "uringd/http/negotiate.hpp"

namespace uringd::daemon {
namespace {

using http::Coding;

std::string etag_of(std::span<const char> bytes) {
  std::array<char, cache::etag_bytes> etag;
  cache::write_etag(bytes, etag);
  return {etag.data(), etag.size()};
}

// Of a streamed file: disk/open_file.
std::string etag_of(const uring::Attributes& attributes) {
  const uint64_t hashed[] = {attributes.size_bytes,  static_cast<uint64_t>(attributes.modified_s),
                             attributes.modified_ns, static_cast<uint64_t>(attributes.changed_s),
                             attributes.changed_ns,  attributes.inode};
  return etag_of(std::span(reinterpret_cast<const char*>(hashed), sizeof hashed));
}

std::pair<int64_t, uint32_t> modified(const uring::Attributes& attributes) {
  return {attributes.modified_s, attributes.modified_ns};
}

std::string name_of(Coding coding) { return std::string(http::coding_name(coding)); }

class Choosing {
 public:
  Choosing(const Inquiry& inquiry, const cache::Cache& cache)
      : inquiry_(inquiry),
        policy_(inquiry.snapshot.policy(inquiry.route.site)),
        cache_(cache),
        accepted_(http::accepted_codings(inquiry.request)) {}

  int of_file(const FoundFile& found) {
    auto resource = read(found, found.name, Coding::identity);
    if (!resource) return answer_status(inquiry_, 503, "the file cannot be read, or changed meanwhile");
    return decide(*resource);
  }

  int of_listing(const FoundFile& found) {
    const http::Request& request = inquiry_.request;
    const bool json =
        http::accepted_quality(request, "application/json") > http::accepted_quality(request, "text/html");
    const auto form = http::ListingForm::from_query(
        inquiry_.route.query, json ? http::ListingForm::Format::json : http::ListingForm::Format::html);
    const disk::SiteRules& rules = inquiry_.snapshot.sites().rules(inquiry_.tree);
    const auto& root = inquiry_.snapshot.sites().state(inquiry_.tree).root;
    disk::ListingOrder order{.site = inquiry_.tree,
                             .root = root,
                             .resolve = rules.resolve,
                             .hidden = rules.hidden,
                             .directory = Fd(dup(found.file.number())),
                             .prefix = rules.prefix,
                             .path = found.name,
                             .form = form};
    disk::DirectoryFiles files = disk::read_directory(order);
    if (files.failed) return answer_status(inquiry_, 500, "the directory cannot be read");
    Representation listing{.name = found.name, .attributes = found.attributes};
    listing.body = http::render_listing(order.prefix + order.path, files.files, files.truncated, form);
    inquiry_.story.tell("listing", std::to_string(files.files.size()) +
                                       (files.files.size() == 1 ? " name as " : " names as ") +
                                       (json ? "JSON" : "a page") + ", by Accept");
    describe(listing);
    listing.description.type = {.value = form.media_type(), .density = http::Density::plain};
    listing.description.modified = listing.description.siblings = false;
    complete(listing);
    return decide(listing);
  }

 private:
  // --- representations ---

  void describe(Representation& representation) {
    std::array<char, disk::Describer::most_lines_bytes> lines;
    representation.description =
        inquiry_.snapshot.sites().describer(inquiry_.tree).describe(representation.name, lines);
    representation.lines.assign(lines.data(), representation.description.lines_bytes);
  }

  /// Of bytes that are held.
  void complete(Representation& representation) {
    constexpr size_t least_bytes = 256;  // as disk/fetch_bytes
    constexpr size_t most_bytes = size_t{4} << 20;
    const size_t size = representation.body->size();
    representation.size_bytes = size;
    representation.etag = etag_of(*representation.body);
    representation.compressible = representation.description.type.density == http::Density::plain &&
                                  size >= least_bytes && size <= most_bytes &&
                                  representation.coding == Coding::identity;
  }

  /// A file as a representation of the file `name`, which it is itself or lies beside.
  std::optional<Representation> read(const FoundFile& found, const std::string& name, Coding coding) {
    Representation representation{.name = name, .attributes = found.attributes, .coding = coding};
    describe(representation);
    const uint64_t size = found.attributes.size_bytes;
    const uint64_t most = inquiry_.snapshot.config().cache.max_file_size_bytes;
    if (size == 0 || (size <= most && cache_.has_room(size))) {
      representation.body = read_whole(found);
      if (!representation.body) return std::nullopt;
      complete(representation);
    } else {
      representation.size_bytes = size;
      representation.etag = etag_of(found.attributes);
    }
    return representation;
  }

  std::optional<Representation> copy_of(const Representation& resource, Coding coding) {
    const size_t size = resource.body->size();
    const bool text = !resource.description.type.value.starts_with("application/wasm");
    auto bytes = cache::encode(*resource.body, coding, cache::Effort::quick, text, size - size / 16);
    if (!bytes || bytes->size() >= size) return std::nullopt;
    Representation copy = resource;
    copy.body = std::move(*bytes);
    copy.coding = coding;
    complete(copy);
    return copy;
  }

  // --- the choice ---

  int decide(const Representation& resource) {
    const bool siblings = resource.description.siblings;
    const bool copies = resource.compressible && !policy_.compress.empty();
    if (!siblings && !copies) {
      return send(resource, "its media type is compressed already, or the site has no codings for it");
    }
    if (!inquiry_.request.field(http::Field::accept_encoding)) {
      return send(resource, "the request has no Accept-Encoding");
    }
    coded_only_ = !accepted_.accepts(Coding::identity);
    http::CodingOrder beside, made;
    if (siblings) beside = http::preferred_codings(accepted_, policy_.precompressed);
    if (copies) made = http::preferred_codings(accepted_, policy_.compress);
    if (beside.count == 0 && made.count == 0 && !coded_only_) {
      return send(resource, "Accept-Encoding likes it best of what there can be");
    }
    for (uint8_t sibling = 0, copy = 0; sibling < beside.count || copy < made.count;) {
      const bool sibling_next = copy == made.count || (sibling < beside.count &&
                                                       quality(beside.codings[sibling]) >= quality(made.codings[copy]));
      if (!sibling_next) {
        try_copy(resource, made.codings[copy++]);
      } else if (const auto found = try_sibling(resource, beside.codings[sibling++])) {
        tell_later();
        return answer_with(inquiry_, *found);
      }
    }
    if (!coded_only_) return send(resource, later_ ? "" : "there is nothing else that may be sent");
    if (later_) {
      tell(name_of(later_->coding) + ", a copy that is made at once, because Accept-Encoding refuses the file itself");
      return answer_with(inquiry_, *later_);
    }
    return answer_status(inquiry_, 406, "Accept-Encoding refuses the file itself, and there is nothing else",
                         {.by_coding = true});
  }

  std::optional<Representation> try_sibling(const Representation& resource, Coding coding) {
    if (!may_want_coded()) {
      tell("not " + name_of(coding) + ": a Range is of the file's own bytes");
      return std::nullopt;
    }
    const disk::Sites& sites = inquiry_.snapshot.sites();
    const std::string place =
        place_of(sites.rules(inquiry_.tree), resource.name) + std::string(http::coding_suffix(coding));
    const auto found = find_sibling(sites, inquiry_.tree, resource.name, coding);
    if (!found) {
      tell("not " + name_of(coding) + ": there is no " + place);
      return std::nullopt;
    }
    auto sibling = read(*found, resource.name, coding);
    if (!sibling) return std::nullopt;
    if (modified(found->attributes) < modified(resource.attributes)) {
      tell("not " + name_of(coding) + ": " + place + " is older than the file");
      return std::nullopt;
    }
    if (!wanted(sibling->etag)) {
      tell("not " + name_of(coding) + ": the Range is not of the bytes of " + place);
      return std::nullopt;
    }
    tell(name_of(coding) + ", from " + place +
         ": not older than the file, and of what there is Accept-Encoding likes "
         "it best");
    return sibling;
  }

  /// The first that is worth its place is what later requests get.
  void try_copy(const Representation& resource, Coding coding) {
    if (later_ || !may_want_coded()) return;
    auto copy = copy_of(resource, coding);
    if (!copy) return tell("not " + name_of(coding) + ": a copy would save less than a sixteenth");
    if (wanted(copy->etag)) later_ = std::move(*copy);
  }

  int send(const Representation& resource, std::string_view because) {
    std::string words = inquiry_.listing ? "the listing itself" : "the file itself";
    if (!because.empty()) words.append(", because ").append(because);
    if (later_) words += " for now";
    tell(words);
    tell_later();
    tell_cache(resource);
    return answer_with(inquiry_, resource);
  }

  void tell_later() {
    if (!later_) return;
    tell("then " + name_of(later_->coding) + ", a copy of " + bytes_text(later_->size_bytes) +
         ": this request has it made, those after it get it from the cache");
  }

  void tell_cache(const Representation& resource) {
    const std::string size = bytes_text(resource.size_bytes);
    inquiry_.story.tell("cache", resource.body ? "held in memory: its ETag is a hash of its bytes"
                                               : "streamed, because " + size +
                                                     " are more than the cache takes: its "
                                                     "ETag is a hash of its size, times and inode");
  }

  void tell(std::string_view words) { inquiry_.story.tell("variant", words); }
  [[nodiscard]] uint16_t quality(Coding coding) const { return accepted_.quality[static_cast<size_t>(coding)]; }

  // --- ranges: of the file's own bytes, unless the client says whose bytes it has ---

  [[nodiscard]] bool wants_own_range() const { return inquiry_.request.field(http::Field::range) && !coded_only_; }
  [[nodiscard]] bool may_want_coded() const {
    if (!wants_own_range()) return true;
    return inquiry_.request.field(http::Field::if_range) || inquiry_.request.field(http::Field::if_match);
  }
  [[nodiscard]] bool wanted(std::string_view etag) const {
    if (!wants_own_range()) return true;
    return std::ranges::any_of(std::array{http::Field::if_range, http::Field::if_match}, [&](http::Field field) {
      const auto value = inquiry_.request.field(field);
      return value && *value != "*" && http::etag_list_matches(*value, etag, true);
    });
  }

  const Inquiry& inquiry_;
  const server::SitePolicy& policy_;
  const cache::Cache& cache_;
  http::AcceptedCodings accepted_;
  bool coded_only_ = false;              // the file's own bytes are not acceptable
  std::optional<Representation> later_;  // a copy
};

}  // namespace

int choose(const Inquiry& inquiry, const FoundFile& found, const cache::Cache& cache) {
  Choosing choosing(inquiry, cache);
  return found.listing ? choosing.of_listing(found) : choosing.of_file(found);
}

}  // namespace uringd::daemon
