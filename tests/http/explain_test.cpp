// --explain beside the server: for each request the head that it tells is the head that the running server sends (but
// for Date), so that no rule of one is missing in the other. It tells of a cold cache; where a copy would have been
// made by requests before, a server of its own is asked.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "explain_site.hpp"
#include "harness.hpp"

using namespace uringd::testing;

namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Told {
  int exit_code = -1;
  int status = 0;
  Fields fields;
  std::string text;

  [[nodiscard]] bool says(std::string_view words) const { return text.find(words) != std::string::npos; }
};

/// The lines behind "answer", which are indented, are the head.
Told read_story(const Finished& run) {
  Told told{.exit_code = run.exit_code, .text = run.out + run.err};
  const std::size_t answer = run.out.find("\nanswer   ");
  if (answer == std::string::npos) return told;
  told.status = std::atoi(run.out.c_str() + answer + 10);
  const std::string indent(9, ' ');
  std::size_t at = run.out.find('\n', answer + 1) + 1;
  while (at < run.out.size()) {
    const std::size_t end = run.out.find('\n', at);
    const std::string line = run.out.substr(at, end - at);
    at = end + 1;
    if (!line.starts_with(indent)) break;
    const std::size_t colon = line.find(": ");
    if (colon == std::string::npos) continue;  // the status line
    told.fields.emplace_back(line.substr(9, colon - 9), line.substr(colon + 2));
  }
  return told;
}

/// What can be compared: no Date, no boundary.
Fields comparable(Fields fields) {
  std::erase_if(fields, [](const auto& field) { return field.first == "Date"; });
  for (auto& [name, value] : fields) {
    if (const std::size_t boundary = value.find("; boundary="); boundary != std::string::npos) value.resize(boundary);
  }
  std::ranges::sort(fields);
  return fields;
}

std::string text_of(const Fields& fields) {
  std::string text;
  for (const auto& [name, value] : fields) text += name + ": " + value + "\n";
  return text;
}

class Pair {
 public:
  Pair(const Site& site, const Setup& setup) : site_(site), setup_(setup), server_(site, setup) {
    site.outside_file("explain.toml", configuration(site, setup, server_.port()));
  }

  [[nodiscard]] Told explain(const Ask& ask) const {
    std::vector<std::string> words{"--explain", ask.target, "-c", site_.outside("explain.toml"), "--host", ask.host};
    for (const std::string& field : ask.fields) words.insert(words.end(), {"--header", field});
    return read_story(run_to_end(words));
  }

  Response answer(const Ask& ask) const { return answer(server_, ask); }

  /// The status that both gave.
  int compare(const Ask& ask) const {
    const Told told = explain(ask);
    const Response response = told.says(", a copy of ") ? answer(Server(site_, setup_), ask) : answer(ask);
    INFO(ask.host << " " << ask.target << (ask.fields.empty() ? "" : " " + ask.fields.front()) << "\n" << told.text);
    CHECK(told.status == response.status);
    CHECK(told.exit_code == (response.status < 400 ? 0 : 1));
    CHECK(text_of(comparable(told.fields)) == text_of(comparable(response.fields)));
    return told.status;
  }

 private:
  static Response answer(const Server& server, const Ask& ask) {
    std::string bytes = "GET " + ask.target + " HTTP/1.1\r\nHost: " + ask.host + "\r\n";
    for (const std::string& field : ask.fields) bytes += field + "\r\n";
    Client client = server.connect();
    return client.ask(bytes + "\r\n");
  }

  const Site& site_;
  Setup setup_;
  Server server_;
};

/// The lines of `text` that are indented by four, without that, but for those that differ from run to run.
std::string steady_lines(const std::string& text, std::string_view indent) {
  std::istringstream lines(text);
  std::string result;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(indent)) continue;
    line.erase(0, indent.size());
    bool varies = false;
    for (const char* field : {"Date: ", "ETag: ", "Last-Modified: "}) varies |= line.find(field) != std::string::npos;
    if (!varies) result += line + "\n";
  }
  return result;
}

}  // namespace

TEST_CASE("what --explain tells of a request is what the server answers") {
  Site site;
  fill(site);
  const Pair pair(site, setup_of(site));
  std::vector<Ask> asks = ordinary_requests();
  for (const char* target : {"/style.css", "/big.bin", "/old/long", "/about"}) {
    for (const char* codings : {"br", "identity"}) {
      const std::string accept = std::string("Accept-Encoding: ") + codings;
      const std::string etag = pair.answer({target, {accept}}).field("ETag");
      REQUIRE(!etag.empty());
      asks.push_back({target, {accept, "If-None-Match: " + etag}});
      asks.push_back({target, {accept, "If-None-Match: W/" + etag}});
      asks.push_back({target, {accept, "If-Match: " + etag}});
      asks.push_back({target, {accept, "Range: bytes=1-2", "If-Range: " + etag}});
      asks.push_back({target, {accept, "Range: bytes=0-1,5-6", "If-Range: " + etag}});
    }
  }
  CHECK(asks.size() >= 150);
  std::vector<int> statuses;
  for (const Ask& ask : asks) statuses.push_back(pair.compare(ask));
  for (const int status : {200, 206, 301, 302, 304, 307, 400, 403, 404, 406, 410, 412, 413, 414, 416, 417}) {
    INFO(status);
    CHECK(std::ranges::find(statuses, status) != statuses.end());  // every kind of answer was among them
  }
}

