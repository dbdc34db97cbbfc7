// What a connection says: a hit as it lies in the cache, everything else composed into the output. A reply function
// either leaves the whole reply in the output (replied), starts a stream behind its head (streaming), or changes
// nothing because what is composed already must go first (flush_first).
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <memory>

#include "connection.hpp"
#include "source.hpp"
#include "uringd/base/check.hpp"
#include "uringd/http/date.hpp"
#include "uringd/http/evaluate.hpp"
#include "uringd/http/target.hpp"
#include "uringd/http/vary.hpp"

namespace uringd::server {
namespace {

constexpr std::string_view allowed_methods = "GET, HEAD, OPTIONS";
constexpr uint32_t retry_after_s = 1;  // the disk queue turns over many times a second

bool conditional(const http::Request& request) {
  using enum http::Field;
  return request.field(range) || request.field(if_none_match) || request.field(if_modified_since) ||
         request.field(if_match) || request.field(if_unmodified_since);
}

/// Field lines of one answer alone, written one behind the other; what does not fit is left out.
class LineWriter {
 public:
  explicit LineWriter(std::span<char> out) : out_(out) {}
  void put(std::string_view text) {
    if (text.size() > out_.size() - size_) return;
    std::memcpy(out_.data() + size_, text.data(), text.size());
    size_ += text.size();
  }
  /// ";dur=0.123": milliseconds, to the microsecond.
  void put_duration(std::string_view name, uint64_t ns) {
    std::array<char, 48> text;
    const int size =
        std::snprintf(text.data(), text.size(), "%s;dur=%llu.%03u", name.data(),
                      static_cast<unsigned long long>(ns / 1'000'000), static_cast<unsigned>(ns / 1000 % 1000));
    put({text.data(), static_cast<size_t>(size)});
  }
  [[nodiscard]] std::string_view lines() const { return {out_.data(), size_}; }

