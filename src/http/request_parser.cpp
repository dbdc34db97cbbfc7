// RequestParser, in the order of a request's bytes: empty lines, method, the rest of the head (llhttp, through
// ParserEvents), the checks of a whole head, the body. llhttp is strict, but it is made for clients and servers of many
// protocols; what it would let through and RFC 9112 does not is refused here: several spaces in a request line, RTSP
// and ICE versions, HTTP/0.9 and 2.0, Host, transfer codings. Methods that it does not know are shown to it as GET.
#include "uringd/http/request_parser.hpp"

#include <llhttp.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <new>

#include "characters.hpp"
#include "field_names.hpp"
#include "uringd/base/check.hpp"
#include "uringd/http/host.hpp"

namespace uringd::http {
namespace {

constexpr uint8_t max_empty_lines = 8;  // RFC 9112 §2.2 asks for one; some old clients send a few after a body

llhttp_t* engine_of(unsigned char* bytes) { return std::launder(reinterpret_cast<llhttp_t*>(bytes)); }

bool good_target_bytes(std::string_view target) {
  bool bad = false;
  for (char c : target) bad |= c <= ' ' || c == 0x7f || c == '#';  // char is signed: non-ASCII bytes are below ' '
  return !bad;
}
static_assert(static_cast<char>(0x80) < 0, "good_target_bytes counts on a signed char");

}  // namespace

/// What llhttp calls while it reads. Offsets count from the request's first byte. A function that finds a fault leaves
/// the status in the parser and returns -1, which ends llhttp_execute.
struct ParserEvents {
  static RequestParser& parser(llhttp_t* engine) { return *static_cast<RequestParser*>(engine->data); }
  static uint32_t offset(const RequestParser& self, const char* at) {
    return static_cast<uint32_t>(at - self.request_.base_);
  }
  static Slice slice(const RequestParser& self, std::string_view text) {
    return {static_cast<uint32_t>(text.data() - self.request_.base_), static_cast<uint32_t>(text.size())};
  }
  static int fail(RequestParser& self, int status) {
    self.status_ = static_cast<uint16_t>(status);
    return -1;
  }

  static int on_url(llhttp_t* engine, const char* at, size_t size) {
    RequestParser& self = parser(engine);
    Slice& target = self.request_.target_;
    if (target.offset == 0) {  // a target never lies at 0: there is a method before it
      target.offset = offset(self, at);
      const Slice& method = self.request_.method_name_;
      if (target.offset != method.offset + method.size + 1) return fail(self, 400);  // more than one space
    }
    target.size += static_cast<uint32_t>(size);
    return 0;
  }

  static int on_url_complete(llhttp_t* engine) {
    RequestParser& self = parser(engine);
    self.target_complete_ = true;
    // The byte that ended the target was seen. Without a version behind it this is a request of HTTP/0.9.
    const Slice& target = self.request_.target_;
    return self.request_.base_[target.offset + target.size] == ' ' ? 0 : fail(self, 505);
  }

  static int on_version_complete(llhttp_t* engine) {
    RequestParser& self = parser(engine);
    const Slice& target = self.request_.target_;
    constexpr std::string_view expected = " HTTP/";  // one space, and not RTSP/ or ICE/
    if (std::memcmp(self.request_.base_ + target.offset + target.size, expected.data(), expected.size()) != 0) {
      return fail(self, 400);
    }
    if (engine->http_major != 1) return fail(self, 505);
    self.request_.minor_version_ = engine->http_minor;
    return 0;
  }

  static int on_header_field(llhttp_t* engine, const char* at, size_t size) {
    RequestParser& self = parser(engine);
    if (!self.in_name_) {
      self.in_name_ = true;
      self.name_ = {offset(self, at), 0};
    }
    self.name_.size += static_cast<uint32_t>(size);
    return 0;
  }

  static int on_header_value(llhttp_t* engine, const char* at, size_t size) {
    RequestParser& self = parser(engine);
    if (self.in_name_) {
      self.in_name_ = false;
      self.value_ = {offset(self, at), 0};
    }
    self.value_.size += static_cast<uint32_t>(size);
    return 0;
  }

