// Byte ranges against a naive model, on the edges of 64 bits.
#include "uringd/http/range.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

namespace uringd::http {
namespace {

using Kind = ByteRange::Kind;
__extension__ using Wide = unsigned __int128;

ByteRange parse(std::string_view value, uint64_t size) {
  CAPTURE(value);
  return parse_range(value, size);
}

void check_satisfiable(std::string_view value, uint64_t size, uint64_t first, uint64_t length) {
  CAPTURE(value);
  const ByteRange range = parse_range(value, size);
  CHECK(range.kind == Kind::satisfiable);
  CHECK(range.first == first);
  CHECK(range.length == length);
}

TEST_CASE("the examples of RFC 9110 §14.1.2, of 10000 bytes") {
  check_satisfiable("bytes=0-499", 10000, 0, 500);
  check_satisfiable("bytes=500-999", 10000, 500, 500);
  check_satisfiable("bytes=-500", 10000, 9500, 500);
  check_satisfiable("bytes=9500-", 10000, 9500, 500);
  check_satisfiable("bytes=0-0", 10000, 0, 1);
  check_satisfiable("bytes=-1", 10000, 9999, 1);
  check_satisfiable("bytes=0-", 10000, 0, 10000);
}

TEST_CASE("a range longer than the body ends with it") {
  check_satisfiable("bytes=9999-20000", 10000, 9999, 1);
  check_satisfiable("bytes=-20000", 10000, 0, 10000);
  check_satisfiable("bytes=0-18446744073709551616", 10000, 0, 10000);
  check_satisfiable("bytes=-18446744073709551616", 10000, 0, 10000);
  check_satisfiable("bytes=5-99999999999999999999999999", 10000, 5, 9995);
  check_satisfiable("bytes=-99999999999999999999999999", 10000, 0, 10000);
}

TEST_CASE("a range behind the body, or an empty suffix, is unsatisfiable (RFC 9110 §15.5.17)") {
  for (const char* value : {"bytes=10000-", "bytes=10000-20000", "bytes=18446744073709551616-",
                            "bytes=99999999999999999999999-", "bytes=-0", "bytes=-000"}) {
    CHECK(parse(value, 10000).kind == Kind::unsatisfiable);
  }
  CHECK(parse("bytes=0-", 0).kind == Kind::unsatisfiable);
  CHECK(parse("bytes=0-0", 0).kind == Kind::unsatisfiable);
  CHECK(parse("bytes=-5", 0).kind == Kind::ignored);
}

TEST_CASE("several ranges, other units and malformed ones are ignored (RFC 9110 §14.2)") {
  for (const char* value : {"",
                            "bytes",
                            "bytes=",
                            "bytes=-",
                            "bytes=a-b",
                            "bytes=1",
                            "bytes=5-4",
                            "bytes=0-1,3-4",
                            "bytes=0-1,",
                            ",bytes=0-1",
                            "lines=0-1",
                            "bytes 0-1",
                            "bytes = 0-1",
                            "bytes=0 -1",
                            "bytes=0- 1",
                            "bytes=+0-1",
                            "bytes=0-1-2",
                            "bytes=--1",
                            "bytes=0x0-1",
                            "byte=0-1",
                            "bytes=99999999999999999999999-5"}) {
    CHECK(parse(value, 10000).kind == Kind::ignored);
  }
  check_satisfiable("BYTES=0-1", 10, 0, 2);
  check_satisfiable("bytes= 0-1 ", 10, 0, 2);
}

TEST_CASE("every range agrees with a model of 128-bit numbers, 2^63 and 2^64 among them") {
  const std::vector<uint64_t> edges = {
      0,         1,    2, 3, 99, 100, 101, (1ull << 31) - 1, 1ull << 32, (1ull << 63) - 1, 1ull << 63, (1ull << 63) + 1,
      ~0ull - 1, ~0ull};
  for (uint64_t size : edges) {
    for (uint64_t a : edges) {
      const ByteRange suffix = parse_range("bytes=-" + std::to_string(a), size);
      if (a > 0 && size > 0) {
        REQUIRE(suffix.kind == Kind::satisfiable);
        REQUIRE(Wide{suffix.first} + suffix.length == size);
        REQUIRE(suffix.length == std::min(a, size));
      }
      for (uint64_t b : edges) {
        const ByteRange range = parse_range("bytes=" + std::to_string(a) + "-" + std::to_string(b), size);
        if (a > b) {
          REQUIRE(range.kind == Kind::ignored);
        } else if (a >= size) {
          REQUIRE(range.kind == Kind::unsatisfiable);
        } else {
          REQUIRE(range.kind == Kind::satisfiable);
          REQUIRE(range.first == a);
          REQUIRE(Wide{range.first} + range.length == std::min(Wide{b} + 1, Wide{size}));
        }
      }
    }
  }
}

TEST_CASE("for every small body, a range takes the bytes that a naive loop takes") {
  for (uint64_t size = 0; size < 7; ++size) {
    for (uint64_t a = 0; a < 9; ++a) {
      for (uint64_t b = a; b < 9; ++b) {
        std::vector<uint64_t> expected, taken;
        for (uint64_t i = 0; i < size; ++i) {
          if (i >= a && i <= b) expected.push_back(i);
        }
        const ByteRange range = parse_range("bytes=" + std::to_string(a) + "-" + std::to_string(b), size);
        for (uint64_t i = 0; i < range.length; ++i) taken.push_back(range.first + i);
        REQUIRE(taken == expected);
      }
    }
  }
}

}  // namespace
}  // namespace uringd::http
