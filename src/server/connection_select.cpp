// Which resource a request means, and which representation of it is sent: the file itself, a sibling in a content
// coding, or a copy that we made (RFC 9110 §12). What the disk must be asked for on the way makes the connection wait;
// what was found till then is kept in the talk's selection.
//
//   resource ──► (its fallback, its listing) ──► siblings and copies, best first ──► reply
#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "connection.hpp"
#include "uringd/base/check.hpp"
#include "uringd/disk/special_key.hpp"
#include "uringd/http/conditional.hpp"

namespace uringd::server {
namespace {

constexpr uint64_t hits_for_best_copy = 16;  // before that the best effort may be spent on what nobody asks for again

std::pair<int64_t, uint32_t> modified(const cache::Entry& entry) {
  return {entry.facts().modified_s, entry.facts().modified_ns};
}

std::pair<int64_t, uint32_t> modified(const disk::OpenFile& file) {
  return {file.attributes().modified_s, file.attributes().modified_ns};
}

const disk::OpenFileRef& kept_file(const cache::Entry& entry) {
  return static_cast<const disk::KeptFile*>(entry.payload())->file;
}

bool has_extension(std::string_view path) { return path.substr(path.rfind('/') + 1).contains('.'); }

}  // namespace

// --- the resource ---

Connection::Handled Connection::look_up(const site::Place& place, std::string_view path) {
  return look_up(talk_->settings->snapshot->slot_of(place.tree), path);
}

Connection::Handled Connection::look_up(uint32_t slot, std::string_view path) {
  talk_->tree = slot;
  const cache::Key key = cache::make_key(slot, path, context_.hash_seed);
  const disk::Found found = context_.disk.find(key);
  if (found.entry || found.status != 0) {
    talk_->exchange.cache = found.stale ? CacheResult::stale : CacheResult::hit;
    return found.entry ? reply_found(*found.entry) : reply_verdict(found.status);
  }
  if (!talk_->output.empty()) return Handled::flush_first;  // those before it must not wait for the disk
  talk_->exchange.cache = found.aged ? CacheResult::expired : CacheResult::miss;
  if (!context_.disk.fetch(key, *this)) return reply_status(503);
  return wait_for(Selection::Wait::resource);
}

Connection::Handled Connection::wait_for(Selection::Wait what) {
  talk_->selection.used = true;
  talk_->selection.wait = what;
  if (!talk_->selection.route && talk_->settings->router.has_rules(talk_->site)) {
    talk_->selection.route = std::make_unique<const KeptRoute>(route());
  }
  context_.routed = nullptr;  // the request's bytes move now, and its query is a view of them
  talk_->exchange.asked_ns = context_.clock.monotonic_ns;
  become(State::waiting);
  const bool dispensable = what == Selection::Wait::sibling;  // the file itself is there
  deadline_in(dispensable ? disk::Fetch::patience_ms : static_cast<uint64_t>(context_.config->disk.timeout.count()));
  return Handled::waiting;
}

Connection::Handled Connection::reply_found(cache::Entry& entry) {
  if (context_.overlays && entry.kind() != cache::Kind::verdict) [[unlikely]] {
    if (const auto handled = try_overlay_of_name(entry.name())) return *handled;
  }
  switch (entry.kind()) {
    case cache::Kind::content: return select_entry(entry);
    case cache::Kind::verdict: return reply_verdict(entry.status());
    case cache::Kind::file: return select_file(kept_file(entry));
    case cache::Kind::names: break;
  }
  CHECK(!"no request's path leads to a list of names");
  return Handled::replied;
}

Connection::Handled Connection::reply_found(const disk::OpenFileRef& file) {
  if (context_.overlays) [[unlikely]] {
    if (const auto handled = try_overlay_of_name(file->facts().name)) return *handled;
  }
  return select_file(file);
}

// What the disk or the cache says where there is no file.
Connection::Handled Connection::reply_verdict(int status) {
  if (context_.overlays && status != 301) [[unlikely]] {
    if (const auto handled = try_overlay_of_name({})) return *handled;
  }
  const bool directory = status == 200 || status == 301;
  if (directory && talk_->selection.fell_back) return reply_status(404);  // a redirect would be to what was asked for
  switch (status) {
    case 200: return reply_listing();
    case 301: return reply_redirect();
    case 404: return reply_missing();
    default: return reply_status(status);
  }
}

// A page of an application that knows its own addresses; not for what a page loads, which must be told the truth.
Connection::Handled Connection::reply_missing() {
  Selection& selection = talk_->selection;
  const SitePolicy& policy = this->policy();
  const bool possible = !policy.fallback.empty() && policy.fallback.size() < disk::Fetch::path_limit;
  if (!possible || selection.fell_back || !http::accepts_page(talk_->parser.request())) {
    return reply_status(404);
  }
  if (has_extension(route().path)) return reply_status(404);
  selection.used = selection.fell_back = true;
  if (context_.overlays) [[unlikely]] {
    if (const auto handled = try_overlay(policy.fallback)) return *handled;
  }
  const site::Place place = talk_->settings->router.place_of(talk_->site, policy.fallback);
  return look_up(place, std::string_view(policy.fallback).substr(place.prefix_bytes));
}

Connection::Handled Connection::reply_listing() {
  using enum http::ListingForm::Format;
  const http::Request& request = talk_->parser.request();
  const site::Route& route = this->route();
  const uint16_t as_json = http::accepted_quality(request, "application/json");
  const bool wants_json = as_json > http::accepted_quality(request, "text/html");
  const auto form = http::ListingForm::from_query(route.query, wants_json ? json : html);
  std::array<char, disk::Fetch::path_limit - 1> path;
  const std::string_view key_path = disk::listing_key_path(route.path_in_tree(), form, path);
  if (key_path.empty()) return reply_status(404);  // no directory has so long a path
  talk_->selection.used = talk_->selection.listing = true;
  return look_up(talk_->tree, key_path);
}

// --- its representations ---

// Browsers say the same again and again.
http::AcceptedCodings Connection::accepted_codings() {
  const http::Request& request = talk_->parser.request();
  const std::optional<std::string_view> value = request.field(http::Field::accept_encoding);
  if (!value || request.repeated(http::Field::accept_encoding)) return http::accepted_codings(request);
  Context::LastCodings& last = context_.last_codings;
  if (*value == std::string_view(last.value.data(), last.size)) return last.accepted;
  const http::AcceptedCodings accepted = http::accepted_codings(*value);
  if (value->size() > last.value.size()) return accepted;
  std::ranges::copy(*value, last.value.begin());
  last.size = value->size();
  last.accepted = accepted;
  return accepted;
}

Connection::Handled Connection::select_entry(cache::Entry& entry) {
  const bool copies = entry.facts().compressible && !policy().compress.empty();
  const bool choice = entry.facts().siblings || copies;
  if (!choice || !talk_->parser.request().field(http::Field::accept_encoding)) return reply_entry(entry);
  talk_->selection.used = true;
  talk_->selection.entry = cache::EntryRef(&entry);
  return select();
}

Connection::Handled Connection::select_file(const disk::OpenFileRef& file) {
  const bool choice = file->facts().description.siblings;
  if (!choice || !talk_->parser.request().field(http::Field::accept_encoding)) return reply_file(file);
  talk_->selection.used = true;
  talk_->selection.file = file;
  return select();
}

// Siblings before copies where the client likes them equally: whoever made them took more time.
Connection::Handled Connection::select() {
  const SitePolicy& policy = this->policy();
  Selection& selection = talk_->selection;
  const bool siblings_possible =
      selection.file ? selection.file->facts().description.siblings : selection.entry->facts().siblings;
  const bool copies_possible = selection.entry && selection.entry->facts().compressible;
  const http::AcceptedCodings accepted = accepted_codings();
  selection.coded_only = !accepted.accepts(http::Coding::identity);
  http::CodingOrder siblings, copies;
  if (siblings_possible) siblings = http::preferred_codings(accepted, policy.precompressed);
  if (copies_possible) copies = http::preferred_codings(accepted, policy.compress);
  const auto quality = [&](http::Coding coding) { return accepted.quality[static_cast<size_t>(coding)]; };

  SiblingSearch search;
  std::optional<Handled> handled;
  for (uint8_t sibling = 0, copy = 0; sibling < siblings.count || copy < copies.count;) {
    const bool sibling_next = copy == copies.count || (sibling < siblings.count && quality(siblings.codings[sibling]) >=
                                                                                       quality(copies.codings[copy]));
    handled =
        sibling_next ? try_sibling(siblings.codings[sibling++], search) : try_copy(copies.codings[copy++], search);
    if (handled) return *handled;
  }
  if (selection.entry && !search.absent.empty()) selection.entry->no_siblings(search.absent, search.until_ms);
  if (!selection.coded_only) return reply_resource();
  return reply_unacceptable(copies);
}

// nullopt: it is not there, or not what is wanted.
std::optional<Connection::Handled> Connection::try_sibling(http::Coding coding, SiblingSearch& search) {
  Selection& selection = talk_->selection;
  const uint64_t now_ms = context_.clock.monotonic_ms;
  if (selection.absent.has(coding)) return {};
  if (selection.entry && selection.entry->has_no_sibling(coding, now_ms)) return {};
  std::array<char, disk::Fetch::path_limit - 1> path;
  const std::string_view name = selection.file ? selection.file->facts().name : selection.entry->name();
  const std::string_view key_path = disk::sibling_key_path(name, coding, path);
  if (key_path.empty()) return {};
  const cache::Key key = cache::make_key(talk_->tree, key_path, context_.hash_seed);
  const disk::Found found = context_.disk.find(key);
  if (found.entry && found.entry->kind() != cache::Kind::verdict) return reply_sibling(*found.entry);
  if (found.entry || found.status != 0) {
    search.absent.add(coding);
    search.until_ms = std::min(search.until_ms, found.fresh_until_ms);
    return {};
  }
  if (!may_want_coded()) return {};
  if (!talk_->output.empty()) return Handled::flush_first;
  if (!context_.disk.fetch(key, *this)) return {};  // the disk is busy: the file itself will do
  talk_->exchange.cache = CacheResult::miss;
  selection.coding = coding;
  return wait_for(Selection::Wait::sibling);
}

Connection::Handled Connection::on_sibling(const disk::Outcome& outcome) {
  Selection& selection = talk_->selection;
  const http::Coding coding = selection.coding;
  std::optional<Handled> handled;
  if (outcome.entry && outcome.entry->kind() != cache::Kind::verdict) {
    handled = reply_sibling(*outcome.entry);
  } else if (outcome.file) {
    handled = reply_sibling(outcome.file);
  }
  if (handled) return *handled;
  selection.absent.add(coding);
  return select();
}

// The disk takes its time: without that sibling.
Connection::Handled Connection::on_sibling_overdue() {
  talk_->selection.absent.add(talk_->selection.coding);
  return select();
}

std::optional<Connection::Handled> Connection::reply_sibling(cache::Entry& entry) {
  if (entry.kind() == cache::Kind::file) return reply_sibling(kept_file(entry));
  if (modified(entry) < resource_modified() || !wanted(entry.etag())) return {};
  return reply_entry(entry);
}

std::optional<Connection::Handled> Connection::reply_sibling(const disk::OpenFileRef& file) {
  if (modified(*file) < resource_modified() || !wanted(file->etag())) return {};
  if (!talk_->output.empty()) return Handled::flush_first;
  return reply_file(file);
}

std::pair<int64_t, uint32_t> Connection::resource_modified() const {
  const Selection& selection = talk_->selection;
  return selection.file ? modified(*selection.file) : modified(*selection.entry);
}

// Only the best that is missing is asked for; what there is serves meanwhile.
std::optional<Connection::Handled> Connection::try_copy(http::Coding coding, SiblingSearch& search) {
  cache::Entry& entry = *talk_->selection.entry;
  cache::Entry* copy = entry.copy(coding);
  if (!copy) {
    if (!search.copy_asked && may_want_coded() && entry.copy_state(coding) != cache::CopyState::useless) {
      search.copy_asked = true;
      static_cast<void>(context_.disk.make_copy(entry, coding));
    }
    return {};
  }
  if (!wanted(copy->etag())) return {};
  if (entry.copy_state(coding) == cache::CopyState::quick && entry.hits() >= hits_for_best_copy) {
    static_cast<void>(context_.disk.make_copy(entry, coding));
  }
  return reply_entry(*copy);  // it lives as long as the base, which the selection holds till then
}

// Ranges are of the file's own bytes, unless the client says whose bytes it has, or cannot read those.
bool Connection::wants_own_range() const {
  const http::Request& request = talk_->parser.request();
  return request.field(http::Field::range) && request.method() == http::Method::get && !talk_->selection.coded_only;
}

bool Connection::may_want_coded() const {
  const http::Request& request = talk_->parser.request();
  if (!wants_own_range()) return true;
  return request.field(http::Field::if_range) || request.field(http::Field::if_match);
}

bool Connection::wanted(std::string_view etag) const {
  const http::Request& request = talk_->parser.request();
  if (!wants_own_range()) return true;
  const auto names_it = [&](http::Field field) {
    const std::optional<std::string_view> value = request.field(field);
    return value && *value != "*" && http::etag_list_matches(*value, etag, true);
  };
  return names_it(http::Field::if_range) || names_it(http::Field::if_match);
}

Connection::Handled Connection::reply_resource() {
  if (talk_->selection.file) {
    if (!talk_->output.empty()) return Handled::flush_first;
    const disk::OpenFileRef file = std::exchange(talk_->selection.file, {});
    return reply_file(file);
  }
  cache::EntryRef pin = std::exchange(talk_->selection.entry, {});
  cache::Entry& entry = *pin;
  if (entry.in_cache()) pin.reset();  // so that nothing hinders its Date's being brought up to date
  return reply_entry(entry);
}

// identity;q=0: a copy is waited for where one can be made, else there is nothing to send (RFC 9110 §15.5.7).
Connection::Handled Connection::reply_unacceptable(const http::CodingOrder& copies) {
  Selection& selection = talk_->selection;
  for (uint8_t index = 0; index < copies.count; ++index) {
    const http::Coding coding = copies.codings[index];
    if (selection.entry->copy_state(coding) == cache::CopyState::useless) continue;
    if (!talk_->output.empty()) return Handled::flush_first;
    if (selection.copy_failed) return reply_status(503, {.by_coding = true});
    if (!context_.disk.make_copy(*selection.entry, coding, this)) return reply_status(503, {.by_coding = true});
    return wait_for(Selection::Wait::copy);
  }
  selection.entry.reset();
  selection.file.reset();
  return reply_status(406, {.by_coding = true});
}

}  // namespace uringd::server
