// Tables as the admin interface makes them, and their past.
#include "overlaid.hpp"

#include <algorithm>
#include <utility>

namespace uringd::sim {
namespace {

// "s0/dir/a" is "/dir/a" of site 0.
uint32_t site_of(const std::string& path) { return path[1] == '1' ? 1 : 0; }
std::string path_in_site(const std::string& path) { return path.substr(path.find('/')); }

}  // namespace

void Overlaid::put(const std::string& path, std::string content, uint64_t now_ns) {
  auto overlay = std::make_shared<server::Overlay>();
  overlay->site = site_of(path);
  overlay->path = path_in_site(path);
  overlay->content_type = "text/plain";
  const auto body = std::make_shared<const std::string>(content);
  bodies_.push_back(body);
  overlay->bodies[0] = server::OverlayBody(body, {body->data(), body->size()});
  overlay->hits = std::make_shared<server::OverlayHits>(1);
  table_ = table_->with(std::move(overlay));
  write_down(path, {.kind = Version::Kind::regular, .content = std::move(content), .from_ns = now_ns});
}

void Overlaid::remove(const std::string& path, uint64_t now_ns) {
  table_ = table_->without(
      [&](const server::Overlay& one) { return one.site == site_of(path) && one.path == path_in_site(path); });
  write_down(path, {.kind = Version::Kind::absent, .from_ns = now_ns});
}

void Overlaid::write_down(const std::string& path, Version version) {
  std::vector<Version>& versions = past_[path];
  if (versions.empty()) versions.push_back({.kind = Version::Kind::absent});
  versions.back().to_ns = version.from_ns;
  versions.push_back(std::move(version));
}

size_t Overlaid::held_without_table() {
  table_ = std::make_shared<const server::Overlays>(1);
  return static_cast<size_t>(
      std::count_if(bodies_.begin(), bodies_.end(), [](const auto& body) { return !body.expired(); }));
}

std::vector<const Version*> Overlaid::alive(const std::string& path, uint64_t from_ns, uint64_t to_ns) const {
  std::vector<const Version*> found;
  const auto versions = past_.find(path);
  if (versions == past_.end()) return found;
  for (const Version& version : versions->second) {
    const bool then = version.from_ns <= to_ns && version.to_ns >= from_ns;
    if (then && version.kind == Version::Kind::regular) found.push_back(&version);
  }
  return found;
}

bool Overlaid::covers(const std::string& path, uint64_t from_ns, uint64_t to_ns) const {
  const auto versions = past_.find(path);
  if (versions == past_.end()) return false;
  return std::none_of(versions->second.begin(), versions->second.end(), [&](const Version& version) {
    return version.kind == Version::Kind::absent && version.from_ns <= to_ns && version.to_ns >= from_ns;
  });
}

const std::string* Overlaid::content_now(const std::string& path) const {
  const auto versions = past_.find(path);
  if (versions == past_.end() || versions->second.back().kind == Version::Kind::absent) return nullptr;
  return &versions->second.back().content;
}

}  // namespace uringd::sim
