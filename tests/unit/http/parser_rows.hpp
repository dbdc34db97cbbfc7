// For tables of requests: `outcome_of` runs bytes in one piece, in every two pieces and byte by byte, from memory that
// moves, and insists on one outcome; a Row is one case with its section, `check_rows` runs a table of them.
#pragma once

#include <doctest/doctest.h>

#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "parser_driver.hpp"

namespace uringd::http::testing {

inline Outcome outcome_of(std::string_view bytes, RequestParser::Limits limits = {}) {
  INFO(bytes);
  RequestParser parser{limits};
  const Outcome whole = drive(parser, bytes, {});
  for (size_t cut = 1; cut < bytes.size(); ++cut) {
    CAPTURE(cut);
    REQUIRE(drive(parser, bytes, {cut}) == whole);
  }
  std::vector<size_t> every(bytes.empty() ? 0 : bytes.size() - 1);
  std::iota(every.begin(), every.end(), size_t{1});
  REQUIRE(drive(parser, bytes, every) == whole);
  return whole;
}

struct Row {
  std::string_view section;  // of RFC 9112 unless it says more
  std::string bytes;
  int status = 0;              // 0: accepted to its end
  std::string_view says = "";  // accepted: "Host target", where the row is about them
};

inline void check_rows(std::span<const Row> rows) {
  for (const Row& row : rows) {
    CAPTURE(row.section);
    CAPTURE(row.bytes);
    const Outcome outcome = outcome_of(row.bytes);
    CHECK(outcome.status == row.status);
    if (row.status != 0) continue;
    CHECK(outcome.end == Outcome::End::complete);
    CHECK(outcome.used == row.bytes.size());
    if (!row.says.empty()) CHECK(outcome.field(Field::host) + " " + outcome.target == row.says);
  }
}

}  // namespace uringd::http::testing
