// Findings: what is wrong with one value, and the walks over arrays and tables that every reader of values shares.
// A list of findings is owned by whoever reads the value (Merge::set); readers only add. Knows no key names.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "document.hpp"

namespace uringd::config {

/// What is wrong with a value: "found 2000; expected a whole number from 0 to 1024".
struct Finding {
  Position at;
  std::string message;
};
using Findings = std::vector<Finding>;

inline void wrong(Findings& findings, Position at, const std::string& found, const std::string& what,
                  const std::string& hint = {}) {
  findings.push_back({at, "found " + found + "; expected " + what + (hint.empty() ? "" : "; " + hint)});
}

/// "did you mean X?", or nothing for an empty X.
inline std::string did_you_mean(std::string_view name) {
  return name.empty() ? "" : "did you mean " + std::string(name) + "?";
}

/// Calls `each` for every element of an array, or for the value itself: one string is a list of one.
template <typename Each>
void elements(const Value& value, Each each) {
  if (const auto* array = value.as<Array>()) {
    for (const Value& element : *array) each(element);
  } else {
    each(value);
  }
}

/// Calls `each(entry, text)` for the entries of `table` that are strings; the others are findings.
template <typename Each>
void entries(const Table& table, Findings& findings, Each each) {
  for (const Entry& entry : table) {
    if (const auto* text = entry.value.as<std::string>()) {
      each(entry, *text);
    } else {
      wrong(findings, entry.value.at, describe(std::string_view(entry.key)) + " = " + describe(entry.value),
            "a string");
    }
  }
}

}  // namespace uringd::config
