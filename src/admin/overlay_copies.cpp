// An overlay's copies in content codings: first all quick ones, then the best, one order at a time, so that whoever
// puts much does not keep the serving workers' copies waiting.
#include <algorithm>
#include <utility>

#include "overlay_desk.hpp"

namespace uringd::admin {
namespace {

using server::Overlay;

constexpr size_t least_copied_bytes = 256;
constexpr size_t most_copied_bytes = size_t{4} << 20;
constexpr size_t most_best_bytes = size_t{1} << 20;

http::Coding coding_of(config::Coding configured) {
  switch (configured) {
    case config::Coding::gzip: return http::Coding::gzip;
    case config::Coding::zstd: return http::Coding::zstd;
    case config::Coding::br: return http::Coding::br;
  }
  return http::Coding::identity;
}

}  // namespace

http::CodingSet OverlayDesk::never_copied(const Overlay& overlay) {
  const size_t size = overlay.body().bytes.size();
  http::CodingSet all;
  if (overlay.density == http::Density::plain && size >= least_copied_bytes && size <= most_copied_bytes) return all;
  for (const http::Coding coding : http::real_codings) all.add(coding);
  return all;
}

void OverlayDesk::want_copies(const Overlay& overlay) {
  std::pair<uint32_t, std::string> wanted(overlay.site, overlay.path);
  if (std::ranges::find(to_copy_, wanted) == to_copy_.end()) to_copy_.push_back(std::move(wanted));
}

// nothing: it has all that its site compresses to.
std::optional<OverlayDesk::Copy> OverlayDesk::next_copy(const Overlay& overlay) const {
  const auto& sites = snapshot_->config().sites;
  for (uint32_t site = 0; site < sites.size(); ++site) {
    if (snapshot_->site_id(site) != overlay.site) continue;
    for (const cache::Effort effort : {cache::Effort::quick, cache::Effort::best}) {
      for (const config::Coding configured : sites[site].compress) {
        const http::Coding coding = coding_of(configured);
        const bool has = static_cast<bool>(overlay.body(coding));
        if (!overlay.settled.has(coding) && has == (effort == cache::Effort::best)) return Copy{coding, effort};
      }
    }
  }
  return {};
}

void OverlayDesk::go_on_copying() {
  while (!copying_ && !to_copy_.empty()) {
    const auto& [id, path] = to_copy_.front();
    const std::shared_ptr<const Overlay> overlay = table_->share(id, path);
    const auto copy = overlay ? next_copy(*overlay) : std::nullopt;
    if (!copy) {
      to_copy_.pop_front();
      continue;
    }
    copying_ = steering_.encode(
        *overlay, copy->coding, copy->effort, [this, overlay, copy = *copy](std::shared_ptr<const std::string> bytes) {
          calls_.post([this, overlay, copy, bytes = std::move(bytes)] { on_copied(*overlay, copy, bytes); });
        });
    if (copying_) return;
    copy_again_ms_ = now_ms_ + retry_ms;
    return;
  }
}

// Of what was put again meanwhile the copy is not.
void OverlayDesk::on_copied(const Overlay& of, const Copy& copy, const std::shared_ptr<const std::string>& bytes) {
  copying_ = false;
  const Overlay* present = table_->find(of.site, of.path);
  if (present && present->body().owner == of.body().owner) {
    auto next = std::make_shared<Overlay>(*present);
    server::OverlayBody& body = next->bodies[static_cast<size_t>(copy.coding)];
    const size_t least = body ? body.bytes.size() : next->body().bytes.size();
    const bool better = bytes && bytes->size() < least;
    if (better) body = server::OverlayBody(bytes, {bytes->data(), bytes->size()});
    const bool last = !body || copy.effort == cache::Effort::best || next->body().bytes.size() > most_best_bytes;
    if (last) next->settled.add(copy.coding);
    if (better || last) publish(table_->with(std::move(next)));
  }
  go_on_copying();
}

}  // namespace uringd::admin
