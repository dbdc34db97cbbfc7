// read_value: one TOML value into its place, checked against what its key takes, and back to TOML text. Every way a
// value can be wrong is found here (what concerns several keys is load's). Pure: opens nothing, knows no key names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "document.hpp"
#include "findings.hpp"
#include "schema.hpp"

namespace uringd::config {

/// Stores `value` in `slot`, or adds findings and leaves the slot as it was; of a list the right elements are stored.
/// Tables' entries are added to what the slot holds. Relative paths start at `base_directory`.
void read_value(const Form& form, const Value& value, const Slot& slot, std::string_view base_directory,
                std::vector<Finding>& findings);

/// "a whole number from 0 to 1024".
std::string expected(const Form& form);

/// The TOML text that read_value() turns back into what `slot` holds.
std::string text_of(const Form& form, const Slot& slot);

/// As text_of(), as blocks [[path]] that say where each was written; "" for none.
std::string blocks_of(const Key& key, const Slot& slot);

}  // namespace uringd::config
