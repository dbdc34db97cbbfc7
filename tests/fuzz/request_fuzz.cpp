// Fuzzes RequestParser: the first two bytes choose the limits and where the rest is cut; the rest is what a client
// sends, several requests in a row. Properties: the outcome does not depend on the cuts; what is accepted, and only
// that, a second reader written from the RFCs accepts too, with the same meaning and the same end; an accepted head
// keeps the rules that smuggling needs broken, and its target and conditions can be evaluated.
#include <cstdint>
#include <string_view>
#include <vector>

#include "../unit/http/parser_driver.hpp"
#include "../unit/http/reference_reader.hpp"
#include "fuzz.hpp"
#include "uringd/http/evaluate.hpp"
#include "uringd/http/target.hpp"

namespace {

using namespace uringd::http;
using testing::Outcome;
using testing::ReferenceReader;

std::vector<size_t> cuts_of(unsigned seed, size_t size) {
  std::vector<size_t> cuts;
  uint32_t state = seed * 2654435761u + 1;
  for (size_t at = 0; at < size;) {
    state = state * 1664525u + 1013904223u;
    at += 1 + (state >> 16) % (1 + seed % 40);
    if (at < size) cuts.push_back(at);
  }
  return cuts;
}

void check_accepted_head(std::string_view head, const Outcome& outcome) {
  REQUIRE_THAT(head.ends_with("\r\n\r\n"));
  for (size_t i = 0; i < head.size(); ++i) {
    REQUIRE_THAT(head[i] != '\0');
    if (head[i] == '\n') REQUIRE_THAT(i > 0 && head[i - 1] == '\r');
    if (head[i] == '\r') REQUIRE_THAT(head[i + 1] == '\n');
    if (head[i] == '\n' && i + 1 < head.size()) REQUIRE_THAT(head[i + 1] != ' ' && head[i + 1] != '\t');  // obs-fold
  }
  for (char c : outcome.target) REQUIRE_THAT(c > ' ' && c < 0x7f && c != '#');
  if (outcome.minor_version == 1) REQUIRE_THAT(outcome.field(Field::host) != testing::absent);
  REQUIRE_THAT(outcome.field(Field::host).find('|') == std::string::npos);
}

void check_reference(std::string_view bytes, const Outcome& outcome) {
  using Verdict = ReferenceReader::Verdict;
  using End = Outcome::End;
  const ReferenceReader reference{bytes};
  switch (outcome.end) {
    case End::need_more_head:  // some things are judged when the head is whole
    case End::rejected_head: return REQUIRE_THAT(reference.head != Verdict::good);
    case End::rejected_body: REQUIRE_THAT(reference.body != Verdict::good); break;
    case End::need_more_body: REQUIRE_THAT(reference.body == Verdict::incomplete); break;
    case End::complete: REQUIRE_THAT(reference.body == Verdict::good); REQUIRE_THAT(reference.used == outcome.used);
  }
  REQUIRE_THAT(reference.head == Verdict::good);
  REQUIRE_THAT(reference.head_size == outcome.head_size);
  REQUIRE_THAT(reference.method == outcome.method_name);
  REQUIRE_THAT(reference.target == outcome.target);
  REQUIRE_THAT(reference.minor_version == outcome.minor_version);
  REQUIRE_THAT(reference.has_body == outcome.has_body);
  REQUIRE_THAT(reference.joined("host", testing::absent) == outcome.field(Field::host));
  REQUIRE_THAT(reference.joined("range", testing::absent) == outcome.field(Field::range));
  REQUIRE_THAT(reference.joined("if-none-match", testing::absent) == outcome.field(Field::if_none_match));
}

void check_use(std::string_view bytes) {
  RequestParser parser;
  if (parser.parse_head(bytes.data(), bytes.size()) != RequestParser::Progress::head_complete) return;
  const Request& request = parser.request();
  std::vector<char> out(request.target().size() + 2);
  const auto target = parse_target(request.target(), out);
  if (request.method() == Method::get || request.method() == Method::head) {
    REQUIRE_THAT(target.has_value() || target.error() == 400);
  }
  constexpr uint64_t size = 1000;
  const Reply reply = evaluate(request, {size, "\"a\"", 784111777, true}, 784200000);
  REQUIRE_THAT(reply.first <= size && reply.length <= size - reply.first);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2 || size > 4096) return 0;
  std::string_view bytes{reinterpret_cast<const char*>(data) + 2, size - 2};
  const bool usual = data[1] % 2 == 0;
  RequestParser::Limits limits;
  if (!usual) limits = {64u + data[1], data[1] / 4u};
  RequestParser parser{limits};
  for (int requests = 0; requests < 16; ++requests) {
    const Outcome whole = testing::drive(parser, bytes, {});
    REQUIRE_THAT(whole == testing::drive(parser, bytes, cuts_of(data[0], bytes.size())));
    if (usual) check_reference(bytes, whole);
    if (whole.head_size > 0) {
      REQUIRE_THAT(whole.head_size <= limits.header_size && whole.used <= bytes.size());
      check_accepted_head(bytes.substr(0, whole.head_size), whole);
      check_use(bytes);
    }
    if (whole.end != Outcome::End::complete) break;
    bytes.remove_prefix(whole.used);
  }
  return 0;
}
