// Maps: the slots. The release of publish() pairs with the acquire of table(): who sees the pointer sees the table
// whole.
#include "uringd/site/maps.hpp"

#include <utility>

#include "uringd/base/check.hpp"

namespace uringd::site {

Maps::Maps(std::vector<std::unique_ptr<const MapTable>> tables) : slots_(tables.size()) {
  for (size_t map = 0; map < tables.size(); ++map) {
    CHECK(tables[map]);
    slots_[map].store(tables[map].release(), std::memory_order_release);
  }
}

Maps::~Maps() {
  for (auto& slot : slots_) delete slot.load(std::memory_order_acquire);
}

std::unique_ptr<const MapTable> Maps::publish(uint32_t map, std::unique_ptr<const MapTable> next) {
  CHECK(map < slots_.size());
  CHECK(next);
  return std::unique_ptr<const MapTable>{slots_[map].exchange(next.release(), std::memory_order_acq_rel)};
}

}  // namespace uringd::site
