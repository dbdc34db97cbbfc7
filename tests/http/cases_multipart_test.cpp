// Several ranges in one request (RFC 9110 §14, §15.3.7): what is sent as multipart/byteranges, what as one part, what
// as the whole, from a cached, a streamed and an empty file; floods; HEAD and If-Range. One server for all rows.
#include <doctest/doctest.h>

#include "cases_support.hpp"
#include "multipart_reader.hpp"

using namespace uringd::testing;

namespace {

struct Tree {
  Tree() {
    site.file("probe.txt", "probe\n");
    site.file("small.txt", small);
    site.file("large.bin", large);
    site.file("empty.txt", "");
    site.file("one.txt", "x");
  }
  const std::string small = pattern(1000, 3);
  const std::string large = pattern(3 * 1024 * 1024 + 7, 4);
  Site site;
  Server server{site};
};

constexpr const char* kText = "text/plain; charset=utf-8";
constexpr const char* kBytes = "application/octet-stream";

std::string range(const std::string& set) { return "Range: bytes=" + set + "\r\n"; }

void check_whole(const Response& response, const std::string& whole) {
  CHECK(response.status == 200);
  CHECK(!response.has("Content-Range"));
  CHECK(same(response.body, whole));
}

void check_single(const Response& response, const std::string& whole, Span span) {
  CHECK(response.status == 206);
  CHECK(response.field("Content-Range") ==
        "bytes " + std::to_string(span.first) + "-" + std::to_string(span.last) + "/" + std::to_string(whole.size()));
  CHECK(same(response.body, whole.substr(span.first, span.last - span.first + 1)));
}

struct Row {
  const char* section;
  const char* name;
  std::string set;
  std::vector<Span> parts;
};

std::string repeated(const std::string& one, int count) {
  std::string all = one;
  for (int i = 1; i < count; ++i) all += "," + one;
  return all;
}

}  // namespace

TEST_CASE_FIXTURE(Tree, "several ranges of a small, held file") {
  Cases row("multipart of a cached file");
  const std::vector<Row> rows = {
      {"RFC 9110 §15.3.7.2", "two ranges are two parts", "0-99,200-299", {{0, 99}, {200, 299}}},
      {"RFC 9110 §15.3.7.2", "three ranges are three parts", "0-0,10-19,998-999", {{0, 0}, {10, 19}, {998, 999}}},
      {"RFC 9110 §15.3.7.2", "parts come in the order asked for", "500-599,0-9", {{500, 599}, {0, 9}}},
      {"RFC 9110 §14.1.1", "a suffix is a part", "0-9,-10", {{0, 9}, {990, 999}}},
      {"RFC 9110 §14.1.1", "a suffix may come first", "-10,0-9", {{990, 999}, {0, 9}}},
      {"RFC 9110 §14.1.1", "an open range is a part", "0-9,900-", {{0, 9}, {900, 999}}},
      {"RFC 9110 §14.1.2", "a last position behind the end is cut to it", "0-9,900-5000", {{0, 9}, {900, 999}}},
      {"RFC 9110 §14.1.2",
       "a last position past 2^64 is the end",
       "0-9,900-99999999999999999999",
       {{0, 9}, {900, 999}}},
      {"RFC 9110 §14.1.2", "what cannot be satisfied is left out", "0-9,1000-1999,20-29", {{0, 9}, {20, 29}}},
      {"RFC 9110 §14.1.2",
       "a first position past 2^64 is left out",
       "0-9,99999999999999999999-,20-29",
       {{0, 9}, {20, 29}}},
      {"RFC 9110 §14.1.2", "a suffix of nothing is left out", "0-9,-0,20-29", {{0, 9}, {20, 29}}},
      {"RFC 9110 §15.3.7.2",
       "two that overlap are joined beside a third",
       "0-99,50-149,500-509",
       {{0, 149}, {500, 509}}},
      {"RFC 9110 §15.3.7.2",
       "two that touch are joined beside a third",
       "0-99,100-199,500-509",
       {{0, 199}, {500, 509}}},
      {"RFC 9110 §15.3.7.2", "two apart by one byte stay two parts", "0-99,101-199", {{0, 99}, {101, 199}}},
      {"RFC 9110 §14.2",
       "the joined part has the place of the first of the two",
       "500-509,0-9,505-519",
       {{500, 519}, {0, 9}}},
      {"RFC 9110 §5.6.1", "empty members of the list do not count", ",0-9,, ,20-29,", {{0, 9}, {20, 29}}},
      {"RFC 9110 §5.6.1", "spaces and tabs around members do not count", "0-9 \t, \t20-29 ", {{0, 9}, {20, 29}}},
      {"RFC 9110 §14.1.1", "one byte each", "1-1,3-3,5-5", {{1, 1}, {3, 3}, {5, 5}}},
      {"RFC 9110 §14.1.1", "leading zeros are digits", "00000-0009,0020-00029", {{0, 9}, {20, 29}}},
  };
  for (const Row& one : rows) {
    row(one.section, one.name,
        [&] { check_parts(get(server, "/small.txt", range(one.set)), small, kText, one.parts); });
  }
  row("RFC 9110 §14.1", "the unit's name has no case",
      [&] { check_parts(get(server, "/small.txt", "Range: ByTeS=0-9,20-29\r\n"), small, kText, {{0, 9}, {20, 29}}); });
  row("RFC 9110 §15.3.7", "a multipart 206 has the fields that the 200 would have", [&] {
    const Response whole = get(server, "/small.txt");
    const Response parts = get(server, "/small.txt", range("0-9,20-29"));
    for (const char* name : {"ETag", "Last-Modified", "Vary", "Cache-Control", "X-Content-Type-Options"}) {
      INFO(name);
      CHECK(parts.field(name) == whole.field(name));
      CHECK(parts.has(name) == whole.has(name));
    }
    CHECK(parts.has("ETag"));
  });
  row("RFC 2046 §5.1.1", "two answers do not share a boundary that could be guessed", [&] {
    const std::string one = get(server, "/small.txt", range("0-9,20-29")).field("Content-Type");
    CHECK(one != get(server, "/small.txt", range("0-9,20-29")).field("Content-Type"));
  });
  row("RFC 9112 §2.3", "an HTTP/1.0 client gets parts too, with their length", [&] {
    const Response response = answer_to(server, "GET /small.txt HTTP/1.0\r\n" + range("0-9,20-29") + "\r\n");
    check_parts(response, small, kText, {{0, 9}, {20, 29}});
  });
}

