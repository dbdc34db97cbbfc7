// read_process: values that say who the process is, whom it believes and where it logs: server.user,
// server.trusted_proxies, log.access. Pure; part of read_value: whether a user or a file is there is not asked here.
#pragma once

#include <string>
#include <string_view>

#include "document.hpp"
#include "findings.hpp"
#include "uringd/config/config.hpp"

namespace uringd::config {

/// How log.access says that there is none; stored as "".
inline constexpr std::string_view log_off = "off";
/// Not a file of that name; one is "./stdout".
inline constexpr std::string_view log_stdout = "stdout";

/// "www-data", "33", 33, "www-data:adm" or "".
void read_user(const Value& value, std::string& out, Findings& findings);

/// Blocks as Cidr::parse takes them; the right ones are stored.
void read_address_blocks(const Value& value, CidrSet& out, Findings& findings);

/// "off" → "", "stdout", or a path, taken from `base_directory` where it is relative.
void read_log_target(const Value& value, std::string_view base_directory, std::string& out, Findings& findings);

}  // namespace uringd::config
