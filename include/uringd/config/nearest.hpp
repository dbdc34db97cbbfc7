// nearest: "did you mean …?" for keys, words and flags, by Damerau-Levenshtein distance (optimal string alignment:
// insert, delete, replace, swap two neighbours). Pure; names longer than 64 bytes are not compared.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace uringd::config {

/// The number of single edits from `a` to `b`; case counts.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate closest to `name`, at most a third of its length away (one edit for short names), or an empty view.
/// Of equals the first. The view is the candidate's own.
std::string_view nearest(std::string_view name, std::span<const std::string_view> candidates);

}  // namespace uringd::config
