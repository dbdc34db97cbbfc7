// Feeds bytes to a RequestParser in given pieces, from fresh memory each time (so that a pointer kept across a move is
// seen by ASan), through head and body, and reports everything that it said. Used by unit tests and fuzzers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "uringd/http/request_parser.hpp"

namespace uringd::http::testing {

inline constexpr const char* absent = "\nabsent";  // no field value can be this

struct Outcome {
  enum class End { need_more_head, need_more_body, complete, rejected_head, rejected_body };
  End end = End::need_more_head;
  int status = 0;
  size_t head_size = 0, used = 0;  // used: head and body
  Method method = Method::unknown;
  std::string method_name, target;
  int minor_version = 1;
  bool keep_alive = false, has_body = false, expect_continue = false;
  std::vector<std::string> fields;  // by Field: all its lines, joined by '|'; or `absent`

  bool operator==(const Outcome&) const = default;
  std::string field(Field field) const { return fields.at(static_cast<size_t>(field)); }
};

inline void describe(const Request& request, Outcome& outcome) {
  outcome.method = request.method();
  outcome.method_name = request.method_name();
  outcome.target = request.target();
  outcome.minor_version = request.minor_version();
  outcome.keep_alive = request.keep_alive();
  outcome.has_body = request.has_body();
  outcome.expect_continue = request.expect_continue();
  for (size_t i = 0; i < static_cast<size_t>(Field::count_); ++i) {
    const auto field = static_cast<Field>(i);
    std::string text = absent;
    if (std::optional<std::string_view> line = request.field(field)) {
      text = *line;
      while (request.repeated(field) && (line = request.next_line(field, *line))) text.append("|").append(*line);
    }
    outcome.fields.push_back(text);
  }
}

/// `cuts`: ascending offsets at which the bytes were cut; the last piece ends with the bytes.
inline Outcome drive(RequestParser& parser, std::string_view bytes, const std::vector<size_t>& cuts) {
  using Progress = RequestParser::Progress;
  using BodyProgress = RequestParser::BodyProgress;
  Outcome outcome;
  parser.reset();
  bool head_done = false;
  for (size_t piece = 0; piece <= cuts.size(); ++piece) {
    const size_t end = piece < cuts.size() ? cuts[piece] : bytes.size();
    const std::vector<char> memory(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(end));
    if (!head_done) {
      switch (parser.parse_head(memory.data(), memory.size())) {
        case Progress::need_more: continue;
        case Progress::rejected:
          outcome.end = Outcome::End::rejected_head;
          outcome.status = parser.status();
          return outcome;
        case Progress::head_complete: break;
      }
      head_done = true;
      outcome.end = Outcome::End::need_more_body;
      outcome.head_size = outcome.used = parser.head_size();
      const std::vector<char> moved = memory;
      parser.request().rebase(moved.data());
      describe(parser.request(), outcome);
    }
    const auto result = parser.parse_body(memory.data() + outcome.used, memory.size() - outcome.used);
    outcome.used += result.used;
    if (result.progress == BodyProgress::rejected) {
      outcome.end = Outcome::End::rejected_body;
      outcome.status = parser.status();
      outcome.used = 0;  // not promised
      return outcome;
    }
    if (result.progress == BodyProgress::complete) {
      outcome.end = Outcome::End::complete;
      return outcome;
    }
  }
  return outcome;
}

}  // namespace uringd::http::testing
