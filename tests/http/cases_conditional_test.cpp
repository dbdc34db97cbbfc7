// Cases of preconditions (RFC 9110 §13), the same rows for a cached file, a streamed one, an empty one and an index:
// all five fields, their precedence (§13.2.2), lists, weak tags, stars, the three forms of a date (§5.6.7) and what is
// none of them. All but the If-Range rows are asked as HEAD too: a precondition does not care which of the two it is.
#include <doctest/doctest.h>

#include "case_table.hpp"

using namespace uringd::testing;

namespace {
using Rows = std::vector<Case>;

constexpr std::time_t kMtime = 1600000000;
const std::string kDate = "Sun, 13 Sep 2020 12:26:40 GMT", kEarlier = "Sun, 13 Sep 2020 12:26:39 GMT";
const std::string kLater = "Sun, 13 Sep 2020 12:26:41 GMT", kMuchEarlier = "Thu, 01 Jan 1970 00:00:00 GMT";

// A representation under test: where it is, its bytes and the strong tag that the server gave it.
struct Subject {
  std::string target, whole, tag;
  [[nodiscard]] std::string inner() const { return tag.substr(1, tag.size() - 2); }
  [[nodiscard]] Answer all() const { return ok(whole).field("ETag", tag).field("Last-Modified", kDate); }
  [[nodiscard]] Answer unchanged() const { return answer(304).body("").field("ETag", tag).lacks("Content-Range"); }
};
const Answer kFailed = answer(412);

std::string none_match(const std::string& tags) { return "If-None-Match:" + tags + "\r\n"; }
std::string match(const std::string& tags) { return "If-Match:" + tags + "\r\n"; }
std::string since(const std::string& date) { return "If-Modified-Since: " + date + "\r\n"; }
std::string unmodified(const std::string& date) { return "If-Unmodified-Since: " + date + "\r\n"; }

class Table {
 public:
  explicit Table(const Subject& subject) : subject_(subject) {}
  void add(const char* section, const std::string& name, const std::string& fields, const Answer& expected) {
    rows.push_back({section, name, get_request(subject_.target, fields), expected});
  }
  Rows rows;

