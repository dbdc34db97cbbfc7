// read_listen: the values of server.listen. Pure; part of read_value.
#pragma once

#include <string_view>
#include <vector>

#include "document.hpp"
#include "findings.hpp"
#include "uringd/config/config.hpp"

namespace uringd::config {

/// The right addresses of `value`: one, or an array of strings and of tables { address, backlog }.
std::vector<ListenAddress> read_listen(const Value& value, std::string_view base_directory, Findings& findings);

}  // namespace uringd::config
