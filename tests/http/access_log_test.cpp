// The access log (contract.md, [log]): combined lines byte for byte, JSON that a parser takes whatever a request says,
// rotation under load, and files that take nothing. No answer waits for any of it.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <regex>
#include <thread>

#include "daemon.hpp"
#include "hot_client.hpp"
#include "load.hpp"
#include "operation_words.hpp"
#include "rule_rows.hpp"

using namespace uringd::testing;

namespace {

struct Tree {
  Tree() {
    site.file("a.txt", "a\n");
    site.file("medium.bin", pattern(150000, 2));
    site.file("large.bin", pattern(24 << 20, 3));
    site.file("big.txt", std::string(40000, 't'));
  }
  [[nodiscard]] std::string file() const { return site.outside("access.log"); }
  [[nodiscard]] Setup logging(const std::string& lines = "", const std::string& server = "") const {
    return {.server = "workers = 1\n" + server, .more = access_log_table(file(), lines)};
  }
  Site site;
};

const std::regex kCombined(
    "^([^ ]+) - ([^ ]+) \\[(\\d\\d/[A-Z][a-z]{2}/\\d{4}:\\d\\d:\\d\\d:\\d\\d [+-]\\d{4})\\] (.*)$");

// A line without its time; "" where it is none.
std::string timeless(const std::string& line) {
  std::smatch parts;
  if (!std::regex_match(line, parts, kCombined)) return "";
  return parts[1].str() + " - " + parts[2].str() + " " + parts[4].str();
}

std::size_t whole_lines(const std::vector<std::string>& lines) {
  std::size_t count = 0;
  for (const std::string& line : lines) count += !timeless(line).empty();
  return count;
}

bool appears(const std::string& path, std::size_t count) {
  return wait_until([&] { return std::filesystem::exists(path) && lines_of(file_bytes(path)).size() >= count; },
                    Milliseconds{5000});
}

// All workers' counts at the end of their lives.
std::uint64_t dropped_in(const std::string& log) {
  std::uint64_t sum = 0;
  constexpr std::string_view kCount = " log_dropped=";
  for (std::size_t at = log.find(kCount); at != std::string::npos; at = log.find(kCount, at + 1)) {
    sum += std::stoull(log.substr(at + kCount.size()));
  }
  return sum;
}

}  // namespace

