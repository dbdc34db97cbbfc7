// Directory listings (contract [[site]] listing) as a page and as JSON: what they show, what they hide, how they are
// sorted, when they change, and that no name breaks out of them. Every link of a listing is followed.
#include <doctest/doctest.h>

#include <filesystem>

#include "cases_support.hpp"

using namespace uringd::testing;

namespace {

std::vector<std::string> between(const std::string& text, const std::string& before, char end) {
  std::vector<std::string> found;
  for (std::size_t at = text.find(before); at != std::string::npos; at = text.find(before, at)) {
    at += before.size();
    found.push_back(text.substr(at, text.find(end, at) - at));
  }
  return found;
}

// The links of a listing's rows; those of its column heads and of the way up are not among them.
std::vector<std::string> links(const Response& response) {
  const bool json = response.field("Content-Type").starts_with("application/json");
  std::vector<std::string> all = between(response.body, json ? "\"href\":\"" : "href=\"", '"');
  std::erase_if(all, [](const std::string& link) {
    return link.starts_with("?") || link.find("../") != std::string::npos || link == "./" || link == "/" ||
           link.empty() || link.find("&amp;") != std::string::npos;
  });
  return all;
}

const std::string kJson = accept("application/json");
const std::string kBrowser = accept("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");

void check_page(const Response& response) {
  CHECK(response.status == 200);
  CHECK(response.field("Content-Type") == "text/html; charset=utf-8");
  CHECK(response.field("X-Content-Type-Options") == "nosniff");
  CHECK(lists(response, "Vary", "Accept"));
  CHECK(lower(response.body).starts_with("<!doctype html>"));
  CHECK(response.body.find("<html lang=") != std::string::npos);
}

void check_json(const Response& response) {
  CHECK(response.status == 200);
  CHECK(response.field("Content-Type") == "application/json");
  CHECK(lists(response, "Vary", "Accept"));
  CHECK(is_json(response.body));
}

}  // namespace

