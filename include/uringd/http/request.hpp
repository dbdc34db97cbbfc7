// Request: what one request head said, as slices of the bytes it came in. A small value: it owns nothing, it borrows
// the connection's receive bytes, and `rebase` follows them when they move. RequestParser fills it; routing, evaluation
// and logging read it. Only the fields that uringd acts upon or logs are recorded. Bound: one slice per known field;
// when a field came in several lines the first one is recorded, `repeated` says so, and `next_line` walks the others.
// What no slice is kept of is found by walking the head: `find`.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

namespace uringd::http {

/// `not_allowed`: POST, PUT, DELETE, CONNECT, TRACE, PATCH (405); `unknown`: any other valid token (501).
/// Methods are case-sensitive (RFC 9110 §9.1): "get" is unknown.
enum class Method : uint8_t { get, head, options, not_allowed, unknown };

enum class Field : uint8_t {
  host,
  if_match,
  if_none_match,
  if_modified_since,
  if_unmodified_since,
  if_range,
  range,
  accept,
  accept_encoding,
  user_agent,
  referer,
  expect,
  x_forwarded_for,
  forwarded,
  authorization,
  count_
};

/// A part of the bytes of a request, by offset from the request's first byte, so that it survives their moving.
struct Slice {
  uint32_t offset = 0, size = 0;
};

class Request {
 public:
  Method method() const { return method_; }
  /// The method as sent ("PROPFIND").
  std::string_view method_name() const { return view(method_name_); }
  /// The request-target as sent, in one of the four forms of RFC 9112 §3.2; see parse_target.
  std::string_view target() const { return view(target_); }
  /// 0 or 1: HTTP/1.0 or HTTP/1.1.
  int minor_version() const { return minor_version_; }
  /// May another request follow on this connection (RFC 9112 §9.3)? Never after CONNECT: what follows is not HTTP.
  bool keep_alive() const { return keep_alive_; }
  /// Body bytes follow the head: chunked, or a Content-Length above 0.
  bool has_body() const { return has_body_; }
  /// The client waits for 100 before it sends its body (RFC 9110 §10.1.1).
  bool expect_continue() const { return expect_continue_; }

  /// The field's value without surrounding white space; nullopt: no such field; "" is a field that came empty.
  /// Field::host is the authority of the target instead where that was in absolute form (RFC 9112 §3.2.2).
  std::optional<std::string_view> field(Field field) const {
    if (!has(present_, field)) return std::nullopt;
    return view(fields_[static_cast<size_t>(field)]);
  }
  /// The field came in more than one line. Single-valued fields (dates, Range, If-Range) are then not to be trusted;
  /// of list fields the further lines are read with `next_line`. Host never: that is a 400 (RFC 9112 §3.2).
  bool repeated(Field field) const { return has(repeated_, field); }
  /// The value in the next line of this field after the line that holds `previous` (an earlier answer of `field` or
  /// `next_line`); nullopt: that was the last one. Walks the head's bytes, so only for repeated fields: rare.
  std::optional<std::string_view> next_line(Field field, std::string_view previous) const;

  /// The value in the first line of the field of any name, in any case, without surrounding white space; nullopt: no
  /// such field. As sent: "Host" is the field even where the target is in absolute form. Walks the head's bytes.
  std::optional<std::string_view> find(std::string_view name) const;
  /// The same of the next line after the one that holds `previous`, an earlier answer.
  std::optional<std::string_view> find_next(std::string_view name, std::string_view previous) const;

  /// The bytes of the request now lie at `base`.
  void rebase(const char* base) { base_ = base; }

 private:
  friend class RequestParser;
  friend struct ParserEvents;
  static constexpr size_t field_count = static_cast<size_t>(Field::count_);

  static bool has(uint16_t set, Field field) { return (set >> static_cast<unsigned>(field) & 1u) != 0; }
  std::string_view view(Slice slice) const { return {base_ + slice.offset, slice.size}; }
  template <typename IsName>
  std::optional<std::string_view> line_after(size_t offset, IsName is_name) const;

  const char* base_ = nullptr;
  Slice method_name_, target_;
  uint32_t head_size_ = 0;
  uint16_t present_ = 0, repeated_ = 0;  // one bit per Field; a field's slice is only meaningful where its bit is set
  Method method_ = Method::unknown;
  uint8_t minor_version_ = 1;
  bool keep_alive_ = false, has_body_ = false, expect_continue_ = false;
  std::array<Slice, field_count> fields_;
};
static_assert(static_cast<size_t>(Field::count_) <= 16, "present_ and repeated_ hold one bit per field");
static_assert(std::is_trivially_copyable_v<Request> && sizeof(Request) < 200, "a request is copied like a number");

}  // namespace uringd::http