TEST_CASE_FIXTURE(Tree, "combined: the line of each kind of answer, byte for byte") {
  Daemon daemon(site, logging("", "trusted_proxies = [\"127.0.0.1\"]"));
  struct Row {
    std::string bytes;
    std::string method = "GET";
    std::string line;  // "%b": the body's bytes as the client got them
  };
  const std::string host = "Host: test.example\r\n";
  const auto get = [&](const std::string& target, const std::string& fields = "") {
    return "GET " + target + " HTTP/1.1\r\n" + host + fields + "\r\n";
  };
  const std::vector<Row> rows = {
      {get("/a.txt"), "GET", "127.0.0.1 - - \"GET /a.txt HTTP/1.1\" 200 2 \"-\" \"-\""},
      {get("/a.txt?q=1&r=%20x"), "GET", "127.0.0.1 - - \"GET /a.txt?q=1&r=%20x HTTP/1.1\" 200 2 \"-\" \"-\""},
      {"GET /a.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET",
       "127.0.0.1 - - \"GET /a.txt HTTP/1.0\" 200 2 \"-\" \"-\""},
      {get("/missing"), "GET", "127.0.0.1 - - \"GET /missing HTTP/1.1\" 404 %b \"-\" \"-\""},
      {"HEAD /medium.bin HTTP/1.1\r\n" + host + "\r\n", "HEAD",
       "127.0.0.1 - - \"HEAD /medium.bin HTTP/1.1\" 200 0 \"-\" \"-\""},
      {"HEAD /missing HTTP/1.1\r\n" + host + "\r\n", "HEAD",
       "127.0.0.1 - - \"HEAD /missing HTTP/1.1\" 404 0 \"-\" \"-\""},
      {get("/a.txt", "If-Modified-Since: Fri, 31 Dec 2099 23:59:59 GMT\r\n"), "GET",
       "127.0.0.1 - - \"GET /a.txt HTTP/1.1\" 304 0 \"-\" \"-\""},
      {get("/a.txt", "If-None-Match: *\r\n"), "GET", "127.0.0.1 - - \"GET /a.txt HTTP/1.1\" 304 0 \"-\" \"-\""},
      {get("/medium.bin", "Range: bytes=10-19\r\n"), "GET",
       "127.0.0.1 - - \"GET /medium.bin HTTP/1.1\" 206 10 \"-\" \"-\""},
      {get("/medium.bin", "Range: bytes=0-9,20-29\r\n"), "GET",
       "127.0.0.1 - - \"GET /medium.bin HTTP/1.1\" 206 %b \"-\" \"-\""},
      {get("/medium.bin", "Range: bytes=999999-\r\n"), "GET",
       "127.0.0.1 - - \"GET /medium.bin HTTP/1.1\" 416 %b \"-\" \"-\""},
      {get("/medium.bin"), "GET", "127.0.0.1 - - \"GET /medium.bin HTTP/1.1\" 200 150000 \"-\" \"-\""},
      {get("/big.txt"), "GET", "127.0.0.1 - - \"GET /big.txt HTTP/1.1\" 200 40000 \"-\" \"-\""},
      {get("/a.txt", "Referer: https://from.example/p?x=1\r\nUser-Agent: curl/8.1 (x; y)\r\n"), "GET",
       "127.0.0.1 - - \"GET /a.txt HTTP/1.1\" 200 2 \"https://from.example/p?x=1\" \"curl/8.1 (x; y)\""},
      {get("/a.txt", "User-Agent: a\"b\\c\x01\x7f\xc3\xa9\t~\r\n"), "GET",
       "127.0.0.1 - - \"GET /a.txt HTTP/1.1\" 400 %b \"-\" \"-\""},
      {get("/a.txt", "Referer:\r\nUser-Agent: \r\n"), "GET", "127.0.0.1 - - \"GET /a.txt HTTP/1.1\" 200 2 \"\" \"\""},
      {get("/a.txt", "User-Agent: a\"b\\c\xc3\xa9\t~\r\n"), "GET",
       "127.0.0.1 - - \"GET /a.txt HTTP/1.1\" 200 2 \"-\" \"a\\x22b\\x5Cc\\xC3\\xA9\\x09~\""},
      {get("/a.txt", "Authorization: Basic dXNlcjpwYXNz\r\n"), "GET",
       "127.0.0.1 - user \"GET /a.txt HTTP/1.1\" 200 2 \"-\" \"-\""},
      {get("/a.txt", "X-Forwarded-For: 192.0.2.7\r\n"), "GET",
       "192.0.2.7 - - \"GET /a.txt HTTP/1.1\" 200 2 \"-\" \"-\""},
      {get("/a.txt", "Forwarded: for=\"[2001:DB8::9]:4711\"\r\n"), "GET",
       "2001:db8::9 - - \"GET /a.txt HTTP/1.1\" 200 2 \"-\" \"-\""},
      {"POST /a.txt HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\nhello", "POST",
       "127.0.0.1 - - \"POST /a.txt HTTP/1.1\" 405 %b \"-\" \"-\""},
      {"OPTIONS * HTTP/1.1\r\n" + host + "\r\n", "OPTIONS", "127.0.0.1 - - \"OPTIONS * HTTP/1.1\" 204 0 \"-\" \"-\""},
      {"BREW /pot HTTP/1.1\r\n" + host + "\r\n", "GET", "127.0.0.1 - - \"BREW /pot HTTP/1.1\" 501 %b \"-\" \"-\""},
      {"GET http://other.example/a.txt HTTP/1.1\r\n" + host + "\r\n", "GET",
       "127.0.0.1 - - \"GET http://other.example/a.txt HTTP/1.1\" 200 2 \"-\" \"-\""},
      {"\r\n" + get("/a.txt"), "GET", "127.0.0.1 - - \"GET /a.txt HTTP/1.1\" 200 2 \"-\" \"-\""},
      {"GARBAGE\r\n\r\n", "GET", "127.0.0.1 - - \"GARBAGE\" 400 %b \"-\" \"-\""},
      {"GET /a.txt HTTP/1.1\r\n\r\n", "GET", "127.0.0.1 - - \"GET /a.txt HTTP/1.1\" 400 %b \"-\" \"-\""},
      {"GET /a\"b\\c HTTP/1.1\r\n" + host + "\r\n", "GET",
       "127.0.0.1 - - \"GET /a\\x22b\\x5Cc HTTP/1.1\" %s %b \"-\" \"-\""},
      {"GET /\x01 HTTP/1.1\r\n" + host + "\r\n", "GET", "127.0.0.1 - - \"GET /\\x01 HTTP/1.1\" 400 %b \"-\" \"-\""},
      {get("/%00"), "GET", "127.0.0.1 - - \"GET /%00 HTTP/1.1\" 400 %b \"-\" \"-\""},
  };
  std::vector<std::string> expected;
  for (const Row& row : rows) {
    Client client = daemon.connect();
    const Response response = client.ask(row.bytes, row.method);
    std::string line = row.line;
    const auto put = [&](const char* mark, const std::string& text) {
      if (const std::size_t at = line.find(mark); at != std::string::npos) line.replace(at, 2, text);
    };
    put("%b", std::to_string(response.body.size()));
    put("%s", std::to_string(response.status));
    expected.push_back(line);
    // One after the other, so that the order is that of the rows.
    CHECK(appears(file(), expected.size()));
  }
  daemon.stop();
  const std::vector<std::string> lines = lines_of(file_bytes(file()));
  CHECK(lines.size() == rows.size());
  for (std::size_t i = 0; i < std::min(lines.size(), rows.size()); ++i) {
    INFO("asked: " << rows[i].bytes << "\nline: " << lines[i]);
    CHECK(timeless(lines[i]) == expected[i]);
  }
}

