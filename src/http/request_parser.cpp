// RequestParser, in the order of a request's bytes: empty lines, method, the rest of the head (llhttp, through
// ParserEvents), the checks of a whole head, the body. llhttp is strict, but it is made for clients and servers of many
// protocols; what it would let through and RFC 9112 does not is refused here: several spaces in a request line, RTSP
// and ICE versions, HTTP/0.9 and 2.0, Host, transfer codings. Methods that it does not know are shown to it as GET.
// What it refuses and the RFC does not: minor versions above 1, and tabs behind a length or a coding (read_again).
#include "uringd/http/request_parser.hpp"

#include <llhttp.h>

#include <algorithm>
#include <charconv>
#include <new>
#include <utility>

#include "characters.hpp"
#include "chunked.hpp"
#include "eight_bytes.hpp"
#include "field_names.hpp"
#include "parser_events.hpp"
#include "uringd/base/check.hpp"
#include "uringd/http/host.hpp"

namespace uringd::http {
namespace {

constexpr uint8_t max_empty_lines = 8;  // RFC 9112 §2.2 asks for one; some old clients send a few after a body

constinit const llhttp_settings_t head_settings = ParserEvents::head_settings();

llhttp_t* engine_of(unsigned char* bytes) { return std::launder(reinterpret_cast<llhttp_t*>(bytes)); }

void make_engine(unsigned char* bytes) {
  llhttp_t* engine = new (bytes) llhttp_t;
  llhttp_init(engine, HTTP_REQUEST, &head_settings);
  engine->lenient_flags = LENIENT_VERSION;  // any digits: on_version_complete judges them
}

/// `uri-host ":" port`, of CONNECT; the port may be neither missing nor 0 (RFC 9110 §9.3.6, RFC 9112 §3.2.3).
bool valid_authority_form(std::string_view target) {
  const size_t colon = target.rfind(':');  // where there is no port, a colon in a literal: what follows ends in ']'
  return valid_host(target) && colon != std::string_view::npos && is_digit(target.back()) &&
         target.find_first_not_of('0', colon + 1) != std::string_view::npos;
}

}  // namespace

void RequestParser::reset() {
  parsed_ = fed_ = 0;
  body_left_ = 0;
  chunked_body_ = {};
  status_ = 0;
  stage_ = Stage::empty_lines;
  empty_lines_ = 0;
  in_name_ = target_complete_ = trim_tabs_ = false;
  has_content_length_ = has_transfer_encoding_ = chunked_ = other_coding_ = false;
  close_ = persist_ = expects_continue_ = expects_other_ = false;
  request_.method_name_ = request_.target_ = {};
  request_.head_size_ = 0;
  request_.present_ = request_.repeated_ = 0;
  request_.method_ = Method::unknown;
  request_.minor_version_ = 1;
  request_.keep_alive_ = request_.has_body_ = request_.expect_continue_ = false;
}

RequestParser::Progress RequestParser::parse_head(const char* base, size_t size) {
  CHECK(stage_ < Stage::body);
  CHECK(size >= parsed_);
  request_.rebase(base);
  const auto bound = static_cast<uint32_t>(std::min<size_t>(size, limits_.header_size));
  if (stage_ == Stage::empty_lines && parsed_ == 0) {
    if (read_simple_head(base, bound)) return Progress::head_complete;
    reset();
  }
  int status = read_head(base, bound);
  if (status == 0 && stage_ < Stage::body && bound == limits_.header_size) status = overflow_status();
  if (status != 0) {
    stage_ = Stage::rejected;
    status_ = static_cast<uint16_t>(status);
    return Progress::rejected;
  }
  return stage_ < Stage::body ? Progress::need_more : Progress::head_complete;
}

int RequestParser::read_head(const char* base, uint32_t size) {
  int status = 0;
  if (stage_ == Stage::empty_lines) status = skip_empty_lines(base, size);
  if (status == 0 && stage_ == Stage::method) status = read_method(base, size);
  if (status == 0 && stage_ == Stage::fields) status = read_fields(base, size);
  return status;
}

/// llhttp knows no tab behind a Content-Length or a transfer coding, which may stand there (OWS, RFC 9112 §5). Where
/// that was its complaint the head is read once more from its beginning, without the tabs that end a line.
int RequestParser::read_again(const char* base, uint32_t size) {
  reset();
  trim_tabs_ = true;
  return read_head(base, size);
}

int RequestParser::skip_empty_lines(const char* base, uint32_t size) {
  for (; parsed_ < size; ++parsed_) {
    if (parsed_ > 0 && base[parsed_ - 1] == '\r') {
      if (base[parsed_] != '\n' || ++empty_lines_ > max_empty_lines) return 400;
    } else if (base[parsed_] != '\r') {
      static_assert(sizeof(llhttp_t) <= engine_size && alignof(llhttp_t) <= engine_align);
      make_engine(engine_);
      stage_ = Stage::method;
      request_.method_name_ = {parsed_, 0};
      return 0;
    }
  }
  return 0;
}

int RequestParser::read_method(const char* base, uint32_t size) {
  Slice& name = request_.method_name_;
  while (parsed_ < size && is_class(base[parsed_], token_char)) ++parsed_;
  name.size = parsed_ - name.offset;
  if (parsed_ == size) return 0;
  if (base[parsed_] != ' ' || name.size == 0) return 400;
  stage_ = Stage::fields;

  const std::string_view method = request_.method_name();
  if (method == "GET") {
    request_.method_ = Method::get;
  } else if (method == "HEAD") {
    request_.method_ = Method::head;
  } else if (method == "OPTIONS") {
    request_.method_ = Method::options;
  } else if (method == "POST" || method == "PUT" || method == "DELETE" || method == "CONNECT" || method == "TRACE" ||
             method == "PATCH") {
    request_.method_ = Method::not_allowed;
  } else {
    fed_ = ++parsed_;
    return llhttp_execute(engine_of(engine_), "GET ", 4) == HPE_OK ? 0 : 400;
  }
  parsed_ = fed_ = name.offset;  // llhttp reads the methods that it knows itself
  return 0;
}

int RequestParser::read_fields(const char* base, uint32_t size) {
  if (parsed_ == size) return 0;
  const uint32_t target = request_.method_name_.offset + request_.method_name_.size + 1;
  if (target < size && base[target] == ' ') return 400;  // a second space (RFC 9112 §3); llhttp skips any number
  llhttp_t* engine = engine_of(engine_);
  engine->data = this;
  const uint32_t from = parsed_;
  const int error = trim_tabs_ ? execute_trimmed(base, size) : execute(base, size);
  if (error == HPE_OK) return lacks_version(from, size) ? 505 : 0;
  const char* const at = llhttp_get_error_pos(engine);
  if (error == HPE_PAUSED) {
    parsed_ = ParserEvents::offset(*this, at);
    const bool llhttp_missed_it = chunked_ && (engine->flags & F_CHUNKED) == 0;
    return llhttp_missed_it && !trim_tabs_ ? read_again(base, size) : finish_head();
  }
  if (status_ != 0) return status_;
  const uint32_t stopped = ParserEvents::offset(*this, at);  // at the byte that it did not like, or behind it
  if (error == HPE_INVALID_CONTENT_LENGTH && !trim_tabs_ && stopped < size && *at == '\t')
    return read_again(base, size);
  return lacks_version(from, stopped) ? 505 : 400;
}

int RequestParser::execute(const char* base, uint32_t size) {
  parsed_ = size;
  return feed(base, size);
}

/// Lets llhttp have what lies between fed_ and `end`.
int RequestParser::feed(const char* base, uint32_t end) {
  const uint32_t from = std::exchange(fed_, end);
  return llhttp_execute(engine_of(engine_), base + from, end - from);
}

/// White space from a tab on is held back until it is seen what follows it; each byte is scanned once.
int RequestParser::execute_trimmed(const char* base, uint32_t size) {
  auto is_space = [base](uint32_t at) { return base[at] == ' ' || base[at] == '\t'; };
  while (parsed_ < size) {
    if (parsed_ == fed_ && base[parsed_] != '\t') {
      while (parsed_ < size && base[parsed_] != '\t') ++parsed_;
    } else {
      while (parsed_ < size && is_space(parsed_)) ++parsed_;
      if (parsed_ == size) return HPE_OK;
      if (base[parsed_] == '\r' && base[fed_ - 1] != '\n') fed_ = parsed_;  // never a line of white space alone
    }
    if (const int error = feed(base, parsed_); error != HPE_OK) return error;
  }
  return HPE_OK;
}

/// Among the bytes [from, to), which llhttp has just read, the line ended before a version: a request of HTTP/0.9.
/// llhttp says so one byte later, which such a client never sends, and for some bytes it says something else.
bool RequestParser::lacks_version(uint32_t from, uint32_t to) const {
  return !target_complete_ && std::string_view{request_.base_ + from, to - from}.find('\n') != std::string_view::npos;
}

int RequestParser::overflow_status() const {
  if (stage_ == Stage::empty_lines) return 400;
  if (stage_ == Stage::method) return 501;  // RFC 9112 §3: longer than any method that we implement
  return target_complete_ ? 431 : 414;
}

int RequestParser::add_field(Slice name, Slice value) {
  return add_known(find_field(request_.view(name)), request_.view(value));
}

int RequestParser::add_known(size_t known, std::string_view value) {
  if (known == field_other) return 0;
  const std::string_view text = trim(value);
  if (known == field_connection) {
    add_connection(text);
    return 0;
  }
  if (known == field_content_length) return add_content_length(text);
  if (known == field_transfer_encoding) return add_transfer_encoding(text);

  const auto bit = static_cast<uint16_t>(1u << known);
  if ((request_.present_ & bit) != 0) {
    request_.repeated_ |= bit;
    if (known == static_cast<size_t>(Field::host)) return 400;  // RFC 9112 §3.2
  } else {
    request_.present_ |= bit;
    request_.fields_[known] = ParserEvents::slice(*this, text);
  }
  if (known == static_cast<size_t>(Field::host)) return valid_host(text) ? 0 : 400;
  if (known == static_cast<size_t>(Field::expect)) add_expect(text);
  return 0;
}

void RequestParser::add_connection(std::string_view value) {
  while (!value.empty()) {
    const std::string_view option = take_element(value);
    if (equals_folded(option, "close")) close_ = true;
    if (equals_folded(option, "keep-alive")) persist_ = true;
  }
}

int RequestParser::add_content_length(std::string_view value) {
  if (has_content_length_) return 400;  // even with equal values: two servers in a row may pick different lines
  has_content_length_ = true;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), body_left_);
  return error == std::errc{} && end == value.data() + value.size() ? 0 : 400;
}

