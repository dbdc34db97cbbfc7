// Byte ranges: rows of single ranges and of sets (cases that other servers' suites know among them), and sets made from
// a seed against a bitmap that is slow and obvious.
#include "uringd/http/range.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <bitset>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace uringd::http {
namespace {

using Kind = RangeSet::Kind;
using Ranges = std::vector<ByteRange>;
__extension__ using Wide = unsigned __int128;
constexpr uint64_t top = ~0ull;

struct Row {
  std::string why;    // the section of RFC 9110, or which part of the one that the test names
  std::string value;  // behind "bytes="
  uint64_t size;
  Ranges expected;  // empty: the kind is the test's
};

Ranges ranges_of(const RangeSet& set) { return {set.ranges().begin(), set.ranges().end()}; }

RangeSet parse(const Row& row) { return parse_ranges("bytes=" + row.value, row.size); }

void check_satisfiable(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    CAPTURE(row.why);
    CAPTURE(row.value);
    const RangeSet set = parse(row);
    CHECK(set.kind() == Kind::satisfiable);
    CHECK(ranges_of(set) == row.expected);
  }
}

void check_kind(Kind kind, const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    CAPTURE(row.why);
    CAPTURE(row.value);
    const RangeSet set = parse(row);
    CHECK(set.kind() == kind);
    CHECK(set.ranges().empty());
  }
}

std::string separate_bytes(size_t count, const char* separator = ",") {
  std::string value;
  for (size_t i = 0; i < count; ++i) {
    value += (i > 0 ? separator : "") + std::to_string(2 * i) + "-" + std::to_string(2 * i);
  }
  return value;
}

TEST_CASE("one range takes the bytes that it names, as far as there are any") {
  check_satisfiable({
      {"§14.1.2", "0-499", 10000, {{0, 500}}},
      {"§14.1.2", "500-999", 10000, {{500, 500}}},
      {"§14.1.2", "-500", 10000, {{9500, 500}}},
      {"§14.1.2", "9500-", 10000, {{9500, 500}}},
      {"§14.1.2", "0-0", 10000, {{0, 1}}},
      {"§14.1.2", "-1", 10000, {{9999, 1}}},
      {"§14.1.2", "0-", 10000, {{0, 10000}}},
      {"§14.1.2", "0-", 1, {{0, 1}}},
      {"§14.1.2", "10-", 11, {{10, 1}}},
      {"§14.1.2", "0-9", 10, {{0, 10}}},
      {"§14.1.2 the last position is cut to the body", "0-10", 10, {{0, 10}}},
      {"§14.1.2", "990-1990", 1000, {{990, 10}}},
      {"§14.1.2", "9999-20000", 10000, {{9999, 1}}},
      {"§14.1.2 a suffix longer than the body is all of it", "-20000", 10000, {{0, 10000}}},
      {"§14.1.2", "-15", 10, {{0, 10}}},
      {"§14.1.1 1*DIGIT: zeros in front are digits", "0000000000000000000000005-0006", 10, {{5, 2}}},
      {"§14.1.1", "-0003", 10, {{7, 3}}},
  });
  CHECK(ranges_of(parse_ranges("BYTES=0-1", 10)) == Ranges{{0, 2}});  // §14.1: unit names are case-insensitive
  CHECK(ranges_of(parse_ranges("Bytes=0-1", 10)) == Ranges{{0, 2}});
}

TEST_CASE("positions around 2^63 and 2^64 neither wrap nor lose a byte") {
  check_satisfiable({
      {"§14.1.2", "0-18446744073709551615", 10000, {{0, 10000}}},
      {"§14.1.2", "0-18446744073709551616", 10000, {{0, 10000}}},
      {"§14.1.2", "5-99999999999999999999999999", 10000, {{5, 9995}}},
      {"§14.1.2", "-18446744073709551615", 10000, {{0, 10000}}},
      {"§14.1.2", "-18446744073709551616", 10000, {{0, 10000}}},
      {"§14.1.2", "-99999999999999999999999999", 10000, {{0, 10000}}},
      {"§14.1.2", "9223372036854775806-", 1ull << 63, {{(1ull << 63) - 2, 2}}},
      {"§14.1.2", "9223372036854775807-9223372036854775808", 1ull << 63, {{(1ull << 63) - 1, 1}}},
      {"§14.1.2", "18446744073709551614-", top, {{top - 1, 1}}},
      {"§14.1.2", "0-", top, {{0, top}}},
      {"§14.1.2", "0-0,18446744073709551614-18446744073709551614", top, {{0, 1}, {top - 1, 1}}},
      {"§14.2 asked for is the size, not more", "0-9223372036854775807,9223372036854775808-", top, {{0, top}}},
  });
  check_kind(Kind::ignored,
             {
                 {"§14.2 one more than there are", "0-9223372036854775807,9223372036854775807-", top, {}},
                 {"§14.2 the sum would wrap to 1", "0-,0-,0-0", top, {}},
             });
}