TEST_CASE("--explain names site, rule, captures, look-up, path, file and variant, each with its reason") {
  Site site;
  fill(site);
  const Pair pair(site, setup_of(site));
  const Told told = pair.explain({"/old/long", {"Accept-Encoding: br"}, "img.wild.example"});
  INFO(told.text);
  CHECK(told.exit_code == 0);
  for (const char* words : {"site     #1 at ", "because its host \"*.wild.example\" matches \"img.wild.example\"",
                            "rule     site.rewrites at ", " matches ^/old/(.*)$: $1 = \"long\"",
                            "map      legacy[\"long\"] = \"b\"", "path     /new/b (internal)"}) {
    INFO(words);
    CHECK(told.says(words));
  }
  const Told file = pair.explain({"/new/b", {"Accept-Encoding: br"}});
  INFO(file.text);
  CHECK(file.says("root/new/b.html, because extensions has \"html\""));
  CHECK(file.says("variant  br, from "));
  CHECK(pair.explain({"/for-phones"}).says("passed over: "));
  CHECK(pair.explain({"/old/unknown"}).says("legacy[\"unknown\"] is not there: \"none\""));
  CHECK(pair.explain({"/uploads/picture.jpg"}).says("mount    /uploads is "));
  CHECK(pair.explain({"/old.js", {"Accept-Encoding: gzip"}}).says("old.js.gz is older than the file"));
  CHECK(pair.explain({"/a.txt", {}, "none.example"}).says("no site has a host for \"none.example\""));
  CHECK(pair.explain({"/assets/v1/app.js"}).says("matches /assets/**: sets Cache-Control and X-Kind"));
}

TEST_CASE("the copy that --explain announces is what later requests get") {
  Site site;
  fill(site);
  const Pair pair(site, setup_of(site));
  for (const char* coding : {"br", "gzip", "zstd"}) {
    const Ask ask{"/about", {std::string("Accept-Encoding: ") + coding}};
    const std::string story = pair.explain(ask).text;
    CHECK(pair.answer(ask).field("Content-Encoding").empty());
    Response later;
    CHECK(wait_until([&] { return (later = pair.answer(ask)).field("Content-Encoding") == coding; }));
    const std::string words = std::string("then ") + coding + ", a copy of " + later.field("Content-Length") + " bytes";
    INFO(story << words);
    CHECK(story.find(words) != std::string::npos);
  }
}

TEST_CASE("--explain escapes what could steer a terminal") {
  Site site;
  fill(site);
  const Pair pair(site, setup_of(site));
  const Told told = pair.explain({"/%1b%5b2J%07%c2%9b%ff%7f"});
  INFO(told.text);
  CHECK(told.says("/\\x1b[2J\\x07\\xc2\\x9b\\xff\\x7f"));
  for (const char byte : told.text) CHECK((byte == '\n' || (static_cast<unsigned char>(byte) >= 0x20 && byte != 0x7f)));
}

TEST_CASE("--explain serves a directory without a file too, and takes the first site's name for the host") {
  Site site;
  fill(site);
  const Told plain = read_story(run_to_end({site.root(), "--explain", "/short.txt"}));
  INFO(plain.text);
  CHECK(plain.exit_code == 0);
  CHECK(plain.status == 200);
  CHECK(plain.says("Host: localhost"));
  site.outside_file("named.toml", configuration(site, setup_of(site), free_port()));
  const Told named = read_story(run_to_end({"--explain", "/short.txt", "-c", site.outside("named.toml")}));
  CHECK(named.says("Host: one.example"));
}

TEST_CASE("--explain ends with 2 where the configuration or the command line is wrong, and says why") {
  Site site;
  site.outside_file("bad.toml", "[[site]]\nroot = \"no-such-directory\"\n");
  const Finished bad = run_to_end({"--explain", "/", "-c", site.outside("bad.toml")});
  CHECK(bad.exit_code == 2);
  CHECK(bad.err.find("no-such-directory") != std::string::npos);
  CHECK(bad.out.empty());
  CHECK(run_to_end({"--explain"}).exit_code == 2);
  CHECK(run_to_end({"--host", "a", site.root()}).exit_code == 2);
  CHECK(run_to_end({"--explain", "/", site.root(), "--header", "no colon"}).exit_code == 2);
}

TEST_CASE("README's example of --explain is what it prints") {
  const char* path = std::getenv("URINGD_README");
  if (!path) FAIL("URINGD_README must name README.md (meson test sets it)");
  const std::string readme = file_bytes(path);
  const std::size_t section = readme.find("## Which file does a request get");
  REQUIRE(section != std::string::npos);
  const std::size_t toml = readme.find("```toml\n", section) + 8;
  const std::size_t toml_end = readme.find("```", toml);
  const std::string command =
      "    $ uringd --explain '/old/lamp?from=mail' -c config.toml --host shop.example.org --header "
      "'Accept-Encoding: gzip, br'\n";
  const std::size_t output = readme.find(command, toml_end) + command.size();
  REQUIRE(output > toml_end + command.size());
  Site site;
  site.outside_file("config.toml", readme.substr(toml, toml_end - toml));
  site.outside_file("maps/legacy.txt", "lamp lamps-2\n");
  site.outside_file("www/index.html", "");
  site.outside_file("shop/new/lamps-2.html", letters(876));
  site.outside_file("shop/new/lamps-2.html.br", letters(59));
  const Finished run = run_to_end({"--explain", "/old/lamp?from=mail", "-c", site.outside("config.toml"), "--host",
                                   "shop.example.org", "--header", "Accept-Encoding: gzip, br"});
  std::string printed = run.out;
  const std::string base = site.outside("");
  for (std::size_t at; (at = printed.find(base)) != std::string::npos;) printed.erase(at, base.size());
  CHECK(run.exit_code == 0);
  const std::string expected = steady_lines(readme.substr(output, readme.find("\n\n", output) + 1 - output), "    ");
  CHECK(expected.starts_with("request  GET /old/lamp"));
  CHECK(expected == steady_lines(printed, ""));
}
