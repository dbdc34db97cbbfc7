// Ordering looks at error pages, and what becomes of their results.
#include "helper_pages.hpp"

#include <algorithm>
#include <utility>

#include "uringd/base/check.hpp"

namespace uringd::server {

void PageLooks::add_tree(uint32_t site) {
  if (sites_.rules(site).error_pages.empty()) return;
  const bool is_new = looks_.try_emplace(site).second;
  CHECK(is_new);
}

void PageLooks::remove_tree(uint32_t site) {
  const auto look = looks_.find(site);
  if (look == looks_.end()) return;
  if (look->second.order != 0) orders_.at(look->second.order).forgotten = true;
  looks_.erase(look);
}

void PageLooks::set_owner(const std::shared_ptr<const void>& owner) {
  owner_ = owner;
  for (auto& [number, order] : orders_) {
    if (!order.forgotten) order.owner = owner;
  }
}

void PageLooks::set_clock(uint64_t stale_after_ms, uint64_t now_ms) {
  every_ms_ = std::clamp(stale_after_ms / 2, most_often_ms, least_often_ms);
  for (auto& [site, look] : looks_) look.due_ms = std::min(look.due_ms, now_ms + every_ms_);
}

void PageLooks::look_now(uint32_t site) {
  if (const auto look = looks_.find(site); look != looks_.end()) look->second.due_ms = 0;
}

void PageLooks::on_time(uint64_t now_ms) {
  for (auto& [site, look] : looks_) {
    if (look.order != 0 || now_ms < look.due_ms) continue;
    const disk::SiteState& state = sites_.state(site);
    const disk::SiteRules& rules = sites_.rules(site);
    look.due_ms = now_ms + every_ms_;
    look.order = ++last_order_;
    orders_.emplace(look.order, Order{.site = site, .forgotten = false, .root = state.root, .owner = owner_});
    background_.read_pages({.number = look.order,
                            .root = state.root,
                            .rules = rules.error_pages,
                            .compress = rules.compress,
                            .current = state.pages});
  }
}

uint64_t PageLooks::next_ms() const {
  uint64_t next = UINT64_MAX;
  for (const auto& [site, look] : looks_) {
    if (look.order == 0) next = std::min(next, look.due_ms);  // else a job will come
  }
  return next;
}

void PageLooks::on_pages(const Job& job) {
  const auto node = orders_.extract(job.order);
  CHECK(node);
  const Order& order = node.mapped();
  if (order.forgotten) return;
  Look& look = looks_.at(order.site);
  CHECK(look.order == job.order);
  look.order = 0;
  if (!job.pages) return;
  if (order.root != sites_.state(order.site).root) return look_now(order.site);  // of the root before
  keeper_.publish_pages(order.site, job.pages);
  for (const std::string& problem : job.problems) {
    if (std::ranges::find(look.said, problem) != look.said.end()) continue;
    logger_.warn(sites_.name_of(order.site) + ": " + problem);
  }
  look.said = job.problems;
}

}  // namespace uringd::server