TEST_CASE("nothing that can be satisfied is 416 (§15.5.17)") {
  check_kind(Kind::unsatisfiable,
             {
                 {"§14.1.2", "10000-", 10000, {}},
                 {"§14.1.2", "10000-20000", 10000, {}},
                 {"§14.1.2", "11-", 11, {}},
                 {"§14.1.2", "12-12", 11, {}},
                 {"§14.1.2 CVE-2017-7529", "18446744073709551615-", 10000, {}},
                 {"§14.1.2", "18446744073709551616-", 10000, {}},
                 {"§14.1.2", "99999999999999999999999-", 10000, {}},
                 {"§14.1.2 2^64 - 1 bytes have no such position", "18446744073709551615-", top, {}},
                 {"§14.1.2 an empty suffix", "-0", 10000, {}},
                 {"§14.1.2", "-000", 10000, {}},
                 {"§14.1.2", "-0", 0, {}},
                 {"§14.1.2 an empty body has no first byte", "0-", 0, {}},
                 {"§14.1.2", "0-0", 0, {}},
                 {"§14.1.2", "1-", 0, {}},
                 {"§14.2 all of a set", "100000-110000,200000-", 40000, {}},
                 {"§14.2", "10-,-0,11-12", 10, {}},
             });
}

void check_ignored(const std::vector<std::string>& values) {
  for (const std::string& value : values) {
    CAPTURE(value);
    CHECK(parse_ranges(value, 10000).kind() == Kind::ignored);
  }
}

TEST_CASE("what is no set of byte ranges anywhere (§14.1.1, §5.6.1) is ignored as a whole (§14.2)") {
  check_ignored({"", "foo", "bytes", "bytes 0-1", "bytes 20-1002", "bytes =0-1", "bytes = 0-1", " bytes=0-1"});
  check_ignored({"bytess=0-1", "byte=0-1", "lines=0-1", "none=", "0-1", "7-1", "bytes:0-1", "bsdfeadsfjwleakjf", ","});
  check_ignored({"bytes=", "bytes=,", "bytes= , , ,   ", "bytes=         ", "bytes=bytes=0-1", "bytes=0-1,bytes=2-3"});
  check_ignored({"bytes=-", "bytes=10", "bytes= 7 ", "bytes=alpha", "bytes=A-", "bytes=A-Z", "bytes= -Z", "bytes=9-Z"});
  check_ignored(
      {"bytes=+0-1", "bytes=0-+1", "bytes=--1", "bytes=0--1", "bytes=0-1-2", "bytes=-1-2", "bytes=0-1,\"x\""});
  check_ignored({"bytes=0x01-0x02", "bytes=1e1-20", "bytes=0.0-1", "bytes=Ran-dom, garbage", "bytes=10-alpha"});
  check_ignored({"bytes=0 -1", "bytes=0- 1", "bytes=- 1", "bytes=10-11 12-", "bytes=0-1;2-3", "bytes=1 -2 , 4- 5,,"});
  check_ignored({"bytes=5-4", "bytes=9999999999999999999999-5", "bytes=0-2,5-4", "bytes=2-5,4-3", "bytes=--5,4--3"});
  check_ignored({"bytes=1-4,x", "bytes=0-1,4-5,x", "bytes=100000-110000,5-2", "bytes=0-1, 4-5, -22$"});
  check_ignored({"bytes=100-102,  90-102, 72-30,-22, 95-", "bytes=100-102, 90-102, -72-30,-22,95-"});
}

