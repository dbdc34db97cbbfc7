// check_together: what concerns several keys at once, or what the disk has to say: roots, mounts, pages, log and token
// files, hosts that two sites claim. The last part of a load, on its thread; looks at files by stat(2), opens none.
#pragma once

#include "merge.hpp"
#include "problems.hpp"
#include "uringd/config/load.hpp"

namespace uringd::config {

/// Adds what is wrong to `problems` and what only looks odd to `warnings`. For a configuration whose files were all
/// read.
void check_together(const Sources& sources, Merge& merge, Problems& problems, Problems& warnings);

}  // namespace uringd::config
