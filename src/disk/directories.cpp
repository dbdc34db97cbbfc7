// Counting entries by directory, and asking for watches.
#include "uringd/disk/directories.hpp"

#include "uringd/base/check.hpp"

namespace uringd::disk {
namespace {

constexpr size_t most_empty = 4096;
constexpr uint64_t stays_ms = 10'000;
constexpr int most_a_sweep = 256;  // each is a message to the helper thread

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

Directories::Directory* Directories::find(uint32_t site, std::string_view path) {
  const auto found = directories_.find(hash_of(site, path));
  return found == directories_.end() ? nullptr : &found->second;
}

Directories::Directory& Directories::enter(uint32_t site, std::string_view path) {
  const uint64_t hash = hash_of(site, path);
  Directory& directory = directories_[hash];
  if (directory.linked()) {
    directory.unlink();
    --empty_count_;
  }
  if (directory.entries++ > 0 || directory.hash != 0) return directory;
  directory.hash = hash;
  directory.site = site;
  directory.path = path;
  held_.add(site);
  return directory;
}

void Directories::leave(Directory& directory, uint64_t now_ms, bool soon) {
  CHECK(directory.entries > 0);
  if (--directory.entries > 0) return;
  if (!directory.asked) {
    const uint32_t site = directory.site;
    directories_.erase(directory.hash);
    return held_.remove(site);
  }
  if (soon) {
    directory.empty_since_ms = now_ms - stays_ms;
    empty_.push_front(directory);
  } else {
    directory.empty_since_ms = now_ms;
    empty_.push_back(directory);
  }
  if (++empty_count_ > most_empty) forget(*empty_.front());
}

void Directories::hasten(const std::function<bool(uint32_t)>& leaves, uint64_t now_ms) {
  Directory* next = nullptr;
  for (Directory* directory = empty_.front(); directory; directory = next) {
    next = empty_.after(*directory);
    if (!leaves(directory->site)) continue;
    directory->empty_since_ms = now_ms - stays_ms;
    directory->unlink();
    empty_.push_front(*directory);
  }
}

bool Directories::watched(const Directory& directory, uint64_t now_ms) {
  constexpr uint64_t takes_ms = 500;
  return directory.asked && now_ms - directory.asked_ms >= takes_ms;
}

void Directories::watch(Directory& directory, uint64_t now_ms) {
  if (!helper_ || directory.asked) return;
  directory.asked = helper_->watch(directory.site, directory.path);
  directory.asked_ms = now_ms;
}

void Directories::sweep(uint64_t now_ms) {
  for (int swept = 0; swept < most_a_sweep && due(now_ms); ++swept) forget(*empty_.front());
}

bool Directories::due(uint64_t now_ms) {
  const Directory* oldest = empty_.front();
  return oldest && now_ms - oldest->empty_since_ms >= stays_ms;
}

void Directories::forget(Directory& directory) {
  directory.unlink();
  --empty_count_;
  helper_->unwatch(directory.site, directory.path);
  const uint32_t site = directory.site;
  directories_.erase(directory.hash);
  held_.remove(site);
}

}  // namespace uringd::disk