TEST_CASE("a suffix of an empty body is ignored: no Content-Range can say which bytes those are (§14.1.2)") {
  check_kind(Kind::ignored, {
                                {"§14.1.2", "-1", 0, {}},
                                {"§14.1.2", "-5", 0, {}},
                                {"§14.1.2", "0-0,-5", 0, {}},
                                {"§14.1.2", "-0,-5", 0, {}},
                            });
}

TEST_CASE("a set keeps the client's order, less what cannot be satisfied (§14.2, §15.3.7.2)") {
  check_satisfiable({
      {"§14.1.2", "0-0,-1", 10000, {{0, 1}, {9999, 1}}},
      {"§14.1.2", "0-999,4500-5499,-1000", 10000, {{0, 1000}, {4500, 1000}, {9000, 1000}}},
      {"§14.2", "1-2,5-", 10, {{1, 2}, {5, 5}}},
      {"§14.2", "5-,1-2", 10, {{5, 5}, {1, 2}}},
      {"§14.2", "0-0 ,2-2, 7-", 11, {{0, 1}, {2, 1}, {7, 4}}},
      {"§14.2", "0-10, -10", 100, {{0, 11}, {90, 10}}},
      {"§14.2", "-10, 0-9, 50-50", 100, {{90, 10}, {0, 10}, {50, 1}}},
      {"§14.2 unsatisfiable: dropped", "15-,0-5", 10, {{0, 6}}},
      {"§14.2", "100000-110000,1000-2000", 40000, {{1000, 1001}}},
      {"§14.2", "0-9, -10, 10000-", 1000, {{0, 10}, {990, 10}}},
      {"§14.2", "-0,3-4", 10, {{3, 2}}},
      {"§5.6.1 white space beside commas", "0-1 , 4-5", 10, {{0, 2}, {4, 2}}},
      {"§5.6.1", "0-1\t,\t4-5", 10, {{0, 2}, {4, 2}}},
      {"§5.6.1.2 empty elements", "0-1,,4-5", 10, {{0, 2}, {4, 2}}},
      {"§5.6.1.2", "\t,1-3 ,, ,5-9,", 100, {{1, 3}, {5, 5}}},
      {"§5.6.1.2", ",0-1", 10, {{0, 2}}},
      {"§5.6.1.2", "0-1,", 10, {{0, 2}}},
      {"other servers read this too", " 0-10", 100, {{0, 11}}},
  });
}

TEST_CASE("ranges that overlap or touch are joined where the earlier one stood (§15.3.7.2)") {
  check_satisfiable({
      {"§14.1.2 the second example", "500-600,601-999", 10000, {{500, 500}}},
      {"§14.1.2 its overlapping form", "500-700,601-999", 10000, {{500, 500}}},
      {"overlap", "-2 , 7-", 11, {{7, 4}}},
      {"overlap", "-10,-20", 100, {{80, 20}}},
      {"overlap", "0-5,3-8", 100, {{0, 9}}},
      {"overlap", "3-8,0-5", 100, {{0, 9}}},
      {"within", "0-9,3-4", 100, {{0, 10}}},
      {"within", "3-4,0-9", 100, {{0, 10}}},
      {"the same twice", "5-6,5-6", 100, {{5, 2}}},
      {"one byte shared", "0-5,5-9", 100, {{0, 10}}},
      {"touch", "0-4,5-9", 100, {{0, 10}}},
      {"touch", "5-9,0-4", 100, {{0, 10}}},
      {"a gap of one byte stays", "0-4,6-9", 100, {{0, 5}, {6, 4}}},
      {"others stand between", "0-9, -10, 10-19", 1000, {{0, 20}, {990, 10}}},
      {"others stand between", "0-9, -10, 100000-, 10-19", 1000, {{0, 20}, {990, 10}}},
      {"the later one's place is gone", "50-59,0-9,40-49", 100, {{40, 20}, {0, 10}}},
      {"a bridge joins both", "0-1,4-5,2-3", 100, {{0, 6}}},
      {"a bridge, seen from behind", "4-5,0-1,9-9,2-3", 100, {{0, 6}, {9, 1}}},
      {"a bridge between later ones", "50-51,0-1,4-5,2-3", 100, {{50, 2}, {0, 6}}},
      {"touching is not overlapping", "0-0,1-1,2-2,3-3", 4, {{0, 4}}},
      {"touching, backwards", "3-3,2-2,1-1,0-0", 4, {{0, 4}}},
      {"overlap after the cut to the body", "0-1,8-20,9-30", 10, {{0, 2}, {8, 2}}},
  });
}

