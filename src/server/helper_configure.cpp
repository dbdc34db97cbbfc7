// From one configuration to the next, between two turns: trees that both have go on untouched, the others come and go;
// watching begins or ends; maps get another keeper.
//
//   configure: options ─ trees that went ─ trees that came ─ maps ─ the owner before, which waits for the workers
#include <algorithm>
#include <utility>

#include "helper_loop.hpp"
#include "uringd/base/check.hpp"

namespace uringd::server {

void HelperLoop::configure(HelperWork next) {
  HelperWork before = std::exchange(work_, std::move(next));
  const HelperOptions& options = work_.options;
  const std::set<uint32_t> trees(work_.trees.begin(), work_.trees.end());
  const bool watch_begins = options.watch && watching_ != Watching::reading;
  const bool preload_changed = options.preload != before.options.preload;

  std::vector<uint32_t> gone, new_ones;
  std::ranges::set_difference(trees_, trees, std::back_inserter(gone));
  std::ranges::set_difference(trees, trees_, std::back_inserter(new_ones));
  for (const uint32_t site : gone) remove_tree(site);
  if (watch_begins) {
    // What changed before a watch stands is not told, and a root that was switched neither.
    look_when_watched_ = doubt_when_watched_ = trees_;
  }
  for (const uint32_t site : new_ones) add_tree(site);
  CHECK(trees_ == trees);

  looks_.set_owner(work_.owner);
  pages_.set_owner(work_.owner);
  looks_.set_clock(options.stale_after_ms, now_ms());
  pages_.set_clock(options.stale_after_ms, now_ms());
  watch_.set_limit(options.watch_limit);
  if (options.watch) start_watching();
  if (!options.watch) stop_watching();
  const std::set<uint32_t> to_preload(new_ones.begin(), new_ones.end());
  for (const uint32_t site : preload_changed ? trees : to_preload) {
    end_preload(site);
    start_preload(site);
  }
  change_maps();
  if (before.owner) retired_.add_owner(std::move(before.owner), mailboxes_);
}

void HelperLoop::add_tree(uint32_t site) {
  trees_.insert(site);
  keeper_.add_tree(site);
  looks_.add_tree(site);
  pages_.add_tree(site);
  watch_.add_tree(site);
  // A root that was switched after it had been opened and before its first watch stands: no event tells of that.
  look_when_watched_.insert(site);
}

void HelperLoop::remove_tree(uint32_t site) {
  end_preload(site);
  look_when_watched_.erase(site);
  doubt_when_watched_.erase(site);
  watch_.remove_tree(site);
  pages_.remove_tree(site);
  looks_.remove_tree(site);
  keeper_.remove_tree(site);
  trees_.erase(site);
}

// --- maps ---

void HelperLoop::change_maps() {
  if (maps_) maps_->retire();
  maps_ = nullptr;
  std::erase_if(map_keepers_, [](const auto& one) { return one->ended(); });
  if (!work_.maps) return;
  map_generation_ = (map_generation_ + 1) & 0xffffff;
  MapKeeper::Work work{
      .maps = *work_.maps, .files = std::move(work_.map_files), .owner = work_.owner, .generation = map_generation_};
  map_keepers_.push_back(
      std::make_unique<MapKeeper>(ring_, std::move(work), work_.options, logger_, mailboxes_, counters_, retired_));
  maps_ = map_keepers_.back().get();
}

MapKeeper* HelperLoop::keeper_of(const uring::Completion& completion) {
  const auto found = std::ranges::find_if(
      map_keepers_, [&](const auto& one) { return one->generation() == completion.tag.generation; });
  CHECK(found != map_keepers_.end());
  return found->get();
}

void HelperLoop::on_map(const uring::Completion& completion) {
  MapKeeper* const keeper = keeper_of(completion);
  keeper->on_completion(completion, now_ms());
  if (keeper == maps_ || !keeper->ended()) return;
  std::erase_if(map_keepers_, [&](const auto& one) { return one.get() == keeper; });
}

}  // namespace uringd::server
