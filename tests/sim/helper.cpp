// Publishing happens at any moment, as another thread would do it: inside a turn, or inside a call that the disk makes
// here. Notices are handed over between turns, in the order of their times.
#include "helper.hpp"

#include <algorithm>

#include "trace.hpp"
#include "uringd/base/check.hpp"

namespace uringd::sim {
namespace {

std::string directory_of(const std::string& below) { return below.substr(0, below.rfind('/')); }

std::string coded(const disk::EncodeOrder& order) {
  const std::string text = std::string(http::coding_name(order.coding)) + " of " + order.etag;
  return order.effort == cache::Effort::best ? text : text + ", quick";
}

}  // namespace

Helper::Helper(uring::World& world, Files& files, Releases& releases, const Helping& helping, uint64_t seed)
    : world_(world), files_(files), releases_(releases), helping_(helping), random_(seed) {
  files_.set_observer([this](const std::string& path, bool structural) { on_change(path, structural); });
}

std::shared_ptr<const disk::Root> Helper::open_root(const std::string& tree) {
  const int directory = world_.root(tree.substr(0, tree.size() - 1));
  auto* root = new disk::Root{
      .directory = directory, .device = helping_.foreign ? 2U : 1U, .inode = 0, .remote = helping_.remote};
  return {root, [this](const disk::Root* closing) {
            world_.close_root(closing->directory);
            delete closing;
          }};
}

// --- notices ---

void Helper::later(std::function<void(const Deliver&)> action) {
  const uint64_t at_ns = world_.now_ns() + random_.below(helping_.longest_delay_ns + 1);
  due_.push_back({at_ns, order_++, std::move(action)});
  world_.at(at_ns, [](uring::World& world) { world.interrupt(); });
}

void Helper::hand_over(const Deliver& deliver) {
  for (;;) {
    const auto first = std::min_element(due_.begin(), due_.end(), [](const Due& one, const Due& other) {
      return std::pair(one.at_ns, one.order) < std::pair(other.at_ns, other.order);
    });
    if (first == due_.end() || first->at_ns > world_.now_ns()) return;
    const auto action = std::move(first->action);
    due_.erase(first);
    action(deliver);
  }
}

bool Helper::idle() const { return due_.empty() && retired_.empty() && listing_ == 0 && waiting_switches_ == 0; }

void Helper::on_change(const std::string& path, bool structural) {
  if (!helping_.there || !sites_) return;
  for (uint32_t site = 0; site < releases_.sites(); ++site) {
    const std::string& tree = releases_.current(site).tree;
    if (!path.starts_with(tree)) continue;
    const std::string below = path.substr(tree.size() - 1);  // with its slash
    const uint32_t slot = slots_[site];
    const bool name_matters = watched_.contains({slot, directory_of(below)});
    const bool way_matters = structural && leads_to_watched(slot, below);
    if (!name_matters && !way_matters) continue;
    if (random_.chance(helping_.lost)) {
      if (structural) untold_.emplace(slot, below);
      continue;
    }
    if (name_matters) tell(site, below);
    if (name_matters && below == "/small.html") tell(site, "/link");
    if (structural) {
      later([this, site](const Deliver&) { bump_now(site); });
    }
  }
}

void Helper::move(uint32_t site, uint32_t slot) {
  if (slots_.size() <= site) slots_.resize(site + 1);
  slots_[site] = slot;
}

void Helper::forget(uint32_t slot) {
  for (const auto& [of, directory] : watched_) {
    if (of == slot) fail("slot %u is given back, and \"%s\" of it is still watched", slot, directory.c_str());
  }
  std::erase_if(untold_, [slot](const auto& untold) { return untold.first == slot; });
}

bool Helper::leads_to_watched(uint32_t slot, const std::string& below) const {
  return std::any_of(watched_.begin(), watched_.end(), [&](const auto& watched) {
    return watched.first == slot && (watched.second == below || watched.second.starts_with(below + "/"));
  });
}

// What is told of a name proves nothing while a directory above it is not known to have changed.
bool Helper::proves(uint32_t slot, const std::string& below) const {
  return std::none_of(untold_.begin(), untold_.end(), [&](const auto& untold) {
    return untold.first == slot && below.starts_with(untold.second + "/");
  });
}

void Helper::tell(uint32_t site, const std::string& below) {
  later([this, site, slot = slots_[site], below](const Deliver& deliver) {
    trace(world_.now_ns(), "notice: s%u%s changed, slot %u", site, below.c_str(), slot);
    deliver(disk::Invalidated{.site = slot, .path = below});
    if (below != "/link" && slot == slots_[site] && proves(slot, below)) {
      releases_.told("s" + std::to_string(site) + below, world_.now_ns());
    }
  });
}

// --- releases ---

void Helper::plan_switch(uint64_t after_ns) {
  ++waiting_switches_;
  world_.after(after_ns, [this](uring::World&) {
    if (random_.chance(helping_.at_bad_moments)) {  // or at the next call; at the latest a while from now
      return world_.after(1'000'000, [this](uring::World&) { maybe_switch(); });
    }
    maybe_switch();
  });
}

void Helper::maybe_switch() {
  if (waiting_switches_ == 0) return;
  --waiting_switches_;
  switch_now(static_cast<uint32_t>(random_.below(releases_.sites())),
             static_cast<uint32_t>(random_.below(helping_.trees)));
}

void Helper::plan_bump(uint64_t after_ns) {
  world_.after(after_ns, [this](uring::World&) { bump_now(static_cast<uint32_t>(random_.below(releases_.sites()))); });
}

void Helper::switch_now(uint32_t site, uint32_t tree) {
  const disk::SiteState& before = sites_->state(slots_[site]);
  const Period& period = releases_.current(site);
  auto next = std::make_unique<disk::SiteState>();
  next->generation = next->release = before.generation + 1;
  Period coming{.tree = Releases::tree_of(site, tree), .from_ns = world_.now_ns(), .release_ns = world_.now_ns()};
  next->root = open_root(coming.tree);
  next->pages = before.pages;
  if (helping_.keep_previous_ms > 0 && coming.tree != period.tree) {
    next->previous = before.root;
    next->previous_until_ms = world_.now_ns() / 1'000'000 + helping_.keep_previous_ms;
    coming.previous = period.tree;
    coming.previous_until_ns = (next->previous_until_ms + 1) * 1'000'000;
  }
  trace(world_.now_ns(), "site %u: root is %s now, generation %u", site, coming.tree.c_str(), next->generation);
  ++switched_;
  publish(site, std::move(next), std::move(coming));
}

void Helper::bump_now(uint32_t site) {
  const disk::SiteState& before = sites_->state(slots_[site]);
  auto next = std::make_unique<disk::SiteState>();
  next->generation = before.generation + 1;
  next->release = before.release;
  next->root = before.root;
  next->pages = before.pages;
  next->previous = before.previous;
  next->previous_until_ms = before.previous_until_ms;
  Period coming = releases_.current(site);
  coming.from_ns = world_.now_ns();
  trace(world_.now_ns(), "site %u: generation %u of the same root", site, next->generation);
  publish(site, std::move(next), std::move(coming));
}

void Helper::publish(uint32_t site, std::unique_ptr<disk::SiteState> next, Period period) {
  std::unique_ptr<const disk::SiteState> old = sites_->publish(slots_[site], std::move(next));
  releases_.publish(site, std::move(period));
  const disk::SiteState* state = old.get();
  retired_[state] = std::move(old);
  later([this, state](const Deliver& deliver) {
    announced_.insert(state);
    deliver(disk::Retired{state});
  });
}

void Helper::plan_preload(uint64_t after_ns) {
  world_.after(after_ns, [this](uring::World&) {
    later([this](const Deliver& deliver) {
      // Sometimes for a slot that nobody asks for, or whose tree went meanwhile.
      const bool any = random_.chance(300);
      const auto slot =
          any ? static_cast<uint32_t>(random_.below(sites_->bound())) : slots_[random_.below(releases_.sites())];
      deliver(disk::Preload{slot, {"/small.html", "/edge.bin", "/big.bin", "/dir/", "/late.txt", "/odd name.css"}});
    });
  });
}

// --- the door ---

bool Helper::watch(uint32_t site, std::string_view directory) {
  if (waiting_switches_ > 0 && random_.chance(helping_.at_bad_moments)) maybe_switch();
  if (random_.chance(helping_.refused)) return false;
  if (!directory.empty() && (directory.front() != '/' || directory.back() == '/'))
    fail("watch of \"%s\"", std::string(directory).c_str());
  if (!watched_.emplace(site, directory).second) fail("\"%s\" is watched already", std::string(directory).c_str());
  return true;
}

void Helper::unwatch(uint32_t site, std::string_view directory) {
  if (watched_.erase({site, std::string(directory)}) != 1)
    fail("\"%s\" was not watched", std::string(directory).c_str());
}

bool Helper::list(int directory, uint64_t ticket) {
  if (waiting_switches_ > 0 && random_.chance(helping_.at_bad_moments)) maybe_switch();
  if (random_.chance(helping_.refused)) return false;
  ++listing_;
  later([this, directory, ticket](const Deliver&) {
    const std::vector<std::string> first = world_.names(directory);
    later([this, directory, ticket, first](const Deliver& deliver) {
      // Names that come or go meanwhile are listed or not.
      const std::vector<std::string> then = world_.names(directory);
      std::set<std::string> seen(first.begin(), first.end());
      std::erase_if(seen, [&](const std::string& name) {
        return !std::binary_search(then.begin(), then.end(), name) && random_.chance(500);
      });
      for (const std::string& name : then) {
        if (std::binary_search(first.begin(), first.end(), name) || random_.chance(500)) seen.insert(name);
      }
      --listing_;
      if (random_.chance(helping_.unlistable)) return deliver(disk::Listed{.ticket = ticket, .names = nullptr});
      auto names = std::make_unique<disk::Names>(seen.size());
      for (const std::string& name : seen) names->add(name);
      deliver(disk::Listed{.ticket = ticket, .names = std::move(names)});
    });
  });
  return true;
}

bool Helper::list_files(disk::ListingOrder order, uint64_t ticket) {
  const int directory = order.directory.release();  // none of the kernel's
  if (random_.chance(helping_.refused)) {
    world_.close_file(directory);
    return false;
  }
  ++listing_;
  later([this, directory, ticket, path = order.path](const Deliver& deliver) {
    std::string body = path + "\n";
    for (const std::string& name : world_.names(directory)) body += name + "\n";
    world_.close_file(directory);
    --listing_;
    if (random_.chance(helping_.unlistable)) return deliver(disk::Rendered{.ticket = ticket, .body = std::nullopt});
    deliver(disk::Rendered{.ticket = ticket, .body = std::move(body)});
  });
  return true;
}

// A copy says what it is of, and a better one is shorter.
bool Helper::encode(disk::EncodeOrder order, uint64_t ticket) {
  if (random_.chance(helping_.refused)) return false;
  auto bytes = std::make_shared<const std::string>(coded(order));
  later([this, bytes = std::move(bytes), ticket](const Deliver& deliver) {
    deliver(disk::Encoded{.ticket = ticket, .bytes = random_.chance(helping_.unlistable) ? nullptr : bytes});
  });
  return true;
}

void Helper::done_with(const disk::SiteState* state) {
  if (announced_.erase(state) != 1) fail("done with a state that nobody called retired, or twice");
  CHECK(retired_.erase(state) == 1);
}

}  // namespace uringd::sim