TEST_CASE("listings") {
  Cases row("listings");
  Site site;
  site.file("probe.txt", "probe\n");
  site.file("d/small.txt", "1");
  site.file("d/large.bin", pattern(5000));
  site.file("d/Upper.TXT", "22");
  site.file("d/.hidden", "hidden");
  site.directory("d/.git");
  site.file("d/sub/file.txt", "below");
  site.fifo("d/pipe");
  site.unix_socket("d/socket");
  site.symlink("d/inside", "small.txt");
  site.symlink("d/outside", "../../secret");
  site.symlink("d/absolute", "/etc/passwd");
  site.symlink("d/dangling", "nowhere");
  site.symlink("d/link-to-directory", "sub");
  site.outside_file("secret", "secret");
  site.set_mtime("d/small.txt", 1600000000);
  site.set_mtime("d/large.bin", 1500000000);
  site.set_mtime("d/Upper.TXT", 1400000000);
  site.directory("empty");
  site.file("indexed/index.html", "<p>index\n");
  site.file("indexed/other.txt", "other");
  const Server server(site, {.site = "listing = true\n"});

  row("contract [[site]] listing", "a page for browsers", [&] {
    const Response response = check_head_agrees(server, "/d/", kBrowser);
    check_page(response);
    CHECK(response.body.find(">small.txt<") != std::string::npos);
  });
  for (const char* fields : {"", "Accept: */*\r\n", "Accept: text/*\r\n", "Accept: image/png\r\n",
                             "Accept: application/json;q=0.5, text/html\r\n", "Accept: text/html, application/json\r\n",
                             "Accept: application/json;q=0\r\n"}) {
    row("RFC 9110 §12.5.1", std::string("a page where JSON is not liked better: ") + fields,
        [&] { check_page(check_head_agrees(server, "/d/", fields)); });
  }
  for (const char* fields : {"Accept: application/json\r\n", "Accept: application/json, text/html;q=0.9\r\n",
                             "Accept: Application/JSON\r\n", "Accept: text/html;q=0.1\r\nAccept: application/json\r\n",
                             "Accept: application/json, */*;q=0.1\r\n", "Accept: application/*\r\n"}) {
    row("RFC 9110 §12.5.1", std::string("JSON where it is liked better: ") + fields,
        [&] { check_json(check_head_agrees(server, "/d/", fields)); });
  }
  row("contract [[site]] listing", "an index goes before a listing", [&] {
    CHECK(get(server, "/indexed/", kJson).body == "<p>index\n");
    CHECK(get(server, "/indexed/", kBrowser).body == "<p>index\n");
  });
  row("contract [[site]] listing", "a directory without its slash is redirected first",
      [&] { CHECK(get(server, "/d?sort=size", kBrowser).field("Location") == "/d/?sort=size"); });
  row("contract [[site]] listing", "an empty directory is a page, and an empty list", [&] {
    check_page(get(server, "/empty/"));
    CHECK(links(get(server, "/empty/")).empty());
    check_json(get(server, "/empty/", kJson));
    CHECK(links(get(server, "/empty/", kJson)).empty());
  });
  const auto shown = [&](const std::string& name, bool expected) {
    for (const std::string& fields : {kBrowser, kJson}) {
      const Response response = get(server, "/d/", fields);
      CHECK((response.body.find(name) != std::string::npos) == expected);
    }
  };
  for (const char* name : {".hidden", ".git", "pipe", "socket", "outside", "absolute", "dangling", "secret"}) {
    row("contract: nothing that would not be served is shown", std::string("absent: ") + name,
        [&] { shown(name, false); });
  }
  for (const char* name : {"small.txt", "large.bin", "Upper.TXT", "inside", "sub/", "link-to-directory/"}) {
    row("contract [[site]] listing", std::string("present: ") + name, [&] {
      CHECK(get(server, "/d/", kBrowser).body.find("href=\"" + std::string(name) + "\"") != std::string::npos);
      CHECK(get(server, "/d/", kJson).body.find("\"href\":\"" + std::string(name) + "\"") != std::string::npos);
    });
  }
  row("RFC 3986 §5.2", "every link of the page leads to what it names, redirects none", [&] {
    for (const std::string& fields : {kBrowser, kJson}) {
      const std::vector<std::string> all = links(get(server, "/d/", fields));
      CHECK(all.size() == 6);
      for (const std::string& link : all) {
        INFO(link);
        CHECK(get(server, "/d/" + link).status == 200);
      }
    }
  });
  struct Sorting {
    const char* query;
    std::vector<std::string> files;
  };
  const std::vector<Sorting> sortings = {
      {"", {"Upper.TXT", "inside", "large.bin", "small.txt"}},
      {"?sort=name", {"Upper.TXT", "inside", "large.bin", "small.txt"}},
      {"?sort=name&order=desc", {"small.txt", "large.bin", "inside", "Upper.TXT"}},
      {"?sort=size&order=desc", {"large.bin", "Upper.TXT"}},
      {"?sort=time", {"Upper.TXT", "large.bin"}},
      {"?sort=time&order=desc", {}},
      {"?sort=nonsense&order=sideways&x=%00", {"Upper.TXT", "inside", "large.bin", "small.txt"}},
  };
  for (const Sorting& one : sortings) {
    row("contract [[site]] listing", std::string("sorted by its query: ") + one.query, [&] {
      for (const std::string& fields : {kBrowser, kJson}) {
        std::vector<std::string> files = links(get(server, std::string("/d/") + one.query, fields));
        // Directories come first, whatever the order.
        CHECK(files.size() == 6);
        for (std::size_t i = 0; i < files.size(); ++i) CHECK(files[i].ends_with("/") == (i < 2));
        std::erase_if(files, [](const std::string& name) { return name.ends_with("/"); });
        files.resize(std::min(files.size(), one.files.size()));
        CHECK(files == one.files);
      }
    });
  }
  row("contract [[site]] listing", "the heads of the columns are links that sort, and say which one does", [&] {
    const std::string page = get(server, "/d/?sort=size", kBrowser).body;
    for (const char* link : {"?sort=name", "?sort=size", "?sort=time"}) {
      CHECK(page.find("href=\"" + std::string(link)) != std::string::npos);
    }
    CHECK(page.find("aria-sort=\"ascending\"") != std::string::npos);
    CHECK(page.find("prefers-color-scheme: dark") != std::string::npos);
    CHECK(page.find("name=\"viewport\"") != std::string::npos);
    CHECK(page.find("<script") == std::string::npos);
  });
  row("contract [[site]] listing", "sizes and times are those of the files", [&] {
    const std::string json = get(server, "/d/", kJson).body;
    CHECK(json.find("\"size\":5000,\"modified\":\"2017-07-14T02:40:00Z\"") != std::string::npos);
    CHECK(json.find("\"path\":\"/d/\"") != std::string::npos);
  });
  row("RFC 9110 §13.1.2", "a listing that has not changed is 304, of each form its own", [&] {
    for (const std::string& fields : {kBrowser, kJson}) {
      const std::string tag = get(server, "/d/", fields).field("ETag");
      CHECK(!tag.empty());
      const Response again = get(server, "/d/", fields + "If-None-Match: " + tag + "\r\n");
      CHECK(again.status == 304);
      CHECK(again.field("ETag") == tag);
      CHECK(lists(again, "Vary", "Accept"));
      const std::string& other = fields == kJson ? kBrowser : kJson;
      CHECK(get(server, "/d/", other + "If-None-Match: " + tag + "\r\n").status == 200);
    }
  });
  row("RFC 9110 §14.2", "a range of a listing is never more than a part of it", [&] {
    const Response whole = get(server, "/d/", kJson);
    const Response part = get(server, "/d/", kJson + "Range: bytes=0-9\r\n");
    const bool sane = (part.status == 206 && part.body == whole.body.substr(0, 10)) ||
                      (part.status == 200 && part.body == whole.body);
    CHECK(sane);
  });
  row("contract: freshness", "a file that comes, grows and goes is seen in the listing", [&] {
    const auto has = [](const char* what) {
      return [what](const Response& response) { return response.body.find(what) != std::string::npos; };
    };
    site.file("d/zz-new.txt", "123");
    CHECK(has("zz-new.txt")(
        get_until(server, "/d/", kJson, has("\"href\":\"zz-new.txt\",\"type\":\"file\",\"size\":3"))));
    CHECK(has("zz-new.txt")(get_until(server, "/d/", kBrowser, has("zz-new.txt"))));
    site.append("d/zz-new.txt", "4567");
    const char* grown = "\"href\":\"zz-new.txt\",\"type\":\"file\",\"size\":7";
    CHECK(has(grown)(get_until(server, "/d/", kJson, has(grown), Milliseconds{4000})));
    site.remove("d/zz-new.txt");
    const auto gone = [&](const Response& response) { return !has("zz-new")(response); };
    CHECK(gone(get_until(server, "/d/", kJson, gone)));
    CHECK(gone(get_until(server, "/d/", kBrowser, gone)));
  });
  row("contract: freshness", "an index that appears replaces the listing, and gives way when it goes", [&] {
    site.file("later/x.txt", "x");
    check_page(get(server, "/later/", kBrowser));
    site.file("later/index.html", "<p>now\n");
    const auto now = [](const Response& response) { return response.body == "<p>now\n"; };
    CHECK(now(get_until(server, "/later/", kBrowser, now)));
    site.remove("later/index.html");
    const auto page = [](const Response& response) { return response.body.find("x.txt") != std::string::npos; };
    CHECK(page(get_until(server, "/later/", kBrowser, page)));
  });
  row("RFC 9112 §9.3.2", "listings, files and errors in one pipeline", [&] {
    Client client = server.connect();
    client.send(get_request("/probe.txt") + get_request("/d/", kJson) + get_request("/d/", kBrowser) +
                get_request("/missing/") + get_request("/d/?sort=size", kJson) + get_request("/probe.txt"));
    CHECK(client.read_response().body == "probe\n");
    check_json(client.read_response());
    check_page(client.read_response());
    CHECK(client.read_response().status == 404);
    check_json(client.read_response());
    CHECK(client.read_response().body == "probe\n");
  });
  row("contract [[site]] listing", "the top has a listing too, without a way up", [&] {
    const Response response = get(server, "/", kBrowser);
    check_page(response);
    CHECK(response.body.find("href=\"../\"") == std::string::npos);
    CHECK(response.body.find("probe.txt") != std::string::npos);
  });
  row("contract [[site]] hidden", "a hidden directory has no listing", [&] {
    CHECK(get(server, "/d/.git/", kBrowser).status == 404);
    CHECK(get(server, "/d/.git", kBrowser).status == 404);
  });
}

