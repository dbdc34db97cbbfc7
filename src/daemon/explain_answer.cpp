// Heads as they would be sent on a connection that stays open, by the functions that the server has for their parts.
// What a single answer says of its own making (Server-Timing, Cache-Status) is left out and said to be.
#include "explain_answer.hpp"

#include <array>

#include "explain_fields.hpp"
#include "explain_find.hpp"
#include "uringd/disk/error_pages.hpp"
#include "uringd/http/conditional.hpp"
#include "uringd/http/date.hpp"
#include "uringd/http/evaluate.hpp"
#include "uringd/http/multipart.hpp"
#include "uringd/http/negotiate.hpp"
#include "uringd/http/range.hpp"
#include "uringd/http/reply_head.hpp"
#include "uringd/http/vary.hpp"

namespace uringd::daemon {
namespace {

constexpr size_t most_head_bytes = size_t{32} << 10;  // one block of output
constexpr size_t most_lines_bytes = disk::Describer::most_lines_bytes + site::RuleSet::most_field_bytes + 64;

/// Field lines that grow.
class Lines {
 public:
  explicit Lines(std::string_view begin) : size_(begin.copy(memory_.data(), memory_.size())) {}
  void vary(std::string_view name) { size_ = http::add_vary(memory_, size_, name); }
  /// By what the site's rules asked for.
  void vary_by_rules(const Inquiry& inquiry) {
    uint64_t left = inquiry.understood ? inquiry.route.fields : 0;
    for (unsigned bit = 0; left != 0; ++bit, left >>= 1) {
      if (left & 1) vary(inquiry.snapshot.router(0).field(inquiry.route.site, bit));
    }
  }
  [[nodiscard]] std::string_view text() const { return {memory_.data(), size_}; }

