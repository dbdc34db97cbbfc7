// Addresses as text or as tables with further keys. Each mistake is a finding of its own; no address twice, because the
// second bind(2) would fail.
#include "read_listen.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "spelling.hpp"
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

constexpr std::string_view known_keys[] = {"address", "backlog", "proxy_protocol", "mode"};

/// One table: { address, backlog, proxy_protocol, mode }.
class TableReader {
 public:
  TableReader(std::string_view base_directory, Findings& findings)
      : base_directory_(base_directory), findings_(findings) {}

  std::optional<ListenAddress> read(const Value& value, const Table& table) {
    bool named = false;
    for (const Entry& entry : table) {
      named = named || entry.key == "address";
      read(entry);
    }
    if (!named) wrong(findings_, value.at, "a table without address", R"({ address = ":8080", backlog = 4096 })");
    if (!address_) return std::nullopt;
    if (mode_ && address_->kind != ListenAddress::Kind::unix_path) {
      wrong(findings_, mode_at_, "mode beside " + describe(std::string_view(address_->text)),
            "mode with a unix socket alone");
    }
    address_->backlog = backlog_;
    address_->proxy_protocol = proxy_protocol_;
    address_->mode = mode_;
    return std::move(address_);
  }

 private:
  void read(const Entry& entry) {
    if (entry.key == "address") {
      address_ = address_text(entry.value, base_directory_, findings_);
    } else if (entry.key == "backlog") {
      backlog(entry.value);
    } else if (entry.key == "proxy_protocol") {
      proxy_protocol(entry.value);
    } else if (entry.key == "mode") {
      mode(entry.value);
    } else {
      const std::string hint = did_you_mean(nearest(entry.key, known_keys));
      findings_.push_back({entry.at, describe(std::string_view(entry.key)) + ": unknown key; " +
                                         (hint.empty() ? "expected address, backlog, proxy_protocol or mode" : hint)});
    }
  }

  void backlog(const Value& value) {
    std::int64_t number = 0;
    if (const auto* integer = value.as<std::int64_t>()) number = *integer;
    const auto* text = value.as<std::string>();
    if (text && value.expanded && only(*text, digits)) {  // a variable cannot be a number in any other way
      std::from_chars(text->data(), text->data() + text->size(), number);
    }
    if (number >= 1 && number <= 65535) {
      backlog_ = static_cast<int>(number);
    } else {
      wrong(findings_, value.at, "backlog = " + describe(value), "a whole number from 1 to 65535");
    }
  }

  void proxy_protocol(const Value& value) {
    const auto* flag = value.as<bool>();
    const auto* text = value.as<std::string>();
    const bool expanded = text && value.expanded && (*text == "true" || *text == "false");
    if (!flag && !expanded) {
      return wrong(findings_, value.at, "proxy_protocol = " + describe(value), "true or false");
    }
    proxy_protocol_ = flag ? *flag : *text == "true";
  }

  /// Text, because TOML's 660 is no octal number and its 0660 none at all.
  void mode(const Value& value) {
    const auto* text = value.as<std::string>();
    std::uint32_t bits = 0;
    const bool octal = text && (text->size() == 3 || text->size() == 4) && only(*text, "01234567");
    if (octal) std::from_chars(text->data(), text->data() + text->size(), bits, 8);
    if (!octal || bits > 0777) {
      return wrong(findings_, value.at, "mode = " + describe(value), R"(an octal text from "0000" to "0777")",
                   value.as<std::int64_t>() ? "in quotes" : "");
    }
    mode_ = bits;
    mode_at_ = value.at;
  }

  std::string_view base_directory_;
  Findings& findings_;
  std::optional<ListenAddress> address_;
  int backlog_ = default_backlog;
  bool proxy_protocol_ = false;
  std::optional<std::uint32_t> mode_;
  Position mode_at_;
};

std::optional<ListenAddress> listen_address(const Value& value, std::string_view base_directory, Findings& findings) {
  const auto* table = value.as<Table>();
  if (!table) return address_text(value, base_directory, findings);
  return TableReader(base_directory, findings).read(value, *table);
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

void read_one_listen(const Value& value, std::string_view base_directory, std::optional<ListenAddress>& out,
                     Findings& findings) {
  const auto* text = value.as<std::string>();
  if (text && text->empty()) return out.reset();
  if (!text) return wrong(findings, value.at, describe(value), R"(an address such as "127.0.0.1:9090", or "")");
  auto address = address_text(value, base_directory, findings);
  if (address) out = std::move(address);
}

}  // namespace uringd::config