 private:
  const Subject& subject_;
};

Rows tags(const Subject& it) {
  Table table(it);
  const std::string tag = it.tag, in = it.inner();
  for (const std::string& list : {" " + tag, tag, "\t" + tag + "\t", " W/" + tag, " \"x\", " + tag,
                                  " " + tag + ", \"x\"", " \"x\"," + tag + ",\"y\"", " ," + tag, " ,, " + tag + " ,,",
                                  " W/\"x\", W/" + tag, " \"a,b\", " + tag, " \"\\\", " + tag, " \"\", " + tag,
                                  std::string(" \"\xc3\xa4\", ") + tag, std::string(" *"), std::string("*\t")}) {
    table.add("RFC 9110 §13.1.2", "If-None-Match:" + list + " names what we have: 304", none_match(list),
              it.unchanged());
  }
  for (const std::string& list : {std::string(" \"x\""),
                                  std::string(" \"\""),
                                  std::string(" W/\"\""),
                                  " \"" + in + "x\"",
                                  " \"x" + in + "\"",
                                  " " + in,
                                  " \"" + in,
                                  " " + in + "\"",
                                  " '" + in + "'",
                                  " w/" + tag,
                                  " W/W/" + tag,
                                  " W / " + tag,
                                  " W/ " + tag,
                                  " \"W/" + in + "\"",
                                  std::string(" \"*\""),
                                  std::string(" W/*"),
                                  std::string(" x"),
                                  std::string(""),
                                  " \"" + lower(in) + "X\"",
                                  " \"" + in + " \"",
                                  " \" " + in + "\"",
                                  " x" + tag,
                                  " \"x\" " + tag}) {
    table.add("RFC 9110 §13.1.2", "If-None-Match:" + list + " does not name what we have: 200", none_match(list),
              it.all());
  }
  table.add("RFC 9110 §5.3", "If-None-Match in two lines is one list", none_match(" \"x\"") + none_match(" " + tag),
            it.unchanged());
  table.add("RFC 9110 §5.3", "If-None-Match in two lines, the first naming it",
            none_match(" " + tag) + none_match(" \"x\""), it.unchanged());
  table.add("RFC 9110 §5.3", "If-None-Match in two lines that name others", none_match(" \"x\"") + none_match(" \"y\""),
            it.all());

  for (const std::string& list : {" " + tag, tag, " \"x\", " + tag, " " + tag + ",\"x\"", " W/\"x\", " + tag,
                                  " W/" + tag + ", " + tag, " ,, " + tag + ",", std::string(" *")}) {
    table.add("RFC 9110 §13.1.1", "If-Match:" + list + " names what we have: 200", match(list), it.all());
  }
  for (const std::string& list :
       {std::string(" \"x\""), std::string(" \"\""), " W/" + tag, " \"x\", W/" + tag, " " + in, " \"" + in + "x\"",
        std::string(" \"*\""), std::string(" x"), std::string(""), " w/" + tag, std::string(" ,")}) {
    table.add("RFC 9110 §13.1.1", "If-Match:" + list + " does not name what we have: 412", match(list), kFailed);
  }
  table.add("RFC 9110 §5.3", "If-Match in two lines is one list", match(" \"x\"") + match(" " + tag), it.all());
  table.add("RFC 9110 §5.3", "If-Match in two lines that name others", match(" \"x\"") + match(" \"y\""), kFailed);
  return std::move(table.rows);
}

Rows dates(const Subject& it) {
  Table table(it);
  for (const std::string& date :
       {kDate, kLater, std::string("Sunday, 13-Sep-20 12:26:40 GMT"), std::string("Sun Sep 13 12:26:40 2020"),
        std::string("Mon, 14 Sep 2020 00:00:00 GMT"), std::string("Fri, 31 Dec 9999 23:59:59 GMT"),
        std::string("Saturday, 01-Jan-22 00:00:00 GMT"), std::string("Mon Sep 14 00:00:00 2020"),
        std::string("Sun, 13 Sep 2020 12:26:60 GMT")}) {
    table.add("RFC 9110 §13.1.3", "not modified since " + date + ": 304", since(date), it.unchanged());
    table.add("RFC 9110 §13.1.4", "unmodified since " + date + ": 200", unmodified(date), it.all());
  }
  for (const std::string& date :
       {kEarlier, kMuchEarlier, std::string("Sunday, 13-Sep-20 12:26:39 GMT"), std::string("Sun Sep 13 12:26:39 2020"),
        std::string("Sunday, 06-Nov-94 08:49:37 GMT"), std::string("Sun Nov  6 08:49:37 1994"),
        std::string("Wed, 13 Sep 1899 12:26:40 GMT")}) {
    table.add("RFC 9110 §13.1.3", "modified since " + date + ": 200", since(date), it.all());
    table.add("RFC 9110 §13.1.4", "not unmodified since " + date + ": 412", unmodified(date), kFailed);
  }
  for (const char* date : {"",
                           "yesterday",
                           "0",
                           "1600000000",
                           "-1",
                           "9999999999999999999999",
                           "2020-09-13T12:26:40Z",
                           "Sun, 13 Sep 2020 12:26:40",
                           "Sun, 13 Sep 2020 12:26:40 UTC",
                           "Sun, 13 Sep 2020 12:26:40 +0000",
                           "Sun, 13 Sep 2020 12:26:40 gmt",
                           "Sun, 13 Sep 2020 12:26 GMT",
                           "Sun, 13 Sep 20 12:26:40 GMT",
                           "Sun, 13 sep 2020 12:26:40 GMT",
                           "sun, 13 Sep 2020 12:26:40 GMT",
                           "13 Sep 2020 12:26:40 GMT",
                           "Sun, 32 Sep 2020 12:26:40 GMT",
                           "Sun, 31 Sep 2020 12:26:40 GMT",
                           "Mon, 29 Feb 2021 12:26:40 GMT",
                           "Sun, 00 Sep 2020 12:26:40 GMT",
                           "Sun, 13 Sep 2020 24:26:40 GMT",
                           "Sun, 13 Sep 2020 12:60:40 GMT",
                           "Sun, 13 Sep 2020 12:26:61 GMT",
                           "Sun, 3 Sep 2020 12:26:40 GMT",
                           "Sun,13 Sep 2020 12:26:40 GMT",
                           "Sun 13 Sep 2020 12:26:40 GMT",
                           "Sun, 13 Sep 2020 12:26:40 GMT; length=5",
                           "\"Sun, 13 Sep 2020 12:26:40 GMT\"",
                           "Sun, 13 Sep 2020 12:26:40 GMT, Sun, 13 Sep 2020 12:26:40 GMT",
                           "Sun, -3 Sep 2020 12:26:40 GMT",
                           "Sun, 13-Sep-2020 12:26:40 GMT",
                           "Sunday, 13 Sep 2020 12:26:40 GMT",
                           "Sun Sep 13 12:26:40 2020 GMT"}) {
    const std::string words = "a date that is none (" + std::string(date) + ") is ignored";
    table.add("RFC 9110 §13.1.3", "If-Modified-Since: " + words, since(date), it.all());
    table.add("RFC 9110 §13.1.4", "If-Unmodified-Since: " + words, unmodified(date), it.all());
  }
  table.add("RFC 9110 §13.1.3", "If-Modified-Since twice is ignored", since(kDate) + since(kDate), it.all());
  table.add("RFC 9110 §13.1.4", "If-Unmodified-Since twice is ignored", unmodified(kEarlier) + unmodified(kEarlier),
            it.all());
  return std::move(table.rows);
}

Rows precedence(const Subject& it) {
  Table table(it);
  const std::string mine = " " + it.tag, other = " \"x\"";
  const auto row = [&](const std::string& name, const std::string& fields, const Answer& expected) {
    table.add("RFC 9110 §13.2.2", name, fields, expected);
  };
  row("1: a true If-Match hides an If-Unmodified-Since that is false", match(mine) + unmodified(kEarlier), it.all());
  row("1: a false If-Match is not saved by a true If-Unmodified-Since", match(other) + unmodified(kLater), kFailed);
  row("1: a false If-Match comes before a matching If-None-Match", match(other) + none_match(mine), kFailed);
  row("1: a false If-Match comes before If-Modified-Since", match(other) + since(kDate), kFailed);
  row("1: the order of the lines does not matter", none_match(mine) + match(other), kFailed);
  row("2: a false If-Unmodified-Since comes before a matching If-None-Match", unmodified(kEarlier) + none_match(mine),
      kFailed);
  row("2: a false If-Unmodified-Since comes before If-Modified-Since", unmodified(kEarlier) + since(kDate), kFailed);
  row("2: a malformed If-Unmodified-Since does not hide If-None-Match", unmodified("x") + none_match(mine),
      it.unchanged());
  row("2: a malformed If-Match hides If-Unmodified-Since", match(" x") + unmodified(kLater), kFailed);
  row("3: If-Match true, If-None-Match matches: 304", match(mine) + none_match(mine), it.unchanged());
  row("3: If-Match *, If-None-Match *: 304", match(" *") + none_match(" *"), it.unchanged());
  row("3: If-Match true, If-None-Match of another: 200", match(mine) + none_match(other), it.all());
  row("3: If-Unmodified-Since true, If-None-Match matches: 304", unmodified(kDate) + none_match(mine), it.unchanged());
  row("3: a matching If-None-Match hides an If-Modified-Since that says modified",
      none_match(mine) + since(kMuchEarlier), it.unchanged());
  row("3: another If-None-Match hides an If-Modified-Since that says not modified", none_match(other) + since(kLater),
      it.all());
  row("3: a malformed If-None-Match hides If-Modified-Since", none_match(" x") + since(kLater), it.all());
  row("3: an empty If-None-Match hides If-Modified-Since", none_match("") + since(kLater), it.all());
  row("4: If-Match true, not modified since: 304", match(mine) + since(kDate), it.unchanged());
  row("4: If-Match true, modified since: 200", match(mine) + since(kEarlier), it.all());
  row("4: unmodified and not modified since: 304", unmodified(kDate) + since(kDate), it.unchanged());
  row("all four true: 304", match(mine) + unmodified(kDate) + none_match(mine) + since(kDate), it.unchanged());
  row("all four false: 412", match(other) + unmodified(kEarlier) + none_match(other) + since(kEarlier), kFailed);
  return std::move(table.rows);
}

Rows ranges(const Subject& it) {
  Table table(it);
  const std::string mine = " " + it.tag, range = "Range: bytes=1-3\r\n", beyond = "Range: bytes=99999999-\r\n";
  const auto if_range = [](const std::string& value) { return "If-Range: " + value + "\r\n"; };
  const Answer slice = part(it.whole, 1, 3).field("ETag", it.tag), whole = it.all().lacks("Content-Range");
  for (const std::string& value : {it.tag, kDate}) {
    table.add("RFC 9110 §13.1.5", "If-Range: " + value + " is what we have: 206", range + if_range(value), slice);
    table.add("RFC 9110 §13.1.5", "If-Range: " + value + " before Range: 206", if_range(value) + range, slice);
    table.add("RFC 9110 §13.1.5", "If-Range: " + value + " without Range is ignored", if_range(value), whole);
    table.add("RFC 9110 §15.5.17", "If-Range: " + value + " and a range beyond the end: 416", beyond + if_range(value),
              answer(416).field("Content-Range", "bytes */" + std::to_string(it.whole.size())));
  }
  for (const std::string& value :
       {"W/" + it.tag, std::string("\"x\""), std::string("\"\""), std::string("*"), it.inner(), it.tag + ", \"x\"",
        it.tag + "," + it.tag, it.tag + "x", kEarlier, kLater, std::string("x"), std::string(""),
        std::string("Sun, 13 Sep 2020 12:26:40"), std::string("0")}) {
    table.add("RFC 9110 §13.1.5", "If-Range: " + value + " is not what we have: 200", range + if_range(value), whole);
  }
  table.add("RFC 9110 §13.1.5", "another If-Range and a range beyond the end: 200", beyond + if_range("\"x\""), whole);
  table.add("RFC 9110 §13.1.5", "If-Range twice is not to be trusted: 200", range + if_range(it.tag) + if_range(it.tag),
            whole);
  table.add("RFC 9110 §13.2.2", "5: a matching If-None-Match comes before Range", range + none_match(mine),
            it.unchanged());
  table.add("RFC 9110 §13.2.2", "5: not modified since comes before Range", range + since(kDate), it.unchanged());
  table.add("RFC 9110 §13.2.2", "5: a false If-Match comes before Range", range + match(" \"x\""), kFailed);
  table.add("RFC 9110 §13.2.2", "5: a false If-Match comes before a range beyond the end", beyond + match(" \"x\""),
            kFailed);
  table.add("RFC 9110 §13.2.2", "5: a false If-Unmodified-Since comes before Range", range + unmodified(kEarlier),
            kFailed);
  table.add("RFC 9110 §13.2.2", "5: a matching If-None-Match comes before 416", beyond + none_match(mine),
            it.unchanged());
  table.add("RFC 9110 §13.2.2", "5: a true If-Match lets Range pass", range + match(mine), slice);
  table.add("RFC 9110 §13.2.2", "5: another If-None-Match lets Range pass", range + none_match(" \"x\""), slice);
  table.add("RFC 9110 §13.2.2", "5: modified since lets Range pass", range + since(kEarlier), slice);
  table.add("RFC 9110 §13.2.2", "5: a true If-Match with If-Range of another: 200",
            range + match(mine) + if_range("\"x\""), whole);
  table.add("RFC 9110 §13.2.2", "5: a matching If-None-Match comes before If-Range of another",
            range + none_match(mine) + if_range("\"x\""), it.unchanged());
  return std::move(table.rows);
}

struct Tree {
  Tree() {
    for (const auto& [name, content] : {std::pair<const char*, const std::string&>{"small.txt", small},
                                        {"large.bin", large},
                                        {"empty.txt", empty},
                                        {"dir/index.html", small}}) {
      site.file(name, content);
      site.set_mtime(name, kMtime);
    }
    site.file("probe.txt", kProbe);
  }
  [[nodiscard]] static Subject subject(const Server& server, const std::string& target, const std::string& whole) {
    const std::string tag = server.get(target).field("ETag");
    REQUIRE(tag.starts_with('"'));
    REQUIRE(tag.size() > 4);
    return {target, whole, tag};
  }
  const std::string small = "a small file\n", large = pattern(70000, 3), empty;
  Site site;
};

void run_all(const Server& server, const std::string& what, const Subject& subject) {
  run_table(server, "tags, " + what, tags(subject), {.head_too = true});
  run_table(server, "dates, " + what, dates(subject), {.head_too = true});
  run_table(server, "precedence, " + what, precedence(subject), {.head_too = true});
}
}  // namespace

TEST_CASE_FIXTURE(Tree, "preconditions decide about a cached file as RFC 9110 §13 says") {
  const Server server(site);
  const Subject it = subject(server, "/small.txt", small);
  run_all(server, "a cached file", it);
  run_table(server, "If-Range, a cached file", ranges(it));
}

TEST_CASE_FIXTURE(Tree, "preconditions decide about a streamed file as RFC 9110 §13 says") {
  const Server server(site);
  const Subject it = subject(server, "/large.bin", large);
  run_all(server, "a streamed file", it);
  run_table(server, "If-Range, a streamed file", ranges(it));
}

TEST_CASE_FIXTURE(Tree, "preconditions decide about an index and about an empty file as RFC 9110 §13 says") {
  const Server server(site);
  const Subject index = subject(server, "/dir/", small), nothing = subject(server, "/empty.txt", empty);
  run_table(server, "precedence, an index", precedence(index), {.head_too = true});
  run_table(server, "If-Range, an index", ranges(index));
  run_table(server, "precedence, an empty file", precedence(nothing), {.head_too = true});
}
