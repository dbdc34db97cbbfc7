// Opening roots again, and what follows when one is another directory.
#include "root_looks.hpp"

#include <unistd.h>

#include <algorithm>
#include <climits>
#include <utility>

#include "uringd/base/check.hpp"
#include "uringd/base/result.hpp"

namespace uringd::server {
namespace {

constexpr uint64_t most_often_ms = 100;  // the longest that a switch may stay unseen where stale_after is "0s"
constexpr uint64_t least_often_ms = 60'000;

std::string path_of(int directory) {
  const std::string link = "/proc/self/fd/" + std::to_string(directory);
  char path[PATH_MAX];
  const ssize_t bytes = readlink(link.c_str(), path, sizeof path);
  return bytes > 0 ? std::string(path, static_cast<size_t>(bytes)) : std::string("?");
}

}  // namespace

void RootLooks::add_tree(uint32_t site) {
  const bool is_new = looks_.try_emplace(site).second;
  CHECK(is_new);
}

void RootLooks::remove_tree(uint32_t site) {
  const size_t removed = looks_.erase(site);
  CHECK(removed == 1);
  for (auto& [number, open] : opens_) open.forgotten |= open.site == site;
}

void RootLooks::set_owner(const std::shared_ptr<const void>& owner) {
  owner_ = owner;
  for (auto& [number, open] : opens_) {
    if (!open.forgotten) open.owner = owner;
  }
}

void RootLooks::set_clock(uint64_t every_ms, uint64_t now_ms) {
  every_ms_ = std::clamp(every_ms, most_often_ms, least_often_ms);
  for (auto& [site, look] : looks_) look.due_ms = std::min(look.due_ms, now_ms + every_ms_);
}

std::string RootLooks::name_of(uint32_t site) const {
  return sites_.name_of(site) + ": root " + sites_.rules(site).root_path;
}

void RootLooks::on_time(uint64_t now_ms) {
  for (auto& [site, look] : looks_) {
    if (now_ms >= look.due_ms) look.wanted = true;
    if (!look.wanted || look.opening) continue;
    const uint64_t device = sites_.state(site).root->device;
    if (!devices_.insert(device).second) continue;
    look.wanted = false;
    look.opening = true;
    look.due_ms = now_ms + every_ms_;
    begin(site, device);
  }
}

void RootLooks::begin(uint32_t site, uint64_t device) {
  do next_open_ = (next_open_ + 1) % uring::Tag::slot_limit;
  while (opens_.contains(next_open_));
  Open open{.site = site, .forgotten = false, .device = device, .path = sites_.rules(site).root_path, .owner = owner_};
  const auto at = opens_.emplace(next_open_, std::move(open)).first;
  ring_.open_directory(at->second.path.c_str(), {.kind = uring::Kind::root, .slot = next_open_});
}

RootLooks::Open RootLooks::end(const uring::Completion& completion) {
  auto node = opens_.extract(completion.tag.slot);
  CHECK(node);
  devices_.erase(node.mapped().device);
  return std::move(node.mapped());
}

uint64_t RootLooks::next_ms() const {
  uint64_t next = UINT64_MAX;
  for (const auto& [site, look] : looks_) {
    if (look.opening) continue;
    if (!look.wanted) {
      next = std::min(next, look.due_ms);
    } else if (!devices_.contains(sites_.state(site).root->device)) {
      return 0;  // wanted since the last on_time()
    }  // else it waits for the completion that frees its device
  }
  return next;
}

std::optional<uint32_t> RootLooks::on_completion(const uring::Completion& completion, uint64_t now_ms) {
  const Open open = end(completion);
  if (open.forgotten) {
    if (completion.result >= 0) ring_.close_file(completion.result);
    return std::nullopt;
  }
  Look& look = looks_.at(open.site);
  CHECK(look.opening);
  look.opening = false;
  if (completion.result < 0) {
    say_unreachable(open.site, -completion.result);
    return std::nullopt;
  }
  return compare(open.site, Fd(completion.result), now_ms) ? std::optional(open.site) : std::nullopt;
}

void RootLooks::abandon(const uring::Completion& completion) {
  const Open open = end(completion);
  if (!open.forgotten) looks_.at(open.site).opening = false;
  if (completion.result >= 0) ring_.close_file(completion.result);
}

void RootLooks::say_unreachable(uint32_t site, int error) {
  if (std::exchange(looks_.at(site).unreachable, true)) return;
  logger_.warn(name_of(site) + " cannot be opened (" + errno_text(error) +
               "): the directory that it was is served until it is back");
}

bool RootLooks::compare(uint32_t site, Fd directory, uint64_t now_ms) {
  const disk::Root& current = *sites_.state(site).root;
  const auto found = ring_.attributes_of(directory.number());
  if (!found) {
    ring_.close_file(directory.release());
    say_unreachable(site, found.error());
    return false;
  }
  if (std::exchange(looks_.at(site).unreachable, false)) logger_.info(name_of(site) + " is back");
  const bool same = found->device == current.device && found->inode == current.inode;
  // A file system that was read-only can be mounted anew for writing: its files are not unchangeable any more.
  if (same && !current.read_only) {
    ring_.close_file(directory.release());
    return false;
  }
  const std::string path = same ? std::string() : path_of(directory.number());
  auto root = disk::describe_root(std::move(directory));
  if (!root) return false;
  if (same && root->read_only) {
    ring_.close_file(root->owned.release());
    return false;
  }
  keeper_.move_root(site, std::make_shared<const disk::Root>(std::move(*root)), now_ms);
  if (same) return false;
  ++counters_.switches;
  logger_.info(name_of(site) + " is another directory now: " + path);
  return true;
}

}  // namespace uringd::server