TEST_CASE("a set that asks for more than the body, or in which over two overlap, is ignored (§14.2, §17.15)") {
  check_kind(Kind::ignored, {
                                {"more than the body", "0-10001, 0-0", 1000, {}},
                                {"more than the body", "0-,0-", 1000, {}},
                                {"more than the body", "0-4,5-,9-9", 10, {}},
                                {"more than the body", "-10,0-0", 10, {}},
                                {"three on one place", "0-9,5-14,8-19", 1000, {}},
                                {"a chain of three", "0-5,5-10,10-15", 1000, {}},
                                {"two pairs", "0-5,5-10,20-25,25-30", 1000, {}},
                                {"the same three times", "0-0,0-0,0-0", 1000, {}},
                                {"CVE-2011-3192", "0-,5-0,5-1,5-2,5-3,5-4", 1000, {}},
                                {"CVE-2011-3192 in valid positions", "0-,5-5,5-6,5-7,5-8,5-9", 1000, {}},
                                {"suffixes", "-10,-20,-30", 1000, {}},
                                {"unsorted chain", "1-2,2-3,3-4,4-5,5-6,6-7,7-8,8-9,0-1", 1000, {}},
                            });
  check_satisfiable({
      {"§14.2 exactly the body", "0-4,5-9", 10, {{0, 10}}},
      {"§14.2 one pair among others", "0-5,5-10,20-25,27-30", 1000, {{0, 11}, {20, 6}, {27, 4}}},
      {"§14.2 the unsatisfiable ask for nothing", "0-9,10-,10-,10-,10-", 10, {{0, 10}}},
  });
}

TEST_CASE("more ranges than the bound are ignored, those that cannot be satisfied counted (§14.2)") {
  const RangeSet most = parse_ranges("bytes=" + separate_bytes(RangeSet::most), 1000);
  CHECK(most.kind() == Kind::satisfiable);
  REQUIRE(most.ranges().size() == 64);
  CHECK(most.ranges()[63] == ByteRange{126, 1});
  CHECK(parse_ranges("bytes=" + separate_bytes(RangeSet::most, " , ,\t"), 1000).ranges().size() == 64);
  check_kind(Kind::ignored, {
                                {"65", separate_bytes(65), 1000, {}},
                                {"65", separate_bytes(64) + ",5000-", 1000, {}},
                                {"65", separate_bytes(64) + ",-0", 1000, {}},
                                {"as the attack of 2011 sent them", separate_bytes(1300), 100000, {}},
                            });
  std::string touching;
  for (int i = 0; i < 64; ++i) touching += std::to_string(i) + "-" + std::to_string(i) + ",";
  CHECK(ranges_of(parse_ranges("bytes=" + touching, 1000)) == Ranges{{0, 64}});
}

TEST_CASE("every range agrees with a model of 128-bit numbers, 2^63 and 2^64 among them (§14.1.2)") {
  const std::vector<uint64_t> edges = {
      0,       1,  2, 3, 99, 100, 101, (1ull << 31) - 1, 1ull << 32, (1ull << 63) - 1, 1ull << 63, (1ull << 63) + 1,
      top - 1, top};
  for (uint64_t size : edges) {
    for (uint64_t a : edges) {
      const RangeSet suffix = parse_ranges("bytes=-" + std::to_string(a), size);
      if (a > 0 && size > 0) {
        REQUIRE(ranges_of(suffix) == Ranges{{size - std::min(a, size), std::min(a, size)}});
      } else {
        REQUIRE(suffix.kind() == (a > 0 ? Kind::ignored : Kind::unsatisfiable));
      }
      for (uint64_t b : edges) {
        const RangeSet set = parse_ranges("bytes=" + std::to_string(a) + "-" + std::to_string(b), size);
        if (a > b) {
          REQUIRE(set.kind() == Kind::ignored);
        } else if (a >= size) {
          REQUIRE(set.kind() == Kind::unsatisfiable);
        } else {
          REQUIRE(set.kind() == Kind::satisfiable);
          REQUIRE(set.ranges()[0].first == a);
          REQUIRE(Wide{a} + set.ranges()[0].length == std::min(Wide{b} + 1, Wide{size}));
        }
      }
    }
  }
}

