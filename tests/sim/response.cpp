// The strict reader: every line ends in CRLF, every field is known to this test, lengths are digits and nothing else.
#include "response.hpp"

#include <algorithm>
#include <cctype>
#include <set>

namespace uringd::sim {
namespace {

const std::set<std::string_view> known_fields = {"Server",        "Date",
                                                 "Content-Type",  "Content-Length",
                                                 "ETag",          "Last-Modified",
                                                 "Accept-Ranges", "Content-Range",
                                                 "Location",      "Allow",
                                                 "Retry-After",   "Connection",
                                                 "Vary",          "Content-Encoding",
                                                 "Cache-Control", "X-Content-Type-Options"};

ReadResult fault(std::string text) { return {.reading = Reading::faulty, .fault = std::move(text)}; }

bool all_digits(std::string_view text) {
  return !text.empty() && text.size() < 19 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string read_status_line(std::string_view line, Response& response) {
  if (!line.starts_with("HTTP/1.1 ") || line.size() < 14 || line[12] != ' ') return "status line";
  const std::string_view code = line.substr(9, 3);
  if (!all_digits(code)) return "status code";
  response.status = std::stoi(std::string(code));
  if (response.status < 100 || response.status > 599) return "status out of range";
  return "";
}

std::string read_field(std::string_view line, Response& response) {
  const size_t colon = line.find(": ");
  if (colon == std::string_view::npos || colon == 0) return "field line without a colon";
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = line.substr(colon + 2);
  if (!known_fields.contains(name)) return "unexpected field";
  if (value.empty() || value.front() == ' ' || value.back() == ' ') return "empty or padded field value";
  for (char c : value) {
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) return "control byte in a field";
  }
  if (!response.fields.emplace(name, value).second) return "field came twice";
  return "";
}

std::string check_head(Response& response) {
  if (response.status == 100) return response.fields.empty() ? "" : "fields in a 100";
  if (response.field("Server") != "uringd") return "Server";
  const std::string_view date = response.field("Date");
  if (date.size() != 29 || !date.ends_with(" GMT")) return "Date";
  const std::string_view connection = response.field("Connection");
  if (!connection.empty() && connection != "close" && connection != "keep-alive") return "Connection";
  response.close = connection == "close";
  const std::string_view length = response.field("Content-Length");
  const bool bodyless = response.status == 204 || response.status == 304;
  if (bodyless) return length.empty() ? "" : "Content-Length where there can be no body";
  if (!all_digits(length)) return "Content-Length";
  response.content_length = std::stoull(std::string(length));
  return "";
}

}  // namespace

ReadResult read_response(std::string_view bytes, bool to_head, Response& response) {
  response = {};
  const size_t end = bytes.find("\r\n\r\n");
  const std::string_view first = bytes.substr(0, std::min<size_t>(bytes.size(), 9));
  if (first != std::string_view("HTTP/1.1 ").substr(0, first.size())) return fault("not a status line");
  if (end == std::string_view::npos) return bytes.size() > 65536 ? fault("head without end") : ReadResult{};
  std::string_view head = bytes.substr(0, end + 2);
  for (bool status_line = true; !head.empty(); status_line = false) {
    const size_t line_end = head.find("\r\n");
    const std::string_view line = head.substr(0, line_end);
    head.remove_prefix(line_end + 2);
    if (line.find_first_of("\r\n") != std::string_view::npos) return fault("bare CR or LF in the head");
    const std::string problem = status_line ? read_status_line(line, response) : read_field(line, response);
    if (!problem.empty()) return fault(problem + ": " + std::string(line));
  }
  if (const std::string problem = check_head(response); !problem.empty()) return fault("head: " + problem);
  const size_t head_bytes = end + 4;
  const bool has_body = !to_head && response.status != 100 && response.status != 204 && response.status != 304;
  const size_t wanted = has_body ? response.content_length : 0;
  const size_t there = std::min(wanted, bytes.size() - head_bytes);
  response.body.assign(bytes.substr(head_bytes, there));
  if (there < wanted) return {.reading = Reading::need_more, .head_bytes = head_bytes};
  return {.reading = Reading::complete, .used = head_bytes + wanted, .head_bytes = head_bytes};
}

}  // namespace uringd::sim
