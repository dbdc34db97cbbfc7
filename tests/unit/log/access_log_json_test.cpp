// AccessFormatter's JSON: members, targets, strings.
#include <string>

#include "access_lines.hpp"

using namespace uringd;
using namespace uringd::log;
using namespace uringd::log::testing;
using namespace std::string_view_literals;

TEST_CASE("a JSON line has every member in its order; those that are not there are left out") {
  AccessRecord record = record_of("GET /a/b?c=d HTTP/1.1", 206, 1234567);
  record.method = "GET";
  record.target = "/a/b?c=d";
  record.host = "example.org";
  record.duration_ns = 1'234'567'890;
  record.queue_ns = 999;
  record.open_ns = 400'000;
  record.read_ns = 600'001;
  CHECK(json(record) ==
        R"({"time":"2026-11-22T03:41:17.123Z","level":"info","msg":"request","remote":"127.0.0.1","method":"GET",)"
        R"("host":"example.org","path":"/a/b","query":"c=d","proto":"HTTP/1.1","status":206,"bytes":1234567,)"
        R"("duration_s":1.234567,"queue_s":0.000000,"disk_s":0.001000,"open_s":0.000400,"read_s":0.000600})"
        "\n");
  record.target = "*";
  record.minor_version = 0;
  record.cache = "hit";
  record.encoding = "br";
  record.referer = "http://e.org/";
  record.user_agent = "curl/7.88.1";
  record.read_ns = 0;
  record.send_ns = 2'500'000'000;
  record.authorization = "Basic YWxpY2U6c2VjcmV0";
  CHECK(json(record, wall_ns - 123'000'000) ==
        R"({"time":"2026-11-22T03:41:17.000Z","level":"info","msg":"request","remote":"127.0.0.1","user":"alice",)"
        R"("method":"GET","host":"example.org","path":"*","proto":"HTTP/1.0","status":206,"bytes":1234567,)"
        R"("duration_s":1.234567,"cache":"hit","encoding":"br","queue_s":0.000000,"disk_s":0.000400,"open_s":0.000400,)"
        R"("send_s":2.500000,)"
        R"("referer":"http://e.org/","user_agent":"curl/7.88.1"})"
        "\n");
}

TEST_CASE("path and query of every form of a target (RFC 9112 §3.2)") {
  struct Row {
    std::string_view target, path, query;
  };
  const Row rows[] = {
      {"/", "/", "(none)"},
      {"/a?", "/a", "(none)"},
      {"/a?b?c", "/a", "b?c"},
      {"http://h/x?y", "/x", "y"},
      {"http://h?y", "/", "y"},
      {"http://h", "/", "(none)"},
      {"/to?u=http://h/x", "/to", "u=http://h/x"},
      {"/http://h/x", "/http://h/x", "(none)"},
      {"h:80", "h:80", "(none)"},
      {"", "", "(none)"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.target);
    AccessRecord record = record_of("", 200, 0);
    record.method = "GET";
    record.target = row.target;
    const std::string line = json(record);
    CHECK(member(line, "path") == row.path);
    CHECK(member(line, "query") == row.query);
  }
}

TEST_CASE("what could not be read as a request is there as it came, and nothing is made up of it") {
  AccessRecord record = record_of("", 400, 0);
  record.method = record.target = record.host = {};
  record.request_line = "\x16\x03 \"garbage\"";
  const std::string line = json(record);
  CHECK(line.contains("\"request\":\"\\u0016\\u0003 \\\"garbage\\\"\""));
  for (const char* name : {"method", "host", "path", "query", "proto"}) CHECK(member(line, name) == "(none)");
}

TEST_CASE("JSON strings: what RFC 8259 §7 asks for is escaped, what is no UTF-8 (RFC 3629 §4) is replaced") {
  struct Row {
    std::string_view text, escaped;
  };
  const Row rows[] = {
      {"a\"b\\c/d", R"(a\"b\\c/d)"},
      {"\0\n\x1f"sv, R"(\u0000\u000a\u001f)"},
      {"\x7f", R"(\u007f)"},
      {"\xc2\x9b"
       "2J",
       R"(\u009b2J)"},  // a terminal's control sequence introducer
      {"\xc2\xa0\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc2\xa0\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
      {"\x80", R"(\ufffd)"},
      {"\xc3", R"(\ufffd)"},
      {"\xc3(", R"(\ufffd()"},
      {"\xc0\xaf", R"(\ufffd\ufffd)"},            // longer than it need be
      {"\xe0\x9f\xbf", R"(\ufffd\ufffd\ufffd)"},  // the same
      {"\xed\xa0\x80", R"(\ufffd\ufffd\ufffd)"},  // a surrogate
      {"\xed\x9f\xbf\xee\x80\x80", "\xed\x9f\xbf\xee\x80\x80"},
      {"\xf0\x8f\xbf\xbf", R"(\ufffd\ufffd\ufffd\ufffd)"},
      {"\xf4\x90\x80\x80", R"(\ufffd\ufffd\ufffd\ufffd)"},  // beyond U+10FFFF
      {"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
      {"\xf5\x80\x80\x80", R"(\ufffd\ufffd\ufffd\ufffd)"},
      {"\xe2\x82", R"(\ufffd\ufffd)"},
      {"\xf0\x9f\x98", R"(\ufffd\ufffd\ufffd)"},
      {"\xff\xfe", R"(\ufffd\ufffd)"},
  };
  for (const Row& row : rows) {
    for (const size_t before : {0, 1, 13, 14, 15, 16, 30}) {
      CAPTURE(row.escaped);
      CAPTURE(before);
      const std::string front(before, 'x');
      AccessRecord record = record_of("", 200, 0);
      const std::string agent = front + std::string(row.text);
      record.user_agent = agent;
      CHECK(member(json(record), "user_agent") == front + std::string(row.escaped));
      const std::string more = agent + front;
      record.user_agent = more;
      CHECK(member(json(record), "user_agent") == front + std::string(row.escaped) + front);
    }
  }
}

TEST_CASE("a field is cut between characters, not in one") {
  std::string agent;
  for (int i = 0; i < 10'000; ++i) agent += "\xf0\x9f\x98\x80";
  for (size_t more = 0; more < 8; ++more) {
    const std::string host(more, 'h');
    AccessRecord record = record_of("", 200, 0);
    record.method = "GET";
    record.host = host;
    record.user_agent = agent;
    const std::string line = json(record);
    CHECK(line.find("fffd") == std::string::npos);
    CHECK(line.ends_with("\x80\"}\n"));
    CHECK(member(line, "host") == host);
  }
}
