// New states, and the end of old ones.
#include "site_keeper.hpp"

#include <algorithm>
#include <utility>

#include "uringd/base/check.hpp"

namespace uringd::server {

void SiteKeeper::add_tree(uint32_t site) {
  const bool is_new = trees_.insert(site).second;
  CHECK(is_new);
}

void SiteKeeper::remove_tree(uint32_t site) {
  CHECK(trees_.contains(site));
  if (sites_.state(site).previous) end_previous(site);
  trees_.erase(site);
}

void SiteKeeper::publish(uint32_t site, std::unique_ptr<const disk::SiteState> next) {
  std::unique_ptr<const disk::SiteState> old = sites_.publish(site, std::move(next));
  if (mailboxes_.empty()) return;
  const disk::SiteState* const state = old.get();
  retired_.emplace(state, RetiredState{std::move(old), mailboxes_.size()});
  retired_gauge_.store(retired_.size(), std::memory_order_relaxed);
  for (Mailbox* mailbox : mailboxes_) mailbox->post(disk::Retired{state});
}

void SiteKeeper::bump(uint32_t site, bool release) {
  auto next = std::make_unique<disk::SiteState>(sites_.state(site));
  ++next->generation;
  if (release) next->release = next->generation;
  ++counters_.generations;
  publish(site, std::move(next));
}

void SiteKeeper::release(uint32_t site) { bump(site, true); }

void SiteKeeper::doubt(uint32_t site) { bump(site, false); }

void SiteKeeper::doubt_all() {
  for (const uint32_t site : trees_) doubt(site);
}

void SiteKeeper::move_root(uint32_t site, std::shared_ptr<const disk::Root> root, uint64_t now_ms) {
  const disk::SiteState& current = sites_.state(site);
  auto next = std::make_unique<disk::SiteState>();
  next->generation = next->release = current.generation + 1;
  next->root = std::move(root);
  next->pages = current.pages;  // until those of the new tree are read
  if (const uint64_t keep_ms = sites_.rules(site).keep_previous_ms; keep_ms > 0) {
    next->previous = current.root;
    next->previous_until_ms = now_ms + keep_ms;
  }
  ++counters_.generations;
  publish(site, std::move(next));
}

void SiteKeeper::publish_pages(uint32_t site, std::shared_ptr<const disk::ErrorPages> pages) {
  CHECK(pages);
  auto next = std::make_unique<disk::SiteState>(sites_.state(site));
  next->pages = std::move(pages);
  publish(site, std::move(next));
}

void SiteKeeper::invalidate(const disk::Invalidated& notice) {
  ++counters_.invalidations;
  for (Mailbox* mailbox : mailboxes_) {
    if (mailbox->pending() >= notice_limit) {
      mailbox_was_full_ = true;
    } else {
      mailbox->post(notice);
    }
  }
}

void SiteKeeper::done_with(const disk::SiteState* state) {
  const auto found = retired_.find(state);
  CHECK(found != retired_.end());  // said once too often, or of a state that is still read
  CHECK(found->second.workers > 0);
  if (--found->second.workers > 0) return;
  retired_.erase(found);
  retired_gauge_.store(retired_.size(), std::memory_order_relaxed);
}

void SiteKeeper::on_time(uint64_t now_ms) {
  if (mailbox_was_full_ && now_ms >= pause_until_ms_) {
    mailbox_was_full_ = false;
    pause_until_ms_ = now_ms + overflow_pause_ms;
    ++counters_.overflows;
    doubt_all();
  }
  for (const uint32_t site : trees_) {
    const disk::SiteState& current = sites_.state(site);
    if (current.previous && now_ms >= current.previous_until_ms) end_previous(site);
  }
}

void SiteKeeper::end_previous(uint32_t site) {
  auto next = std::make_unique<disk::SiteState>(sites_.state(site));
  next->release = ++next->generation;  // what is held of the tree before ends now
  next->previous = nullptr;
  next->previous_until_ms = 0;
  publish(site, std::move(next));
}

uint64_t SiteKeeper::next_ms() const {
  uint64_t next = mailbox_was_full_ ? pause_until_ms_ : UINT64_MAX;
  for (const uint32_t site : trees_) {
    const disk::SiteState& current = sites_.state(site);
    if (current.previous) next = std::min(next, current.previous_until_ms);
  }
  return next;
}

}  // namespace uringd::server
