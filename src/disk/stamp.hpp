// The stamp of a file's attributes: equal stamps mean an unchanged file (all of size, times in ns, inode, links,
// device).
#pragma once

#include "uringd/cache/entry.hpp"
#include "uringd/uring/attributes.hpp"

namespace uringd::disk {

[[nodiscard]] cache::Stamp stamp_of(const uring::Attributes& attributes);

}  // namespace uringd::disk
