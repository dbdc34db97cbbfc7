// read_rewrites: the blocks of [[site.rewrites]]. What they look like is checked here (names, kinds, bounds, what must
// stand together); what patterns and `to` mean is compiled in site/. Pure; part of read_value.
// Bounds: 10,000 rewrites of a site, 4096 bytes of each pattern and of `to`, 64 field names in all conditions of a site
// together (site/ keeps them as the bits of one word).
#pragma once

#include <string_view>
#include <vector>

#include "document.hpp"
#include "findings.hpp"
#include "uringd/config/config.hpp"

namespace uringd::config {

/// The rewrites of `blocks`, one for each; of a wrong one what is right. `where` and its like stay empty.
std::vector<Rewrite> read_rewrites(const Array& blocks, Findings& findings);

/// Whether this key's text is taken as it stands: `${…}` in it is the rewrite's own, no environment variable.
bool is_verbatim_in_rewrite(std::string_view key);

}  // namespace uringd::config