TEST_CASE("listings of hostile names, of many names, and where names are not hidden") {
  Cases row("hostile listings");
  const std::vector<std::string> hostile = {"quote\"onmouseover=alert(1) x=\".txt",
                                            "<script>alert(1)<",
                                            "<b>&lt;&amp;.txt",
                                            "new\nline\r\nX-Evil: yes",
                                            "\xff\xfe\x80",
                                            "javascript:alert(1)",
                                            "back\\slash",
                                            "per%2fcent%00",
                                            "?query=1",
                                            "#fragment",
                                            " leading space",
                                            "trailing space ",
                                            "..dots",
                                            "...",
                                            "\x01\x1f\x7f",
                                            "colon:name",
                                            "\xe2\x80\xae"
                                            "rtl",
                                            "'single'",
                                            "\xc3\xa9",
                                            "semi;colon,comma",
                                            "~tilde",
                                            "{brace}",
                                            std::string(255, 'n')};
  Site site;
  site.file("probe.txt", "probe\n");
  for (std::size_t i = 0; i < hostile.size(); ++i) {
    site.file("h/" + hostile[i], "content " + std::to_string(i));
    site.file("deep " + std::to_string(i) + hostile[i].substr(0, 200) + "/in.txt", "x");
  }
  site.file("many/file-0.txt", "");
  for (int i = 1; i < 3000; ++i) {
    std::filesystem::create_hard_link(site.path("many/file-0.txt"),
                                      site.path("many/file-" + std::to_string(i) + ".txt"));
  }
  const Server server(site, {.site = "listing = true\n"});
  for (const std::string& fields : {kBrowser, kJson}) {
    const std::string of = fields == kJson ? " (JSON)" : " (page)";
    row("RFC 3986 §4.2", "every hostile name has a link that leads to its file" + of, [&] {
      const Response response = check_head_agrees(server, "/h/", fields);
      if (fields == kJson) check_json(response);
      std::set<std::string> contents;
      for (const std::string& link : links(response)) {
        INFO(link);
        CHECK(link.find_first_of("<>\"'\r\n\\ ?#") == std::string::npos);
        const std::string target = link.starts_with("./") ? link.substr(2) : link;
        CHECK(target.substr(0, target.find('/')).find(':') ==
              (link.starts_with("./") ? target.find(':') : target.npos));
        contents.insert(get(server, "/h/" + target).body);
      }
      for (std::size_t i = 0; i < hostile.size(); ++i) {
        INFO(percent_encoded(hostile[i]));
        // Names that begin with a dot are hidden.
        CHECK(contents.contains("content " + std::to_string(i)) == !hostile[i].starts_with("."));
      }
    });
    row("contract: names are escaped", "no name becomes markup or a field" + of, [&] {
      const Response response = get(server, "/h/", fields);
      CHECK(!response.has("X-Evil"));
      if (fields != kJson) CHECK(response.body.find("<script>alert") == std::string::npos);
      if (fields != kJson) CHECK(response.body.find("\"onmouseover") == std::string::npos);
      CHECK(response.body.find("\nX-Evil") == std::string::npos);
      for (const char c : {'\x01', '\x1f', '\x7f', '\r', '\xff'}) {
        INFO(static_cast<int>(c));
        const bool allowed = c == '\x7f' && fields == kJson;  // RFC 8259 §7 does not ask for that
        CHECK((response.body.find(c) == std::string::npos || allowed));
      }
    });
    row("contract: names are escaped", "directories of hostile names have listings of their own" + of, [&] {
      for (std::size_t i = 0; i < hostile.size(); ++i) {
        const std::string name = "deep " + std::to_string(i) + hostile[i].substr(0, 200);
        const Response response = get(server, "/" + percent_encoded(name) + "/", fields);
        INFO(percent_encoded(name));
        CHECK(response.status == 200);
        CHECK(response.body.find("in.txt") != std::string::npos);
        CHECK(response.body.find("<script>alert") ==
              (fields == kJson && i == 1 ? response.body.find("<script>") : std::string::npos));
        if (fields == kJson) CHECK(is_json(response.body));
      }
    });
    row("contract [[site]] listing", "three thousand names are all there, whole" + of, [&] {
      const Response response = get(server, "/many/", fields);
      CHECK(links(response).size() == 3000);
      CHECK(response.body.size() > 100000);
      if (fields == kJson) check_json(response);
    });
  }
  row("contract [[site]] hidden", "hidden = true shows and serves them", [&] {
    site.file("dots/.env", "shown");
    const Server open(site, {.site = "listing = true\nhidden = true\n"});
    CHECK(links(get(open, "/dots/", kJson)) == std::vector<std::string>{".env"});
    CHECK(get(open, "/dots/.env").body == "shown");
  });
  row("contract [[site]] symlinks", "symlinks = \"never\": no link is shown", [&] {
    site.file("linked/real.txt", "real");
    site.symlink("linked/link.txt", "real.txt");
    const Server strict(site, {.site = "listing = true\nsymlinks = \"never\"\n"});
    CHECK(links(get(strict, "/linked/", kJson)) == std::vector<std::string>{"real.txt"});
    CHECK(get(server, "/linked/", kJson).body.find("link.txt") != std::string::npos);
  });
}
