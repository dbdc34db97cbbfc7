// read_reference: a second reader of HTTP/1 requests, written from the RFCs alone and slowly: whole lines, copies, no
// state between calls. What RequestParser accepts this must accept with the same meaning, and the other way round. For
// unit tests and fuzzers; limits are the default ones, and inputs are far below header_size.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "uringd/http/host.hpp"

namespace uringd::http::testing {

class ReferenceReader {
 public:
  enum class Verdict { incomplete, good, bad };
  Verdict head = Verdict::incomplete, body = Verdict::incomplete;
  size_t head_size = 0, used = 0;
  std::string method, target;
  int minor_version = 1;
  bool has_body = false;
  std::vector<std::pair<std::string, std::string>> fields;  // names in lower case

  explicit ReferenceReader(std::string_view bytes) : bytes_(bytes) {
    head = read_head();
    head_size = used = at_;
    if (head != Verdict::good) return;
    body = read_body();
    used = at_;
  }

  /// All lines of a field, joined by '|'; `otherwise` where there is none.
  std::string joined(std::string_view name, std::string_view otherwise) const {
    std::string text;
    bool found = false;
    for (const auto& [known, value] : fields) {
      if (known != name) continue;
      text += (found ? "|" : "") + value;
      found = true;
    }
    return found ? text : std::string{otherwise};
  }

 private:
  static bool token(std::string_view text) {
    constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::ranges::all_of(text, [&](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
             marks.find(c) != std::string_view::npos;
    });
  }
  static bool text_byte(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return c == '\t' || (byte >= 0x20 && byte != 0x7f);
  }
  static std::string stripped(std::string_view text) {
    const size_t first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return "";
    return std::string{text.substr(first, text.find_last_not_of(" \t") - first + 1)};
  }
  static std::string lowered(std::string_view text) {
    std::string result{text};
    for (char& c : result) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    }
    return result;
  }
  std::vector<std::string> elements(std::string_view name) const {  // of all lines, empty ones too, in lower case
    std::vector<std::string> all;
    for (const auto& [known, value] : fields) {
      if (known != name) continue;
      std::string element;
      for (char c : value + ",") {
        if (c != ',') {
          element += c;
          continue;
        }
        all.push_back(lowered(stripped(element)));
        element.clear();
      }
    }
    return all;
  }

  /// The next line without its CRLF. bad: it has a bare CR or LF.
  Verdict take_line(std::string& line) {
    const size_t end = bytes_.find('\n', at_);
    if (end == std::string_view::npos) return Verdict::incomplete;
    if (end == at_ || bytes_[end - 1] != '\r') return Verdict::bad;
    line = bytes_.substr(at_, end - 1 - at_);
    at_ = end + 1;
    return line.find('\r') == std::string::npos ? Verdict::good : Verdict::bad;
  }