TEST_CASE_FIXTURE(Tree, "several ranges of which one is left") {
  Cases row("multipart that is none");
  const std::vector<Row> rows = {
      {"RFC 9110 §15.3.7.1", "one member is a single part", "5-9", {{5, 9}}},
      {"RFC 9110 §15.3.7.1", "one member and an empty one are a single part", "5-9,", {{5, 9}}},
      {"RFC 9110 §15.3.7.2", "two that overlap become one", "0-99,50-149", {{0, 149}}},
      {"RFC 9110 §15.3.7.2", "two that touch become one", "0-99,100-149", {{0, 149}}},
      {"RFC 9110 §15.3.7.2", "two that touch in the other order become one", "100-149,0-99", {{0, 149}}},
      {"RFC 9110 §15.3.7.2", "one within another becomes the larger", "0-99,10-19", {{0, 99}}},
      {"RFC 9110 §15.3.7.2", "the same twice is that once", "10-19,10-19", {{10, 19}}},
      {"RFC 9110 §14.1.2", "one that can be satisfied beside one that cannot", "5-9,5000-", {{5, 9}}},
      {"RFC 9110 §14.1.2", "one that cannot be satisfied before one that can", "1000-1000,5-9", {{5, 9}}},
      {"RFC 9110 §15.3.7.2", "two halves that touch are everything, once", "0-499,500-999", {{0, 999}}},
  };
  for (const Row& one : rows) {
    row(one.section, one.name, [&] { check_single(get(server, "/small.txt", range(one.set)), small, one.parts[0]); });
  }
}

