// Response heads and the small bodies of errors. A head is composed once, in one pass, into a bounded buffer; a cached
// one is sent many times and only its Date is written anew, in place, at date_offset(status). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace uringd::http {

/// "Not Found"; "" for a status that uringd never sends.
constexpr std::string_view reason_phrase(int status) {
  switch (status) {
    case 100: return "Continue";
    case 200: return "OK";
    case 201: return "Created";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    case 507: return "Insufficient Storage";
    default: return "";
  }
}

enum class ConnectionField : uint8_t { none, close, keep_alive };

/// The fields of a response, in the order in which they are written. Empty views, zeros and nullopt are left out.
/// Values must hold no CR or LF: they come from encode_path, tables and configuration, never from a request as sent.
struct ReplyHead {
  int status = 200;
  std::string_view date;  ///< 29 bytes, always there
  bool server = true;     ///< say who we are (without a version)
  std::string_view content_type;
  std::string_view content_encoding;
  std::optional<uint64_t> content_length;
  std::string_view etag;
  std::string_view last_modified;  ///< 29 bytes or empty
  bool accept_ranges = false;
  std::string_view content_range;  ///< the value, from content_range()
  std::string_view location;
  std::string_view allow;
  uint32_t retry_after_s = 0;
  std::string_view extra;  ///< complete lines, each ending in CRLF: those of every answer about this resource
  std::string_view more;   ///< the same: those of this answer alone
  ConnectionField connection = ConnectionField::none;
};

/// Writes the head up to and with its empty line; returns its size, 0 if it does not fit (`out` is then unspecified).
size_t compose_head(const ReplyHead& head, std::span<char> out);

/// Where in a composed head the 29 bytes of its Date lie.
constexpr size_t date_offset(int status) {
  return std::string_view{"HTTP/1.1 200 "}.size() + reason_phrase(status).size() +
         std::string_view{"\r\nDate: "}.size();
}

/// "bytes 0-99/1000"; for 416, with length 0: "bytes */1000". Returns its size, 0 if it does not fit; 72 bytes always
/// do.
size_t content_range(std::span<char> out, uint64_t first, uint64_t length, uint64_t size);

/// A small HTML page, static; "" for a status that has no page (below 400 other than redirects).
std::string_view error_body(int status);
constexpr std::string_view error_content_type() { return "text/html; charset=utf-8"; }

}  // namespace uringd::http