int RequestParser::add_transfer_encoding(std::string_view value) {
  has_transfer_encoding_ = true;
  do {
    const std::string_view coding = take_element(value);
    if (chunked_) return 400;  // chunked was not the last, or is there twice (RFC 9112 §6.1)
    const std::string_view name = trim(coding.substr(0, coding.find(';')));
    if (equals_folded(coding, "chunked")) {
      chunked_ = true;
    } else {  // chunked has no parameters (RFC 9112 §7.1)
      if (name.empty() || !std::ranges::all_of(name, [](char c) { return is_class(c, token_char); })) return 400;
      if (equals_folded(name, "chunked")) return 400;
      other_coding_ = true;
    }
  } while (!value.empty());
  return 0;
}

void RequestParser::add_expect(std::string_view value) {
  while (!value.empty()) {
    const std::string_view expectation = take_element(value);
    if (expectation.empty()) continue;  // RFC 9110 §5.6.1.2
    (equals_folded(expectation, "100-continue") ? expects_continue_ : expects_other_) = true;
  }
}

int RequestParser::finish_head() {
  request_.head_size_ = parsed_;
  if (const int status = check_head(); status != 0) return status;
  end_head();
  return 0;
}

void RequestParser::end_head() {
  request_.head_size_ = parsed_;
  const bool persistent = request_.minor_version_ == 1 || persist_;
  request_.keep_alive_ = persistent && !close_ && request_.method_name() != "CONNECT";
  request_.has_body_ = chunked_ || body_left_ > 0;
  request_.expect_continue_ = expects_continue_ && request_.minor_version_ == 1 && request_.has_body_;
  stage_ = request_.has_body_ ? Stage::body : Stage::done;
}

