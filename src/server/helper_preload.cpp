// Preload: the files that cache.preload names are told to every worker, when a tree comes and after a release switch,
// no faster than the workers take them.
#include <algorithm>
#include <utility>

#include "helper_loop.hpp"

namespace uringd::server {
namespace {

constexpr size_t batch_paths = 256;
constexpr size_t waiting_limit = 8;  // notices of all kinds; a batch is 256 fetches

}  // namespace

void HelperLoop::end_preload(uint32_t site) {
  if (preload_ && preload_->site == site) preload_.reset();
  std::erase(preload_sites_, site);
}

void HelperLoop::start_preload(uint32_t site) {
  if (work_.options.preload.empty()) return;
  if (preload_ && preload_->site == site) preload_.reset();  // of the tree before
  if (std::ranges::find(preload_sites_, site) == preload_sites_.end()) preload_sites_.push_back(site);
}

bool HelperLoop::preload_may_post() const {
  return std::ranges::all_of(mailboxes_, [](const Mailbox* mailbox) { return mailbox->pending() < waiting_limit; });
}

void HelperLoop::do_preload() {
  if (preload_paused_) return;
  if (!preload_) {
    if (preload_sites_.empty()) return;
    const uint32_t site = preload_sites_.front();
    preload_sites_.pop_front();
    std::shared_ptr<const disk::Root> root = sites_.state(site).root;
    const disk::SiteRules& rules = sites_.rules(site);
    disk::TreeWalk walk(root->directory, rules.prefix, work_.options.preload, rules.resolve);
    preload_ = std::make_unique<PreloadWalk>(PreloadWalk{site, std::move(root), std::move(walk), {}});
  }
  if (!preload_->ended && preload_->found.size() < batch_paths) preload_->ended = !preload_->walk.step(preload_->found);
  post_preload(preload_->ended);
  if (preload_paused_ || !preload_->ended || !preload_->found.empty()) return;
  if (preload_->walk.truncated()) {
    logger_.warn("cache.preload: " + sites_.name_of(preload_->site) + " has more than " +
                 std::to_string(disk::TreeWalk::file_limit) + " such files, or more than " +
                 std::to_string(disk::TreeWalk::depth_limit) + " levels: the rest is read when asked for");
  }
  preload_.reset();
}

void HelperLoop::post_preload(bool all) {
  std::vector<std::string>& found = preload_->found;
  while (found.size() >= batch_paths || (all && !found.empty())) {
    if (!preload_may_post()) {
      preload_paused_ = true;
      return;
    }
    const auto end = found.begin() + static_cast<ptrdiff_t>(std::min(found.size(), batch_paths));
    counters_.preloaded += static_cast<uint64_t>(end - found.begin());
    for (Mailbox* mailbox : mailboxes_) mailbox->post(disk::Preload{preload_->site, {found.begin(), end}});
    found.erase(found.begin(), end);
  }
}

}  // namespace uringd::server
