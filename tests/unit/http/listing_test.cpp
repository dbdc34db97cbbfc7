// Directory listings: names that want out of the page, the JSON or their directory; orders; what a person is told.
#include "uringd/http/listing.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include <doctest/doctest.h>

#include "uringd/http/target.hpp"

using namespace uringd::http;

namespace {

using Sort = ListingForm::Sort;
constexpr ListingForm page;
constexpr ListingForm json{.format = ListingForm::Format::json};

std::string listing_of(const std::string& name, const ListingForm& form, bool directory = false) {
  std::vector<ListedFile> files{{.name = name, .directory = directory, .size_bytes = 5, .modified_s = 0}};
  return render_listing("/dir/", files, false, form);
}

/// What stands between the last `begin` and the next `end` after it.
std::string between(const std::string& text, const std::string& begin, const std::string& end) {
  const size_t at = text.rfind(begin);
  REQUIRE(at != text.npos);
  const size_t from = at + begin.size();
  const size_t until = text.find(end, from);
  REQUIRE(until != text.npos);
  return text.substr(from, until - from);
}

std::string href_of(const std::string& name, bool directory = false) {
  return between(listing_of(name, page, directory), "scope=\"row\"><a href=\"", "\"");
}
std::string shown(const std::string& name) { return between(listing_of(name, page), "<bdi>", "</bdi>"); }
std::string json_name(const std::string& name) { return between(listing_of(name, json), R"("name":")", R"(","href")"); }

size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = 0; (at = text.find(part, at)) != text.npos; at += part.size()) ++count;
  return count;
}

struct Hostile {
  std::string name, href, html, json;
};
const std::string broken = "\xef\xbf\xbd";
const std::vector<Hostile> hostile = {
    {"plain.txt", "plain.txt", "plain.txt", "plain.txt"},
    {"a:b", "./a:b", "a:b", "a:b"},
    {"javascript:alert(1)", "./javascript:alert(1)", "javascript:alert(1)", "javascript:alert(1)"},
    {"?x", "%3Fx", "?x", "?x"},
    {"#", "%23", "#", "#"},
    {"%41", "%2541", "%41", "%41"},
    {"%2e%2e", "%252e%252e", "%2e%2e", "%2e%2e"},
    {"\"", "%22", "&quot;", "\\\""},
    {"'onclick='x", "%27onclick=%27x", "&#39;onclick=&#39;x", "'onclick='x"},
    {"<script>", "%3Cscript%3E", "&lt;script&gt;", "<script>"},
    {"&copy;", "%26copy;", "&amp;copy;", "&copy;"},
    {"a\nb\r", "a%0Ab%0D",
     "a\xe2\x90\x8a"
     "b\xe2\x90\x8d",
     "a\\u000ab\\u000d"},
    {"\x01\x1f\x7f", "%01%1F%7F", "\xe2\x90\x81\xe2\x90\x9f\xe2\x90\xa1", "\\u0001\\u001f\x7f"},
    {"\\\\host", "%5C%5Chost", "\\\\host", "\\\\\\\\host"},
    {"a b", "a%20b", "a b", "a b"},
    {"...", "...", "...", "..."},
    {"\xc3\xa9", "%C3%A9", "\xc3\xa9", "\xc3\xa9"},
    {"\xff", "%FF", broken, broken},
    {"\xc0\xaf", "%C0%AF", broken + broken, broken + broken},  // overlong '/'
    {"\xe0\x80\xaf", "%E0%80%AF", broken + broken + broken, broken + broken + broken},
    {"\xf0\x80\x80\xaf", "%F0%80%80%AF", broken + broken + broken + broken, broken + broken + broken + broken},
    {"\xed\xa0\x80", "%ED%A0%80", broken + broken + broken, broken + broken + broken},  // a surrogate
    {"\xe2\x82", "%E2%82", broken, broken},                                             // cut off: one subpart
    {"\xe2\x82<", "%E2%82%3C", broken + "&lt;", broken + "<"},                          // '<' is not swallowed
    {"\xf4\x90\x80\x80", "%F4%90%80%80", broken + broken + broken + broken, broken + broken + broken + broken},
    {"\xf0\x9f\x98\x80", "%F0%9F%98%80", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
    {"\xc2\x85", "%C2%85", broken, "\xc2\x85"},  // a control character above ASCII
    {"\xe2\x80\xae"
     "fdp.exe",
     "%E2%80%AEfdp.exe",
     "\xe2\x80\xae"
     "fdp.exe",
     "\xe2\x80\xae"
     "fdp.exe"},
};

}  // namespace

