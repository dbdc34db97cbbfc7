// Another configuration: its bounds, the sites that come, and those that leave. What these have held is dropped in
// slices, one a millisecond, and so is what a smaller cache has no room for.
#include <algorithm>
#include <utility>

#include "uringd/base/check.hpp"
#include "uringd/disk/disk.hpp"

namespace uringd::disk {
namespace {

// Measured: either takes 0.1 to 0.3 ms where entries lie anywhere in memory.
constexpr size_t slice_buckets = 2048;
constexpr size_t slice_entries = 512;
constexpr uint64_t patient_ms = 64;  // while the kernel or another thread is all that is waited for

}  // namespace

void Disk::reconfigure(const DiskOptions& options, std::span<const uint32_t> trees) {
  CHECK(options.queue_size > 0 && options.queue_size <= most_places);
  const DiskOptions before = std::exchange(options_, options);
  options_.hash_seed = before.hash_seed;
  options_.transfer = before.transfer;
  options_.kept_descriptors = before.kept_descriptors;
  queue_size_.set(options.queue_size);
  const bool several = trees.size() > 1;
  place_limit_ = several ? std::max(options.queue_size / 2, 1U) : options.queue_size;
  thread_limit_ = several ? std::max(options.kernel_threads / 2, 1U) : options.kernel_threads;
  look_limit_ = looks_for(options.queue_size);

  held_.reach(sites_.bound());
  while (uses_.size() < sites_.bound()) {
    Use& use = uses_.emplace_back();
    for (Use::Line& line : use.lines) line.site = static_cast<uint32_t>(uses_.size() - 1);
  }
  std::vector<bool> named(uses_.size());
  for (const uint32_t site : trees) {
    CHECK(site < uses_.size());
    named[site] = true;
  }
  bool leaves = false;
  for (uint32_t site = 0; site < uses_.size(); ++site) {
    if (named[site]) {
      become_active(site);
    } else if (std::exchange(uses_[site].active, false)) {
      begin_to_leave(site);
      leaves = true;
    }
  }
  if (leaves) drop_all_that_left();
  for (const Work work : {Work::open, Work::read}) {
    while (grant_thread(work)) {
    }
  }
  serve_streams();
}

void Disk::become_active(uint32_t site) {
  if (std::exchange(uses_[site].active, true)) return;
  CHECK(!uses(site));  // of another tree
  if (std::exchange(uses_[site].leaving, false)) std::erase(leaving_, site);
}

void Disk::begin_to_leave(uint32_t site) {
  if (!std::exchange(uses_[site].leaving, true)) leaving_.push_back(site);
}

void Disk::drop_all_that_left() {
  for (auto& [site, path] : preloads_) {
    if (active(site) || path.empty()) continue;
    path.clear();
    held_.remove(site);
  }
  directories_.hasten([this](uint32_t site) { return !active(site); }, clock_.monotonic_ms);
  dropped_cache_ = dropped_kept_ = 0;
}

bool Disk::dropping() const { return dropped_cache_ < cache_.bucket_count() || dropped_kept_ < kept_.bucket_count(); }

void Disk::go_on_leaving() {
  if ((leaving_.empty() && !cache_.behind()) || clock_.monotonic_ms == sliced_ms_) return;
  sliced_ms_ = clock_.monotonic_ms;
  cache_.catch_up(slice_entries);
  const auto leaves = [this](uint32_t site) { return !active(site); };
  if (dropping()) {
    dropped_cache_ = cache_.drop_sites(leaves, dropped_cache_, slice_buckets);
    dropped_kept_ = kept_.drop_sites(leaves, dropped_kept_, slice_buckets);
    if (!dropping()) dropped_cache_ = dropped_kept_ = SIZE_MAX;
  }
  copies_.leave(leaves);
  for (const uint32_t site : leaving_) {
    Fetch* next = nullptr;
    for (Fetch* fetch = uses_[site].fetches.front(); fetch; fetch = next) {
      next = uses_[site].fetches.after(*fetch);
      fetch->leave();
    }
  }
  std::erase_if(leaving_, [this](uint32_t site) {
    if (uses(site)) return false;
    uses_[site].leaving = false;
    return true;
  });
}

uint64_t Disk::next_slice_ms() {
  if (leaving_.empty() && !cache_.behind()) return UINT64_MAX;
  const bool busy = cache_.behind() || dropping() || directories_.due(clock_.monotonic_ms);
  return sliced_ms_ + (busy ? 1 : patient_ms);
}

}  // namespace uringd::disk
