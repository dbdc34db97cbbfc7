// read_listen: the values of server.listen and admin.listen. Pure; part of read_value.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "document.hpp"
#include "findings.hpp"
#include "uringd/config/config.hpp"

namespace uringd::config {

/// The right addresses of `value`: one, or an array of strings and of tables { address, backlog, proxy_protocol, mode
/// }.
std::vector<ListenAddress> read_listen(const Value& value, std::string_view base_directory, Findings& findings);

/// One address, or "" for nothing.
void read_one_listen(const Value& value, std::string_view base_directory, std::optional<ListenAddress>& out,
                     Findings& findings);

}  // namespace uringd::config
