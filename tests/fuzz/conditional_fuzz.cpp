// Fuzzes conditions: field lines against a representation. Properties: a well-formed list of entity tags is read as a
// second reader reads it; fields that RFC 9110 §13 tells us to ignore change nothing; 304, 412, 206 and 416 come only
// with the fields that can ask for them; HEAD is GET without ranges; a client that sends back what it got is answered
// as §13.1 says.
#include <array>
#include <string>
#include <vector>

#include "fuzz.hpp"
#include "uringd/http/date.hpp"
#include "uringd/http/evaluate.hpp"

namespace {

using namespace uringd::http;
using uringd::fuzz::Input;
using uringd::fuzz::MadeRequest;

constexpr int64_t now = 1'700'000'000;
constexpr std::array<const char*, 6> names = {"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since",
                                              "If-Range", "Range"};
enum Name : size_t { match, none_match, modified_since, unmodified_since, if_range, range };

struct Line {
  size_t name;
  std::string value;
};
using Lines = std::vector<Line>;

std::string text_of(const Lines& lines) {
  std::string text;
  for (const Line& line : lines) text += std::string{names[line.name]} + ": " + line.value + "\r\n";
  return text;
}
bool has(const Lines& lines, size_t name) {
  for (const Line& line : lines) {
    if (line.name == name) return true;
  }
  return false;
}
Lines without(const Lines& lines, size_t name) {
  Lines kept;
  for (const Line& line : lines) {
    if (line.name != name) kept.push_back(line);
  }
  return kept;
}

Reply answer(const char* method, const Lines& lines, const Representation& representation) {
  const MadeRequest request{method, text_of(lines)};
  return evaluate(request.get(), representation, now);
}
bool same(const Reply& a, const Reply& b) {
  return a.status == b.status && a.first == b.first && a.length == b.length && a.several == b.several;
}

/// #entity-tag (RFC 9110 §5.6.1, §8.8.3) by the letter: 1 matches, 0 does not, -1 is no such list.
int strict_match(std::string_view list, std::string_view opaque, bool ours_weak, bool strong) {
  size_t at = 0;
  bool found = false, need_comma = false;
  while (at < list.size()) {
    if (list[at] == ' ' || list[at] == '\t') {
      ++at;
    } else if (list[at] == ',') {
      need_comma = false;
      ++at;
    } else {
      if (need_comma) return -1;
      const bool weak = list.substr(at, 2) == "W/";
      if (weak) at += 2;
      if (at >= list.size() || list[at] != '"') return -1;
      const size_t end = list.find('"', at + 1);
      if (end == std::string_view::npos) return -1;
      for (char c : list.substr(at + 1, end - at - 1)) {
        if (c == ' ' || c == '\t') return -1;
      }
      found = found || (list.substr(at, end + 1 - at) == opaque && !(strong && (weak || ours_weak)));
      at = end + 1;
      need_comma = true;
    }
  }
  return found ? 1 : 0;
}

void check_list(const std::string& list, const std::string& etag) {
  const bool weak = etag.starts_with("W/");
  for (bool strong : {false, true}) {
    const int expected = strict_match(list, etag.substr(weak ? 2 : 0), weak, strong);
    if (expected >= 0) REQUIRE_THAT(etag_list_matches(list, etag, strong) == (expected == 1));
  }
  if (etag_list_matches(list, etag, true)) REQUIRE_THAT(etag_list_matches(list, etag, false));
  REQUIRE_THAT(etag_list_matches("*", etag, true));
}

void check_reply(const Reply& reply, const Lines& lines, const Representation& representation) {
  const uint64_t size = representation.size;
  switch (reply.status) {
    case 200: return REQUIRE_THAT(reply.first == 0 && reply.length == size && !reply.several);
    case 206:
      REQUIRE_THAT(has(lines, range));
      if (reply.several) return REQUIRE_THAT(reply.first == 0 && reply.length == 0);
      return REQUIRE_THAT(reply.length > 0 && reply.first < size && reply.length <= size - reply.first);
    case 304: return REQUIRE_THAT((has(lines, none_match) || has(lines, modified_since)) && reply.length == 0);
    case 412: return REQUIRE_THAT((has(lines, match) || has(lines, unmodified_since)) && reply.length == 0);
    default: return REQUIRE_THAT(reply.status == 416 && has(lines, range) && reply.length == 0 && !reply.several);
  }
}

void check_ignored(const Reply& reply, const Lines& lines, const Representation& representation) {
  auto unchanged_without = [&](size_t name) {
    REQUIRE_THAT(same(answer("GET", without(lines, name), representation), reply));
  };
  if (has(lines, match)) unchanged_without(unmodified_since);     // §13.1.4
  if (has(lines, none_match)) unchanged_without(modified_since);  // §13.1.3
  if (!has(lines, range)) unchanged_without(if_range);            // §13.1.5
  if (reply.status == 200 || reply.status == 304 || reply.status == 412) unchanged_without(range);
  const Reply head = answer("HEAD", lines, representation);
  REQUIRE_THAT(same(head, answer("GET", without(lines, range), representation)));  // §14.2: ranges are for GET
  if (reply.status == 206 || reply.status == 416) REQUIRE_THAT(head.status == 200);
}

void check_return(const Representation& representation) {
  if (!representation.etag.empty()) {
    const std::string tag{representation.etag};
    const bool weak = tag.starts_with("W/");
    REQUIRE_THAT(answer("GET", {{none_match, "\"z,\" , " + tag}}, representation).status == 304);
    REQUIRE_THAT(answer("GET", {{match, tag}}, representation).status == (weak ? 412 : 200));
    if (representation.size > 0) {
      const Reply part = answer("GET", {{if_range, tag}, {range, "bytes=0-0"}}, representation);
      REQUIRE_THAT(part.status == (weak ? 200 : 206));
    }
  }
  if (representation.has_modified) {
    std::array<char, date_size> date;
    format_date(representation.modified, date);
    const std::string text{date.data(), date.size()};
    REQUIRE_THAT(answer("GET", {{modified_since, text}}, representation).status == 304);
    REQUIRE_THAT(answer("GET", {{unmodified_since, text}}, representation).status == 200);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 1024) return 0;
  Input input{data, size};
  const uint8_t shape = input.byte();
  std::string etag = shape & 1 ? "\"" + std::string{shape & 2 ? "a,b" : "a"} + "\"" : "";
  if ((shape & 4) != 0 && !etag.empty()) etag.insert(0, "W/");
  Representation representation;
  representation.size = (shape & 8) != 0 ? 1000 : 0;
  representation.etag = etag;
  representation.has_modified = (shape & 16) != 0;
  representation.modified = (shape & 32) != 0 ? 784111777 : now - 1 + (shape >> 6);  // about now, or long ago

  Lines lines;
  while (!input.empty() && lines.size() < 8) {
    const size_t name = input.byte() % names.size();
    lines.push_back({name, input.line()});
    if (!uringd::fuzz::is_field_value(lines.back().value)) return 0;
    if (!etag.empty() && name <= none_match) check_list(lines.back().value, etag);
  }
  const Reply reply = answer("GET", lines, representation);
  check_reply(reply, lines, representation);
  check_ignored(reply, lines, representation);
  if (lines.empty()) check_return(representation);
  return 0;
}
