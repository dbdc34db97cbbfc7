// Tables are copied whole: whoever puts an overlay pays for that, and nobody who serves one.
#include "uringd/server/overlays.hpp"

#include <utility>

#include "uringd/base/check.hpp"
#include "uringd/cache/key.hpp"

namespace uringd::server {

uint64_t OverlayHits::sum() const {
  uint64_t sum = 0;
  for (const Count& count : counts_) sum += count.value;
  return sum;
}

OverlayBody::OverlayBody(std::shared_ptr<const void> memory, std::span<const char> content)
    : owner(std::move(memory)), bytes(content) {
  CHECK(owner);
  cache::write_etag(bytes, tag);
}

size_t Overlay::bytes() const {
  size_t sum = 0;
  for (const OverlayBody& body : bodies) sum += body.bytes.size();
  return sum;
}

size_t Overlays::Hash::operator()(const Key& key) const { return cache::make_key(key.site, key.path, seed).hash; }

void Overlays::add(std::shared_ptr<const Overlay> overlay) {
  CHECK(overlay->body());
  body_bytes_ += overlay->body().bytes.size();
  bytes_ += overlay->bytes();
  const Key key{overlay->site, overlay->path};
  CHECK(table_.emplace(key, std::move(overlay)).second);
}

// The key is a view of the overlay that goes with it.
void Overlays::remove(const Overlay& overlay) {
  body_bytes_ -= overlay.body().bytes.size();
  bytes_ -= overlay.bytes();
  CHECK(table_.erase(Key{overlay.site, overlay.path}) == 1);
}

Overlays::Shared Overlays::with(std::shared_ptr<const Overlay> overlay) const {
  const std::shared_ptr<Overlays> next(new Overlays(*this));
  if (const Overlay* before = find(overlay->site, overlay->path)) next->remove(*before);
  next->add(std::move(overlay));
  return next;
}

Overlays::Shared Overlays::without(const std::function<bool(const Overlay&)>& goes) const {
  const std::shared_ptr<Overlays> next(new Overlays(*this));
  for (const auto& [key, overlay] : table_) {
    if (goes(*overlay)) next->remove(*overlay);
  }
  return next;
}

}  // namespace uringd::server
