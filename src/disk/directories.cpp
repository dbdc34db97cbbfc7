// Counting entries by directory, and asking for watches.
#include "uringd/disk/directories.hpp"

#include "uringd/base/check.hpp"

namespace uringd::disk {
namespace {

constexpr size_t most_empty = 4096;
constexpr uint64_t stays_ms = 10'000;

}  // namespace

std::string_view directory_of(std::string_view path) {
  size_t slash = path.rfind('/');
  CHECK(slash != path.npos);
  const size_t last = slash;
  while (slash > 0 && path[slash - 1] == '/') --slash;
  const bool of_sibling = slash > 0 && last == slash + 1 && last + 1 < path.size();  // one mark, a coding behind it
  if (of_sibling) slash = path.rfind('/', slash - 1);
  return path.substr(0, slash);
}

Directories::~Directories() {
  while (empty_.pop_front()) {
  }
}

void Directories::enter(uint32_t site, std::string_view path) {
  const uint64_t hash = hash_of(site, path);
  Directory& directory = directories_[hash];
  if (directory.linked()) {
    directory.unlink();
    --empty_count_;
  }
  if (directory.entries++ > 0 || directory.hash != 0) return;
  directory.hash = hash;
  directory.site = site;
  directory.path = path;
}

void Directories::leave(uint32_t site, std::string_view path, uint64_t now_ms) {
  const auto found = directories_.find(hash_of(site, path));
  CHECK(found != directories_.end());
  Directory& directory = found->second;
  CHECK(directory.entries > 0);
  if (--directory.entries > 0) return;
  if (!directory.asked) return static_cast<void>(directories_.erase(found));
  directory.empty_since_ms = now_ms;
  empty_.push_back(directory);
  if (++empty_count_ > most_empty) forget(*empty_.front());
}

bool Directories::watched(uint32_t site, std::string_view path, uint64_t now_ms) const {
  constexpr uint64_t takes_ms = 500;
  const auto found = directories_.find(hash_of(site, path));
  return found != directories_.end() && found->second.asked && now_ms - found->second.asked_ms >= takes_ms;
}

void Directories::watch(uint32_t site, std::string_view path, uint64_t now_ms) {
  if (!helper_) return;
  const auto found = directories_.find(hash_of(site, path));
  if (found == directories_.end() || found->second.asked) return;
  found->second.asked = helper_->watch(site, path);
  found->second.asked_ms = now_ms;
}

void Directories::sweep(uint64_t now_ms) {
  while (Directory* oldest = empty_.front()) {
    if (now_ms - oldest->empty_since_ms < stays_ms) return;
    forget(*oldest);
  }
}

void Directories::forget(Directory& directory) {
  directory.unlink();
  --empty_count_;
  helper_->unwatch(directory.site, directory.path);
  directories_.erase(directory.hash);
}

}  // namespace uringd::disk
