// Entity-tag lists, preconditions and If-Range by themselves; together with ranges they are in evaluate_test.cpp.
#include "uringd/http/conditional.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "uringd/http/request_parser.hpp"

namespace uringd::http {
namespace {

constexpr int64_t modified_s = 784111777;  // Sun, 06 Nov 1994 08:49:37 GMT
constexpr int64_t now_s = 1'795'000'000;   // 2026-11-18
constexpr Representation page{1000, "\"a\"", modified_s, true};
constexpr Representation weak{1000, "W/\"a\"", modified_s, true};
constexpr Representation undated{1000, "\"a\"", 0, false};
constexpr Representation untagged{1000, "", modified_s, true};
constexpr Representation bare{1000, "", 0, false};

struct Row {
  std::string section;  // of RFC 9110
  std::string fields;   // lines, without their ends, parted by '|'
  Representation representation = page;
};

/// Asks `question` of each row's request, for GET and for HEAD.
template <typename Answer, typename Question>
void check_all(Answer answer, Question question, const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    CAPTURE(row.section);
    CAPTURE(row.fields);
    std::string lines = row.fields.empty() ? "" : row.fields + "|";
    for (size_t at = 0; (at = lines.find('|', at)) != std::string::npos;) lines.replace(at, 1, "\r\n");
    for (const char* method : {"GET", "HEAD"}) {
      const std::string bytes = std::string{method} + " / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n";
      RequestParser parser;
      REQUIRE(parser.parse_head(bytes.data(), bytes.size()) == RequestParser::Progress::head_complete);
      CHECK((question(parser.request(), row.representation, now_s) == answer));
    }
  }
}
void check(Precondition answer, const std::vector<Row>& rows) { check_all(answer, check_preconditions, rows); }
void check_range(bool answer, const std::vector<Row>& rows) { check_all(answer, check_if_range, rows); }

TEST_CASE("a list names a tag that it holds, wherever it stands (RFC 9110 §8.8.3, §5.6.1)") {
  for (const std::string list :
       {"\"a\"", "\"b\", \"a\"", "\"a\",\"b\"", " ,\t, \"a\" ,", "\"b,\",\"a\"", "\"foo\", \"bar\", \t\"a\" , \"baz\"",
        ",,,\"a\"", "\"a\"\t", "W/\"b\",\"a\"", "\"a\", x", "*", " * "}) {
    CAPTURE(list);
    CHECK(etag_list_matches(list, "\"a\"", true));
  }
  for (const std::string list :
       {"",           ",",        " , ,",           "a",        "\"A\"",       "\"a",        "a\"",         "\"",
        "\"b, \"a\"", "\"a \"",   "\" a\"",         "\"*\"",    "'a'",         "\"b\", a",   "**",          "*, \"b\"",
        "\"b\", *",   "w/\"a\"",  "W/ \"a\"",       "W/",       "W",           "W/a",        "W\"a\"",      "W/W/\"a\"",
        "\\\"a\\\"",  "\"\\a\"",  "\"aa\"",         "\"\"",     "\"b\" \"a\"", "\"b\"\"a\"", "\"a\" \"b\"", "\"a\"x",
        "\"a\"; q=1", "x, \"a\"", "\"b\t\", \"a\"", "\"a\x7f\""}) {
    CAPTURE(list);
    CHECK_FALSE(etag_list_matches(list, "\"a\"", false));
  }
}

TEST_CASE("a tag may hold any visible character but the quote, and bytes above 127 (RFC 9110 §8.8.3)") {
  for (const std::string tag : {"\"\"", "\",\"", "\"a,b\"", "\"\\\"", "\"!#$%&'()*+-./:;<=>?@[]^_`{|}~\"",
                                "\"\xc3\xa9\"", "\"\x80\xff\"", "\"W/\"", "\"*\""}) {
    CAPTURE(tag);
    CHECK(etag_list_matches(tag, tag, true));
    CHECK(etag_list_matches("\"x\" , " + tag + ",\"y\"", tag, true));
    CHECK_FALSE(etag_list_matches("\"x\"", tag, false));
  }
  for (unsigned char c = 1; c < 0x80; ++c) {  // a control character, a space or a quote makes it none
    const std::string tag = "\"x" + std::string(1, static_cast<char>(c)) + "\"";
    CAPTURE(static_cast<int>(c));
    CHECK(etag_list_matches(tag, tag, true) == (c > ' ' && c != '"' && c != 0x7f));
  }
}

TEST_CASE("weak tags match weakly, and never strongly: the table of RFC 9110 §8.8.3.2") {
  struct Pair {
    std::string one, other;
    bool strong, weak;
  };
  for (const Pair& pair : std::vector<Pair>{{"W/\"1\"", "W/\"1\"", false, true},
                                            {"W/\"1\"", "W/\"2\"", false, false},
                                            {"W/\"1\"", "\"1\"", false, true},
                                            {"\"1\"", "W/\"1\"", false, true},
                                            {"\"1\"", "\"1\"", true, true},
                                            {"W/\"1\", \"1\"", "\"1\"", true, true}}) {
    CAPTURE(pair.one);
    CAPTURE(pair.other);
    CHECK(etag_list_matches(pair.one, pair.other, true) == pair.strong);
    CHECK(etag_list_matches(pair.one, pair.other, false) == pair.weak);
  }
}

TEST_CASE("a representation without a tag matches only the star (RFC 9110 §13.1.1, §13.1.2)") {
  CHECK_FALSE(etag_list_matches("\"\"", "", false));
  CHECK_FALSE(etag_list_matches("\"a\"", "", false));
  CHECK_FALSE(etag_list_matches("", "", false));
  CHECK(etag_list_matches("*", "", true));
}

TEST_CASE("If-Match holds for the star and for a tag that matches strongly") {
  check(Precondition::passed, {
                                  {"§13.1.1", "If-Match: \"a\""},
                                  {"§13.1.1", "If-Match: *"},
                                  {"§13.1.1 the star, of one without a tag", "If-Match: *", bare},
                                  {"§13.1.1", "If-Match: \"b\", \"a\""},
                                  {"§13.1.1", "if-match:\"foo\",\"bar\",\t\"a\" ,\"baz\""},
                                  {"§13.1.1 a tag with a comma", "If-Match: \"x,\", \"a\""},
                                  {"§5.3 several lines are one list", "If-Match: \"b\"|Accept: x|If-Match: \"a\""},
                                  {"§5.3", "If-Match: \"a\"|If-Match: \"b\""},
                                  {"§5.6.1 an empty line of a list", "If-Match:|If-Match: \"a\""},
                                  {"what comes before is a list", "If-Match: \"a\", b"},
                              });
  check(Precondition::failed, {
                                  {"§13.1.1", "If-Match: \"b\""},
                                  {"§13.1.1", "If-Match: \"b\", \"c\""},
                                  {"§13.1.1", "If-Match: \"b\"|If-Match: \"c\""},
                                  {"§13.1.1 no tag, no match", "If-Match: \"a\"", bare},
                                  {"§8.8.3.2 strong", "If-Match: W/\"a\""},
                                  {"§8.8.3.2 strong", "If-Match: \"a\"", weak},
                                  {"§8.8.3.2 strong", "If-Match: W/\"a\"", weak},
                                  {"§13.1.1 no list", "If-Match: a"},
                                  {"§13.1.1 no list", "If-Match: \"a"},
                                  {"§13.1.1 an empty one", "If-Match:"},
                                  {"§13.1.1 an empty one", "If-Match: ,"},
                                  {"§13.1.1 unlike the star", "If-Match: \"*\""},
                                  {"§13.1.1 a star among tags", "If-Match: \"b\", *"},
                                  {"§5.3 a star among lines", "If-Match: *|If-Match: \"b\""},
                                  {"§5.3 a star among lines", "If-Match: \"b\"|If-Match: *"},
                                  {"§5.3 no list from the first line on", "If-Match: x|If-Match: \"a\""},
                              });
}

TEST_CASE("If-Unmodified-Since holds up to the time of the last change, and gives way to If-Match") {
  check(Precondition::passed,
        {
            {"§13.1.4 the very second", "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT"},
            {"§13.1.4", "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:38 GMT"},
            {"§13.1.4", "If-Unmodified-Since: Sunday, 06-Nov-94 08:49:37 GMT"},
            {"§13.1.4", "If-Unmodified-Since: Sun Nov  6 08:49:37 1994"},
            {"§13.1.4 no date", "If-Unmodified-Since: x"},
            {"§13.1.4 no date", "If-Unmodified-Since:"},
            {"§13.1.4 no date of ours", "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT", undated},
            {"§13.1.4 no date of ours", "If-Unmodified-Since: Wed, 31 Dec 1969 23:59:59 GMT", undated},
            {"§13.1.4 a list of dates",
             "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT, Sun, 06 Nov 1994 08:49:36 GMT"},
            {"§13.1.4 a list of dates",
             "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT|If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT"},
            {"§13.1.4 beside If-Match", "If-Match: \"a\"|If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT"},
            {"§13.1.4 beside If-Match", "If-Match: *|If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT", untagged},
        });
  check(Precondition::failed,
        {
            {"§13.1.4", "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT"},
            {"§13.1.4", "If-Unmodified-Since: Sunday, 06-Nov-94 08:49:36 GMT"},
            {"§13.1.4", "If-Unmodified-Since: Sun Nov  6 08:49:36 1994"},
            {"§13.1.4", "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT", untagged},
            {"§5.6.7 a wrong name of the day says no less", "If-Unmodified-Since: Mon, 06 Nov 1994 08:49:36 GMT"},
            {"§13.1.4 beside If-Match", "If-Match: \"b\"|If-Unmodified-Since: Sun, 06 Nov 1994 08:49:38 GMT"},
            {"§13.2.2 step 2 before 3", "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT|If-None-Match: \"a\""},
        });
}

TEST_CASE("If-None-Match is 304 for the star and for a tag that matches weakly") {
  check(Precondition::not_modified, {
                                        {"§13.1.2", "If-None-Match: \"a\""},
                                        {"§13.1.2", "If-None-Match: \"foo\", \"bar\", \"a\" , \"baz\""},
                                        {"§13.1.2 the star", "If-None-Match: *"},
                                        {"§13.1.2 the star, of one without a tag", "If-None-Match: *", bare},
                                        {"§8.8.3.2 weak", "If-None-Match: W/\"a\""},
                                        {"§8.8.3.2 weak", "If-None-Match: \"a\"", weak},
                                        {"§8.8.3.2 weak", "If-None-Match: \"baz\", W/\"a\"", weak},
                                        {"§5.3", "If-None-Match: \"b\"|If-None-Match: \"a\""},
                                        {"§5.3", "If-None-Match: \"b\"|Accept: x|If-None-Match: \"c\", \"a\""},
                                        {"§13.2.2 step 1, then 3", "If-None-Match: \"a\"|If-Match: \"a\""},
                                        {"§13.2.2 step 1, then 3", "If-Match: *|If-None-Match: *"},
                                        {"what comes before is a list", "If-None-Match: \"a\", b"},
                                    });
  check(Precondition::passed, {
                                  {"§13.1.2", "If-None-Match: \"b\""},
                                  {"§8.8.3 case counts", "If-None-Match: \"A\""},
                                  {"§13.1.2 no tag of ours", "If-None-Match: \"a\"", bare},
                                  {"§13.1.2 no tag of ours", "If-None-Match: \"\"", bare},
                                  {"§13.1.2 no list", "If-None-Match: a"},
                                  {"§13.1.2 no list", "If-None-Match: \"a"},
                                  {"§13.1.2 no list", "If-None-Match: ,"},
                                  {"§13.1.2 unlike the star", "If-None-Match: \"*\""},
                                  {"§13.1.2 a star among tags", "If-None-Match: \"b\", *"},
                                  {"§5.3 a star among lines", "If-None-Match: *|If-None-Match: *"},
                                  {"§5.3 no list from the first line on", "If-None-Match: x|If-None-Match: \"a\""},
                                  {"§5.3", "If-None-Match: \"b\"|If-None-Match: \"c\""},
                              });
  check(Precondition::failed, {
                                  {"§13.2.2 step 1 before 3", "If-None-Match: \"a\"|If-Match: \"b\""},
                                  {"§13.2.2 step 1 before 3", "If-None-Match: *|If-Match: \"b\""},
                              });
}

TEST_CASE("If-Modified-Since is 304 from the time of the last change on, and gives way to If-None-Match") {
  check(Precondition::not_modified,
        {
            {"§13.1.3 the very second", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT"},
            {"§13.1.3", "If-Modified-Since: Sun, 06 Nov 1994 08:49:38 GMT"},
            {"§5.6.7", "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT"},
            {"§5.6.7", "If-Modified-Since: Sun Nov  6 08:49:37 1994"},
            {"§13.1.3 the future is a date too", "If-Modified-Since: Tue, 19 Jan 2038 03:14:07 GMT"},
            {"§13.1.3", "If-Modified-Since: Tue, 19 Jan 2038 03:14:08 GMT"},
            {"§13.1.3", "If-Modified-Since: Fri, 25 Feb 2174 09:42:23 GMT"},
            {"§13.1.3", "If-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT"},
            {"§13.1.3", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT", untagged},
            {"§13.1.3 beside If-None-Match", "If-None-Match: \"a\"|If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT"},
            {"§13.2.2 step 2, then 4",
             "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT|If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT"},
        });
  check(Precondition::passed,
        {
            {"no field", ""},
            {"§13.1.3", "If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT"},
            {"§13.1.3 no date", "If-Modified-Since: yesterday"},
            {"§13.1.3 no date", "If-Modified-Since:"},
            {"§13.1.3 no date", "If-Modified-Since: 784111777"},
            {"§13.1.3 no date", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT; length=1000"},
            {"§13.1.3 no date", "If-Modified-Since: \"a\""},
            {"§13.1.3 no date of ours", "If-Modified-Since: Sun, 06 Nov 1994 08:49:38 GMT", undated},
            {"§13.1.3 more than one member",
             "If-Modified-Since: Sun, 06 Nov 1994 08:49:38 GMT, Sun, 06 Nov 1994 08:49:38 GMT"},
            {"§13.1.3 more than one member",
             "If-Modified-Since: Sun, 06 Nov 1994 08:49:38 GMT|If-Modified-Since: Sun, 06 Nov 1994 08:49:38 GMT"},
            {"§13.1.3 beside If-None-Match", "If-None-Match: \"b\"|If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT"},
            {"§13.1.3 beside an empty one", "If-None-Match:|If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT"},
            {"§13.1.3 beside a broken one", "If-None-Match: a|If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT"},
            {"§13.1.3 beside one that cannot match",
             "If-None-Match: \"a\"|If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT", untagged},
        });
}

TEST_CASE("If-Range holds for the same strong tag or the very date of the last change (RFC 9110 §13.1.5)") {
  check_range(true, {
                        {"no field", ""},
                        {"§13.1.5", "If-Range: \"a\""},
                        {"§13.1.5", "If-Range: Sun, 06 Nov 1994 08:49:37 GMT"},
                        {"§5.6.7 all three forms", "If-Range: Sunday, 06-Nov-94 08:49:37 GMT"},
                        {"§5.6.7 all three forms", "If-Range: Sun Nov  6 08:49:37 1994"},
                        {"§13.1.5", "If-Range: Sun, 06 Nov 1994 08:49:37 GMT", untagged},
                    });
  check_range(false, {
                         {"§13.1.5", "If-Range: \"b\""},
                         {"§8.8.3.2 strong", "If-Range: W/\"a\""},
                         {"§8.8.3.2 strong", "If-Range: \"a\"", weak},
                         {"§8.8.3.2 strong", "If-Range: W/\"a\"", weak},
                         {"§13.1.5 no list", "If-Range: \"a\", \"b\""},
                         {"§13.1.5 no list", "If-Range: \"b\", \"a\""},
                         {"§13.1.5 no list", "If-Range: \"a\"|If-Range: \"a\""},
                         {"§13.1.5 no star", "If-Range: *"},
                         {"§13.1.5", "If-Range:"},
                         {"§13.1.5", "If-Range: wrong"},
                         {"§13.1.5", "If-Range: \"a"},
                         {"§13.1.5", "If-Range: a"},
                         {"§13.1.5 no tag of ours", "If-Range: \"a\"", bare},
                         {"§13.1.5 no tag of ours", "If-Range: \"\"", bare},
                         {"§13.1.5 exact", "If-Range: Sun, 06 Nov 1994 08:49:38 GMT"},
                         {"§13.1.5 exact", "If-Range: Sun, 06 Nov 1994 08:49:36 GMT"},
                         {"§13.1.5 no date of ours", "If-Range: Sun, 06 Nov 1994 08:49:37 GMT", undated},
                         {"§13.1.5 no date of ours", "If-Range: Thu, 01 Jan 1970 00:00:00 GMT", undated},
                     });
}

TEST_CASE("a date within this second is not a strong one: If-Range does not hold (RFC 9110 §8.8.2.2)") {
  const std::string bytes = "GET / HTTP/1.1\r\nHost: a\r\nIf-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n";
  RequestParser parser;
  REQUIRE(parser.parse_head(bytes.data(), bytes.size()) == RequestParser::Progress::head_complete);
  CHECK_FALSE(check_if_range(parser.request(), page, modified_s - 1));
  CHECK_FALSE(check_if_range(parser.request(), page, modified_s));
  CHECK(check_if_range(parser.request(), page, modified_s + 1));
}

}  // namespace
}  // namespace uringd::http
