// Reloading: a Bench whose configuration changes, with the same few files in every tree.
#pragma once

#include "harness.hpp"

namespace uringd::testing {

using Slots = std::vector<uint32_t>;

struct Reloading : Bench {
  explicit Reloading(BenchOptions options = {.sites = 2}) : Bench(options), now(options.disk) {
    for (uint32_t site = 0; site < options.sites; ++site) fill(site == 0 ? "root" : "root" + std::to_string(site));
    age();
  }
  void fill(const std::string& root) {
    world.put_file(root + "/a.txt", "a of " + root);
    world.put_file(root + "/d/b.txt", "b of " + root);
    world.put_file(root + "/large.bin", std::string(100'000, 'x'));
  }
  void configure(const Slots& trees) { disk->reconfigure(now, trees); }
  /// Asks, waits and lets go.
  std::string body_of(std::string_view path, uint32_t site = 0) {
    const Waiting asking(*this, path, site);
    run();
    return asking.body();
  }
  bool known(std::string_view path, uint32_t site = 0) {
    const Waiting asking(*this, path, site);
    run();
    return asking.at_once;
  }
  /// A tree in an empty slot or the next.
  uint32_t add(const std::string& directory) {
    fill(directory);
    age();
    return sites.add({.rules = {.root_path = directory, .index = {"index.html"}},
                      .describer = {std::shared_ptr<void>(), &describer},
                      .root = make_root(directory)});
  }
  /// A hundred, a millisecond each: slices and the fake kernel's answers.
  void turns() {
    for (int turn = 0; turn < 100; ++turn) pass(1);
  }
  disk::DiskOptions now;
};

}  // namespace uringd::testing
