// The head that nearly every request has, read without llhttp: whole in the first bytes, GET or HEAD of a path,
// HTTP/1.1 or 1.0, one space where one belongs, CRLF at each end, no field that frames a body. What is in any way
// different, wrong or not there yet is left to read_head(), from the beginning: so there is one place where requests
// are refused, and whatever is understood here must be understood there as the same (the fuzzer cuts every input into
// pieces and compares). llhttp calls back for each part of a line; this takes a third of its time.
#include <cstring>

#include "characters.hpp"
#include "eight_bytes.hpp"
#include "field_names.hpp"
#include "uringd/http/request_parser.hpp"

namespace uringd::http {
namespace {

/// field-vchar, space, tab, obs-text (RFC 9110 §5.5).
bool good_value(std::string_view value) {
  const auto odd = [](EightBytes bytes) { return (bytes.below(' ') | bytes.equal_to(0x7f)) != 0; };
  if (value.size() >= 8 && !any_window(value, 8, odd)) return true;
  for (char c : value) {
    if ((static_cast<unsigned char>(c) < ' ' && c != '\t') || c == 0x7f) return false;
  }
  return true;
}

bool frames_a_body(size_t known) {
  return known == field_content_length || known == field_transfer_encoding ||
         known == static_cast<size_t>(Field::expect);
}

}  // namespace

bool RequestParser::read_simple_head(const char* base, uint32_t size) {
  const std::string_view bytes{base, size};
  const bool head = bytes.starts_with("HEAD /");
  if (!head && !bytes.starts_with("GET /")) return false;
  request_.method_ = head ? Method::head : Method::get;
  request_.method_name_ = {0, head ? 4U : 3U};
  const uint32_t target_at = request_.method_name_.size + 1;
  const size_t space = bytes.find(' ', target_at);
  if (space == std::string_view::npos || !good_target_bytes(bytes.substr(target_at, space - target_at))) return false;
  request_.target_ = {target_at, static_cast<uint32_t>(space) - target_at};

  constexpr std::string_view version = " HTTP/1.1\r\n";
  if (size - space < version.size()) return false;
  if (std::memcmp(base + space, version.data(), version.size()) == 0) {
    request_.minor_version_ = 1;
  } else if (std::memcmp(base + space, " HTTP/1.0\r\n", version.size()) == 0) {
    request_.minor_version_ = 0;
  } else {
    return false;
  }
  const char* end = read_simple_fields(base + space + version.size(), base + size);
  if (!end || (request_.minor_version_ == 1 && !request_.field(Field::host))) return false;
  parsed_ = static_cast<uint32_t>(end - base);
  target_complete_ = true;
  end_head();
  return true;
}

/// The end of the head, or nullptr.
const char* RequestParser::read_simple_fields(const char* at, const char* end) {
  while (end - at >= 2) {
    if (at[0] == '\r') return at[1] == '\n' ? at + 2 : nullptr;
    const char* const name = at;
    while (at < end && is_class(*at, token_char)) ++at;
    if (at == end || *at != ':' || at == name) return nullptr;
    const size_t known = find_field({name, at});
    const char* const value = ++at;
    at = static_cast<const char*>(std::memchr(value, '\r', static_cast<size_t>(end - value)));
    if (!at || at + 1 == end || at[1] != '\n' || !good_value({value, at})) return nullptr;
    if (frames_a_body(known) || add_known(known, {value, at}) != 0) return nullptr;
    at += 2;
  }
  return nullptr;
}

}  // namespace uringd::http
