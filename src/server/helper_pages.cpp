// Ordering looks at error pages, and what becomes of their results.
#include "helper_pages.hpp"

#include <utility>

#include "uringd/base/check.hpp"

namespace uringd::server {

void PageLooks::on_time(uint64_t now_ms) {
  for (uint32_t site = 0; site < looks_.size(); ++site) {
    Look& look = looks_[site];
    if (!wants(site) || look.ordered || now_ms < look.due_ms) continue;
    const disk::SiteState& state = sites_.state(site);
    const disk::SiteRules& rules = sites_.rules(site);
    look.due_ms = now_ms + every_ms_;
    look.ordered = state.root;
    background_.read_pages({.site = site,
                            .root = state.root,
                            .rules = rules.error_pages,
                            .compress = rules.compress,
                            .current = state.pages});
  }
}

uint64_t PageLooks::next_ms() const {
  uint64_t next = UINT64_MAX;
  for (uint32_t site = 0; site < looks_.size(); ++site) {
    if (wants(site) && !looks_[site].ordered) next = std::min(next, looks_[site].due_ms);  // else a job will come
  }
  return next;
}

void PageLooks::on_pages(const Job& job) {
  Look& look = looks_[job.site];
  CHECK(look.ordered);
  const std::shared_ptr<const disk::Root> root = std::exchange(look.ordered, nullptr);
  if (!job.pages) return;
  if (root != sites_.state(job.site).root) return look_now(job.site);  // of the tree before
  keeper_.publish_pages(job.site, job.pages);
  for (const std::string& problem : job.problems) {
    if (std::ranges::find(look.said, problem) != look.said.end()) continue;
    logger_.warn("site " + std::to_string(job.site + 1) + ": " + problem);
  }
  look.said = job.problems;
}

}  // namespace uringd::server
