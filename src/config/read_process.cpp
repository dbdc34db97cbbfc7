// Users by their shape alone: names come from databases (files, LDAP) whose rules differ, so only what no tool could
// name is refused: white space, control bytes, slashes, a dash in front, numbers that are no uid.
#include "read_process.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "read_value.hpp"
#include "schema.hpp"
#include "source_file.hpp"
#include "spelling.hpp"

namespace uringd::config {
namespace {

// LOGIN_NAME_MAX is 256 with its NUL.
constexpr std::size_t most_name_bytes = 255;
// setresuid(2): -1 means "leave as it is".
constexpr std::int64_t most_id = 0xFFFFFFFE;

bool is_account(std::string_view name) {
  if (name.empty() || name.size() > most_name_bytes || name.front() == '-') return false;
  if (only(name, digits)) {
    std::int64_t id = 0;
    const auto [rest, error] = std::from_chars(name.data(), name.data() + name.size(), id);
    return error == std::errc{} && id <= most_id;
  }
  return std::ranges::none_of(name, [](char byte) {
    return static_cast<unsigned char>(byte) <= 0x20 || byte == 0x7f || byte == ':' || byte == '/';
  });
}

bool is_user(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (!is_account(text.substr(0, colon))) return false;
  return colon == std::string_view::npos || is_account(text.substr(colon + 1));
}

/// What people write where they mean something else; a file of that name is "./NAME".
std::string log_hint(std::string_view text) {
  if (text == "on" || text == "true" || text == "yes" || text == "-") return did_you_mean("\"stdout\"");
  if (text == "none" || text == "no" || text == "false") return did_you_mean("\"off\"");
  if (text == "stderr") return "stderr has the error log";
  return {};
}

}  // namespace

void read_user(const Value& value, std::string& out, Findings& findings) {
  std::string name;
  if (const auto* text = value.as<std::string>()) name = *text;
  const auto* number = value.as<std::int64_t>();
  if (number && *number >= 0) name = std::to_string(*number);
  const bool none = value.as<std::string>() && name.empty();
  if (!none && !is_user(name)) return wrong(findings, value.at, describe(value), expected({Form::Kind::user}));
  out = std::move(name);
}

void read_address_blocks(const Value& value, CidrSet& out, Findings& findings) {
  std::vector<Cidr> blocks;
  elements(value, [&](const Value& element) {
    const auto* text = element.as<std::string>();
    if (!text) return wrong(findings, element.at, describe(element), R"(an address or a block such as "10.0.0.0/8")");
    auto block = Cidr::parse(*text);
    if (!block) {
      std::string_view reason = block.error().message;
      if (reason.starts_with(*text + ": ")) reason.remove_prefix(text->size() + 2);  // said by "found" already
      findings.push_back({element.at, "found " + describe(element) + "; " + std::string(reason)});
    } else if (std::ranges::find(blocks, *block) != blocks.end()) {
      wrong(findings, element.at, describe(element) + " twice", "each block once");
    } else {
      blocks.push_back(std::move(*block));
    }
  });
  out = CidrSet(std::move(blocks));
}

void read_log_target(const Value& value, std::string_view base_directory, std::string& out, Findings& findings) {
  const auto* text = value.as<std::string>();
  const std::string hint = text ? log_hint(*text) : "";
  if (!text || text->empty() || text->contains('\0') || text->ends_with('/') || !hint.empty()) {
    return wrong(findings, value.at, describe(value), expected({Form::Kind::log_target}), hint);
  }
  if (*text == log_off) return out.clear();
  out = *text == log_stdout ? std::string(log_stdout) : resolve_path(base_directory, *text);
}

}  // namespace uringd::config