 private:
  std::array<char, most_lines_bytes> memory_;
  size_t size_;
};

// --- why this status ---

std::string why(const http::Request& request, const http::Reply& reply) {
  using enum http::Field;
  switch (reply.status) {
    case 304:
      return request.field(if_none_match) ? "If-None-Match names this ETag: the client has it"
                                          : "it has not changed since If-Modified-Since: the client has it";
    case 412:
      return request.field(if_match) ? "If-Match does not name this ETag" : "it has changed since If-Unmodified-Since";
    case 416: return "it has no byte of what Range asks for";
    case 206: return reply.several ? "Range asks for several parts of it" : "Range asks for a part of it";
    default: break;
  }
  return request.field(range)
             ? "Range is passed over: it is malformed, asks for too much, or If-Range names another ETag"
             : "";
}

/// False, with nothing told: the head is longer than any that is sent.
bool tell_answer(const Inquiry& inquiry, const http::ReplyHead& head, std::string_view because) {
  std::array<char, most_head_bytes> memory;
  const size_t size = http::compose_head(head, memory);
  if (size == 0) return false;
  if (inquiry.snapshot.policy(inquiry.route.site).measures) {
    inquiry.story.tell("headers", "Server-Timing and Cache-Status come with them: of each answer its own");
  }
  std::string words = std::to_string(head.status);
  if (!because.empty()) words.append(", because ").append(because);
  inquiry.story.tell("answer", words);
  inquiry.story.tell_head({memory.data(), size});
  return true;
}

// --- the site's own pages ---

struct StatusBody {
  std::string_view text, content_type;
  http::Coding coding = http::Coding::identity;
  bool negotiated = false;
};

void tell_page(const Inquiry& inquiry, std::string_view name) {
  const disk::SiteRules& rules = inquiry.snapshot.sites().rules(inquiry.route.site);
  for (const disk::ErrorPageRule& page : rules.error_pages) {
    if (page.name != name) continue;
    inquiry.story.tell("body", place_of(rules, page.path) + ", because error_pages has " + shown(name));
  }
}

StatusBody body_for(const Inquiry& inquiry, int status) {
  StatusBody body{.text = http::error_body(status), .content_type = http::error_content_type()};
  const disk::ErrorPages& pages = *inquiry.snapshot.sites().state(inquiry.route.site).pages;
  const disk::ErrorPage* page = pages.find(status);
  if (!page) return body;
  for (const auto& [name, of_name] : pages.pages) {
    if (&of_name == page) tell_page(inquiry, name);
  }
  body = {.text = page->body, .content_type = page->content_type, .negotiated = page->negotiated};
  if (!page->negotiated || !inquiry.understood) return body;
  const auto accepted = http::accepted_codings(inquiry.request);
  const auto order = http::preferred_codings(accepted, inquiry.snapshot.policy(inquiry.route.site).compress);
  for (uint8_t index = 0; index < order.count; ++index) {
    const std::string& coded = page->coded[static_cast<size_t>(order.codings[index])];
    if (coded.empty()) continue;
    body.text = coded;
    body.coding = order.codings[index];
    break;
  }
  return body;
}

http::ConnectionField connection_field(const Inquiry& inquiry) {
  return inquiry.close ? http::ConnectionField::close : http::ConnectionField::none;
}

std::string_view date_text(const Inquiry& inquiry, std::array<char, http::date_size>& memory) {
  http::format_date(inquiry.now_s, memory);
  return {memory.data(), memory.size()};
}

}  // namespace

int answer_with(const Inquiry& inquiry, const Representation& representation) {
  const disk::Description& description = representation.description;
  const int64_t modified_s = representation.attributes.modified_s;
  const bool has_modified = description.modified && modified_s > 1 && modified_s <= inquiry.now_s;
  const std::string_view etag = description.tagged ? std::string_view(representation.etag) : std::string_view();
  const uint64_t size = representation.size_bytes;
  http::Reply reply = http::evaluate(inquiry.request, {size, etag, modified_s, has_modified}, inquiry.now_s);
  const bool coded = representation.coding != http::Coding::identity;
  if (reply.several && coded) reply = {.status = 200, .length = size};
  const std::string because = why(inquiry.request, reply);
  const bool negotiated = coded || description.siblings || representation.compressible;
  std::array<char, 72> range;
  if (reply.status == 412) return answer_status(inquiry, 412, because, {.by_coding = negotiated});
  if (reply.status == 416) {
    const std::string_view unsatisfied{range.data(), http::content_range(range, 0, 0, size)};
    return answer_status(inquiry, 416, because, {.content_range = unsatisfied, .by_coding = negotiated});
  }
  tell_fields(inquiry, representation);
  std::array<char, http::date_size> date, modified;
  http::format_date(modified_s, modified);
  Lines lines(representation.lines);
  if (inquiry.fell_back) lines.vary("Accept");
  lines.vary_by_rules(inquiry);
  http::ReplyHead head;
  head.status = reply.status;
  head.date = date_text(inquiry, date);
  head.server = description.server;
  head.etag = etag;
  if (has_modified) head.last_modified = {modified.data(), modified.size()};
  head.accept_ranges = description.ranged;
  head.extra = lines.text();
  head.connection = connection_field(inquiry);
  const std::string_view type = description.type.value;
  if (reply.status != 304) {
    head.content_type = type;
    head.content_encoding = http::coding_name(representation.coding);
    head.content_length = reply.length;
  }
  std::optional<http::Multipart> parts;
  if (reply.several) {
    const std::string_view value = inquiry.request.field(http::Field::range).value_or("");
    parts.emplace(http::parse_ranges(value, size), size, type, 0);
    head.content_type = parts->content_type();
    head.content_length = parts->content_length();
  } else if (reply.status == 206) {
    head.content_range = {range.data(), http::content_range(range, reply.first, reply.length, size)};
  }
  tell_answer(inquiry, head, because);
  return reply.status;
}

int answer_status(const Inquiry& inquiry, int status, std::string_view because, const StatusFacts& facts) {
  const StatusBody body = body_for(inquiry, status);
  const server::SitePolicy& policy = inquiry.snapshot.policy(inquiry.route.site);
  const bool error = status >= 400;
  const std::string_view path = inquiry.understood ? inquiry.route.path : std::string_view();
  std::array<char, site::HeaderRules::most_bytes> memory;
  const site::HeaderLines written =
      policy.rules.lines(path, body.content_type, error ? site::Answer::error : site::Answer::redirect, memory);
  tell_fields(inquiry, path, error);
  Lines lines({memory.data(), written.bytes});
  const bool may_fall_back = status == 404 && !policy.fallback.empty();
  if (may_fall_back || inquiry.fell_back || inquiry.listing) lines.vary("Accept");
  if (body.negotiated || facts.by_coding) lines.vary("Accept-Encoding");
  lines.vary_by_rules(inquiry);
  std::array<char, http::date_size> date;
  http::ReplyHead head;
  head.status = status;
  head.date = date_text(inquiry, date);
  head.server = !(written.omitted & site::omit_server);
  head.content_range = facts.content_range;
  head.location = facts.location;
  head.extra = lines.text();
  head.connection = connection_field(inquiry);
  if (status == 503) head.retry_after_s = 1;
  head.content_type = body.content_type;
  head.content_encoding = http::coding_name(body.coding);
  head.content_length = body.text.size();
  if (tell_answer(inquiry, head, because)) return status;
  return answer_status(inquiry, 414, "the address to be sent to is too long");
}

}  // namespace uringd::daemon
