// Optimal string alignment with three rows of the classic table, on the stack. Names longer than the table are not
// compared: the distance of hostile text must not cost memory or time.
#include "uringd/config/nearest.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace uringd::config {
namespace {

constexpr std::size_t longest = 64;
using Row = std::array<std::size_t, longest + 1>;

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  if (a.size() > longest || b.size() > longest) return std::max(a.size(), b.size());
  Row two_above{}, above{}, row{};
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, replaced});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], two_above[j - 2] + 1);
    }
    two_above = above;
    above = row;
  }
  return above[b.size()];
}

std::string_view nearest(std::string_view name, std::span<const std::string_view> candidates) {
  if (name.size() > longest) return {};
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(1, name.size() / 3) + 1;
  for (const std::string_view candidate : candidates) {
    // The lengths alone say how many edits there are at least.
    const std::size_t least = std::max(name.size(), candidate.size()) - std::min(name.size(), candidate.size());
    if (least >= best_distance) continue;
    const std::size_t distance = edit_distance(name, candidate);
    // As many edits as the candidate has letters would call anything similar.
    if (distance < best_distance && distance < candidate.size()) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace uringd::config
