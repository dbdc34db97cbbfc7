// The site that --explain is tried on: two hosts and more, a mount, rewrites with a map and conditions, names without
// extension, a fallback, listings, siblings, links, a FIFO, large files; and requests for all of it.
#pragma once

#include <string>
#include <vector>

#include "harness.hpp"

namespace uringd::testing {

struct Ask {
  std::string target;
  std::vector<std::string> fields = {};
  std::string host = "one.example";
};

/// Words of that length, which can be compressed.
[[nodiscard]] std::string letters(std::size_t size);
void fill(const Site& site);
[[nodiscard]] Setup setup_of(const Site& site);
/// That need no ETag.
[[nodiscard]] std::vector<Ask> ordinary_requests();

}  // namespace uringd::testing
