// Making configurations as server::Snapshot would from files: unchanged trees keep their slot.
#include "reloads.hpp"

#include <algorithm>
#include <utility>

#include "trace.hpp"
#include "uringd/base/check.hpp"

namespace uringd::sim {

/// A tree and its slot, which goes back with the last configuration that has it.
struct Reloads::Tree {
  Tree(Reloads& reloads, const std::string& directory) : owner(reloads), root_path(directory) {
    const Scenario& scenario = owner.scenario_;
    const auto resolve = scenario.sites.symlinks ? uring::Resolve::symlinks_inside : uring::Resolve::no_symlinks;
    slot = owner.sites_->add({.rules = {.root_path = directory,
                                        .resolve = resolve,
                                        .index = scenario.sites.index,
                                        .keep_previous_ms = scenario.helping.keep_previous_ms},
                              .describer = server::describer_for(*scenario.config, 0, ""),
                              .root = owner.helper_.open_root(directory)});
    ++owner.planted_;
  }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;
  ~Tree() {
    trace(owner.world_.now_ns(), "slot %u of %s is given back", slot, root_path.c_str());
    owner.helper_.forget(slot);
    owner.sites_->remove(slot);
    --owner.planted_;
  }
  Reloads& owner;
  std::string root_path;
  uint32_t slot;
};

struct Reloads::Configuration {
  std::vector<std::shared_ptr<const Tree>> trees;
  server::Snapshot snapshot;
};

Reloads::Reloads(uring::World& world, Releases& releases, Helper& helper, const Scenario& scenario, uint64_t seed)
    : world_(world), releases_(releases), helper_(helper), scenario_(scenario), random_(seed) {}

Reloads::~Reloads() {
  trees_.clear();
  silent_.clear();
  CHECK(planted_ == 0);
}

std::shared_ptr<const Reloads::Tree> Reloads::plant(const std::string& directory) {
  return std::make_shared<const Tree>(*this, directory);
}

void Reloads::plant_for(uint32_t site, uint32_t number) {
  const std::string directory = Releases::tree_of(site, number);
  trees_[site] = plant(directory);
  helper_.move(site, trees_[site]->slot);
  const uint64_t now_ns = world_.now_ns();
  releases_.reload(site, {.tree = directory, .from_ns = now_ns, .release_ns = now_ns});
}

std::shared_ptr<const server::Snapshot> Reloads::first() {
  trees_.resize(scenario_.sites.count);
  for (uint32_t site = 0; site < scenario_.sites.count; ++site) plant_for(site, 0);
  helper_.begin(*sites_);
  return snapshot_of(std::make_shared<config::Config>(*scenario_.config));
}

Reloads::Next Reloads::next() {
  ++reloaded_;
  trace(world_.now_ns(), "reload");
  for (uint32_t site = 0; site < scenario_.sites.count; ++site) {
    if (random_.chance(500)) plant_for(site, static_cast<uint32_t>(random_.below(scenario_.helping.trees)));
  }
  constexpr uint64_t most_silent = 3;
  std::erase_if(silent_, [this](const auto&) { return random_.chance(400); });
  while (silent_.size() < most_silent && random_.chance(500)) {
    silent_.push_back(plant(Releases::tree_of(0, static_cast<uint32_t>(random_.below(scenario_.helping.trees)))));
  }
  auto config = std::make_shared<config::Config>(*scenario_.config);
  config->cache.max_file_size_bytes = one_of({100, 1000, 5000, 20000});
  config->cache.idle_after = std::chrono::milliseconds(one_of({0, 1, 300, 600'000}));
  config->cache.stale_after = std::min(config->cache.stale_after, std::chrono::milliseconds(one_of({0, 20, 2000})));
  config->disk.stream_size_bytes = one_of({16384, 32768, 65536});
  server::WorkerOptions options = scenario_.options;
  options.ring.bounded_workers = options.ring.unbounded_workers = static_cast<uint32_t>(one_of({1, 2, 16}));
  options.cache_bytes = one_of({0, 2500, 10'000, 30'000, 1 << 20});
  const uint64_t places = scenario_.excuses.queue_full ? one_of({1, 2, 64}) : one_of({64, 200});
  options.disk_queue_size = static_cast<uint32_t>(places);
  return {snapshot_of(std::move(config)), options};
}

std::shared_ptr<const server::Snapshot> Reloads::snapshot_of(std::shared_ptr<config::Config> config) {
  std::vector<std::shared_ptr<const Tree>> trees = trees_;
  for (const auto& tree : silent_) {
    config->sites.push_back(config->sites.front());
    config->sites.back().hosts = {"silent" + std::to_string(trees.size()) + ".test"};
    trees.push_back(tree);
  }
  std::vector<uint32_t> slots;
  for (const auto& tree : trees) slots.push_back(tree->slot);
  auto made = std::make_shared<const Configuration>(Configuration{
      .trees = std::move(trees), .snapshot = server::Snapshot(std::move(config), 1, sites_, std::move(slots))});
  return {made, &made->snapshot};
}

bool Reloads::settled() const { return planted_ == trees_.size() + silent_.size(); }

}  // namespace uringd::sim