TEST_CASE_FIXTURE(Tree, "combined: 408 and the requests of a pipeline, in their order") {
  Setup setup = logging();
  setup.limits = "header_timeout = \"300ms\"";
  Daemon daemon(site, setup);
  Client late = daemon.connect();
  late.send("GET /late HTTP/1.1\r\nHost: x");
  const Response response = late.read_response();
  CHECK(response.status == 408);
  CHECK(appears(file(), 1));
  Client silent = daemon.connect();  // nothing was asked, nothing is logged
  silent.close();
  Client client = daemon.connect();
  std::string pipeline;
  for (int i = 0; i < 50; ++i)
    pipeline += get_request(i % 2 ? "/medium.bin?" + std::to_string(i) : "/?" + std::to_string(i));
  client.send(pipeline);
  for (int i = 0; i < 50; ++i) client.read_response();
  daemon.stop();
  const std::vector<std::string> lines = lines_of(file_bytes(file()));
  REQUIRE(lines.size() == 51);
  CHECK(timeless(lines[0]) ==
        "127.0.0.1 - - \"GET /late HTTP/1.1\" 408 " + std::to_string(response.body.size()) + " \"-\" \"-\"");
  for (std::size_t i = 0; i < 50; ++i) {
    const std::string target = (i % 2 ? "/medium.bin?" : "/?") + std::to_string(i);
    CHECK(lines[i + 1].find("\"GET " + target + " HTTP/1.1\"") != std::string::npos);
  }
}

TEST_CASE_FIXTURE(Tree, "combined: a download that a client leaves has the bytes that were really sent") {
  Daemon daemon(site, logging());
  Client client = daemon.connect(32 * 1024);
  client.send(get_request("/large.bin"));
  client.read_head();
  const std::uint64_t taken = client.read_body(1 << 20, [](std::string_view) {});
  client.reset();
  REQUIRE(appears(file(), 1));
  const std::string line = timeless(lines_of(file_bytes(file())).at(0));
  INFO(line);
  const std::string begin = "127.0.0.1 - - \"GET /large.bin HTTP/1.1\" 200 ";
  REQUIRE(line.starts_with(begin));
  const std::uint64_t sent = std::stoull(line.substr(begin.size()));
  CHECK(sent >= taken);
  CHECK(sent < taken + (12 << 20));  // what the sockets of both sides hold
}

