// Cases of one range (RFC 9110 §14): int, open and suffix ranges out of a cached, a streamed and an empty file, their
// edges up to and beyond 2^64, 416, and what is no range at all. Sets of several are another file's matter.
#include <doctest/doctest.h>

#include "case_table.hpp"

using namespace uringd::testing;

namespace {
using Rows = std::vector<Case>;

std::string range(const std::string& value) { return "Range: " + value + "\r\n"; }

// Positions that no file has: the last that is a file's, and the first beyond each width a number may be kept in.
const std::vector<std::string> kHuge{"2147483648",           "4294967296",
                                     "9223372036854775806",  "9223372036854775807",
                                     "9223372036854775808",  "18446744073709551614",
                                     "18446744073709551615", "18446744073709551616",
                                     "18446744073709551617", "99999999999999999999999999999999"};

Rows satisfiable(const std::string& target, const std::string& whole) {
  Rows rows;
  const std::size_t size = whole.size();
  const auto row = [&](const std::string& set, std::uint64_t first, std::uint64_t length) {
    const Answer expected =
        part(whole, first, length).has("ETag").has("Last-Modified").field("Content-Length", std::to_string(length));
    rows.push_back({"RFC 9110 §14.1.2", target + " " + set + ": its bytes", get_request(target, range(set)), expected});
  };
  const auto text = [](std::size_t number) { return std::to_string(number); };
  row("bytes=0-0", 0, 1);
  row("bytes=1-1", 1, 1);
  row("bytes=0-499", 0, 500);
  row("bytes=500-999", 500, 500);
  row("bytes=00000000000000000000000000-0000000000000000000000009", 0, 10);
  row("bytes=0-", 0, size);
  row("bytes=1-", 1, size - 1);
  row("bytes=" + text(size - 1) + "-", size - 1, 1);
  row("bytes=" + text(size - 2) + "-" + text(size - 2), size - 2, 1);
  row("bytes=" + text(size - 1) + "-" + text(size - 1), size - 1, 1);
  row("bytes=" + text(size - 1) + "-" + text(size), size - 1, 1);
  row("bytes=0-" + text(size - 1), 0, size);
  row("bytes=0-" + text(size), 0, size);
  row("bytes=0-" + text(size - 2), 0, size - 1);
  row("bytes=500-" + text(size + 1000), 500, size - 500);
  row("bytes=-1", size - 1, 1);
  row("bytes=-2", size - 2, 2);
  row("bytes=-" + text(size - 1), 1, size - 1);
  row("bytes=-" + text(size), 0, size);
  row("bytes=-" + text(size + 1), 0, size);
  row("BYTES=10-19", 10, 10);
  row("Bytes=-10", size - 10, 10);
  row("bytes=,0-9", 0, 10);
  row("bytes=0-9,", 0, 10);
  row("bytes=,,0-9 ,\t,", 0, 10);
  for (const std::string& number : kHuge) {
    row("bytes=1-" + number, 1, size - 1);
    row("bytes=-" + number, 0, size);
  }
  if (size > 600000) {  // across the pieces that a stream is read in
    row("bytes=524287-524288", 524287, 2);
    row("bytes=524288-", 524288, size - 524288);
    row("bytes=65535-65537", 65535, 3);
    row("bytes=4095-4096", 4095, 2);
    row("bytes=1-524288", 1, 524288);
    row("bytes=300000-599999", 300000, 300000);
  }
  return rows;
}

Rows unsatisfiable(const std::string& target, std::size_t size) {
  Rows rows;
  const Answer beyond = answer(416).field("Content-Range", "bytes */" + std::to_string(size));
  std::vector<std::string> sets{"bytes=-0",
                                "bytes=-00000",
                                "bytes=" + std::to_string(size) + "-",
                                "bytes=" + std::to_string(size) + "-" + std::to_string(size),
                                "bytes=" + std::to_string(size + 1) + "-",
                                "BYTES=" + std::to_string(size) + "-",
                                "bytes=," + std::to_string(size) + "-,"};
  for (const std::string& number : kHuge) {
    sets.push_back("bytes=" + number + "-");
    sets.push_back("bytes=" + number + "-" + number);
  }
  for (const std::string& set : sets) {
    rows.push_back({"RFC 9110 §15.5.17", target + " " + set + ": 416", get_request(target, range(set)), beyond});
  }
  return rows;
}

Rows ignored(const std::string& target, const std::string& whole) {
  Rows rows;
  const Answer all = ok(whole).lacks("Content-Range").field("Accept-Ranges", "bytes");
  for (const char* set : {"",
                          "bytes",
                          "bytes=",
                          "bytes=,",
                          "bytes=-",
                          "bytes=--1",
                          "bytes=1",
                          "bytes=a-b",
                          "bytes=0-a",
                          "bytes=a-9",
                          "bytes=5-2",
                          "bytes=1-0",
                          "bytes=18446744073709551615-0",
                          "bytes=1-2-3",
                          "bytes=0x0-0x9",
                          "bytes=+0-9",
                          "bytes=0-+9",
                          "bytes=-+5",
                          "bytes=0.5-9",
                          "bytes=0-9.5",
                          "bytes=1e1-20",
                          "bytes= -",
                          "bytes=0 -9",
                          "bytes=0- 9",
                          "bytes=0-9;x",
                          "bytes=0-9 10-19",
                          "bytes=\"0-9\"",
                          "bytes:0-9",
                          "bytes 0-9",
                          "bytes 0-9/1000",
                          "bytes =0-9",
                          "byte=0-9",
                          "bytess=0-9",
                          "items=0-9",
                          "seconds=1-2",
                          "none",
                          "=0-9",
                          "0-9",
                          "bytes=*",
                          "bytes=*/*",
                          "bytes=0-9, x",
                          "bytes=x, 0-9",
                          "bytes=\xd9\xa0-\xd9\xa9"}) {
    rows.push_back(
        {"RFC 9110 §14.2", target + " Range: " + set + ": the whole file", get_request(target, range(set)), all});
  }
  rows.push_back({"RFC 9110 §14.2", target + ": Range in two lines is not to be trusted",
                  get_request(target, range("bytes=0-0") + range("bytes=5-5")), all});
  rows.push_back({"RFC 9110 §14.2", target + ": Range has no meaning for HEAD",
                  request("HEAD", target, range("bytes=0-9")),
                  answer(200).lacks("Content-Range").field("Content-Length", std::to_string(whole.size()))});
  rows.push_back({"RFC 9110 §14.2", target + ": Range beyond the end has no meaning for HEAD",
                  request("HEAD", target, range("bytes=99999999-")), answer(200).lacks("Content-Range")});
  rows.push_back({"RFC 9110 §14.2", target + ": Range has no meaning for POST",
                  request("POST", target, range("bytes=0-9")), answer(405).lacks("Content-Range")});
  rows.push_back({"RFC 9110 §14.4", target + ": Content-Range of a request is ignored",
                  get_request(target, "Content-Range: bytes 0-9/10\r\n"), all});
  rows.push_back({"RFC 9110 §14.3", target + ": a plain answer says Accept-Ranges", get_request(target), all});
  return rows;
}

Rows connections(const std::string& target, const std::string& whole) {
  const std::string end = std::to_string(whole.size() - 1);
  const Answer first = part(whole, 0, 10);
  return {
      {"RFC 9110 §14",
       target + ": a download is resumed to the same bytes",
       get_request(target, range("bytes=0-499")),
       part(whole, 0, 500),
       {{get_request(target, range("bytes=500-")), part(whole, 500, whole.size() - 500)}}},
      {"RFC 9110 §14",
       target + ": parts out of order, in one piece",
       get_request(target, range("bytes=" + end + "-")) + get_request(target, range("bytes=0-9")) + get_request(target),
       {part(whole, whole.size() - 1, 1), first, ok(whole)}},
      {"RFC 9110 §15.5.17",
       target + ": a part behind a 416, in one piece",
       get_request(target, range("bytes=99999999-")) + get_request(target, range("bytes=0-9")),
       {answer(416), first}},
      {"RFC 9110 §15.3.7", target + ": HTTP/1.0 gets its part as well",
       "GET " + target + " HTTP/1.0\r\n" + range("bytes=0-9") + "\r\n", first.closing()},
      {"RFC 9110 §15.3.7", target + ": a part with close",
       get_request(target, range("bytes=0-9") + "Connection: close\r\n"), first.closing()},
      {"RFC 9110 §14.2", target + ": a part of a target with a query", get_request(target + "?q", range("bytes=0-9")),
       first},
  };
}

Rows of_nothing() {
  Rows rows;
  const std::string target = "/empty.bin";
  for (const char* set : {"bytes=0-", "bytes=0-0", "bytes=1-", "bytes=0-9", "bytes=-0", "bytes=9223372036854775807-"}) {
    rows.push_back({"RFC 9110 §15.5.17", std::string(set) + " of an empty file: 416", get_request(target, range(set)),
                    answer(416).field("Content-Range", "bytes */0")});
  }
  for (const char* set : {"bytes=-1", "bytes=-9223372036854775808", "bytes=5-2", "items=0-1"}) {
    // §14.1.2: a suffix of it can be satisfied, but no Content-Range can say so.
    rows.push_back({"RFC 9110 §14.1.2", std::string(set) + " of an empty file: all of it",
                    get_request(target, range(set)), ok("").lacks("Content-Range")});
  }
  return rows;
}

struct Tree {
  Tree() {
    site.file("small.bin", small);
    site.file("large.bin", large);
    site.file("empty.bin", "");
    site.file("probe.txt", kProbe);
  }
  const std::string small = pattern(1000, 3), large = pattern(700001, 4);
  Site site;
};

void run_all(const Server& server, const std::string& target, const std::string& whole) {
  run_table(server, "parts of " + target, satisfiable(target, whole));
  run_table(server, "beyond the end of " + target, unsatisfiable(target, whole.size()), {.head_too = false});
  run_table(server, "no ranges of " + target, ignored(target, whole));
  run_table(server, "connections with parts of " + target, connections(target, whole), {.cut = true});
}
}  // namespace

TEST_CASE_FIXTURE(Tree, "one range of a cached file, a streamed file and an empty one (RFC 9110 §14)") {
  const Server server(site);
  run_all(server, "/small.bin", small);
  run_all(server, "/large.bin", large);
  run_table(server, "ranges of an empty file", of_nothing());
}
