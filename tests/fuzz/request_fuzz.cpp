// Fuzzes RequestParser: the first two bytes choose the limits and where the rest is cut; the rest is what a client
// sends. Properties: the outcome does not depend on the cuts; an accepted head keeps the rules of RFC 9112 that
// smuggling needs broken; what was accepted can be evaluated and its target parsed without a fault.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "../unit/http/parser_driver.hpp"
#include "uringd/http/evaluate.hpp"
#include "uringd/http/target.hpp"

namespace {

using namespace uringd::http;
using testing::Outcome;

void require(bool holds) {
  if (!holds) std::abort();
}

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
  require(head.ends_with("\r\n\r\n"));
  for (size_t i = 0; i < head.size(); ++i) {
    require(head[i] != '\0');
    if (head[i] == '\n') require(i > 0 && head[i - 1] == '\r');
    if (head[i] == '\r') require(head[i + 1] == '\n');
    if (head[i] == '\n' && i + 1 < head.size()) require(head[i + 1] != ' ' && head[i + 1] != '\t');  // obs-fold
  }
  for (char c : outcome.target) require(c > ' ' && c < 0x7f && c != '#');
  if (outcome.minor_version == 1) require(outcome.field(Field::host) != testing::absent);
  require(outcome.field(Field::host).find('|') == std::string::npos);
}

void check_use(std::string_view bytes) {
  RequestParser parser;
  if (parser.parse_head(bytes.data(), bytes.size()) != RequestParser::Progress::head_complete) return;
  const Request& request = parser.request();
  std::vector<char> out(request.target().size() + 2);
  const auto target = parse_target(request.target(), out);
  if (request.method() == Method::get || request.method() == Method::head)
    require(target.has_value() || target.error() == 400);
  constexpr uint64_t size = 1000;
  const Reply reply = evaluate(request, {size, "\"a\"", 784111777, true}, 784200000);
  require(reply.first <= size && reply.length <= size - reply.first);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2 || size > 4096) return 0;
  const std::string_view bytes{reinterpret_cast<const char*>(data) + 2, size - 2};
  RequestParser::Limits limits;
  if (data[1] % 2 == 1) limits = {64u + data[1], data[1] / 4u};
  RequestParser parser{limits};
  const Outcome whole = testing::drive(parser, bytes, {});
  require(whole == testing::drive(parser, bytes, cuts_of(data[0], bytes.size())));
  if (whole.head_size > 0) {
    require(whole.head_size <= limits.header_size && whole.used <= bytes.size());
    check_accepted_head(bytes.substr(0, whole.head_size), whole);
    check_use(bytes);
  }
  return 0;
}