TEST_CASE("no name breaks out of the page, of the JSON, or of its link (RFC 3986 §4.2, RFC 8259 §7)") {
  for (const Hostile& one : hostile) {
    CAPTURE(one.name);
    CHECK(href_of(one.name) == one.href);
    CHECK(shown(one.name) == one.html);
    CHECK(json_name(one.name) == one.json);
    CHECK(between(listing_of(one.name, json), R"("href":")", "\"") == one.href);
    CHECK(href_of(one.name, true) == one.href + "/");
  }
}

TEST_CASE("every byte that a name can have leads to that name, and to nothing else") {
  std::vector<std::string> names;
  for (int byte = 1; byte < 256; ++byte) {
    if (byte == '/') continue;
    const char c = static_cast<char>(byte);
    names.push_back({c, 'x'});
    names.push_back({'x', c});
    names.push_back({'x', c, 'y', c});
    if (c != '.') names.push_back({c});
  }
  for (const Hostile& one : hostile) names.push_back(one.name);
  for (const std::string& name : names) {
    CAPTURE(name);
    const std::string href = href_of(name);
    // As a client resolves it: no scheme (RFC 3986 §4.2: a colon in the first segment), no authority, no absolute path.
    CHECK(href.substr(0, href.find('/')).find(':') == href.npos);
    CHECK(!href.starts_with('/'));
    for (const char c : href)
      CHECK((c > ' ' && c < 0x7f && std::string_view("<>\"'&\\`").find(c) == std::string::npos));
    const std::string raw = "/dir/" + href;
    std::vector<char> scratch(raw.size() + 2);
    const auto target = parse_target(raw, scratch);
    REQUIRE(target.has_value());
    CHECK(target->path == "/dir/" + name);
    CHECK(!target->has_query);
    CHECK(!target->trailing_slash);
  }
}

TEST_CASE("the path is escaped in the title, the heading, the breadcrumbs and the JSON") {
  std::vector<ListedFile> none;
  const std::string html = render_listing("/a<b/\"&\xff/", none, false, page);
  CHECK(html.find("<title>/a&lt;b/&quot;&amp;" + broken + "/</title>") != html.npos);
  CHECK(html.find("<h1>Index of <bdi>/a&lt;b/&quot;&amp;" + broken + "/</bdi></h1>") != html.npos);
  CHECK(html.find("<bdi>a&lt;b</bdi></a></li>") != html.npos);
  CHECK(html.find("<li aria-current=\"page\"><bdi>&quot;&amp;" + broken + "</bdi></li>") != html.npos);
  CHECK(html.find("a<b") == html.npos);
  CHECK(render_listing("/\"\n/", none, true, json) ==
        "{\"path\":\"/\\\"\\u000a/\",\"truncated\":true,\"entries\":[]}\n");
}

TEST_CASE("breadcrumbs lead up by as many steps as there are, and the top has none and no parent") {
  std::vector<ListedFile> none;
  const std::string deep = render_listing("/a/b/c/", none, false, page);
  CHECK(deep.find("<li><a href=\"../../../\">Home</a></li>\n<li><a href=\"../../\"><bdi>a</bdi></a></li>\n"
                  "<li><a href=\"../\"><bdi>b</bdi></a></li>\n<li aria-current=\"page\"><bdi>c</bdi></li>") !=
        deep.npos);
  CHECK(count_of(deep, "<a href=\"../\">Parent directory</a>") == 1);
  CHECK(render_listing("/a/", none, false, page).find("<a href=\"../\">Home</a>") != std::string::npos);
  const std::string top = render_listing("/", none, false, page);
  CHECK(top.find("../") == top.npos);
  CHECK(top.find("<nav") == top.npos);
}

