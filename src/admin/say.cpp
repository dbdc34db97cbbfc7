// JSON strings by RFC 8259 §7, and errors.
#include "say.hpp"

#include <cstdint>
#include <utility>

namespace uringd::admin {
namespace {

// Bytes of the UTF-8 sequence (RFC 3629 §4) that `text` begins with; 0: none. A lead byte says how many follow, and
// in which bounds the second one lies: no overlong form, no surrogate, nothing above U+10FFFF.
size_t utf8_size(std::string_view text) {
  const auto byte = [&](size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t size = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  if (size == 0 || text.size() < size) return 0;
  const unsigned least = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const unsigned most = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (byte(1) < least || byte(1) > most) return 0;
  for (size_t at = 2; at < size; ++at) {
    if ((byte(at) & 0xc0) != 0x80) return 0;
  }
  return size;
}

}  // namespace

void append_json(std::string& out, std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  out += '"';
  while (!text.empty()) {
    const char c = text.front();
    const size_t size = utf8_size(text);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += "\\u00";
      out += hex[static_cast<unsigned char>(c) >> 4];
      out += hex[static_cast<unsigned char>(c) & 15];
    } else if (size == 0) {
      out += "\xef\xbf\xbd";
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(size == 0 ? 1 : size);
  }
  out += '"';
}

server::Answer say_json(int status, std::string json) {
  server::Answer answer = server::Answer::of(status, "application/json", std::move(json));
  answer.fields = common_fields;
  return answer;
}

server::Answer say_error(int status, std::string_view error, std::string_view hint) {
  std::string json = "{\"error\":";
  append_json(json, error);
  json += ",\"hint\":";
  append_json(json, hint);
  return say_json(status, json + "}");
}

}  // namespace uringd::admin
