// No page is embedded yet.
#include "assets.hpp"

namespace uringd::admin {

std::span<const Asset> assets() { return {}; }

const Asset* find_asset(std::string_view path) {
  for (const Asset& asset : assets()) {
    if (asset.path == path) return &asset;
  }
  return nullptr;
}

}  // namespace uringd::admin