  bool take_field(std::string_view line) {
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || !token(line.substr(0, colon))) return false;
    const std::string_view value = line.substr(colon + 1);
    fields.emplace_back(lowered(line.substr(0, colon)), stripped(value));
    return std::ranges::all_of(value, text_byte);
  }

  Verdict read_head() {
    std::string line;
    for (int empty = 0; line.empty(); ++empty) {
      if (empty > 8) return Verdict::bad;
      if (const Verdict verdict = take_line(line); verdict != Verdict::good) return verdict;
    }
    if (!read_request_line(line)) return Verdict::bad;
    for (;;) {
      if (const Verdict verdict = take_line(line); verdict != Verdict::good) return verdict;
      if (line.empty()) break;
      if (!take_field(line)) return Verdict::bad;
    }
    return check_host() && check_framing() && check_target() && check_expect() ? Verdict::good : Verdict::bad;
  }

  bool read_request_line(const std::string& line) {
    const size_t first = line.find(' '), last = line.rfind(' ');
    if (first == std::string::npos || first == last) return false;
    method = line.substr(0, first);
    target = line.substr(first + 1, last - first - 1);
    const std::string version = line.substr(last + 1);
    if (version.size() != 8 || !version.starts_with("HTTP/1.") || version[7] < '0' || version[7] > '9') return false;
    minor_version = version[7] == '0' ? 0 : 1;
    return token(method) && !target.empty() &&
           std::ranges::all_of(target, [](char c) { return c > 0x20 && c < 0x7f && c != '#'; });
  }

  bool check_host() const {
    size_t count = 0;
    for (const auto& [name, value] : fields) {
      if (name != "host") continue;
      if (++count > 1 || !valid_host(value)) return false;
    }
    return count == 1 || minor_version == 0;
  }

  bool check_framing() {
    const std::vector<std::string> codings = elements("transfer-encoding");
    std::vector<std::string> lengths;
    for (const auto& [name, value] : fields) {
      if (name == "content-length") lengths.push_back(value);
    }
    if (lengths.size() > 1 || (!lengths.empty() && !codings.empty())) return false;
    chunked_ = !codings.empty();
    if (chunked_) return has_body = true, minor_version == 1 && codings == std::vector<std::string>{"chunked"};
    if (lengths.empty()) return true;
    if (lengths[0].empty()) return false;
    for (char c : lengths[0]) {
      if (c < '0' || c > '9') return false;
      length_ = length_ * 10 + static_cast<uint64_t>(c - '0');
      if (length_ > 65536) return false;
    }
    has_body = length_ > 0;
    return true;
  }

  bool check_target() {
    if (method == "CONNECT" && target[0] != '/') {
      const size_t colon = target.rfind(':');
      if (colon == std::string::npos || !valid_host(target)) return false;
      const std::string port = target.substr(colon + 1);
      return port.find_first_of("123456789") != std::string::npos && port.find(']') == std::string::npos;
    }
    if (target[0] == '/') return true;
    if (target == "*") {
      return method == "OPTIONS" || (method != "GET" && method != "HEAD" && method != "POST" && method != "PUT" &&
                                     method != "DELETE" && method != "TRACE" && method != "PATCH");
    }
    const std::string folded = lowered(target);
    const size_t scheme = folded.starts_with("http://") ? 7 : folded.starts_with("https://") ? 8 : 0;
    if (scheme == 0) return false;
    const std::string authority = target.substr(scheme, target.find_first_of("/?", scheme) - scheme);
    if (!valid_host(authority)) return false;
    std::erase_if(fields, [](const auto& field) { return field.first == "host"; });
    fields.emplace_back("host", authority);
    return true;
  }

  bool check_expect() const {
    if (minor_version == 0) return true;
    return std::ranges::all_of(elements("expect"),
                               [](const std::string& text) { return text.empty() || text == "100-continue"; });
  }

  Verdict read_body() {
    if (!chunked_) {
      const bool whole = bytes_.size() - at_ >= length_;
      at_ = whole ? at_ + length_ : bytes_.size();
      return whole ? Verdict::good : Verdict::incomplete;
    }
    uint64_t decoded = 0;
    std::string line;
    for (;;) {
      if (const Verdict verdict = take_line(line); verdict != Verdict::good) return verdict;
      uint64_t size = 0;
      if (!read_chunk_line(line, size)) return Verdict::bad;
      if (size == 0) break;
      decoded += size;
      if (decoded > 65536) return Verdict::bad;
      if (bytes_.size() - at_ < size) return Verdict::incomplete;
      at_ += size;
      const std::string_view rest = bytes_.substr(at_, 2);
      if (rest != std::string_view{"\r\n"}.substr(0, rest.size())) return Verdict::bad;
      if (rest.size() < 2) return Verdict::incomplete;
      at_ += 2;
    }
    const size_t in_head = fields.size();
    for (;;) {  // trailers
      if (const Verdict verdict = take_line(line); verdict != Verdict::good) return verdict;
      if (line.empty()) return Verdict::good;
      const bool good = take_field(line);
      if (fields.size() > in_head) fields.pop_back();
      if (!good) return Verdict::bad;
    }
  }

  /// chunk-size *( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] )
  static bool read_chunk_line(std::string_view line, uint64_t& size) {
    size_t at = line.find_first_not_of("0123456789abcdefABCDEF");
    at = std::min(at, line.size());
    if (at == 0) return false;
    for (char c : lowered(line.substr(0, at))) {
      size = size * 16 + static_cast<uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
      if (size > 1 << 20) return false;
    }
    auto spaces = [&] { at = std::min(line.find_first_not_of(" \t", at), line.size()); };
    auto word = [&] {
      const size_t from = at;
      while (at < line.size() && token(line.substr(at, 1))) ++at;
      return at > from;
    };
    while (at < line.size()) {
      spaces();
      if (at == line.size() || line[at++] != ';') return false;
      spaces();
      if (!word()) return false;
      const size_t behind = at;
      spaces();
      if (at == line.size() || line[at] != '=') {
        at = behind;
        continue;
      }
      ++at;
      spaces();
      if (at < line.size() && line[at] == '"') {
        if (!read_quoted(line, at)) return false;
      } else if (!word()) {
        return false;
      }
    }
    return true;
  }

  static bool read_quoted(std::string_view line, size_t& at) {
    for (++at; at < line.size(); ++at) {
      if (line[at] == '"') return ++at, true;
      if (line[at] == '\\' && ++at == line.size()) return false;
      if (!text_byte(line[at])) return false;
    }
    return false;
  }

  std::string_view bytes_;
  size_t at_ = 0;
  bool chunked_ = false;
  uint64_t length_ = 0;
};

}  // namespace uringd::http::testing
