// What a connection says: a hit as it lies in the cache, everything else composed into the output. A reply function
// either leaves the whole reply in the output (replied), starts a stream behind its head (streaming), or changes
// nothing because what is composed already must go first (flush_first).
#include <array>
#include <cstring>

#include "connection.hpp"
#include "uringd/base/check.hpp"
#include "uringd/http/date.hpp"
#include "uringd/http/evaluate.hpp"
#include "uringd/http/target.hpp"

namespace uringd::server {
namespace {

constexpr std::string_view allowed_methods = "GET, HEAD, OPTIONS";
constexpr uint32_t retry_after_s = 1;  // the disk queue turns over many times a second

bool conditional(const http::Request& request) {
  using enum http::Field;
  return request.field(range) || request.field(if_none_match) || request.field(if_modified_since) ||
         request.field(if_match) || request.field(if_unmodified_since);
}

// The fields that describe a representation, the same for an entry and a streamed file.
struct Description {
  std::array<char, 29> modified;
  std::array<char, 72> range;
  http::ReplyHead head;
};

void describe(Description& description, const http::Reply& reply, const http::Representation& representation,
              std::string_view content_type, std::string_view date) {
  http::ReplyHead& head = description.head;
  head.status = reply.status;
  head.date = date;
  head.etag = representation.etag;
  if (representation.has_modified) {
    http::format_date(representation.modified, description.modified);
    head.last_modified = {description.modified.data(), description.modified.size()};
  }
  head.accept_ranges = true;
  if (reply.status == 304) return;
  head.content_type = content_type;
  head.content_length = reply.length;
  if (reply.status != 206) return;
  const size_t size = http::content_range(description.range, reply.first, reply.length, representation.size);
  head.content_range = {description.range.data(), size};
}

}  // namespace

http::ConnectionField Connection::connection_field() const {
  if (close_after_) return http::ConnectionField::close;
  return talk_->parser.request().minor_version() == 0 ? http::ConnectionField::keep_alive : http::ConnectionField::none;
}

void Connection::decide_persistence() {
  const uint64_t limit = context_.snapshot.config().limits.requests_per_connection;
  const bool wanted = talk_->parser.request().keep_alive();
  close_after_ = !wanted || (limit != 0 && requests_ + 1 >= limit) || (context_.draining && !more_input_);
  hear_out_ = close_after_ && wanted;
}

// The common case: a whole entry for an unconditional GET on a persistent HTTP/1.1 connection. Alone it is sent from
// where it lies; among pipelined ones it is copied into the batch.
bool Connection::reply_plain_hit(cache::Entry& entry) {
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

Connection::Handled Connection::reply_found(cache::Entry& entry) {
  switch (entry.kind()) {
    case cache::Kind::content: return reply_entry(entry);
    case cache::Kind::verdict: return entry.status() == 301 ? reply_redirect() : reply_status(entry.status());
    case cache::Kind::file:
      if (!talk_->output.empty()) return Handled::flush_first;
      return reply_file(static_cast<const disk::KeptFile*>(entry.payload())->file);
    case cache::Kind::names: break;
  }
  CHECK(!"no request's path leads to a list of names");
  return Handled::replied;
}

Connection::Handled Connection::reply_entry(cache::Entry& entry) {
  const http::Request& request = talk_->parser.request();
  const http::ConnectionField connection = connection_field();
  if (request.method() == http::Method::get && connection == http::ConnectionField::none && !conditional(request) &&
      reply_plain_hit(entry)) {
    talk_->exchange.status = 200;
    talk_->exchange.body_bytes = entry.body().size();
    return Handled::replied;
  }
  const cache::EntryFacts& facts = entry.facts();
  const http::Representation representation{entry.body().size(), entry.etag(), facts.modified_s, facts.has_modified};
  const http::Reply reply = http::evaluate(request, representation, context_.clock.wall_s);
  Description description;
  describe(description, reply, representation, facts.content_type, context_.date_text());
  if (reply.status == 412) return reply_status(412);
  if (reply.status == 416) {
    const size_t size = http::content_range(description.range, 0, 0, representation.size);
    return reply_status(416, {description.range.data(), size});
  }
  description.head.connection = connection;
  if (!talk_->output.add_head(description.head, more_input_)) return Handled::flush_first;
  talk_->exchange.status = static_cast<uint16_t>(reply.status);
  if (request.method() == http::Method::get && reply.length > 0) {
    talk_->exchange.body_bytes = reply.length;
    talk_->output.add_body(entry.body().subspan(reply.first, reply.length), more_input_, cache::EntryRef(&entry));
  }
  return Handled::replied;
}

Connection::Handled Connection::reply_file(const disk::OpenFileRef& file) {
  const http::Request& request = talk_->parser.request();
  const uring::Attributes& attributes = file->attributes();
  const bool has_modified = attributes.modified_s > 1 && attributes.modified_s <= context_.clock.wall_s;
  const http::Representation representation{attributes.size_bytes, file->etag(), attributes.modified_s, has_modified};
  const http::Reply reply = http::evaluate(request, representation, context_.clock.wall_s);
  Description description;
  describe(description, reply, representation, file->content_type(), context_.date_text());
  if (reply.status == 412) return reply_status(412);
  if (reply.status == 416) {
    const size_t size = http::content_range(description.range, 0, 0, representation.size);
    return reply_status(416, {description.range.data(), size});
  }
  const bool has_body = request.method() == http::Method::get && reply.length > 0;
  if (has_body) {
    talk_->stream = context_.disk.stream(file, reply.first, reply.length, *this, socket_);
    if (!talk_->stream) return reply_status(503);
  }
  description.head.connection = connection_field();
  CHECK(talk_->output.add_head(description.head, false));
  talk_->exchange.status = static_cast<uint16_t>(reply.status);
  if (!has_body) return Handled::replied;
  talk_->exchange.body_bytes = reply.length;
  if (talk_->stream->by_reference()) {  // behind its head, which goes alone
    flush();
    return Handled::streaming;
  }
  become(State::waiting);
  deadline_in(static_cast<uint64_t>(context_.snapshot.config().disk.timeout.count()));
  talk_->stream->next();
  return Handled::streaming;
}

// A directory without its slash: the same path with one, on this host, the query kept.
Connection::Handled Connection::reply_redirect() {
  const site::Route route = context_.snapshot.router().route(talk_->parser.request(), context_.scratch);
  std::array<char, BlockPool::block_bytes> location;
  size_t size = http::encode_path(route.path, location);
  if (size == 0 || size + 2 + route.query.size() > location.size()) return reply_status(414);
  location[size++] = '/';
  if (route.has_query) {
    location[size++] = '?';
    std::memcpy(location.data() + size, route.query.data(), route.query.size());
    size += route.query.size();
  }
  return reply_status(301, {}, {location.data(), size});
}

Connection::Handled Connection::reply_status(int status, std::string_view content_range, std::string_view location) {
  http::ReplyHead head{};
  head.status = status;
  head.date = context_.date_text();
  head.content_range = content_range;
  head.location = location;
  head.connection = connection_field();
  if (status == 204 || status == 405) head.allow = allowed_methods;
  if (status == 503) head.retry_after_s = retry_after_s;
  std::string_view body;
  if (status != 204) {
    const ErrorPage* page = context_.snapshot.error_pages(talk_->site).find(status);
    body = page ? std::string_view(page->body) : http::error_body(status);
    head.content_type = page ? page->content_type : http::error_content_type();
    head.content_length = body.size();
  }
  if (!talk_->output.add_head(head, more_input_)) {
    if (!talk_->output.empty()) return Handled::flush_first;
    CHECK(!location.empty());  // nothing else is longer than the output's own kilobyte
    return reply_status(414);
  }
  talk_->exchange.status = static_cast<uint16_t>(status);
  if (talk_->parser.request().method() != http::Method::head && !body.empty()) {
    talk_->exchange.body_bytes = body.size();
    talk_->output.add_body(body, more_input_, {});
  }
  return Handled::replied;
}

}  // namespace uringd::server