TEST_CASE("the orders: directories first, then by the form, then by the bytes of the name") {
  const std::vector<ListedFile> all = {{"b", false, 10, 300},       {"a", false, 20, 100}, {"B", false, 10, 200},
                                       {"\xc3\xa9", false, 5, 100}, {"dz", true, 0, 50},   {"da", true, 0, 400}};
  struct Row {
    ListingForm form;
    std::vector<std::string> order;
  };
  const std::vector<Row> rows = {
      {{.sort = Sort::name}, {"da", "dz", "B", "a", "b", "\xc3\xa9"}},
      {{.sort = Sort::name, .descending = true}, {"dz", "da", "\xc3\xa9", "b", "a", "B"}},
      {{.sort = Sort::size}, {"da", "dz", "\xc3\xa9", "B", "b", "a"}},
      {{.sort = Sort::size, .descending = true}, {"da", "dz", "a", "B", "b", "\xc3\xa9"}},
      {{.sort = Sort::time}, {"dz", "da", "a", "\xc3\xa9", "B", "b"}},
      {{.sort = Sort::time, .descending = true}, {"da", "dz", "b", "B", "a", "\xc3\xa9"}},
  };
  for (ListingForm::Format format : {ListingForm::Format::html, ListingForm::Format::json}) {
    for (const Row& row : rows) {
      ListingForm form = row.form;
      form.format = format;
      CAPTURE(form.tag());
      std::vector<ListedFile> files = all;
      const std::string text = render_listing("/", files, false, form);
      size_t last = 0;
      for (size_t index = 0; index < files.size(); ++index) {
        CHECK(files[index].name == row.order[index]);
        const std::string& name = row.order[index];
        const size_t at =
            text.find(format == ListingForm::Format::html ? "<bdi>" + name + "<" : "\"name\":\"" + name + "\"");
        REQUIRE(at != text.npos);
        CHECK(at > last);
        last = at;
      }
    }
  }
}

TEST_CASE("the heads of the columns say what is sorted by, and a second click turns it round") {
  struct Row {
    ListingForm form;
    std::string says, other;
  };
  const std::vector<Row> rows = {
      {{}, R"(aria-sort="ascending"><a href="?sort=name&amp;order=desc">)", R"("?sort=size&amp;order=asc")"},
      {{.sort = Sort::size},
       R"(aria-sort="ascending"><a href="?sort=size&amp;order=desc">)",
       R"("?sort=name&amp;order=asc")"},
      {{.sort = Sort::time, .descending = true},
       R"(aria-sort="descending"><a href="?sort=time&amp;order=asc">)",
       R"("?sort=size&amp;order=asc")"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.form.tag());
    const std::string html = listing_of("a", row.form);
    CHECK(html.find(row.says) != html.npos);
    CHECK(html.find(row.other) != html.npos);
    CHECK(count_of(html, "aria-sort=\"") == 1);
  }
}

TEST_CASE("a form is what its query says, and unknown words in it do not count") {
  const auto form = [](std::string_view query) { return ListingForm::from_query(query, page.format).tag(); };
  CHECK(form("") == "hna");
  CHECK(form("sort=size&order=desc") == "hsd");
  CHECK(form("order=desc&sort=time") == "htd");
  CHECK(form("order=desc") == "hnd");
  CHECK(form("utm=1&&sort=time&") == "hta");
  CHECK(form("sort=sizes&order=DESC&sort&=&sort=%73ize") == "hna");
  CHECK(form("sort=size&sort=name&order=desc&order=asc") == "hna");
  CHECK(ListingForm::from_query("sort=size", json.format).tag() == "jsa");
}

TEST_CASE("a tag says all of a form, and no other three characters are one") {
  for (const std::string format : {"h", "j"}) {
    for (const std::string sort : {"n", "s", "t"}) {
      for (const std::string order : {"a", "d"}) {
        const auto form = ListingForm::from_tag(format + sort + order);
        REQUIRE(form.has_value());
        CHECK(form->tag() == format + sort + order);
        CHECK(form->descending == (order == "d"));
        CHECK((form->format == ListingForm::Format::json) == (format == "j"));
      }
    }
  }
  for (const std::string_view wrong : {"", "h", "hn", "hnaa", "xna", "hxa", "hnx", "HNA"}) {
    CAPTURE(wrong);
    CHECK(!ListingForm::from_tag(wrong));
  }
  CHECK(page.media_type() == "text/html; charset=utf-8");
  CHECK(json.media_type() == "application/json");
}

