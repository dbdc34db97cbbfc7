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

RootLooks::RootLooks(uring::Ring& ring, disk::Sites& sites, SiteKeeper& keeper, log::Logger& logger,
                     HelperCounters& counters, uint64_t every_ms)
    : ring_(ring),
      sites_(sites),
      keeper_(keeper),
      logger_(logger),
      counters_(counters),
      every_ms_(std::clamp(every_ms, most_often_ms, least_often_ms)),
      looks_(sites.count()) {}

std::string RootLooks::name_of(uint32_t site) const {
  return "site " + std::to_string(site + 1) + ": root " + sites_.rules(site).root_path;
}

void RootLooks::on_time(uint64_t now_ms) {
  for (uint32_t site = 0; site < looks_.size(); ++site) {
    Look& look = looks_[site];
    if (now_ms >= look.due_ms) look.wanted = true;
    if (!look.wanted || look.opening) continue;
    const uint64_t device = sites_.state(site).root->device;
    if (!devices_.insert(device).second) continue;
    look = {.wanted = false,
            .opening = true,
            .unreachable = look.unreachable,
            .device = device,
            .due_ms = now_ms + every_ms_};
    ring_.open_directory(sites_.rules(site).root_path.c_str(), {.kind = uring::Kind::root, .slot = site});
  }
}

uint64_t RootLooks::next_ms() const {
  uint64_t next = UINT64_MAX;
  for (const Look& look : looks_) {
    if (!look.opening && !look.wanted) next = std::min(next, look.due_ms);  // what is wanted waits for a completion
  }
  return next;
}

bool RootLooks::on_completion(uint32_t site, int32_t result, uint64_t now_ms) {
  Look& look = looks_[site];
  CHECK(look.opening);
  look.opening = false;
  devices_.erase(look.device);
  if (result < 0) {
    say_unreachable(site, -result);
    return false;
  }
  return compare(site, Fd(result), now_ms);
}

void RootLooks::abandon(uint32_t site, int32_t result) {
  looks_[site].opening = false;
  devices_.erase(looks_[site].device);
  if (result >= 0) ring_.close_file(result);
}

void RootLooks::say_unreachable(uint32_t site, int error) {
  if (std::exchange(looks_[site].unreachable, true)) return;
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
  if (std::exchange(looks_[site].unreachable, false)) logger_.info(name_of(site) + " is back");
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
