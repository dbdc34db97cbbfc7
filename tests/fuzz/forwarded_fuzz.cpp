// Fuzzes X-Forwarded-For, Forwarded and X-Forwarded-Proto. The input is field values, a line each. Properties: an
// untrusted peer is the client, whatever it sends; a list of the grammar is read as a second reading from the left
// reads it, in one line as in several; and what trusted proxies append decides, whatever stands before it.
#include <string>
#include <vector>

#include "../unit/http/forwarded_reference.hpp"
#include "fuzz.hpp"

namespace {

using namespace uringd;
using namespace uringd::http;
using uringd::fuzz::MadeRequest;

const CidrSet& proxies() {
  static const CidrSet set({Cidr::parse("10.0.0.0/8").value(), Cidr::parse("fd00::/8").value()});
  return set;
}

struct Found {
  std::string address;
  Scheme scheme = Scheme::unknown;
};

Found client(const std::string& fields, const IpAddress& peer) {
  const MadeRequest request{"GET", fields};
  const Client client = client_of(request.get(), peer, proxies());
  return {client.address.text(), client.scheme};
}

std::string fields_of(const std::string& name, const std::vector<std::string>& lines) {
  std::string fields;
  for (const std::string& line : lines) fields += name + ": " + line + "\r\n";
  return fields;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += text.empty() ? line : "," + line;
  return text;
}

void check_list(const std::vector<std::string>& lines, const IpAddress& peer) {
  const std::string fields = fields_of("X-Forwarded-For", lines);
  const Found found = client(fields, peer);
  REQUIRE_THAT(found.address == http::testing::walk_back(http::testing::read_list(lines), peer.text(), proxies()));
  REQUIRE_THAT(client(fields_of("X-Forwarded-For", {joined(lines)}), peer).address == found.address);
  REQUIRE_THAT(client(fields + "X-Forwarded-For: 192.0.2.9, fd00::1\r\n", peer).address == "192.0.2.9");
  REQUIRE_THAT(client(fields_of("X-Forwarded-For", {joined(lines) + ",192.0.2.9"}), peer).address == "192.0.2.9");
}

void check_forwarded(const std::vector<std::string>& lines, const IpAddress& peer) {
  const std::string fields = fields_of("Forwarded", lines);
  const Found found = client(fields, peer);
  if (const auto hops = http::testing::read_forwarded(lines)) {
    std::vector<std::string> nodes;
    for (const auto& hop : *hops) nodes.push_back(hop.node);
    REQUIRE_THAT(found.address == http::testing::walk_back(nodes, peer.text(), proxies()));
    const std::string proto = hops->empty() ? "" : hops->back().proto;
    if (!lines.empty()) REQUIRE_THAT(found.scheme == http::testing::scheme_named(proto));
    REQUIRE_THAT(client(fields_of("Forwarded", {joined(lines)}), peer).address == found.address);
  }
  const std::string other = client("X-Forwarded-For: 198.51.100.1\r\n" + fields, peer).address;
  if (!lines.empty()) REQUIRE_THAT(other == peer.text() || (other == found.address && other == "198.51.100.1"));
  const std::string appended = "for=192.0.2.9;by=\"a,\\\"b\", for=\"[fd00::1]:80\";proto=https";
  for (const std::string& more :
       {fields + "Forwarded: " + appended + "\r\n", fields_of("Forwarded", {joined(lines) + "," + appended})}) {
    const Found behind = client(more, peer);
    REQUIRE_THAT(behind.address == "192.0.2.9" && behind.scheme == Scheme::https);
  }
}

void check_scheme(const std::vector<std::string>& lines, const IpAddress& peer) {
  const std::vector<std::string> values = http::testing::read_list(lines);
  const Found found = client(fields_of("X-Forwarded-Proto", lines), peer);
  REQUIRE_THAT(found.scheme == http::testing::scheme_named(values.empty() ? "" : values.back()));
  REQUIRE_THAT(found.address == peer.text());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 2048) return 0;
  uringd::fuzz::Input input{data, size};
  std::vector<std::string> lines;
  while (!input.empty() && lines.size() < 80) {
    lines.push_back(input.line());
    if (!uringd::fuzz::is_field_value(lines.back())) return 0;
  }
  const IpAddress trusted = IpAddress::v4({10, 0, 0, 1}), stranger = IpAddress::v4({192, 0, 2, 1});
  check_list(lines, trusted);
  check_forwarded(lines, trusted);
  check_scheme(lines, trusted);
  for (const char* name : {"X-Forwarded-For", "Forwarded", "X-Forwarded-Proto"}) {
    const Found found = client(fields_of(name, lines), stranger);
    REQUIRE_THAT(found.address == "192.0.2.1" && found.scheme == Scheme::unknown);
  }
  return 0;
}
