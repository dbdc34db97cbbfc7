// ConfigureWorld: a HelperWorld with a second tree that configurations may have, and owners that tell of their end.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "helper_world.hpp"

namespace uringd::server::test {

using disk::test::site_of;

// Long enough that what is seen sooner was not seen by the clock.
inline constexpr uint64_t never_ms = 60'000;

/// A configuration's owner, which tells of its end and who brought it about.
struct Life {
  std::atomic<int> ends{0};
  std::atomic<std::thread::id> thread{};
  std::shared_ptr<const void> begin() {
    return {new int(0), [this](const int* number) {
              delete number;
              thread = std::this_thread::get_id();
              ++ends;
            }};
  }
};

struct ConfigureWorld : HelperWorld {
  explicit ConfigureWorld(HelperOptions first = {.stale_after_ms = never_ms}, const disk::SiteRules& rules = {})
      : HelperWorld(std::move(first), rules) {
    tree.directory("second/assets");
    tree.write("second/index.html");
  }
  void configure(std::vector<uint32_t> trees, HelperOptions options = {.stale_after_ms = never_ms},
                 std::shared_ptr<const void> owner = {}) {
    helper->configure({.options = std::move(options), .trees = std::move(trees), .owner = std::move(owner)});
  }
  uint32_t add(const std::string& root, disk::SiteRules rules = {}) {
    return sites->add(site_of(tree.at(root), std::move(rules)));
  }
  /// All jobs that were posted before are done: a listing that is asked for last has been answered.
  void caught_up() {
    const Fd directory = tree.open();
    REQUIRE(helper->door(0).list(directory.number(), ++ticket));
    REQUIRE(within(20s, [&] {
      hands[0].take();
      return std::ranges::any_of(hands[0].listed, [&](const disk::Listed& one) { return one.ticket == ticket; });
    }));
  }
  void pass() {
    for (Hand& hand : hands) hand.pass();
  }
  bool hears(const std::string& path) {
    return within(20s, [&] { return hands[0].heard(path); });
  }
  static size_t inotify_instances() {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code gone;
      count += std::filesystem::read_symlink(entry.path(), gone) == "anon_inode:inotify" ? 1 : 0;
    }
    return count;
  }
  uint64_t ticket = 1'000'000;
};

}  // namespace uringd::server::test
