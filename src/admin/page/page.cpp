// The table of assets: page_table.inc is written by embed.cpp while building.
#include "uringd/admin/page.hpp"

#include <algorithm>
#include <iterator>

namespace uringd::admin {
namespace {

#include "page_table.inc"
static_assert(std::ranges::is_sorted(table, {}, &Asset::path));

}  // namespace

std::span<const Asset> page_assets() { return table; }

const Asset* page_asset(std::string_view path) {
  const auto* found = std::ranges::lower_bound(table, path, {}, &Asset::path);
  return found != std::end(table) && found->path == path ? found : nullptr;
}

}  // namespace uringd::admin
