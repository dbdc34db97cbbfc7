// What Accept-Encoding and Accept ask for. Each row is one field as a client sends it, with the section of RFC 9110
// that decides it; a '|' between two values stands for a further line of the field.
#include "uringd/http/negotiate.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "uringd/http/request_parser.hpp"

namespace uringd::http {
namespace {

constexpr const char* no_field = nullptr;

/// A request with that field; it keeps the bytes that its slices point into.
class Asked {
 public:
  Asked(std::string_view name, const char* values) {
    bytes_ = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (std::string_view rest = values ? values : ""; values;) {
      const size_t bar = rest.find('|');
      bytes_.append(name).append(": ").append(rest.substr(0, bar)).append("\r\nX-Between: gzip, text/html\r\n");
      if (bar == std::string_view::npos) break;
      rest.remove_prefix(bar + 1);
    }
    bytes_ += "\r\n";
    REQUIRE(parser_.parse_head(bytes_.data(), bytes_.size()) == RequestParser::Progress::head_complete);
  }
  [[nodiscard]] const Request& request() const { return parser_.request(); }

 private:
  std::string bytes_;
  RequestParser parser_;
};

std::string shown(const AcceptedCodings& accepted) {
  std::string text;
  for (const uint16_t quality : accepted.quality) text += std::to_string(quality) + " ";
  return text;
}

std::string shown(const char* field) { return field ? field : "(no field)"; }

struct CodingRow {
  std::string_view section;
  const char* field;
  std::string_view qualities;  // identity, gzip, zstd, br
};

constexpr CodingRow coding_rows[] = {
    // What is there at all.
    {"§12.5.3 no field: identity is all that we know of", no_field, "1 0 0 0 "},
    {"§12.5.3 an empty field asks for no coding", "", "1 0 0 0 "},
    {"§5.6.1.2 empty elements are no elements", " , ,, ", "1 0 0 0 "},
    {"§5.6.1.2 empty elements beside others", ",gzip,,br,", "1 1000 0 1000 "},
    {"§12.5.3 what browsers send", "gzip, deflate, br, zstd", "1 1000 1000 1000 "},
    {"§5.6.1 no white space after the comma", "gzip,br", "1 1000 0 1000 "},
    {"§5.6.3 tabs and spaces around elements", "\tgzip \t,\t br\t", "1 1000 0 1000 "},
    {"§8.4.1 names have no case", "GZip, BR, zStD", "1 1000 1000 1000 "},
    {"§8.4.1.3 x-gzip is gzip", "x-gzip", "1 1000 0 0 "},
    {"§8.4.1.3 x-gzip has no case either", "X-GZIP;q=0.5", "1 500 0 0 "},
    {"§8.4.1 codings that we do not have", "deflate, compress, exi, dcb", "1 0 0 0 "},
    {"§8.4.1 a longer name is another name", "gzip2, brx, xbr, zstdx", "1 0 0 0 "},
    {"§8.4.1 a shorter name is another name", "gzi, b, zst, x-gzi", "1 0 0 0 "},
    {"§8.4.1 x-br does not exist", "x-br, x-zstd", "1 0 0 0 "},
    {"§5.6.1 a space does not separate", "gzip br", "1 0 0 0 "},
    {"§5.6.1 a semicolon does not separate", "gzip;br", "1 0 0 0 "},
    // Weights.
    {"§12.4.2 without a weight: 1", "br", "1 0 0 1000 "},
    {"§12.4.2 q=1", "br;q=1", "1 0 0 1000 "},
    {"§12.4.2 q=1. has no decimals and is one", "br;q=1.", "1 0 0 1000 "},
    {"§12.4.2 q=1.000", "br;q=1.000", "1 0 0 1000 "},
    {"§12.4.2 one decimal", "br;q=0.5", "1 0 0 500 "},
    {"§12.4.2 two decimals", "br;q=0.25", "1 0 0 250 "},
    {"§12.4.2 three decimals", "br;q=0.123", "1 0 0 123 "},
    {"§12.4.2 the least weight", "br;q=0.001", "1 0 0 1 "},
    {"§12.4.2 the greatest below one", "br;q=0.999", "1 0 0 999 "},
    {"§12.4.2 q=0 is not acceptable", "br;q=0", "1 0 0 0 "},
    {"§12.4.2 q=0. is 0", "br;q=0., gzip", "1 1000 0 0 "},
    {"§12.4.2 q=0.000 is 0", "br;q=0.000, gzip", "1 1000 0 0 "},
    {"§12.4.2 white space around the semicolon", "br \t; \tq=0.5", "1 0 0 500 "},
    {"§5.6.6 the parameter's name has no case", "br;Q=0.5", "1 0 0 500 "},
    {"§12.4.2 four decimals: the element is lost", "br;q=0.1234, gzip", "1 1000 0 0 "},
    {"§12.4.2 four zeros too", "br;q=1.0000, gzip", "1 1000 0 0 "},
    {"§12.4.2 above one", "br;q=1.001, gzip", "1 1000 0 0 "},
    {"§12.4.2 two", "br;q=2, gzip", "1 1000 0 0 "},
    {"§12.4.2 ten", "br;q=10, gzip", "1 1000 0 0 "},
    {"§12.4.2 negative", "br;q=-1, gzip", "1 1000 0 0 "},
    {"§12.4.2 a sign", "br;q=+1, gzip", "1 1000 0 0 "},
    {"§12.4.2 no digit before the point", "br;q=.5, gzip", "1 1000 0 0 "},
    {"§12.4.2 a leading zero", "br;q=00.5, gzip", "1 1000 0 0 "},
    {"§12.4.2 a decimal comma splits the list", "br;q=0,5, gzip", "1 1000 0 0 "},
    {"§12.4.2 an exponent", "br;q=1e0, gzip", "1 1000 0 0 "},
    {"§12.4.2 letters", "br;q=0.x, gzip", "1 1000 0 0 "},
    {"§12.4.2 what comes after 9 in ASCII", "br;q=0.:, zstd;q=0.0:, gzip", "1 1000 0 0 "},
    {"§12.4.2 a quoted weight", "br;q=\"1\", gzip", "1 1000 0 0 "},
    {"§12.4.2 no value", "br;q=, gzip", "1 1000 0 0 "},
    {"§12.4.2 no equals sign", "br;q, gzip", "1 1000 0 0 "},
    {"§12.4.2 nothing after the semicolon", "br;, gzip", "1 1000 0 0 "},
    {"§12.4.2 white space inside the weight", "br;q =1, zstd;q= 1, gzip", "1 1000 0 0 "},
    {"§12.4.2 two weights", "br;q=0.5;q=1, gzip", "1 1000 0 0 "},
    {"§12.5.3 codings have no other parameters", "br;level=11, zstd;level=3;q=1, gzip", "1 1000 0 0 "},
    // Identity.
    {"§12.5.3 identity by name", "identity", "1000 0 0 0 "},
    {"§12.5.3 identity with a weight", "gzip, identity;q=0.5", "500 1000 0 0 "},
    {"§12.5.3 identity excluded", "gzip, identity;q=0", "0 1000 0 0 "},
    {"§12.5.3 identity excluded, nothing else left", "identity;q=0", "0 0 0 0 "},
    {"§12.5.3 identity excluded through *", "*;q=0", "0 0 0 0 "},
    {"§12.5.3 identity excluded through *, one named", "gzip, *;q=0", "0 1000 0 0 "},
    {"§12.5.3 identity named beats *;q=0", "identity;q=0.3, *;q=0", "300 0 0 0 "},
    {"§12.5.3 identity named before or after", "*;q=0, identity", "1000 0 0 0 "},
    {"§12.5.3 a malformed identity is not named", "gzip, identity;q=x, *;q=0", "0 1000 0 0 "},
    {"§12.5.3 * above 0 leaves identity the last resort", "*;q=0.5", "1 500 500 500 "},
    // "*".
    {"§12.5.3 * is for everything", "*", "1 1000 1000 1000 "},
    {"§12.5.3 * is for what is not named", "br;q=0.1, *;q=0.9", "1 900 900 100 "},
    {"§12.5.3 * does not bring back what was excluded", "br;q=0, *", "1 1000 1000 0 "},
    {"§12.5.3 * excludes what is not named", "br, *;q=0", "0 0 0 1000 "},
    {"§12.5.3 a malformed * is none", "br, *;q=2", "1 0 0 1000 "},
    {"§12.5.3 x-gzip counts as named", "x-gzip;q=0.2, *", "1 200 1000 1000 "},
    {"§12.5.3 ** is a name that nobody has", "**, br", "1 0 0 1000 "},
    // Twice.
    {"§12.5.3 the first of two counts", "br;q=0.2, br;q=0.8", "1 0 0 200 "},
    {"§12.5.3 the first of two excludes", "br;q=0, br", "1 0 0 0 "},
    {"§12.5.3 the first *", "*;q=0.2, *;q=0", "1 200 200 200 "},
    {"§12.5.3 gzip and x-gzip are one", "gzip;q=0.2, x-gzip;q=0.8", "1 200 0 0 "},
    {"§12.4.2 a malformed first one does not count", "br;q=7, br;q=0.8", "1 0 0 800 "},
    // Lines.
    {"§5.3 two lines are one list", "gzip|br", "1 1000 0 1000 "},
    {"§5.3 three lines, one of them empty", "gzip;q=0.5||br;q=0.25", "1 500 0 250 "},
    {"§5.3 * of a later line is for all lines", "gzip;q=0.5|*;q=0", "0 500 0 0 "},
    {"§5.3 the first of two lines counts", "br;q=0.1|br", "1 0 0 100 "},
    {"§5.3 an element does not go on in the next line", "br|;q=0.5", "1 0 0 1000 "},
};

TEST_CASE("Accept-Encoding gives each coding its quality, element by element (RFC 9110 §12.5.3)") {
  for (const CodingRow& row : coding_rows) {
    CAPTURE(row.section);
    CAPTURE(shown(row.field));
    const Asked asked("Accept-Encoding", row.field);
    CHECK(shown(accepted_codings(asked.request())) == row.qualities);
    const std::string_view value = row.field ? row.field : "";
    if (value.find('|') == std::string_view::npos) CHECK(shown(accepted_codings(value)) == row.qualities);
  }
}

struct OrderRow {
  std::string_view section;
  const char* field;
  std::vector<Coding> offered;
  std::vector<Coding> order;
};

TEST_CASE("codings are tried by the client's weight, then in our order (RFC 9110 §12.4.2, §12.5.3)") {
  using enum Coding;
  const std::vector<Coding> all = {br, zstd, gzip};
  const OrderRow rows[] = {
      {"§12.5.3 our order where the client does not care", "gzip, zstd, br", all, all},
      {"§12.5.3 our order, another one", "br, gzip, zstd", {zstd, gzip, br}, {zstd, gzip, br}},
      {"§12.4.2 the client's weight comes first", "br;q=0.1, gzip;q=0.3, zstd;q=0.2", all, {gzip, zstd, br}},
      {"§12.4.2 equal weights keep our order", "br;q=0.5, gzip, zstd;q=0.5", all, {gzip, br, zstd}},
      {"§12.4.2 the last of ours is wanted most", "br;q=0.5, zstd;q=0.5, gzip", all, {gzip, br, zstd}},
      {"§12.5.3 what is not acceptable is not there", "br;q=0, gzip", all, {gzip}},
      {"§12.5.3 *", "*", all, all},
      {"§12.5.3 * less welcome than what is named", "gzip, *;q=0.5", all, {gzip, br, zstd}},
      {"§12.5.3 no field", no_field, all, {}},
      {"§12.5.3 an empty field", "", all, {}},
      {"§12.4.2 the least weight is as good as identity unnamed", "br;q=0.001", all, {br}},
      {"§12.5.3 identity liked better", "gzip;q=0.5, br;q=0.2, identity;q=0.3", all, {gzip}},
      {"§12.5.3 identity liked best", "gzip;q=0.5, identity", all, {}},
      {"§12.5.3 identity liked as much: coded", "gzip;q=0.5, identity;q=0.5", all, {gzip}},
      {"§12.5.3 identity excluded, the rest stays", "gzip;q=0.001, identity;q=0", all, {gzip}},
      {"§12.5.3 nothing acceptable at all", "identity;q=0", all, {}},
      {"§12.5.3 only what is offered", "gzip, br, zstd", {gzip}, {gzip}},
      {"§12.5.3 nothing is offered", "gzip, br, zstd", {}, {}},
      {"§12.5.3 identity is not a coding to try", "gzip, identity", {identity, gzip}, {gzip}},
      {"§12.5.3 offered twice is offered once", "gzip, br", {gzip, br, gzip, br, gzip}, {gzip, br}},
  };
  for (const OrderRow& row : rows) {
    CAPTURE(row.section);
    CAPTURE(shown(row.field));
    const Asked asked("Accept-Encoding", row.field);
    const CodingOrder order = preferred_codings(accepted_codings(asked.request()), row.offered);
    CHECK(std::vector<Coding>(order.codings.begin(), order.codings.begin() + order.count) == row.order);
  }
}

TEST_CASE("a set of qualities says what it accepts (RFC 9110 §12.5.3)") {
  const AcceptedCodings none = accepted_codings("identity;q=0");
  CHECK_FALSE(none.accepts(Coding::identity));
  CHECK_FALSE(none.any());
  CHECK(accepted_codings("").accepts(Coding::identity));
  CHECK_FALSE(accepted_codings("").any());
  for (const Coding coding : real_codings) {
    const AcceptedCodings one = accepted_codings(std::string(coding_name(coding)) + ";q=0.001");
    CHECK(one.accepts(coding));
    CHECK(one.any());
  }
}

struct TypeRow {
  std::string_view section;
  const char* field;
  uint16_t html, json;  // the quality of text/html and of application/json
  bool page;
};

constexpr TypeRow type_rows[] = {
    // What is there at all.
    {"§12.4.1 no field: no preference", no_field, 1000, 1000, false},
    {"§12.4.1 an empty field says as little", "", 1000, 1000, false},
    {"§5.6.1.2 nothing but commas too", ", ,", 1000, 1000, false},
    {"§12.5.1 nothing that can be read says nothing", "html, text/, /html, q=1", 1000, 1000, false},
    {"§12.5.1 curl", "*/*", 1000, 1000, false},
    {"§12.5.1 a browser that goes somewhere",
     "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", 1000, 800, true},
    {"§12.5.1 a browser's image", "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5", 500, 500,
     false},
    {"§12.5.1 a script that asks for JSON", "application/json, text/plain, */*", 1000, 1000, false},
    {"§12.5.1 JSON alone", "application/json", 0, 1000, false},
    {"§12.5.1 HTML alone", "text/html", 1000, 0, true},
    {"§8.3.1 names have no case", "TEXT/Html;q=0.5, Application/JSON;q=0.25", 500, 250, true},
    {"§8.3.1 a longer name is another name", "text/html5, application/json5", 0, 0, false},
    {"§8.3.1 a shorter name is another name", "text/htm, text/h, application/jso, tex/html", 0, 0, false},
    // The most specific range.
    {"§12.5.1 type/* for its subtypes", "text/*", 1000, 0, false},
    {"§12.5.1 type/subtype beats type/*", "text/*;q=0.9, text/html;q=0.2", 200, 0, true},
    {"§12.5.1 type/subtype beats type/* in any order", "text/html;q=0.2, text/*;q=0.9", 200, 0, true},
    {"§12.5.1 type/* beats */*", "*/*;q=0.9, text/*;q=0.2", 200, 900, false},
    {"§12.5.1 type/subtype beats */*", "*/*;q=0.9, text/html;q=0.2", 200, 900, true},
    {"§12.5.1 the RFC's example",
     "text/*;q=0.3, text/html;q=0.7, text/html;level=1, text/html;level=2;q=0.4, */*;q=0.5", 700, 500, true},
    {"§12.5.1 a specific 0 excludes", "text/html;q=0, */*", 0, 1000, false},
    {"§12.5.1 a general 0 does not", "text/html, */*;q=0", 1000, 0, true},
    {"§12.5.1 text/* at 0 takes text/html with it", "text/*;q=0, */*", 0, 1000, false},
    {"§12.5.1 another type's range says nothing of ours", "image/*, application/*;q=0.4", 0, 400, false},
    {"§12.5.1 the first of two counts", "text/html;q=0.3, text/html;q=0.6", 300, 0, true},
    // Parameters.
    {"§12.5.1 a range with parameters is narrower than what we send", "text/html;level=1", 0, 0, false},
    {"§12.5.1 a range with parameters leaves the next one", "text/html;level=1, text/html;q=0.4", 400, 0, true},
    {"§12.5.1 a charset is a parameter", "text/html;charset=utf-8, */*;q=0.1", 100, 100, false},
    {"§12.5.1 the weight counts before other parameters too", "text/html;q=0.5;level=1, */*;q=0.1", 100, 100, false},
    {"§12.5.1 a parameter whose name begins with q is no weight", "text/html;quality=1", 0, 0, false},
    {"§5.6.6 empty parameters", "text/html;;q=0.5;, application/json; ;", 500, 1000, true},
    {"§5.6.6 white space around semicolons", "text/html \t;\t q=0.5", 500, 0, true},
    {"§5.6.4 a comma in quotes does not end an element", "text/x;a=\",text/html,\", application/json;q=0.5", 0, 500,
     false},
    {"§5.6.4 a semicolon in quotes does not end a parameter", "text/html;a=\";q=0\";q=0.5, */*;q=0.2", 200, 200, false},
    {"§5.6.4 a quoted quote does not end the quotes", "text/x;a=\"\\\",text/html\", application/json", 0, 1000, false},
    {"§5.6.4 a quoted backslash does not quote the end", "text/x;a=\"\\\\\",text/html", 1000, 0, true},
    {"§5.6.4 quotes that never end take the rest", "application/json, text/x;a=\", text/html", 0, 1000, false},
    {"§5.6.4 a backslash at the very end", "application/json, text/x;a=\"\\", 0, 1000, false},
    // Weights.
    {"§12.4.2 three decimals", "text/html;q=0.123", 123, 0, true},
    {"§12.4.2 the weight's name has no case", "text/html;Q=0.5", 500, 0, true},
    {"§12.4.2 above one: the element is lost", "text/html;q=1.1, */*;q=0.2", 200, 200, false},
    {"§12.4.2 four decimals: lost", "text/html;q=0.5555, */*;q=0.2", 200, 200, false},
    {"§12.4.2 no digit before the point: Java's old default", "text/html, image/gif, *; q=.2, */*; q=.2", 1000, 0,
     true},
    {"§12.4.2 two weights: lost", "text/html;q=0.5;q=0.6, */*;q=0.2", 200, 200, false},
    {"§12.4.2 no value: lost", "text/html;q=, */*;q=0.2", 200, 200, false},
    // Malformed ranges.
    {"§12.5.1 */html is no range", "*/html, application/json", 0, 1000, false},
    {"§12.5.1 * alone is no range", "*, application/json;q=0.5", 0, 500, false},
    {"§12.5.1 white space around the slash", "text /html, text/ html, application/json", 0, 1000, false},
    {"§12.5.1 a second slash", "text/html/x, application/json", 0, 1000, false},
    {"§12.5.1 characters that no token has", "text/html@, te(xt/*, application/json", 0, 1000, false},
    // Lines.
    {"§5.3 two lines are one list", "application/json;q=0.5|text/html", 1000, 500, true},
    {"§5.3 the most specific of all lines", "*/*;q=0.1|text/*;q=0.2|text/html;q=0.3", 300, 100, true},
    {"§5.3 quotes end with their line", "text/x;a=\"|text/html", 1000, 0, true},
    {"§5.3 an empty line and one that speaks", "|application/json", 0, 1000, false},
};

TEST_CASE("Accept gives a media type the quality of its most specific range (RFC 9110 §12.5.1)") {
  for (const TypeRow& row : type_rows) {
    CAPTURE(row.section);
    CAPTURE(shown(row.field));
    const Asked asked("Accept", row.field);
    CHECK(accepted_quality(asked.request(), "text/html") == row.html);
    CHECK(accepted_quality(asked.request(), "application/json") == row.json);
    CHECK(accepts_page(asked.request()) == row.page);
  }
}

TEST_CASE("a name that is a prefix of a type is not that type (RFC 9110 §8.3.1)") {
  const Asked asked("Accept", "text/html, text/*;q=0.5");
  CHECK(accepted_quality(asked.request(), "text/htm") == 500);
  CHECK(accepted_quality(asked.request(), "tex/html") == 0);
  CHECK(accepted_quality(asked.request(), "text") == 500);
}

}  // namespace
}  // namespace uringd::http
