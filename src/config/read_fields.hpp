// read_fields: the values of site.cache_control and [[site.headers]], which become field lines of answers. What passes
// here can be copied into a head as it stands: names are tokens, values one line, and nothing that frames a message or
// that uringd must say itself. Pure; part of read_value.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "document.hpp"
#include "findings.hpp"
#include "uringd/config/config.hpp"

namespace uringd::config {

/// The right entries of `value`, a table or a string (then for "*"), in the order of the file; media types in lower
/// case.
std::vector<std::pair<std::string, std::string>> read_cache_control(const Value& value, Findings& findings);

/// The rules of `blocks`, one for each; of a wrong one what is right. `where` stays empty.
std::vector<HeaderRule> read_header_rules(const Array& blocks, Findings& findings);

}  // namespace uringd::config