  static int on_header_value_complete(llhttp_t* engine) {
    RequestParser& self = parser(engine);
    if (self.in_name_) {  // a value without bytes may come without on_header_value
      self.in_name_ = false;
      self.value_ = {self.name_.offset + self.name_.size, 0};
    }
    const int status = self.add_field(self.name_, self.value_);
    return status == 0 ? 0 : fail(self, status);
  }

  static int pause(llhttp_t*) { return HPE_PAUSED; }

  static int on_body(llhttp_t* engine, const char*, size_t size) {
    RequestParser& self = parser(engine);
    self.decoded_ += size;
    return self.decoded_ <= self.limits_.body_size ? 0 : fail(self, 413);
  }

  static constexpr llhttp_settings_t head_settings() {
    llhttp_settings_t settings{};
    settings.on_url = on_url;
    settings.on_url_complete = on_url_complete;
    settings.on_version_complete = on_version_complete;
    settings.on_header_field = on_header_field;
    settings.on_header_value = on_header_value;
    settings.on_header_value_complete = on_header_value_complete;
    settings.on_headers_complete = pause;
    return settings;
  }
  static constexpr llhttp_settings_t body_settings() {  // trailers are checked by llhttp and dropped
    llhttp_settings_t settings{};
    settings.on_body = on_body;
    settings.on_message_complete = pause;
    return settings;
  }
};

namespace {
constinit const llhttp_settings_t head_settings = ParserEvents::head_settings();
constinit const llhttp_settings_t body_settings = ParserEvents::body_settings();
}  // namespace

void RequestParser::reset() {
  static_assert(sizeof(llhttp_t) <= engine_size && alignof(llhttp_t) <= engine_align);
  llhttp_init(new (engine_) llhttp_t, HTTP_REQUEST, &head_settings);
  parsed_ = 0;
  body_left_ = decoded_ = framing_ = 0;
  status_ = 0;
  stage_ = Stage::empty_lines;
  empty_lines_ = 0;
  in_name_ = target_complete_ = false;
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
  int status = 0;
  if (stage_ == Stage::empty_lines) status = skip_empty_lines(base, bound);
  if (status == 0 && stage_ == Stage::method) status = read_method(base, bound);
  if (status == 0 && stage_ == Stage::fields) status = read_fields(base, bound);
  if (status == 0 && stage_ < Stage::body && bound == limits_.header_size) status = overflow_status();
  if (status != 0) {
    stage_ = Stage::rejected;
    status_ = static_cast<uint16_t>(status);
    return Progress::rejected;
  }
  return stage_ < Stage::body ? Progress::need_more : Progress::head_complete;
}

int RequestParser::skip_empty_lines(const char* base, uint32_t size) {
  for (; parsed_ < size; ++parsed_) {
    if (parsed_ > 0 && base[parsed_ - 1] == '\r') {
      if (base[parsed_] != '\n' || ++empty_lines_ > max_empty_lines) return 400;
    } else if (base[parsed_] != '\r') {
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
    ++parsed_;
    return llhttp_execute(engine_of(engine_), "GET ", 4) == HPE_OK ? 0 : 400;
  }
  parsed_ = name.offset;  // llhttp reads the methods that it knows itself
  return 0;
}

int RequestParser::read_fields(const char* base, uint32_t size) {
  if (parsed_ == size) return 0;
  llhttp_t* engine = engine_of(engine_);
  engine->data = this;
  const llhttp_errno_t error = llhttp_execute(engine, base + parsed_, size - parsed_);
  if (error == HPE_OK) {
    if (is_http_0_9(size)) return 505;
    parsed_ = size;
    return 0;
  }
  if (error == HPE_PAUSED) {
    parsed_ = ParserEvents::offset(*this, llhttp_get_error_pos(engine));
    return finish_head();
  }
  if (status_ != 0) return status_;
  return error == HPE_INVALID_VERSION && is_other_version(size) ? 505 : 400;
}

std::string_view RequestParser::behind_target(uint32_t size) const {
  return std::string_view{request_.base_, size}.substr(request_.target_.offset + request_.target_.size);
}

/// The line ended behind the target: a simple request. llhttp says so one byte later, which such a client never sends.
bool RequestParser::is_http_0_9(uint32_t size) const {
  if (target_complete_ || request_.target_.size == 0) return false;
  const std::string_view rest = behind_target(size);
  return rest.starts_with("\r\n") || rest.starts_with('\n');
}

/// A well-formed version that is neither 1.0 nor 1.1; those fail for what stands behind them.
bool RequestParser::is_other_version(uint32_t size) const {
  const std::string_view version = behind_target(size).substr(0, 9);
  return version.size() == 9 && version.starts_with(" HTTP/") && is_digit(version[6]) && version[7] == '.' &&
         is_digit(version[8]) && version != " HTTP/1.0" && version != " HTTP/1.1";
}

int RequestParser::overflow_status() const {
  if (stage_ == Stage::empty_lines) return 400;
  if (stage_ == Stage::method) return 501;  // RFC 9112 §3: longer than any method that we implement
  return target_complete_ ? 431 : 414;
}

int RequestParser::add_field(Slice name, Slice value) {
  const size_t known = find_field(request_.view(name));
  if (known == field_other) return 0;
  const std::string_view text = trim(request_.view(value));
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
    if (equals_folded(coding, "chunked")) {
      chunked_ = true;
    } else {
      if (coding.empty() || !std::ranges::all_of(coding, [](char c) { return is_class(c, token_char); })) return 400;
      other_coding_ = true;
    }
  } while (!value.empty());
  return 0;
}

void RequestParser::add_expect(std::string_view value) {
  do {
    (equals_folded(take_element(value), "100-continue") ? expects_continue_ : expects_other_) = true;
  } while (!value.empty());
}

int RequestParser::finish_head() {
  request_.head_size_ = parsed_;
  if (const int status = check_head(); status != 0) return status;
  const bool persistent = request_.minor_version_ == 1 || persist_;
  request_.keep_alive_ = persistent && !close_ && request_.method_name() != "CONNECT";
  request_.has_body_ = chunked_ || body_left_ > 0;
  request_.expect_continue_ = expects_continue_ && request_.minor_version_ == 1 && request_.has_body_;
  stage_ = request_.has_body_ ? Stage::body : Stage::done;
  return 0;
}

int RequestParser::check_head() {
  const bool is_1_1 = request_.minor_version_ == 1;
  if (is_1_1 && !request_.field(Field::host)) return 400;
  if (has_transfer_encoding_ && (has_content_length_ || !is_1_1)) return 400;  // RFC 9112 §6.1
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
  if (target.starts_with('/')) return 0;
  if (request_.method_name() == "CONNECT") return valid_host(target) ? 0 : 400;
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

RequestParser::BodyResult RequestParser::parse_chunked(const char* data, size_t size) {
  if (size == 0) return {BodyProgress::need_more, 0};
  llhttp_t* engine = engine_of(engine_);
  engine->data = this;
  if (engine->settings == &head_settings) {
    engine->settings = const_cast<llhttp_settings_t*>(&body_settings);
    llhttp_resume(engine);
  }
  const uint64_t decoded_before = decoded_;
  const llhttp_errno_t error = llhttp_execute(engine, data, size);
  const size_t used = error == HPE_OK ? size : static_cast<size_t>(llhttp_get_error_pos(engine) - data);
  if (error == HPE_OK || error == HPE_PAUSED) {
    framing_ += used - (decoded_ - decoded_before);
    // Fixed in advance, so that the outcome is the same however the bytes are cut; 413, as for the body itself.
    if (framing_ <= limits_.header_size + limits_.body_size) {
      if (error == HPE_OK) return {BodyProgress::need_more, used};
      stage_ = Stage::done;
      return {BodyProgress::complete, used};
    }
    status_ = 413;
  }
  if (status_ == 0) status_ = 400;
  stage_ = Stage::rejected;
  return {BodyProgress::rejected, used};
}

}  // namespace uringd::http