TEST_CASE_FIXTURE(Tree,
                  "json: whatever bytes a request has, each line is one object, with what was asked and answered") {
  if (std::system("python3 -c 'import json' 2>/dev/null") != 0) {
    MESSAGE("SKIPPED: no python3");
    return;
  }
  Daemon daemon(site, logging("format = \"json\""));
  int asked = 0;
  for (int byte = 1; byte < 256; ++byte) {
    if (byte == '\r' || byte == '\n') continue;
    const std::string text =
        "<" + std::string(3, static_cast<char>(byte)) + "\\u0041\"," + static_cast<char>(byte) + ">";
    Client client = daemon.connect();
    client.send("GET /a.txt?" + text + " HTTP/1.1\r\nHost: test.example\r\nConnection: close\r\n\r\n");
    client.read_until_end();
    Client other = daemon.connect();
    other.send("GET /a.txt HTTP/1.1\r\nHost: test.example\r\nConnection: close\r\nUser-Agent: " + text +
               "\r\nReferer: \xed\xa0\x80\xf4\x90\x80\x80" + text + "\r\n\r\n");
    other.read_until_end();
    asked += 2;
  }
  Client head = daemon.connect();
  head.ask("HEAD /medium.bin HTTP/1.1\r\nHost: h.example\r\nUser-Agent: agent\r\n\r\n", "HEAD");
  ++asked;
  daemon.stop();
  const std::string script = site.outside("check.py");
  site.outside_file(
      "check.py",
      "import json, sys, datetime\n"
      "rows = []\n"
      "for line in open(sys.argv[1], 'rb').read().split(b'\\n')[:-1]:\n"
      "    assert all(0x20 <= b for b in line), line\n"
      "    row = json.loads(line.decode('utf-8'))\n"
      "    assert isinstance(row, dict)\n"
      "    assert 100 <= row['status'] <= 599 and row['bytes'] >= 0, row\n"
      "    assert row['remote'] == '127.0.0.1', row\n"
      "    datetime.datetime.fromisoformat(row['time'].replace('Z', '+00:00'))\n"
      "    rows.append(row)\n"
      "last = rows[-1]\n"
      "assert (last['method'], last['path'], last['host']) == ('HEAD', '/medium.bin', 'h.example'), last\n"
      "assert (last['status'], last['bytes'], last['user_agent']) == (200, 0, 'agent'), last\n"
      "print(len(rows))\n");
  FILE* python = ::popen(("python3 " + script + " " + file() + " 2>&1").c_str(), "r");
  REQUIRE(python != nullptr);
  std::string said;
  char piece[4096];
  while (std::fgets(piece, sizeof piece, python)) said += piece;
  CHECK(::pclose(python) == 0);
  CHECK(said == std::to_string(asked) + "\n");
}

TEST_CASE_FIXTURE(Tree, "SIGUSR1 under load: twenty rotations lose no line and mix none") {
  Setup setup = logging();
  setup.server = "workers = 2";
  Daemon daemon(site, setup);
  Load load(
      daemon.port(),
      {.connections = 16,
       .requests = {get_request("/a.txt"), get_request("/medium.bin", "Referer: " + std::string(300, 'r') + "\r\n"),
                    get_request("/missing")},
       .right = [](const Response& r, std::size_t which) { return r.status == (which == 2 ? 404 : 200); }});
  std::vector<std::string> files;
  for (int i = 0; i < 20; ++i) {
    CHECK(load.more_answers(200));
    files.push_back(file() + "." + std::to_string(i));
    std::filesystem::rename(file(), files.back());
    daemon.signal(SIGUSR1);
    CHECK(appears(file(), 1));
  }
  load.stop();
  daemon.stop();
  INFO(load.figures());
  CHECK(load.failures() == 0);
  files.push_back(file());
  std::size_t lines = 0;
  std::size_t whole = 0;
  for (const std::string& name : files) {
    const std::vector<std::string> own = lines_of(file_bytes(name));
    CHECK(!own.empty());
    lines += own.size();
    whole += whole_lines(own);
  }
  CHECK(lines == load.answers());
  CHECK(whole == lines);
  CHECK(dropped_in(daemon.log()) == 0);
}

TEST_CASE_FIXTURE(Tree, "SIGUSR1 where the file cannot be made again: said, and the old file is written on") {
  std::filesystem::create_directory(site.outside("logs"));
  const std::string path = site.outside("logs/access.log");
  Daemon daemon(site, {.server = "workers = 1", .more = access_log_table(path)});
  CHECK(daemon.get("/a.txt").status == 200);
  CHECK(appears(path, 1));
  std::filesystem::rename(site.outside("logs"), site.outside("away"));
  const std::size_t mark = daemon.mark();
  daemon.signal(SIGUSR1);
  CHECK(daemon.says(path, mark));
  CHECK(daemon.get("/a.txt").status == 200);
  CHECK(appears(site.outside("away/access.log"), 2));
  std::filesystem::rename(site.outside("away"), site.outside("logs"));
  std::filesystem::rename(path, path + ".1");
  daemon.signal(SIGUSR1);
  CHECK(wait_until([&] { return std::filesystem::exists(path); }));
  // The file is there a moment before the worker hears of it.
  CHECK(wait_until([&] { return daemon.get("/a.txt").status == 200 && !file_bytes(path).empty(); }));
}

