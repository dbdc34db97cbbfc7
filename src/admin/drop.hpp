// Drop: the errand that makes a worker forget one path of a site, or all below a directory, wherever the site's trees
// have it. In slices where it is a directory.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "inventory.hpp"
#include "round.hpp"

namespace uringd::admin {

/// A path in one tree; of a directory without the slash at its end ("" is all of the tree).
struct DropTarget {
  uint32_t slot;
  std::string path;
};
/// Where `path`, of a request, may lie: "/a/" and "/" mean all below.
std::vector<DropTarget> drop_targets(const std::vector<Tree>& trees, std::string_view path);

class Drop final : public HomingErrand {
 public:
  /// `snapshot`: as of Inventory.
  Drop(std::shared_ptr<const server::Snapshot> snapshot, std::vector<DropTarget> targets, bool below)
      : snapshot_(std::move(snapshot)), targets_(std::move(targets)), below_(below) {}
  bool work(const server::Workplace& place) override;
  [[nodiscard]] size_t dropped() const { return dropped_; }

 private:
  std::shared_ptr<const server::Snapshot> snapshot_;
  std::vector<DropTarget> targets_;  // the last is next
  bool below_;
  server::Workplace::Forgetting so_far_;
  size_t dropped_ = 0;
};

}  // namespace uringd::admin
