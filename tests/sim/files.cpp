// Each change is made in the World and written down at the World's time.
#include "files.hpp"

#include <algorithm>

#include "trace.hpp"

namespace uringd::sim {

std::string bytes_of_version(uint64_t seed, size_t size) {
  uring::Random random(seed);
  std::string bytes(size, '\0');
  for (size_t place = 0; place < size; place += 8) {
    const uint64_t word = random.next();
    for (size_t byte = 0; byte < 8 && place + byte < size; ++byte)
      bytes[place + byte] = static_cast<char>(word >> byte * 8);
  }
  return bytes;
}

// The World makes the directories above a file, so they are written down first.
void Files::add(const std::string& path, Version version) {
  const size_t slash = path.rfind('/');
  if (version.kind != Version::Kind::absent && slash != std::string::npos && slash > path.find('/')) {
    const std::string above = path.substr(0, slash);
    const auto versions = past_.find(above);
    if (versions == past_.end() || versions->second.back().kind != Version::Kind::directory)
      add(above, {.kind = Version::Kind::directory});
  }
  const bool was_directory = past_.contains(path) && past_[path].back().kind == Version::Kind::directory;
  const bool structural = was_directory || version.kind == Version::Kind::directory;
  write_down(path, std::move(version));
  if (observer_) observer_(path, structural);
}

void Files::write_down(const std::string& path, Version version) {
  version.from_ns = world_.now_ns();
  version.wall_step_ns = wall_step_ns_;
  auto& versions = past_[path];
  if (versions.empty() && version.from_ns > 0) versions.push_back({.to_ns = version.from_ns});
  versions.back().to_ns = version.from_ns;
  versions.push_back(std::move(version));
}

void Files::rewrite(const std::string& path, std::string content) {
  trace(world_.now_ns(), "file %s rewritten in place, %zu bytes", path.c_str(), content.size());
  world_.put_file(path, content);
  add(path, {.kind = Version::Kind::regular, .content = std::move(content)});
}

void Files::replace(const std::string& path, std::string content) {
  trace(world_.now_ns(), "file %s replaced, %zu bytes", path.c_str(), content.size());
  world_.replace_file(path, content);
  add(path, {.kind = Version::Kind::regular, .content = std::move(content)});
}

void Files::resize(const std::string& path, uint64_t size) {
  const std::string* now = content_now(path);
  if (!now) return;
  trace(world_.now_ns(), "file %s from %zu to %zu bytes", path.c_str(), now->size(), static_cast<size_t>(size));
  std::string content = *now;
  content.resize(size, '\0');
  world_.resize(path, size);
  add(path, {.kind = Version::Kind::regular, .content = std::move(content)});
}

void Files::remove(const std::string& path) {
  trace(world_.now_ns(), "file %s removed", path.c_str());
  world_.remove(path);
  add(path, {});
}

void Files::remove_directory(const std::string& path) {
  if (!exists(path)) return;
  trace(world_.now_ns(), "directory %s removed", path.c_str());
  world_.remove(path);
  const std::string below = path + "/";
  for (auto at = past_.lower_bound(below); at != past_.end() && at->first.starts_with(below); ++at) {
    if (at->second.back().kind != Version::Kind::absent) write_down(at->first, {});
  }
  add(path, {});
}

void Files::make_directory(const std::string& path) {
  world_.put_directory(path);
  add(path, {.kind = Version::Kind::directory});
}

void Files::make_other(const std::string& path) {
  world_.put_other(path);
  add(path, {.kind = Version::Kind::other});
}

void Files::fail_open(const std::string& path, int error_number) {
  if (!exists(path)) return;
  trace(world_.now_ns(), "file %s: open fails with errno %d", path.c_str(), error_number);
  unreliable_.insert(path);
  world_.fail_open(path, error_number);
}

void Files::fail_read(const std::string& path, int error_number) {
  if (!exists(path)) return;
  trace(world_.now_ns(), "file %s: read fails with errno %d", path.c_str(), error_number);
  unreliable_.insert(path);
  world_.fail_read(path, error_number);
}

void Files::step_wall_clock(int64_t ns) {
  trace(world_.now_ns(), "wall clock set by %lld ms", static_cast<long long>(ns / 1'000'000));
  world_.step_wall_clock(ns);
  wall_step_ns_ += ns;
}

std::vector<const Version*> Files::alive(const std::string& path, uint64_t from_ns, uint64_t to_ns) const {
  static const Version never;
  std::vector<const Version*> found;
  const auto versions = past_.find(path);
  if (versions == past_.end()) return {&never};
  for (const Version& version : versions->second) {
    if (version.from_ns <= to_ns && version.to_ns >= from_ns) found.push_back(&version);
  }
  return found;
}

std::vector<std::pair<std::string, const Version*>> Files::past(const std::string& path) const {
  std::vector<std::pair<std::string, const Version*>> found;
  for (const auto& [physical, versions] : past_) {
    if (!means(path, physical)) continue;
    for (const Version& version : versions) found.emplace_back(physical, &version);
  }
  return found;
}

bool Files::ever_unreliable(const std::string& path) const {
  return std::any_of(unreliable_.begin(), unreliable_.end(),
                     [&](const std::string& physical) { return means(path, physical); });
}

// "s1r2/a" is a place of "s1/a".
bool Files::means(const std::string& path, const std::string& physical) {
  return physical.starts_with(path.substr(0, 2)) && physical.substr(physical.find('/')) == path.substr(path.find('/'));
}

const std::string* Files::content_now(const std::string& path) const {
  const auto versions = past_.find(path);
  if (versions == past_.end() || versions->second.back().kind != Version::Kind::regular) return nullptr;
  return &versions->second.back().content;
}

bool Files::exists(const std::string& path) const {
  const auto versions = past_.find(path);
  return versions != past_.end() && versions->second.back().kind != Version::Kind::absent;
}

}  // namespace uringd::sim