TEST_CASE_FIXTURE(Tree, "sets that cannot be satisfied, that are malformed, that ask for too much") {
  Cases row("range sets refused");
  for (const char* set : {"1000-,2000-2999", "-0,1000-1000", "99999999999999999999-,1000-", "5000-6000,-0"}) {
    row("RFC 9110 §15.5.17", std::string("416 with the length where nothing of a set exists: ") + set, [&] {
      const Response response = get(server, "/small.txt", range(set));
      CHECK(response.status == 416);
      CHECK(response.field("Content-Range") == "bytes */1000");
      CHECK(!response.field("Content-Type").starts_with("multipart"));
    });
  }
  for (const char* set : {"0-9,x", "0-9,5-2", "0-9;20-29", "0-9 20-29", "0-9,20-29,-", "a-b,c-d", "0-9,0x10-0x20",
                          "0-9,+1-2", "0-9,--5", "0-9,1-2-3", ",", "0-9,\"20-29\""}) {
    row("RFC 9110 §14.2", std::string("a set with a member that is none is ignored: ") + set,
        [&] { check_whole(get(server, "/small.txt", range(set)), small); });
  }
  row("RFC 9110 §14.2", "another unit with several ranges is ignored",
      [&] { check_whole(get(server, "/small.txt", "Range: lines=0-9,20-29\r\n"), small); });
  row("RFC 9110 §14.2", "sets on two field lines are not parts of two answers", [&] {
    const Response response = get(server, "/small.txt", range("0-9") + range("20-29"));
    const bool sane = response.status == 200 || response.status == 206 || response.status == 400;
    CHECK(sane);
    if (response.status == 200) CHECK(same(response.body, small));
    if (response.status == 206 && !response.has("Content-Range")) {
      check_parts(response, small, kText, {{0, 9}, {20, 29}});
    }
  });
  const std::vector<std::pair<const char*, std::string>> floods = {
      {"more ranges than anybody needs",
       [] {
         std::string all = "0-0";
         for (int i = 1; i < 200; ++i) all += "," + std::to_string(i * 3) + "-" + std::to_string(i * 3);
         return all;
       }()},
      {"the same byte a hundred times", repeated("0-0", 100)},
      {"many that overlap", repeated("0-99", 5)},
      {"many open ranges", "0-,1-,2-,3-,4-,5-,6-,7-"},
      {"together more than the file", "0-899,100-999"},
      {"the whole file twice", "0-,0-"},
      {"the whole file as suffixes", "-1000,-1000"},
      {"three that overlap in a row", "0-99,50-149,100-199"},
  };
  for (const auto& [name, set] : floods) {
    row("RFC 9110 §14.2, §17.15", std::string("a flood gets the whole file, once: ") + name,
        [&, set = set] { check_whole(get(server, "/small.txt", range(set)), small); });
  }
  row("RFC 9110 §17.15", "a flood as long as a request may be costs one body", [&] {
    check_whole(get(server, "/small.txt", range(repeated("0-", 4000))), small);
    CHECK(get(server, "/large.bin", range(repeated("5-0", 3000))).body.size() == large.size());
  });
  row("RFC 9110 §17.15", "sixty-four small ranges that are apart are parts", [&] {
    std::string set = "0-0";
    std::vector<Span> parts{{0, 0}};
    for (std::uint64_t i = 1; i < 64; ++i) {
      set += "," + std::to_string(i * 10) + "-" + std::to_string(i * 10);
      parts.push_back({i * 10, i * 10});
    }
    check_parts(get(server, "/small.txt", range(set)), small, kText, parts);
  });
}

