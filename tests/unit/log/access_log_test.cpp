// AccessFormatter's combined format, and what both formats have in common: the line's bound. The rows were observed:
// nginx 1.22.1 (log_format combined, the default escape) got these requests on loopback, and wrote these lines.
#include <algorithm>
#include <cstdio>

#include "../random.hpp"
#include "access_lines.hpp"

using namespace uringd;
using namespace uringd::log;
using namespace uringd::log::testing;
using namespace std::string_view_literals;

namespace {

std::string of_user(std::string_view authorization) {
  AccessRecord record = record_of("GET / HTTP/1.1", 200, 6);
  record.authorization = authorization;
  const std::string line = combined(record);
  const size_t begin = "127.0.0.1 - "sv.size();
  return line.substr(begin, line.find(" [") - begin);
}

std::string nginx_escape(std::string_view text) {
  std::string escaped;
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    char digits[8];
    std::snprintf(digits, sizeof digits, "\\x%02X", static_cast<unsigned>(byte));
    escaped += byte < 32 || byte > 126 || byte == '"' || byte == '\\' ? digits : std::string(1, character);
  }
  return escaped;
}

}  // namespace

TEST_CASE("nginx's lines, byte for byte: request, referer and user agent as they came") {
  const Zone zone("UTC0");
  struct Row {
    std::string_view request;
    int status;
    uint64_t bytes;
    std::string_view referer, agent;
    std::string_view rest;  // behind the time
  };
  constexpr std::string_view none{};
  const Row rows[] = {
      {"GET / HTTP/1.1", 200, 6, "http://e.org/", "curl/7.88.1",
       R"("GET / HTTP/1.1" 200 6 "http://e.org/" "curl/7.88.1")"},
      {"GET / HTTP/1.1", 200, 6, none, none, R"("GET / HTTP/1.1" 200 6 "-" "-")"},
      {"GET / HTTP/1.1", 200, 6, "", "", R"("GET / HTTP/1.1" 200 6 "" "")"},
      {"BREW /pot HTTP/1.1", 405, 157, none, none, R"("BREW /pot HTTP/1.1" 405 157 "-" "-")"},
      {"get / HTTP/1.1", 400, 157, none, none, R"("get / HTTP/1.1" 400 157 "-" "-")"},
      {"\x16\x03\x01\x02\x00\x01\xfc"sv, 400, 157, none, none, R"("\x16\x03\x01\x02\x00\x01\xFC" 400 157 "-" "-")"},
      {"GET /", 200, 6, none, none, R"("GET /" 200 6 "-" "-")"},
      {"GET /\xc3\xa9 HTTP/1.1", 404, 153, none, "m\xc3\xb6\xe2\x82\xac",
       R"("GET /\xC3\xA9 HTTP/1.1" 404 153 "-" "m\xC3\xB6\xE2\x82\xAC")"},
      {"GET /a\x7f"
       "b HTTP/1.1",
       400, 157, none, none, R"("GET /a\x7Fb HTTP/1.1" 400 157 "-" "-")"},
      {R"(GET /a"b\c HTTP/1.1)", 404, 153, R"("><script>)", R"(a"b\c'd)",
       R"("GET /a\x22b\x5Cc HTTP/1.1" 404 153 "\x22><script>" "a\x22b\x5Cc'd")"},
      {"GET / HTTP/1.1", 200, 6, none,
       "a\tb\x01"
       "c\x1b[31m",
       R"("GET / HTTP/1.1" 200 6 "-" "a\x09b\x01c\x1B[31m")"},
      {"GET http://h/x?y HTTP/1.1", 404, 153, none, none, R"("GET http://h/x?y HTTP/1.1" 404 153 "-" "-")"},
      {"GET /a b HTTP/1.1", 400, 157, none, none, R"("GET /a b HTTP/1.1" 400 157 "-" "-")"},
      {"GET / HT", 400, 0, none, none, R"("GET / HT" 400 0 "-" "-")"},
      {"GET   /   HTTP/1.1", 200, 6, none, none, R"("GET   /   HTTP/1.1" 200 6 "-" "-")"},
      {"GET /\0 HTTP/1.1"sv, 400, 157, none, none, R"("GET /\x00 HTTP/1.1" 400 157 "-" "-")"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.rest);
    AccessRecord record = record_of(row.request, row.status, row.bytes);
    record.referer = row.referer;
    record.user_agent = row.agent;
    CHECK(combined(record) == "127.0.0.1 - - [22/Nov/2026:03:41:17 +0000] " + std::string(row.rest) + "\n");
  }
}

TEST_CASE("nginx's lines, byte for byte: the client's address, and a connection that sent no request line") {
  const Zone zone("UTC0");
  AccessRecord record = record_of("GET / HTTP/1.1", 200, 6);
  record.remote = IpAddress::local();
  CHECK(combined(record) == "unix: - - [22/Nov/2026:03:41:17 +0000] \"GET / HTTP/1.1\" 200 6 \"-\" \"-\"\n");
  record.remote = *IpAddress::parse("::1");
  CHECK(combined(record) == "::1 - - [22/Nov/2026:03:41:17 +0000] \"GET / HTTP/1.1\" 200 6 \"-\" \"-\"\n");
  record.request_line = {};
  record.status = 408;
  record.body_bytes = 0;
  CHECK(combined(record) == "::1 - - [22/Nov/2026:03:41:17 +0000] \"-\" 408 0 \"-\" \"-\"\n");
}

TEST_CASE("nginx's user of an Authorization field, row by row (RFC 7617 §2)") {
  struct Row {
    std::string_view authorization, user;
  };
  const Row rows[] = {
      {"Basic YWxpY2U6c2VjcmV0", "alice"},  // alice:secret
      {"Basic YWxpY2U=", "-"},              // no colon
      {"Basic OnB3", "-"},                  // nothing before it
      {"Basic YSJsCmIg/2M6cHc=", R"(a\x22l\x0Ab \xFFc)"},
      {"basic YWw6", "al"},
      {"Basic    YWw6eA==", "al"},
      {"Basic YWxpY2U6eA", "alice"},  // without its padding
      {"Basic YWw6!", "-"},
      {"Basic YWw6A", "-"},  // a digit alone is no byte
      {"Basic YWw6=zz!!", "al"},
      {"Basic YWw6__--", "-"},
      {"Bearer YWw6eA==", "-"},
      {"Basic", "-"},
      {"Basic ", "-"},
      {"Basic\tYWw6eA==", "-"},
      {"Basic YQBiOng=", R"(a\x00b)"},
      {"Basic YSBiOng=", "a b"},
      {"Basic YWw6eA== zz", "al"},
      {"", "-"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.authorization);
    CHECK(of_user(row.authorization) == row.user);
  }
}

TEST_CASE("a user of any length is no longer than 1,024 bytes, and its colon is still looked for") {
  std::string a_thousand;
  for (int i = 0; i < 500; ++i) a_thousand += "YWFh";  // aaa
  CHECK(of_user("Basic " + a_thousand) == "-");
  CHECK(of_user("Basic " + a_thousand + "Og==") == std::string(1024, 'a'));
}

TEST_CASE("every byte of a field is escaped as nginx does it, wherever in it it stands") {
  for (int byte = 0; byte < 256; ++byte) {
    for (const size_t before : {0, 1, 7, 8, 15, 16, 17, 31, 40}) {
      const std::string agent = std::string(before, 'x') + static_cast<char>(byte) + std::string(20, 'y');
      AccessRecord record = record_of("GET / HTTP/1.1", 200, 0);
      record.user_agent = agent;
      if (!combined(record).ends_with(" \"" + nginx_escape(agent) + "\"\n")) FAIL("byte ", byte, " behind ", before);
    }
  }
}

TEST_CASE("any bytes are escaped as nginx does it") {
  uringd::testing::Random random(7);
  for (int run = 0; run < 3000; ++run) {
    std::string text(random.below(200), '\0');
    const bool rare = random.below(2) == 0;
    for (char& character : text) {
      character = static_cast<char>(rare && random.below(20) > 0 ? 'a' + random.below(26) : random.below(256));
    }
    AccessRecord record = record_of("GET / HTTP/1.1", 200, 0);
    record.referer = text;
    if (combined(record).find(" 200 0 \"" + nginx_escape(text) + "\" \"-\"\n") == std::string::npos) FAIL("run ", run);
  }
}

TEST_CASE("local time has its zone's distance, also west of Greenwich and by half hours, and follows the clock") {
  const auto time_of = [](int64_t at) {
    const std::string line = combined(record_of("GET / HTTP/1.1", 200, 0), at);
    return line.substr(line.find('['), line.find(']') - line.find('[') + 1);
  };
  {
    const Zone zone("IST-5:30");
    CHECK(time_of(wall_ns) == "[22/Nov/2026:09:11:17 +0530]");
  }
  {
    const Zone zone("NST3:30");
    CHECK(time_of(wall_ns) == "[22/Nov/2026:00:11:17 -0330]");
  }
  const Zone zone("CET-1CEST,M3.5.0,M10.5.0/3");
  constexpr int64_t spring = 1'774'746'000 * second;  // 2026-03-29T01:00:00Z
  CHECK(time_of(spring - 1) == "[29/Mar/2026:01:59:59 +0100]");
  CHECK(time_of(spring) == "[29/Mar/2026:03:00:00 +0200]");
  CHECK(time_of(-1) == "[01/Jan/1970:00:59:59 +0100]");
}

TEST_CASE("one formatter writes each line's own second, also when the clock goes back") {
  const Zone zone("UTC0");
  AccessFormatter formatter(AccessFormat::combined);
  const AccessRecord record = record_of("GET / HTTP/1.1", 200, 0);
  CHECK(line_of(formatter, record, wall_ns).find("03:41:17") != std::string::npos);
  CHECK(line_of(formatter, record, wall_ns + second).find("03:41:18") != std::string::npos);
  CHECK(line_of(formatter, record, wall_ns - second).find("03:41:16") != std::string::npos);
}

TEST_CASE("lines of any fields fit into what they may have: whole lines, nothing written beyond, no raw control byte") {
  uringd::testing::Random random(11);
  for (int run = 0; run < 4000; ++run) {
    const size_t most = random.below(2) ? AccessFormatter::most_line_bytes : 2048 + random.below(4096);
    std::string texts[8];
    for (std::string& text : texts) {
      text.resize(random.below(4) == 0 ? random.below(40'000) : random.below(300));
      const uint64_t kind = random.below(3);
      for (char& character : text) {
        character = kind == 0 ? '\x01' : static_cast<char>(kind == 1 ? 'a' + random.below(26) : random.below(256));
      }
    }
    AccessRecord record{.remote = *IpAddress::parse("2001:db8:1234:5678:9abc:def0:1234:5678"),
                        .request_line = texts[0],
                        .method = texts[1],
                        .target = texts[2],
                        .host = texts[3],
                        .referer = texts[4],
                        .user_agent = texts[5],
                        .authorization = "Basic YWxpY2U6c2VjcmV0",
                        .status = 200,
                        .body_bytes = UINT64_MAX,
                        .duration_ns = UINT64_MAX,
                        .queue_ns = UINT64_MAX,
                        .open_ns = UINT64_MAX,
                        .read_ns = UINT64_MAX,
                        .send_ns = UINT64_MAX,
                        .cache = texts[6],
                        .encoding = texts[7]};
    for (const AccessFormat format : {AccessFormat::combined, AccessFormat::json}) {
      AccessFormatter formatter(format, most);
      const std::string line = line_of(formatter, record);
      if (line.size() > most || !line.ends_with(format == AccessFormat::json ? "}\n" : "\"\n")) FAIL("run ", run);
      const auto control = [](char byte) { return static_cast<unsigned char>(byte) < 32 || byte == 127; };
      if (std::ranges::count_if(line, control) != 1) FAIL("run ", run);  // its newline
    }
  }
}

TEST_CASE("where a line would be too long the longest fields are cut, evenly, and the short ones stay whole") {
  const Zone zone("UTC0");
  const std::string long_target(20'000, 'a'), long_agent(30'000, '\xe9');
  const std::string request = "GET /" + long_target + " HTTP/1.1";
  AccessRecord record = record_of(request, 414, 0);
  record.referer = "http://e.org/";
  record.user_agent = long_agent;
  const std::string line = combined(record);
  CHECK(line.size() > AccessFormatter::most_line_bytes - 512);
  CHECK(line.find(" 414 0 \"http://e.org/\" \"\\xE9") != std::string::npos);
  const auto a = static_cast<size_t>(std::ranges::count(line, 'a')), e9 = line.size() - line.find("\\xE9");
  CHECK(a > 7900);
  CHECK(e9 > 7900);
}