// The reference: a body of at most 12 bytes is a bitmap, and a range the set of its bytes.

using Bits = std::bitset<12>;

struct Member {
  bool suffix;
  unsigned first, last;  // a suffix's length is `last`
  bool open;

  std::string text() const {
    if (suffix) return "-" + std::to_string(last);
    return std::to_string(first) + "-" + (open ? "" : std::to_string(last));
  }
  Bits bytes(unsigned size) const {
    Bits bits;
    for (unsigned i = 0; i < size; ++i) bits[i] = suffix ? i + last >= size : i >= first && (open || i <= last);
    return bits;
  }
};

/// What a set must come to; nullopt: ignored; empty: unsatisfiable. Each run of bytes that the union has is one answer,
/// in the order in which the members first touched the runs.
std::optional<std::vector<Bits>> expected(const std::vector<Member>& members, unsigned size) {
  std::vector<Bits> asked;
  size_t sum = 0;
  Bits all;
  for (const Member& member : members) {
    if (!member.suffix && !member.open && member.first > member.last) return std::nullopt;
    if (member.suffix && member.last > 0 && size == 0) return std::nullopt;
    const Bits bytes = member.bytes(size);
    if (bytes.none()) continue;
    asked.push_back(bytes);
    sum += bytes.count();
    all |= bytes;
  }
  size_t overlapping = 0;
  for (size_t i = 0; i < asked.size(); ++i) {
    bool shared = false;
    for (size_t j = 0; j < asked.size(); ++j) shared = shared || (i != j && (asked[i] & asked[j]).any());
    overlapping += shared;
  }
  if (sum > size || overlapping > 2) return std::nullopt;
  std::vector<Bits> answer;
  Bits given;
  for (const Bits& bytes : asked) {
    if ((bytes & given).any()) continue;
    Bits run = bytes;  // grows to both sides while the union goes on
    for (Bits before; before != run;) {
      before = run;
      run |= ((run << 1) | (run >> 1)) & all;
    }
    given |= run;
    answer.push_back(run);
  }
  return answer;
}

TEST_CASE("sets made from a seed agree with a bitmap (§14.1.2, §14.2)") {
  std::mt19937 random{20260418};
  auto below = [&random](unsigned bound) { return static_cast<unsigned>(random() % bound); };
  size_t ignored = 0, several = 0, joined = 0;
  for (int turn = 0; turn < 60000; ++turn) {
    const unsigned size = below(13), count = 1 + below(4);
    std::vector<Member> members;
    std::string value = "bytes=";
    for (unsigned i = 0; i < count; ++i) {
      const unsigned first = below(14);
      const unsigned last = below(20) == 0 ? below(14) : first + below(4);
      const bool suffix = below(6) == 0;
      members.push_back({suffix, first, suffix ? below(4) : last, !suffix && below(12) == 0});
      value += (i > 0 ? below(2) == 0 ? "," : " ,, " : "") + members.back().text();
    }
    CAPTURE(value);
    CAPTURE(size);
    const RangeSet set = parse_ranges(value, size);
    const auto answer = expected(members, size);
    if (!answer) {
      REQUIRE(set.kind() == Kind::ignored);
      ++ignored;
      continue;
    }
    REQUIRE(set.kind() == (answer->empty() ? Kind::unsatisfiable : Kind::satisfiable));
    REQUIRE(set.ranges().size() == answer->size());
    for (size_t i = 0; i < answer->size(); ++i) {
      Bits bytes;
      for (uint64_t at = 0; at < set.ranges()[i].length; ++at) bytes.set(set.ranges()[i].first + at);
      REQUIRE(bytes.to_ulong() == (*answer)[i].to_ulong());
    }
    several += answer->size() > 1;
    joined += answer->size() < members.size();
  }
  CHECK(ignored > 1000);  // all that the seed was to show was there
  CHECK(several > 1000);
  CHECK(joined > 1000);
}

}  // namespace
}  // namespace uringd::http
