// From a request's path to paths in trees, and the slices.
#include "drop.hpp"

namespace uringd::admin {
namespace {

// "/uploads/a" lies in the directory "/uploads"; everything lies in "".
bool lies_in(std::string_view path, std::string_view directory) {
  return path.starts_with(directory) && path.size() > directory.size() && path[directory.size()] == '/';
}

}  // namespace

std::vector<DropTarget> drop_targets(const std::vector<Tree>& trees, std::string_view path) {
  std::vector<DropTarget> targets;
  const bool below = path.ends_with('/');
  const std::string_view plain = below ? path.substr(0, path.size() - 1) : path;
  for (const Tree& tree : trees) {
    if (tree.prefix.empty()) {
      targets.push_back({tree.slot, std::string(plain)});
    } else if (lies_in(plain, tree.prefix) || (below && plain == tree.prefix)) {
      targets.push_back({tree.slot, std::string(plain.substr(tree.prefix.size()))});
    } else if (below && lies_in(tree.prefix, plain)) {
      targets.push_back({tree.slot, {}});
    }
  }
  return targets;
}

bool Drop::work(const server::Workplace& place) {
  if (targets_.empty()) return true;
  const DropTarget& target = targets_.back();
  if (below_) {
    if (!place.forget_below(target.slot, target.path, so_far_)) return false;
    dropped_ += so_far_.dropped;
    so_far_ = {};
  } else {
    dropped_ += place.forget(target.slot, target.path);
  }
  targets_.pop_back();
  return targets_.empty();
}

}  // namespace uringd::admin
