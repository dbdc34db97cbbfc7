// Reloads: other configurations while clients are served. Sites keep their trees or get other ones, which have new
// slots; a few sites that nobody asks for come and go; bounds change. A slot is given back when the last configuration
// that has its tree is gone, which the worker decides. Belongs to one simulation.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "helper.hpp"
#include "releases.hpp"
#include "scenario.hpp"
#include "uringd/server/snapshot.hpp"

namespace uringd::sim {

class Reloads {
 public:
  Reloads(uring::World& world, Releases& releases, Helper& helper, const Scenario& scenario, uint64_t seed);
  ~Reloads();
  Reloads(const Reloads&) = delete;
  Reloads& operator=(const Reloads&) = delete;

  /// The configuration of the start.
  [[nodiscard]] std::shared_ptr<const server::Snapshot> first();
  struct Next {
    std::shared_ptr<const server::Snapshot> snapshot;
    server::WorkerOptions options;
  };
  /// Another one, which is in force from now on.
  [[nodiscard]] Next next();
  [[nodiscard]] disk::Sites& sites() { return *sites_; }
  /// Nobody has a tree but the configuration in force.
  [[nodiscard]] bool settled() const;
  [[nodiscard]] uint32_t reloaded() const { return reloaded_; }

 private:
  struct Tree;
  struct Configuration;
  [[nodiscard]] std::shared_ptr<const Tree> plant(const std::string& directory);
  void plant_for(uint32_t site, uint32_t number);
  [[nodiscard]] std::shared_ptr<const server::Snapshot> snapshot_of(std::shared_ptr<config::Config> config);
  [[nodiscard]] uint64_t one_of(std::initializer_list<uint64_t> values) {
    return values.begin()[random_.below(values.size())];
  }

  uring::World& world_;
  Releases& releases_;
  Helper& helper_;
  const Scenario& scenario_;
  uring::Random random_;
  std::shared_ptr<disk::Sites> sites_ = std::make_shared<disk::Sites>();
  std::vector<std::shared_ptr<const Tree>> trees_;   // of the sites that clients ask for
  std::vector<std::shared_ptr<const Tree>> silent_;  // of those that nobody asks for
  uint32_t planted_ = 0;                             // trees that somebody has
  uint32_t reloaded_ = 0;
};

}  // namespace uringd::sim
