// Addresses as text or as tables with a backlog. Each mistake is a finding of its own; no address twice, because the
// second bind(2) would fail.
#include "read_listen.hpp"

#include <algorithm>
#include <optional>

#include "uringd/config/listen.hpp"
#include "uringd/config/nearest.hpp"

namespace uringd::config {
namespace {

std::optional<ListenAddress> address_text(const Value& value, std::string_view base_directory, Findings& findings) {
  const auto* text = value.as<std::string>();
  if (!text) {
    wrong(findings, value.at, describe(value), R"(an address such as "127.0.0.1:8080")");
    return std::nullopt;
  }
  auto address = parse_listen_address(*text, base_directory);
  if (address) return std::move(*address);
  findings.push_back({value.at, "found " + describe(value) + "; " + address.error().message});
  return std::nullopt;
}

std::optional<ListenAddress> listen_address(const Value& value, std::string_view base_directory, Findings& findings) {
  const auto* table = value.as<Table>();
  if (!table) return address_text(value, base_directory, findings);
  std::optional<ListenAddress> address;
  int backlog = default_backlog;
  bool named = false;
  for (const Entry& entry : *table) {
    if (entry.key == "address") {
      named = true;
      address = address_text(entry.value, base_directory, findings);
    } else if (entry.key == "backlog") {
      const auto* number = entry.value.as<std::int64_t>();
      if (number && *number >= 1 && *number <= 65535) {
        backlog = static_cast<int>(*number);
      } else {
        wrong(findings, entry.value.at, "backlog = " + describe(entry.value), "a whole number from 1 to 65535");
      }
    } else {
      constexpr std::string_view known[] = {"address", "backlog"};
      const std::string hint = did_you_mean(nearest(entry.key, known));
      findings.push_back({entry.at, describe(std::string_view(entry.key)) + ": unknown key; " +
                                        (hint.empty() ? "expected address or backlog" : hint)});
    }
  }
  if (!named) wrong(findings, value.at, "a table without address", R"({ address = ":8080", backlog = 4096 })");
  if (address) address->backlog = backlog;
  return address;
}

}  // namespace

std::vector<ListenAddress> read_listen(const Value& value, std::string_view base_directory, Findings& findings) {
  std::vector<ListenAddress> addresses;
  const std::size_t before = findings.size();
  elements(value, [&](const Value& element) {
    auto address = listen_address(element, base_directory, findings);
    if (!address) return;
    const auto same = [&](const ListenAddress& other) { return other.text == address->text; };
    if (std::ranges::any_of(addresses, same)) {
      return wrong(findings, element.at, describe(std::string_view(address->text)) + " twice", "each address once");
    }
    addresses.push_back(std::move(*address));
  });
  if (addresses.empty() && findings.size() == before) {
    wrong(findings, value.at, "an empty array", "at least one address");
  }
  return addresses;
}

}  // namespace uringd::config