TEST_CASE("sizes are short for people and exact in the title") {
  struct Row {
    uint64_t bytes;
    std::string text, title;
  };
  const std::vector<Row> rows = {
      {0, "0 B", "0 bytes"},
      {1, "1 B", "1 byte"},
      {1023, "1023 B", "1023 bytes"},
      {1024, "1.0 KiB", "1024 bytes"},
      {1536, "1.5 KiB", "1536 bytes"},
      {10'239, "10 KiB", "10239 bytes"},
      {1'047'552, "1023 KiB", "1047552 bytes"},
      {1'048'575, "1.0 MiB", "1048575 bytes"},  // not "1024 KiB"
      {5'000'000'000, "4.7 GiB", "5000000000 bytes"},
      {UINT64_MAX, "16 EiB", "18446744073709551615 bytes"},
  };
  for (const Row& row : rows) {
    std::vector<ListedFile> files{{.name = "f", .size_bytes = row.bytes}};
    const std::string html = render_listing("/", files, false, page);
    CHECK(html.find("<td title=\"" + row.title + "\">" + row.text + "</td>") != html.npos);
    CHECK(render_listing("/", files, false, json).find("\"size\":" + std::to_string(row.bytes) + ",") !=
          std::string::npos);
  }
}

TEST_CASE("times are those of RFC 3339 in UTC, whatever a file claims") {
  struct Row {
    int64_t time;
    std::string text;
  };
  const std::vector<Row> rows = {
      {0, "1970-01-01T00:00:00Z"},        {1714566896, "2024-05-01T12:34:56Z"},   {951782400, "2000-02-29T00:00:00Z"},
      {-1, "1969-12-31T23:59:59Z"},       {253402300800, "9999-12-31T23:59:59Z"}, {INT64_MAX, "9999-12-31T23:59:59Z"},
      {INT64_MIN, "0001-01-01T00:00:00Z"}};
  for (const Row& row : rows) {
    std::vector<ListedFile> files{{.name = "f", .modified_s = row.time}};
    const std::string html = render_listing("/", files, false, page);
    CHECK(html.find("<time datetime=\"" + row.text + "\">" + row.text.substr(0, 10) + "<span> " +
                    row.text.substr(11, 5) + "</span></time>") != html.npos);
    CHECK(render_listing("/", files, false, json).find("\"modified\":\"" + row.text + "\"}") != std::string::npos);
  }
}

TEST_CASE("directories end in a slash, an empty one says so, and a truncated one says how many are shown") {
  std::vector<ListedFile> files{{.name = "sub", .directory = true}, {.name = "one"}, {.name = "two"}};
  const std::string html = render_listing("/", files, false, page);
  CHECK(html.find("<a href=\"sub/\"><bdi>sub</bdi>/</a></th><td></td>") != html.npos);
  CHECK(html.find("<caption>1 directory, 2 files</caption>") != html.npos);
  CHECK(html.find("empty") == html.npos);
  CHECK(render_listing("/", files, true, page).find("There are more: only 3 names are shown") != std::string::npos);
  CHECK(render_listing("/", files, true, json).find("\"truncated\":true") != std::string::npos);
  CHECK(render_listing("/", files, false, json)
            .find(R"({"name":"sub","href":"sub/","type":"directory","size":0,"modified":"1970-01-01T00:00:00Z"})") !=
        std::string::npos);
  std::vector<ListedFile> none;
  CHECK(render_listing("/a/", none, false, page).find("This directory is empty.") != std::string::npos);
}

TEST_CASE("the page needs no script and no other file, and has no style outside its one sheet") {
  std::vector<ListedFile> files;
  for (const Hostile& one : hostile) files.push_back({.name = one.name});
  const std::string html = render_listing("/a/", files, false, page);
  for (const std::string part :
       {"<script", "src=", "@import", "url(", "<link", " style=", " onclick=\"", "http:", "https:"}) {
    CAPTURE(part);
    CHECK(html.find(part) == html.npos);
  }
  CHECK(count_of(html, "<style>") == 1);
  CHECK(count_of(html, "<h1>") == 1);
  CHECK(html.starts_with("<!DOCTYPE html>"));
}
