// The states of the sites, and what is found out about a directory that is to be a root.
#include "uringd/disk/sites.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <climits>
#include <utility>

#include "file_system.hpp"
#include "uringd/base/check.hpp"

namespace uringd::disk {

Result<Root> describe_root(Fd directory) {
  struct statx found{};
  constexpr unsigned wanted = STATX_TYPE | STATX_INO;
  if (statx(directory.number(), "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, wanted, &found) != 0) {
    return failure(errno_text(errno));
  }
  if (!S_ISDIR(found.stx_mode)) return failure(errno_text(ENOTDIR));
  const FileSystem file_system = file_system_of(directory.number());
  const int number = directory.number();
  return Root{.directory = number,
              .owned = std::move(directory),
              .device = makedev(found.stx_dev_major, found.stx_dev_minor),
              .inode = found.stx_ino,
              .remote = file_system.remote,
              .read_only = file_system.read_only};
}

Sites::Sites(std::vector<Site> sites) {
  for (Site& site : sites) static_cast<void>(add(std::move(site)));
}

Sites::~Sites() {
  for (std::atomic<Chunk*>& place : chunks_) {
    const std::unique_ptr<Chunk> chunk(place.load(std::memory_order_acquire));
    if (!chunk) return;
    for (Slot& slot : *chunk) delete slot.state.load(std::memory_order_acquire);
  }
}

// --- slots ---

uint32_t Sites::take_slot() {
  if (!empty_.empty()) {
    const uint32_t site = empty_.back();
    empty_.pop_back();
    return site;
  }
  const uint32_t site = bound_.load(std::memory_order_relaxed);
  CHECK(site < most_slots);
  std::atomic<Chunk*>& chunk = chunks_[site / chunk_slots];
  if (chunk.load(std::memory_order_relaxed) == nullptr) chunk.store(new Chunk, std::memory_order_release);
  bound_.store(site + 1, std::memory_order_release);
  return site;
}

uint32_t Sites::add(Site site) {
  CHECK(site.root);
  CHECK(site.pages);
  // No name has room for a longer one.
  std::erase_if(site.rules.extensions, [](const std::string& extension) { return extension.size() > NAME_MAX; });
  auto first = std::make_unique<SiteState>();
  first->root = std::move(site.root);
  first->pages = std::move(site.pages);
  const std::lock_guard guard(mutex_);
  const uint32_t number = take_slot();
  Slot& taken = slot(number);
  CHECK(taken.state.load(std::memory_order_relaxed) == nullptr);
  first->generation = first->release = taken.next_generation;
  taken.rules = std::move(site.rules);
  taken.describer = std::move(site.describer);
  taken.state.store(first.release(), std::memory_order_release);
  return number;
}

void Sites::remove(uint32_t site) {
  std::unique_ptr<const SiteState> last;  // closes its root, which may wait for a disk: not under the lock
  std::shared_ptr<const Describer> describer;
  const std::lock_guard guard(mutex_);
  CHECK(site < bound());
  Slot& left = slot(site);
  last.reset(left.state.exchange(nullptr, std::memory_order_acq_rel));
  CHECK(last);
  left.next_generation = last->generation + 1;
  left.rules = {};
  describer = std::move(left.describer);
  empty_.push_back(site);
}

std::string Sites::name_of(uint32_t site) const {
  const SiteRules& of = rules(site);
  return of.prefix.empty() ? "site " + of.root_path : "mount " + of.prefix;
}

std::unique_ptr<const SiteState> Sites::publish(uint32_t site, std::unique_ptr<const SiteState> next) {
  CHECK(next);
  CHECK(next->root);
  CHECK(next->pages);
  auto before = std::unique_ptr<const SiteState>(slot(site).state.exchange(next.release(), std::memory_order_acq_rel));
  CHECK(before);  // an empty slot has no writer
  return before;
}

}  // namespace uringd::disk