 private:
  std::span<char> out_;
  size_t size_ = 0;
};

// A hit has no open and no read. What sending will take nobody knows yet: it is what there was besides, up to now.
void put_server_timing(LineWriter& writer, const Exchange& exchange, uint64_t now_ns) {
  writer.put("Server-Timing: ");
  const auto phase = [&](std::string_view name, uint64_t ns, std::string_view end) {
    writer.put_duration(name, ns);
    writer.put(end);
  };
  const uint64_t disk_ns = exchange.queue_ns + exchange.open_ns + exchange.read_ns;
  const uint64_t since_ns = exchange.parsed_ns == 0 ? 0 : now_ns - exchange.parsed_ns;
  phase("queue", exchange.queue_ns, ", ");
  if (exchange.opened()) phase("open", exchange.open_ns, ", ");
  if (exchange.read()) phase("read", exchange.read_ns, ", ");
  phase("send", since_ns - std::min(since_ns, disk_ns), "\r\n");
}

constexpr size_t own_lines_bytes = 320;

}  // namespace

http::ConnectionField Connection::connection_field() const {
  if (close_after_) return http::ConnectionField::close;
  return talk_->parser.request().minor_version() == 0 ? http::ConnectionField::keep_alive : http::ConnectionField::none;
}

void Connection::decide_persistence() {
  const uint64_t limit = context_.config->limits.requests_per_connection;
  const bool wanted = talk_->parser.request().keep_alive();
  close_after_ = !wanted || (limit != 0 && requests_ + 1 >= limit) || (context_.draining && !more_input_);
  hear_out_ = close_after_ && wanted;
}

// The common case: a whole entry for an unconditional GET on a persistent HTTP/1.1 connection. Alone it is sent from
// where it lies; among pipelined ones it is copied into the batch.
bool Connection::reply_plain_hit(cache::Entry& entry) {
  if (entry.paged()) return reply_paged_hit(entry);
  const std::span<const char> bytes = entry.head_and_body();
  if (!more_input_ && talk_->output.empty() && entry.date_current(context_.clock.wall_s, context_.date_text())) {
    talk_->output.add_span(bytes, cache::EntryRef(&entry));
    return true;
  }
  if (!more_input_ && talk_->output.empty()) return false;
  const std::span<char> space = talk_->output.room(bytes.size(), more_input_);
  if (space.empty()) return false;
  std::memcpy(space.data(), bytes.data(), bytes.size());
  std::memcpy(space.data() + http::date_offset(200), context_.date.data(), context_.date.size());
  talk_->output.commit(bytes.size());
  return true;
}

// Its pages cannot have the head before them; nor can they wait for those of another answer.
bool Connection::reply_paged_hit(cache::Entry& entry) {
  const std::span<const char> head = entry.head();
  if (!talk_->output.empty()) return false;
  const std::span<char> space = talk_->output.room(head.size(), false);
  if (space.empty()) return false;
  std::ranges::copy(head, space.begin());
  std::memcpy(space.data() + http::date_offset(200), context_.date.data(), context_.date.size());
  talk_->output.commit(head.size());
  talk_->output.add_span(entry.body(), cache::EntryRef(&entry));
  return true;
}

// What this answer says that the next one about the same resource may not.
std::string_view Connection::own_lines(std::span<char> out) const {
  const SitePolicy& policy = this->policy();
  LineWriter writer(out);
  if (policy.cache_status && talk_->exchange.cache != CacheResult::none) {  // RFC 9211 §2
    static constexpr std::string_view results[] = {
        "", "hit", "hit; detail=stale", "fwd=uri-miss", "fwd=stale", "hit; detail=overlay"};
    writer.put("Cache-Status: uringd; ");
    writer.put(results[static_cast<size_t>(talk_->exchange.cache)]);
    writer.put("\r\n");
  }
  if (policy.server_timing) put_server_timing(writer, talk_->exchange, context_.clock.monotonic_ns);
  return writer.lines();
}

Connection::Handled Connection::reply_entry(cache::Entry& entry) {
  const http::Request& request = talk_->parser.request();
  const Selection& selection = talk_->selection;
  const bool plain = !policy().measures && !selection.fell_back && selection.fields == 0;
  if (plain && request.method() == http::Method::get && connection_field() == http::ConnectionField::none &&
      !conditional(request) && reply_plain_hit(entry)) {
    talk_->exchange.status = 200;
    talk_->exchange.body_bytes = entry.body().size();
    talk_->exchange.before_body = static_cast<uint32_t>(entry.head().size());
    talk_->exchange.coding = entry.facts().coding;
    return Handled::replied;
  }
  return reply_source(Source(entry));
}

Connection::Handled Connection::reply_file(const disk::OpenFileRef& file) {
  if (!talk_->output.empty()) return Handled::flush_first;
  return reply_source(Source(file, context_.clock.wall_s));
}

Connection::Handled Connection::reply_source(const Source& source) {
  const http::Request& request = talk_->parser.request();
  http::Reply reply = http::evaluate(request, source.validators(), context_.clock.wall_s);
  if (reply.several && source.coding != http::Coding::identity) {
    reply = {.status = 200, .length = source.size};  // nobody agrees on what Content-Encoding is of, there
  }
  talk_->answer_begun = false;
  std::array<char, 72> range;
  if (reply.status == 412) return reply_status(412, {.by_coding = source.negotiated()});
  if (reply.status == 416) {
    const std::string_view unsatisfied{range.data(), http::content_range(range, 0, 0, source.size)};
    return reply_status(416, {.content_range = unsatisfied, .by_coding = source.negotiated()});
  }
  std::array<char, http::date_size> modified;
  std::array<char, own_lines_bytes> own;
  http::ReplyHead head;
  head.status = reply.status;
  head.date = context_.date_text();
  head.server = source.server;
  head.etag = source.etag;
  head.last_modified = source.last_modified;
  if (source.has_modified && head.last_modified.empty()) {
    http::format_date(source.modified_s, modified);
    head.last_modified = {modified.data(), modified.size()};
  }
  head.accept_ranges = source.ranged;
  std::array<char, disk::Describer::most_lines_bytes + site::RuleSet::most_field_bytes + 64> lines;
  head.extra = source.lines;
  if (talk_->selection.fell_back || talk_->selection.fields != 0) {
    size_t size = source.lines.copy(lines.data(), lines.size());
    if (talk_->selection.fell_back) size = http::add_vary(lines, size, "Accept");
    head.extra = {lines.data(), add_vary_by_rules(lines, size)};
  }
  head.more = own_lines(own);
  head.connection = connection_field();
  if (reply.status != 304) {
    head.content_type = source.content_type;
    head.content_encoding = http::coding_name(source.coding);
    head.content_length = reply.length;
  }
  if (reply.several) return reply_parts(source, head);
  if (reply.status == 206) {
    head.content_range = {range.data(), http::content_range(range, reply.first, reply.length, source.size)};
  }
  const bool has_body = request.method() == http::Method::get && reply.length > 0;
  if (has_body && source.file) {
    talk_->stream = context_.disk.stream(*source.file, reply.first, reply.length, *this, socket_);
    if (!talk_->stream) return reply_status(503);
  }
  if (!talk_->output.add_head(head, more_input_)) {
    if (talk_->stream) std::exchange(talk_->stream, nullptr)->abandon();
    return Handled::flush_first;
  }
  talk_->exchange.status = static_cast<uint16_t>(reply.status);
  talk_->exchange.before_body = talk_->output.composed_bytes();
  talk_->exchange.coding = source.coding;
  if (!has_body) return Handled::replied;
  talk_->exchange.body_bytes = reply.length;
  if (!source.file) {
    talk_->output.add_body(source.body.subspan(reply.first, reply.length), more_input_, cache::EntryRef(source.entry),
                           source.owner);
    return Handled::replied;
  }
  begin_stream();
  return Handled::streaming;
}

// Behind its head.
void Connection::begin_stream() {
  talk_->exchange.asked_ns = context_.clock.monotonic_ns;
  become(State::waiting);
  deadline_in(static_cast<uint64_t>(context_.config->disk.timeout.count()));
  talk_->stream->next();
}

// A rule took the slash of `path` away: the redirect that would add it leads to where the client is.
bool Connection::names_directory_asked(std::string_view path) const {
  std::array<char, BlockPool::block_bytes> memory;
  const std::string_view target = talk_->parser.request().target();
  if (target.size() + 2 > memory.size()) return false;
  const auto asked = http::parse_target(target, memory);
  return asked && asked->trailing_slash && asked->path == path;
}

// A directory without its slash: the same path with one, on this host, the query kept.
Connection::Handled Connection::reply_redirect() {
  const site::Route& route = this->route();
  if (route.rewritten && names_directory_asked(route.path)) return reply_status(404);
  std::array<char, BlockPool::block_bytes> location;
  size_t size = http::encode_path(route.path, location);
  if (size == 0 || size + 2 + route.query.size() > location.size()) return reply_status(414);
  location[size++] = '/';
  if (route.has_query) {
    location[size++] = '?';
    std::memcpy(location.data() + size, route.query.data(), route.query.size());
    size += route.query.size();
  }
  return reply_status(301, {.location = {location.data(), size}});
}

// The site's rules asked for these fields before they decided (RFC 9110 §12.5.5).
size_t Connection::add_vary_by_rules(std::span<char> lines, size_t size) const {
  uint64_t left = talk_->selection.fields;
  for (unsigned bit = 0; left != 0; ++bit, left >>= 1) {
    if (left & 1) size = http::add_vary(lines, size, talk_->settings->router.field(talk_->site, bit));
  }
  return size;
}

// Nothing of the request is known where it was rejected, or where its answer had begun.
bool Connection::request_known() const { return stage_ == Stage::ready; }

site::HeaderLines Connection::site_lines(site::Answer answer, std::string_view media_type,
                                         std::span<char, site::HeaderRules::most_bytes> out) {
  const site::HeaderRules& rules = policy().rules;
  std::string_view path;
  if (rules.by_path() && request_known()) path = route().path;
  return rules.lines(path, media_type, answer, out);
}

// The site's own page, in the coding that the client likes best, or the built-in one.
Connection::StatusBody Connection::body_for(int status) {
  StatusBody found{.text = http::error_body(status), .content_type = http::error_content_type()};
  const std::shared_ptr<const disk::ErrorPages>& pages =
      talk_->settings->snapshot->sites().state(talk_->settings->snapshot->slot_of(talk_->site)).pages;
  const disk::ErrorPage* page = pages->find(status);
  if (!page) return found;
  found.text = page->body;
  found.content_type = page->content_type;
  found.negotiated = page->negotiated;
  found.pages = pages;
  if (!page->negotiated || !request_known()) return found;
  const SitePolicy& policy = this->policy();
  const http::CodingOrder order = http::preferred_codings(accepted_codings(), policy.compress);
  for (uint8_t index = 0; index < order.count; ++index) {
    const std::string& coded = page->coded[static_cast<size_t>(order.codings[index])];
    if (coded.empty()) continue;
    found.text = coded;
    found.coding = order.codings[index];
    return found;
  }
  return found;
}

Connection::Handled Connection::reply_status(int status, const StatusFacts& facts) {
  StatusBody body;
  if (status != 204) body = body_for(status);
  std::array<char, site::HeaderRules::most_bytes + site::RuleSet::most_field_bytes + 64> lines;
  const site::Answer answer = status >= 400 ? site::Answer::error : site::Answer::redirect;
  const site::HeaderLines written =
      site_lines(answer, body.content_type, std::span(lines).first<site::HeaderRules::most_bytes>());
  size_t lines_bytes = written.bytes;
  std::array<char, own_lines_bytes> own;
  const bool may_fall_back = status == 404 && !policy().fallback.empty();
  if (may_fall_back || talk_->selection.fell_back || talk_->selection.listing) {
    lines_bytes = http::add_vary(lines, lines_bytes, "Accept");
  }
  if (body.negotiated || facts.by_coding) lines_bytes = http::add_vary(lines, lines_bytes, "Accept-Encoding");
  lines_bytes = add_vary_by_rules(lines, lines_bytes);

  http::ReplyHead head;
  head.status = status;
  head.date = context_.date_text();
  head.server = !(written.omitted & site::omit_server);
  head.content_range = facts.content_range;
  head.location = facts.location;
  head.extra = {lines.data(), lines_bytes};
  head.more = own_lines(own);
  head.connection = connection_field();
  if (status == 204 || status == 405) head.allow = allowed_methods;
  if (status == 503) head.retry_after_s = retry_after_s;
  if (status != 204) {
    head.content_type = body.content_type;
    head.content_encoding = http::coding_name(body.coding);
    head.content_length = body.text.size();
  }
  if (!talk_->output.add_head(head, more_input_)) {
    if (!talk_->output.empty()) return Handled::flush_first;
    CHECK(!facts.location.empty());  // nothing else is longer than a block
    return reply_status(414);
  }
  talk_->exchange.status = static_cast<uint16_t>(status);
  talk_->exchange.before_body = talk_->output.composed_bytes();
  talk_->exchange.coding = body.coding;
  if (talk_->parser.request().method() != http::Method::head && !body.text.empty()) {
    talk_->exchange.body_bytes = body.text.size();
    talk_->output.add_body(body.text, more_input_, {}, std::move(body.pages));
  }
  return Handled::replied;
}

}  // namespace uringd::server
