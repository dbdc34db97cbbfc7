// Fuzzes the PROXY protocol's header, versions 1 and 2. Properties: every split of the bytes is told need_more and then
// one verdict that stays; a header is complete at its last byte, where and only where a second reading accepts it; what
// waits for more within version 2 can still become a header.
#include <algorithm>
#include <string>

#include "../unit/http/proxy_reference.hpp"
#include "fuzz.hpp"

namespace {

using namespace uringd::http;

/// The header of version 2 that has begun so, filled up with the rest of one: its length is 255, enough for each
/// family, or what the first byte of it leaves; then with zeros.
std::string filled_up(std::string bytes) {
  const std::string rest{"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\xff", 16};
  const bool half_a_length = bytes.size() == 15;
  if (bytes.size() < rest.size()) bytes += rest.substr(bytes.size());
  if (half_a_length && bytes[14] == 0x0f) bytes[15] = 0;
  const size_t length = static_cast<unsigned char>(bytes[14]) * size_t{256} + static_cast<unsigned char>(bytes[15]);
  bytes.resize(std::max(bytes.size(), 16 + length));
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 5000) return 0;
  const std::string bytes = uringd::fuzz::Input{data, size}.rest();
  // Each prefix is copied, which is slow for long ones; those differ only in what is skipped.
  const std::string problem = testing::split_problem(bytes.size() > 300 ? bytes.substr(0, 300) : bytes);
  if (!problem.empty()) std::fprintf(stderr, "%s\n", problem.c_str());
  REQUIRE_THAT(problem.empty());

  const ProxyHeader header = parse_proxy_header(bytes);
  const auto truth = testing::read_proxy_header(bytes);
  REQUIRE_THAT((header.progress == ProxyHeader::Progress::complete) == truth.has_value());
  if (truth) REQUIRE_THAT(header.used == truth->used && testing::source_bytes(header.source) == truth->source);
  REQUIRE_THAT(header.used <= ProxyHeader::most_bytes && header.used <= bytes.size());

  const bool waits = header.progress == ProxyHeader::Progress::need_more;
  if (waits && bytes.starts_with('\r') && filled_up(bytes).size() <= ProxyHeader::most_bytes) {
    REQUIRE_THAT(parse_proxy_header(filled_up(bytes)).progress == ProxyHeader::Progress::complete);
  }
  return 0;
}
