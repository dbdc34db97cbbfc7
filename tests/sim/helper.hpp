// Helper: what stands for the helper thread: it keeps the watches that the disk asks for, tells of changes after a
// while (or never, where the scenario says so), lists directories, makes copies, switches releases, and holds every
// replaced state until the disk is done with it. Between two turns it hands its notices over. Belongs to one
// simulation.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "files.hpp"
#include "releases.hpp"
#include "uringd/disk/notice.hpp"
#include "uringd/disk/sites.hpp"
#include "uringd/uring/fake.hpp"

namespace uringd::sim {

/// How well it does. Chances are per mille.
struct Helping {
  bool there = true;
  uint32_t lost = 0;              // changes that nobody hears of
  uint32_t refused = 0;           // questions that it does not take
  uint32_t unlistable = 0;        // directories
  uint32_t at_bad_moments = 0;    // a planned switch happens inside a call of the disk's, if one comes before
  uint64_t longest_delay_ns = 0;  // of a notice
  uint64_t keep_previous_ms = 0;
  uint32_t switches = 0, bumps = 0, preloads = 0;
  uint32_t trees = 1;    // of each site
  bool remote = false;   // roots are on a network file system
  bool foreign = false;  // roots say that they are on another device than their files
};

class Helper final : public disk::HelperDoor {
 public:
  using Deliver = std::function<void(disk::Notice)>;

  Helper(uring::World& world, Files& files, Releases& releases, const Helping& helping, uint64_t seed);
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;

  /// The first state's root of a site.
  [[nodiscard]] std::shared_ptr<const disk::Root> open_root(const std::string& tree);
  void begin(disk::Sites& sites) { sites_ = &sites; }
  /// Another tree, or the same again.
  void plan_switch(uint64_t after_ns);
  /// A new generation of the same tree: names below it may mean other files now.
  void plan_bump(uint64_t after_ns);
  void plan_preload(uint64_t after_ns);
  /// Between two turns.
  void hand_over(const Deliver& deliver);
  /// No state waits to be acknowledged, no directory to be listed, no notice to be handed over.
  [[nodiscard]] bool idle() const;
  /// That site's tree has this slot from now on, which is new.
  void move(uint32_t site, uint32_t slot);
  /// The slot is given back: nothing of it may be watched.
  void forget(uint32_t slot);
  [[nodiscard]] size_t watched() const { return watched_.size(); }
  [[nodiscard]] uint32_t switched() const { return switched_; }

  [[nodiscard]] bool watch(uint32_t site, std::string_view directory) override;
  void unwatch(uint32_t site, std::string_view directory) override;
  [[nodiscard]] bool list(int directory, uint64_t ticket) override;
  void done_with(const disk::SiteState* state) override;
  [[nodiscard]] bool list_files(disk::ListingOrder order, uint64_t ticket) override;
  [[nodiscard]] bool encode(disk::EncodeOrder order, uint64_t ticket) override;

 private:
  struct Due {
    uint64_t at_ns;
    uint64_t order;
    std::function<void(const Deliver&)> action;
  };
  void later(std::function<void(const Deliver&)> action);
  void on_change(const std::string& path, bool structural);
  void tell(uint32_t site, const std::string& below);
  [[nodiscard]] bool leads_to_watched(uint32_t slot, const std::string& below) const;
  [[nodiscard]] bool proves(uint32_t slot, const std::string& below) const;
  void switch_now(uint32_t site, uint32_t tree);
  void bump_now(uint32_t site);
  void publish(uint32_t site, std::unique_ptr<disk::SiteState> next, Period period);
  void maybe_switch();

  uring::World& world_;
  Files& files_;
  Releases& releases_;
  Helping helping_;
  uring::Random random_;
  disk::Sites* sites_ = nullptr;
  std::vector<uint32_t> slots_;                         // by site
  std::set<std::pair<uint32_t, std::string>> watched_;  // by slot
  std::set<std::pair<uint32_t, std::string>> untold_;   // directories whose change was lost
  std::map<const disk::SiteState*, std::unique_ptr<const disk::SiteState>> retired_;
  std::set<const disk::SiteState*> announced_;  // of the retired ones
  std::vector<Due> due_;
  uint64_t order_ = 0;
  size_t listing_ = 0;
  uint32_t waiting_switches_ = 0;
  uint32_t switched_ = 0;
};

}  // namespace uringd::sim
