// Overlays as answers: as if the disk had that file. The site's rules decided before; an overlay answers for the path
// that they led to, and for a path at which a file of its name would answer: a directory's index, a name without its
// extension, the site's fallback. It answers with conditions, ranges and codings as a file does, but there are no
// siblings of it.
#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "aliases.hpp"
#include "connection.hpp"
#include "source.hpp"
#include "uringd/http/target.hpp"
#include "uringd/http/vary.hpp"

namespace uringd::server {
namespace {

constexpr size_t most_location_bytes = 1800;
constexpr std::string_view cache_control = "Cache-Control: ";

bool same_name(char a, char b) {
  return (a >= 'A' && a <= 'Z' ? a | 0x20 : a) == (b >= 'A' && b <= 'Z' ? b | 0x20 : b);
}

/// Where the line that begins so stands, and its bytes; 0 bytes: there is none.
std::pair<size_t, size_t> find_line(std::string_view lines, std::string_view begin) {
  for (size_t at = 0; at < lines.size();) {
    const size_t end = std::min(lines.find("\r\n", at), lines.size() - 2) + 2;
    if (std::ranges::equal(lines.substr(at, begin.size()), begin, same_name)) return {at, end - at};
    at = end;
  }
  return {lines.size(), 0};
}

}  // namespace

// `path` with `behind` behind it.
const Overlay* Connection::find_overlay(std::string_view path, std::string_view behind) const {
  std::array<char, 2 * site::Router::path_limit> memory;
  if (path.size() + behind.size() > memory.size()) return nullptr;
  if (!behind.empty()) {
    std::memcpy(memory.data(), path.data(), path.size());
    std::memcpy(memory.data() + path.size(), behind.data(), behind.size());
    path = {memory.data(), path.size() + behind.size()};
  }
  return context_.overlays->find(talk_->settings->snapshot->site_id(talk_->site), path);
}

// Before the disk is asked. nullopt: it decides.
std::optional<Connection::Handled> Connection::try_overlay(std::string_view path) {
  const Overlay* overlay = find_overlay(path);
  if (!overlay && path.ends_with('/') && !policy().index.empty()) overlay = find_overlay(path, policy().index.front());
  if (!overlay) return std::nullopt;
  return reply_overlay(*overlay);
}

// The disk says that the path leads to the file `name`, or to none. Of the names by which it looked, an overlay of one
// that comes before that file's, or is its, would have been found instead.
std::optional<Connection::Handled> Connection::try_overlay_of_name(std::string_view name) {
  if (talk_->selection.fell_back || talk_->selection.listing) return std::nullopt;
  const site::Route& route = this->route();
  const std::string_view path = route.path_in_tree();
  if (name == path) return std::nullopt;
  const SitePolicy& policy = this->policy();
  for (const std::string& behind : path.ends_with('/') ? policy.index : policy.extensions) {
    if (const Overlay* overlay = find_overlay(route.path, behind)) return reply_overlay(*overlay);
    if (name.size() == path.size() + behind.size() && name.ends_with(behind)) break;
  }
  return std::nullopt;
}

// nullopt: none is acceptable. `may_come`: a copy that would be is being made.
std::optional<http::Coding> Connection::choose_coding(const Overlay& overlay, bool& may_come) {
  if (!talk_->parser.request().field(http::Field::accept_encoding)) return http::Coding::identity;
  const http::AcceptedCodings accepted = accepted_codings();
  talk_->selection.used = true;
  talk_->selection.coded_only = !accepted.accepts(http::Coding::identity);
  const http::CodingOrder order = http::preferred_codings(accepted, policy().compress);
  for (uint8_t index = 0; index < order.count; ++index) {
    const OverlayBody& body = overlay.body(order.codings[index]);
    if (body && wanted(body.etag())) return order.codings[index];
    may_come = may_come || (!body && !overlay.settled.has(order.codings[index]));
  }
  if (talk_->selection.coded_only) return std::nullopt;
  return http::Coding::identity;
}

// What the site's rules say of that path, but for what was said with the body.
site::HeaderLines Connection::overlay_lines(const Overlay& overlay, std::span<char> out) {
  const SitePolicy& policy = this->policy();
  const Aliases aliases(policy, overlay.path);
  site::HeaderLines written = policy.rules.lines(aliases.paths(), overlay.content_type, site::Answer::representation,
                                                 out.first<site::HeaderRules::most_bytes>());
  const auto put = [&](std::string_view text) { written.bytes += text.copy(out.data() + written.bytes, text.size()); };
  if (!overlay.cache_control.empty()) {
    const auto [at, bytes] = find_line({out.data(), written.bytes}, cache_control);
    std::memmove(out.data() + at, out.data() + at + bytes, written.bytes - at - bytes);
    written.bytes -= bytes;
    put(cache_control);
    put(overlay.cache_control);
    put("\r\n");
  }
  if (!policy.compress.empty() && overlay.density == http::Density::plain) {
    written.bytes = http::add_vary(out, written.bytes, "Accept-Encoding");
  }
  if (aliases.has_extension) {  // RFC 9110 §8.7, as of a file
    std::array<char, most_location_bytes> location;
    if (const size_t length = http::encode_path(overlay.path, location); length > 0) {
      put("Content-Location: ");
      put({location.data(), length});
      put("\r\n");
    }
  }
  return written;
}

Connection::Handled Connection::reply_overlay(const Overlay& overlay) {
  talk_->exchange.cache = CacheResult::overlay;
  bool may_come = false;
  const auto coding = choose_coding(overlay, may_come);
  if (!coding) return reply_status(may_come ? 503 : 406, {.by_coding = true});
  std::array<char, site::HeaderRules::most_bytes + Overlay::most_field_bytes + most_location_bytes + 128> lines;
  const site::HeaderLines written = overlay_lines(overlay, lines);
  const Handled handled = reply_source(Source(overlay, *coding, {lines.data(), written.bytes}, written.omitted));
  if (handled != Handled::flush_first) overlay.hits->count(context_.worker);
  return handled;
}

}  // namespace uringd::server