TEST_CASE_FIXTURE(Tree, "a full disk costs lines, which are counted in a warning, and no answer") {
  Daemon daemon(site, {.server = "workers = 2", .more = access_log_table("/dev/full")});
  Load load(daemon.port(), {.connections = 8, .requests = {get_request("/a.txt")}});
  CHECK(load.more_answers(3000));
  load.stop();
  INFO(load.figures());
  CHECK(load.failures() == 0);
  const std::uint64_t answers = load.answers();
  daemon.stop();
  const std::string log = daemon.log();
  INFO(log);
  CHECK(log.find("No space left on device") != std::string::npos);
  CHECK(count_of(log, " warn ") + count_of(log, " error ") >= 1);
  CHECK(count_of(log, "No space left on device") < 20);  // repeats are rare
  CHECK(dropped_in(log) == answers);
}

TEST_CASE_FIXTURE(Tree, "stdout is a pipe that nobody reads: answers and the stop go on, what was dropped is counted") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  Daemon daemon(site, {.server = "workers = 2", .more = access_log_table("stdout")}, {.output = ends[1]});
  ::close(ends[1]);
  Load load(daemon.port(),
            {.connections = 8, .requests = {get_request("/a.txt", "Referer: " + std::string(2000, 'r') + "\r\n")}});
  CHECK(load.more_answers(5000));
  load.stop();
  INFO(load.figures());
  CHECK(load.failures() == 0);
  if (!sanitized()) CHECK(load.percentile(0.99) < 100);
  daemon.signal(SIGHUP);
  daemon.signal(SIGUSR1);
  CHECK(daemon.get("/a.txt").status == 200);
  daemon.signal(SIGTERM);
  CHECK(daemon.wait_for_exit(Milliseconds{8000}) == 0);
  const std::string log = daemon.log();
  INFO(log);
  CHECK(log.find("dropped") != std::string::npos);
  CHECK(dropped_in(log) > 1000);
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  std::string text;
  char piece[65536];
  for (ssize_t size = 0; (size = ::read(ends[0], piece, sizeof piece)) > 0;)
    text.append(piece, static_cast<std::size_t>(size));
  ::close(ends[0]);
  CHECK(whole_lines(lines_of(text)) + 1 >= lines_of(text).size());  // the last may be cut
  CHECK(!text.empty());
}

TEST_CASE_FIXTURE(Tree, "a log that cannot be opened at the start: exit 1 and one line that names it and the cause") {
  const struct {
    const char* path;
    const char* cause;
  } rows[] = {{"/nonexistent/directory/x.log", "No such file or directory"},
              {"/proc/x.log", "No such file or directory"}};
  for (const auto& row : rows) {
    site.outside_file("bad.toml", "[server]\nlisten = [\"127.0.0.1:" + std::to_string(free_port()) +
                                      "\"]\n[log]\naccess = \"" + row.path + "\"\n[[site]]\nroot = \"root\"\n");
    const Finished run = run_to_end({"--config", site.outside("bad.toml")});
    CHECK(run.exit_code == 1);
    // Beside it there may be what the log had to say until then.
    CHECK(count_of(run.err, "uringd: ") == 1);
    CHECK(count_of("\n" + run.err, "\nuringd: log.access " + std::string(row.path) + ": " + row.cause + "\n") == 1);
  }
}

TEST_CASE_FIXTURE(Tree, "the access log is appended to, and a relative name is beside the configuration") {
  site.outside_file("logs/access.log", "before\n");
  Daemon daemon(site, {.more = access_log_table("logs/access.log")});
  CHECK(daemon.get("/a.txt").status == 200);
  daemon.stop();
  const std::vector<std::string> lines = lines_of(file_bytes(site.outside("logs/access.log")));
  REQUIRE(lines.size() == 2);
  CHECK(lines[0] == "before");
  CHECK(!timeless(lines[1]).empty());
}