TEST_CASE_FIXTURE(Tree, "several ranges of a file that is streamed") {
  Cases row("multipart of a streamed file");
  const std::uint64_t size = large.size();
  const std::string end = std::to_string(size - 1);
  const std::vector<Row> rows = {
      {"RFC 9110 §15.3.7.2", "two small ranges far apart", "0-99,3000000-3000099", {{0, 99}, {3000000, 3000099}}},
      {"RFC 9110 §15.3.7.2", "in reverse order", "3000000-3000099,0-99", {{3000000, 3000099}, {0, 99}}},
      {"RFC 9110 §15.3.7.2",
       "two that are longer than a piece",
       "0-999999,1500000-2499999",
       {{0, 999999}, {1500000, 2499999}}},
      {"RFC 9110 §15.3.7.2",
       "across the borders of pieces",
       "524287-524288,1048575-1048576,16383-16384",
       {{524287, 524288}, {1048575, 1048576}, {16383, 16384}}},
      {"RFC 9110 §14.1.1", "first byte, last byte", "0-0,-1", {{0, 0}, {size - 1, size - 1}}},
      {"RFC 9110 §14.1.1",
       "last byte, then all the rest but one",
       end + "-" + end + ",0-" + std::to_string(size - 3),
       {{size - 1, size - 1}, {0, size - 3}}},
      {"RFC 9110 §15.3.7.2",
       "overlapping ones are joined",
       "100-999,500-1999,3000000-3000000",
       {{100, 1999}, {3000000, 3000000}}},
      {"RFC 9110 §14.1.2", "what lies behind the end is left out", "0-9,9999999-,20-29", {{0, 9}, {20, 29}}},
  };
  for (const Row& one : rows) {
    row(one.section, one.name + std::string(" (streamed)"),
        [&] { check_parts(get(server, "/large.bin", range(one.set)), large, kBytes, one.parts); });
  }
  row("RFC 9110 §14.2", "more than the file is the whole file (streamed)",
      [&] { check_whole(get(server, "/large.bin", range("0-3000000,1000000-")), large); });
  row("RFC 9110 §15.3.7.2", "a joined pair is a single part (streamed)",
      [&] { check_single(get(server, "/large.bin", range("0-99,100-199")), large, {0, 199}); });
  row("RFC 9110 §15.5.17", "nothing of the set exists (streamed)", [&] {
    const Response response = get(server, "/large.bin", range("9000000-,8000000-8000001"));
    CHECK(response.status == 416);
    CHECK(response.field("Content-Range") == "bytes */" + std::to_string(size));
  });
  row("RFC 9110 §17.15", "sixty-four ranges of a streamed file", [&] {
    std::string set;
    std::vector<Span> parts;
    for (std::uint64_t i = 0; i < 64; ++i) {
      const std::uint64_t first = (63 - i) * 40000;
      set += (i ? "," : "") + std::to_string(first) + "-" + std::to_string(first + i);
      parts.push_back({first, first + i});
    }
    check_parts(get(server, "/large.bin", range(set)), large, kBytes, parts);
  });
}

TEST_CASE_FIXTURE(Tree, "several ranges and empty files, HEAD, conditions") {
  Cases row("multipart beside other rules");
  row("RFC 9110 §15.5.17", "no range of an empty file can be satisfied", [&] {
    const Response response = get(server, "/empty.txt", range("0-0,5-9"));
    CHECK(response.status == 416);
    CHECK(response.field("Content-Range") == "bytes */0");
  });
  row("RFC 9110 §14.1.2", "a suffix of an empty file is the empty file",
      [&] { check_whole(get(server, "/empty.txt", range("-5,0-0")), ""); });
  row("RFC 9110 §14.1.2", "a file of one byte has one part",
      [&] { check_single(get(server, "/one.txt", range("0-0,1-")), "x", {0, 0}); });
  for (const char* target : {"/small.txt", "/large.bin"}) {
    const std::string& whole = target[1] == 's' ? small : large;
    const char* type = target[1] == 's' ? kText : kBytes;
    const std::string of = std::string(" (") + target + ")";
    row("RFC 9110 §14.2", "HEAD knows no ranges" + of, [&] {
      const Response response = head(server, target, range("0-9,20-29"));
      CHECK(response.status == 200);
      CHECK(response.content_length() == whole.size());
      CHECK(!response.field("Content-Type").starts_with("multipart"));
    });
    row("RFC 9110 §13.1.5", "If-Range with the current tag: parts" + of, [&] {
      const std::string tag = get(server, target).field("ETag");
      check_parts(get(server, target, range("0-9,20-29") + "If-Range: " + tag + "\r\n"), whole, type,
                  {{0, 9}, {20, 29}});
    });
    for (const char* tag : {"\"other\"", "W/\"other\"", "Sun, 06 Nov 1994 08:49:37 GMT", "nonsense"}) {
      row("RFC 9110 §13.1.5", std::string("If-Range that does not match: the whole: ") + tag + of,
          [&] { check_whole(get(server, target, range("0-9,20-29") + "If-Range: " + tag + "\r\n"), whole); });
    }
    row("RFC 9110 §13.2.2", "If-None-Match is decided before the ranges" + of, [&] {
      const std::string tag = get(server, target).field("ETag");
      CHECK(get(server, target, range("0-9,20-29") + "If-None-Match: " + tag + "\r\n").status == 304);
    });
    row("RFC 9110 §13.2.2", "If-Match that fails is 412, whatever the ranges" + of,
        [&] { CHECK(get(server, target, range("0-9,20-29") + "If-Match: \"other\"\r\n").status == 412); });
  }
  row("RFC 9110 §15.3.7", "several ranges of a missing file are 404",
      [&] { CHECK(get(server, "/missing", range("0-9,20-29")).status == 404); });
}