int RequestParser::check_head() {
  const bool is_1_1 = request_.minor_version_ == 1;
  if (is_1_1 && !request_.field(Field::host)) return 400;
  if (has_transfer_encoding_ && (has_content_length_ || !is_1_1)) return 400;  // RFC 9112 §6.1
  // Where chunked is not the last coding nobody knows where the body ends (RFC 9112 §6.3).
  if (has_transfer_encoding_ && !chunked_) return 400;
  const llhttp_t* engine = engine_of(engine_);
  const bool engine_chunked = (engine->flags & F_CHUNKED) != 0;
  if (chunked_ != engine_chunked) return 400;  // we and llhttp must read the same framing
  if (const int status = check_target(); status != 0) return status;
  if (other_coding_) return 501;
  if (is_1_1 && expects_other_) return 417;  // RFC 9110 §10.1.1: of HTTP/1.0, ignored
  if (body_left_ > limits_.body_size) return 413;
  return 0;
}

int RequestParser::check_target() {
  std::string_view target = request_.target();
  if (!good_target_bytes(target)) return 400;
  // A path is no target of CONNECT, but whoever tries the methods on one is to hear of the method: 405, on every path.
  if (request_.method_name() == "CONNECT") return target.starts_with('/') || valid_authority_form(target) ? 0 : 400;
  if (target.starts_with('/')) return 0;
  if (target == "*") return request_.method_ == Method::options || request_.method_ == Method::unknown ? 0 : 400;
  const size_t scheme_size = target.find("://");
  if (scheme_size == std::string_view::npos) return 400;
  const std::string_view scheme = target.substr(0, scheme_size);
  if (!equals_folded(scheme, "http") && !equals_folded(scheme, "https")) return 400;
  const std::string_view rest = target.substr(scheme_size + 3);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  if (!valid_host(authority)) return 400;
  request_.present_ |= 1u << static_cast<unsigned>(Field::host);  // RFC 9112 §3.2.2: it replaces what Host said
  request_.fields_[static_cast<size_t>(Field::host)] = ParserEvents::slice(*this, authority);
  return 0;
}

