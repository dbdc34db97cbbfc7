// See generator_answer.hpp.
#include "generator_answer.hpp"

#include <strings.h>
#include <algorithm>
#include <charconv>

namespace uringd::load {

namespace {

constexpr size_t most_head = 64 << 10;

bool is(std::string_view name, std::string_view other) {
  return name.size() == other.size() && strncasecmp(name.data(), other.data(), name.size()) == 0;
}

std::string_view trimmed(std::string_view value) {
  size_t first = value.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return value.substr(first, value.find_last_not_of(" \t") - first + 1);
}

template <class Number>
bool to_number(std::string_view text, Number& number) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

bool parse_head(std::string_view text, Head& head) {
  head = {};
  size_t end = std::min(text.find("\r\n"), text.size());
  std::string_view line = text.substr(0, end);
  if (line.size() < 12 || !line.starts_with("HTTP/1.") || !to_number(line.substr(9, 3), head.status)) return false;
  if (head.status < 200 || head.status > 599) return false;
  const char version = line[7];
  head.close = version == '0';
  bool has_length = false;
  while (end < text.size()) {
    size_t start = end + 2;
    end = std::min(text.find("\r\n", start), text.size());
    line = text.substr(start, end - start);
    size_t colon = line.find(':');
    if (colon == std::string_view::npos) return false;
    std::string_view name = line.substr(0, colon);
    if (is(name, "content-length")) {
      if (has_length || !to_number(trimmed(line.substr(colon + 1)), head.length)) return false;
      has_length = true;
    } else if (is(name, "connection")) {
      std::string_view value = trimmed(line.substr(colon + 1));
      head.close = is(value, "close") || (head.close && !is(value, "keep-alive"));
    } else if (is(name, "transfer-encoding")) {
      // HTTP/1.0 has none, and a second one or another coding is nothing that we asked for (RFC 9112 section 6.1).
      if (head.chunked || version == '0' || !is(trimmed(line.substr(colon + 1)), "chunked")) return false;
      head.chunked = true;
    }
  }
  if (has_length && head.chunked) return false;  // which of them would be a guess
  bool bodiless = head.status == 204 || head.status == 304;
  if (bodiless) {  // a 304 may say how the 200 would come
    head.length = 0;
    head.chunked = false;
  }
  return bodiless || has_length || head.chunked;
}

bool Rules::expects(int status) const { return std::ranges::find(statuses, status) != statuses.end(); }

AnswerReader::Progress AnswerReader::take(std::string_view& bytes, Rules& rules, uint64_t& body_bytes) {
  if (part_ == Part::head) {
    Progress progress = take_head(bytes, rules);
    if (progress != Progress::whole) return progress;
    part_ = Part::body;
    left_ = head_.length;
    read_ = 0;
    chunks_ = {};
    right_ = rules.expects(head_.status);
  }
  uint64_t before = read_;
  Progress progress = head_.chunked ? take_chunks(bytes, rules) : take_body(bytes, rules);
  body_bytes += read_ - before;
  if (progress == Progress::more) return progress;
  part_ = Part::head;
  bool has_body = head_.status != 204 && head_.status != 304;
  if (rules.expected != nullptr && has_body && rules.expected->size() != read_) right_ = false;
  return progress;
}

AnswerReader::Progress AnswerReader::take_head(std::string_view& bytes, Rules& rules) {
  if (begun_.empty() && !rules.last_text.empty() && bytes.starts_with(rules.last_text)) {
    bytes.remove_prefix(rules.last_text.size());
    head_ = rules.last_head;
    return Progress::whole;
  }
  size_t before = begun_.size();
  std::string_view text = bytes;
  if (before > 0) text = begun_.append(bytes);
  size_t end = text.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    if (before == 0) begun_ = bytes;
    bytes = {};
    return begun_.size() > most_head ? Progress::broken : Progress::more;
  }
  if (!parse_head(text.substr(0, end), head_)) return Progress::broken;
  rules.last_text = text.substr(0, end + 4);
  rules.last_head = head_;
  bytes.remove_prefix(end + 4 - before);
  begun_.clear();
  return Progress::whole;
}

AnswerReader::Progress AnswerReader::take_body(std::string_view& bytes, const Rules& rules) {
  std::string_view piece = bytes.substr(0, left_);
  if (rules.expected != nullptr && right_ && !piece.empty()) {
    std::string_view expected = *rules.expected;
    right_ = read_ < expected.size() && expected.substr(read_, piece.size()) == piece;
  }
  bytes.remove_prefix(piece.size());
  return drop(piece.size());
}

AnswerReader::Progress AnswerReader::take_chunks(std::string_view& bytes, const Rules& rules) {
  while (true) {
    if (left_ == 0) {
      switch (chunks_.take(bytes, left_)) {
        case Chunks::Next::more: return Progress::more;
        case Chunks::Next::data: break;
        case Chunks::Next::end: return Progress::whole;
        case Chunks::Next::broken: return Progress::broken;
      }
    }
    if (bytes.empty()) return Progress::more;
    take_body(bytes, rules);
  }
}

AnswerReader::Progress AnswerReader::drop(uint64_t size) {
  left_ -= size;
  read_ += size;
  if (left_ > 0 || head_.chunked) return Progress::more;
  part_ = Part::head;
  return Progress::whole;
}

}  // namespace uringd::load