RequestParser::BodyResult RequestParser::parse_body(const char* data, size_t size) {
  CHECK(stage_ == Stage::body || stage_ == Stage::done);
  if (stage_ == Stage::done) return {BodyProgress::complete, 0};
  if (chunked_) return parse_chunked(data, size);
  const auto used = static_cast<size_t>(std::min<uint64_t>(size, body_left_));
  body_left_ -= used;
  if (body_left_ > 0) return {BodyProgress::need_more, used};
  stage_ = Stage::done;
  return {BodyProgress::complete, used};
}

bool RequestParser::bound_body(uint64_t bytes) {
  limits_.body_size = bytes;
  return body_left_ <= bytes;
}

RequestParser::BodyPiece RequestParser::parse_body_piece(const char* data, size_t size) {
  if (stage_ != Stage::body || !chunked_) {
    const BodyResult result = parse_body(data, size);
    return {result.progress, result.used, {data, result.used}};
  }
  const auto [used, status, data_at, data_size] = ChunkedReader{chunked_body_, limits_}.read_piece(data, size);
  const BodyResult result = after_chunks(used, status);
  return {result.progress, result.used, {data + data_at, data_size}};
}

RequestParser::BodyResult RequestParser::parse_chunked(const char* data, size_t size) {
  const auto [used, status] = ChunkedReader{chunked_body_, limits_}.read(data, size);
  return after_chunks(used, status);
}

RequestParser::BodyResult RequestParser::after_chunks(size_t used, int status) {
  if (status != 0) {
    status_ = static_cast<uint16_t>(status);
    stage_ = Stage::rejected;
    return {BodyProgress::rejected, used};
  }
  if (chunked_body_.step != Chunked::Step::done) return {BodyProgress::need_more, used};
  stage_ = Stage::done;
  return {BodyProgress::complete, used};
}

}  // namespace uringd::http
