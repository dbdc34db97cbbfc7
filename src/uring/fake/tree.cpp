// The fake's file tree: making and changing files, and a path walk that refuses what openat2(2) refuses beneath a root.
#include "tree.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "uringd/base/check.hpp"

namespace uringd::uring {

namespace {

constexpr size_t longest_name = 255;   // NAME_MAX
constexpr size_t longest_path = 4096;  // PATH_MAX, with its NUL
constexpr int most_links = 40;         // MAXSYMLINKS
constexpr int64_t ns_per_s = 1'000'000'000;

uint64_t mix(uint64_t value) {
  value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ value >> 27) * 0x94d049bb133111ebULL;
  return value ^ value >> 31;
}

uint64_t generated_word(uint64_t version, uint64_t index) { return mix(version * 0x9e3779b97f4a7c15ULL + index + 1); }

std::vector<std::string> segments_of(std::string_view path) {
  std::vector<std::string> segments;
  while (!path.empty()) {
    const size_t slash = std::min(path.find('/'), path.size());
    if (slash > 0) segments.emplace_back(path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return segments;
}

}  // namespace

char generated_byte(uint64_t version, uint64_t offset) {
  return static_cast<char>(generated_word(version, offset / 8) >> (offset % 8 * 8));
}

Attributes Node::attributes() const {
  Attributes attributes;
  if (type == NodeType::regular) attributes.type = FileType::regular;
  if (type == NodeType::directory) attributes.type = FileType::directory;
  attributes.size_bytes = type == NodeType::directory ? 4096 : size();
  attributes.modified_s = modified_ns / ns_per_s;
  attributes.modified_ns = static_cast<uint32_t>(modified_ns % ns_per_s);
  attributes.changed_s = changed_ns / ns_per_s;
  attributes.changed_ns = static_cast<uint32_t>(changed_ns % ns_per_s);
  attributes.inode = inode;
  attributes.link_count = link_count;
  attributes.device = 1;
  attributes.immutable = immutable;
  return attributes;
}

size_t Node::read(std::span<char> into, uint64_t offset) const {
  if (offset >= size()) return 0;
  const size_t count = std::min<uint64_t>(into.size(), size() - offset);
  if (!generated) {
    std::memcpy(into.data(), content.data() + offset, count);
    return count;
  }
  size_t done = 0;
  while (done < count) {
    const uint64_t place = offset + done;
    if (place % 8 == 0 && count - done >= 8) {
      const uint64_t word = generated_word(version, place / 8);
      std::memcpy(into.data() + done, &word, 8);  // little endian, as generated_byte counts
      done += 8;
    } else {
      into[done++] = generated_byte(version, place);
    }
  }
  return count;
}

Tree::Tree() : top_(new_node(NodeType::directory)) {}

std::shared_ptr<Node> Tree::new_node(NodeType type) {
  auto node = std::make_shared<Node>();
  node->type = type;
  node->inode = ++last_inode_;
  return node;
}

std::shared_ptr<Node> Tree::parent_of(std::string_view path, std::string& name) {
  std::vector<std::string> segments = segments_of(path);
  CHECK(!segments.empty());
  name = segments.back();
  segments.pop_back();
  std::shared_ptr<Node> directory = top_;
  for (const std::string& segment : segments) {
    std::shared_ptr<Node>& child = directory->children[segment];
    if (!child || child->type != NodeType::directory) {
      child = new_node(NodeType::directory);
      touched_.insert(touched_.end(), {directory, child});
    }
    directory = child;
  }
  return directory;
}

std::shared_ptr<Node> Tree::make(std::string_view path, NodeType type) {
  if (segments_of(path).empty() || path == ".") return top_;
  std::string name;
  const std::shared_ptr<Node> parent = parent_of(path, name);
  std::shared_ptr<Node>& place = parent->children[name];
  if (!place || place->type != type) {
    place = new_node(type);
    touched_.push_back(parent);
  }
  return place;
}

std::shared_ptr<Node> Tree::at(std::string_view path) const {
  std::shared_ptr<Node> node = top_;
  for (const std::string& segment : segments_of(path)) {
    if (segment == ".") continue;
    const auto child = node->children.find(segment);
    CHECK(child != node->children.end());  // the test names a file that it did not put
    node = child->second;
  }
  return node;
}

std::shared_ptr<Node> Tree::remove(std::string_view path) {
  std::string name;
  const std::shared_ptr<Node> parent = parent_of(path, name);
  auto found = parent->children.extract(name);
  touched_.push_back(parent);
  return found.empty() ? nullptr : std::move(found.mapped());
}

Tree::Opened Tree::open_beneath(const std::shared_ptr<Node>& root, std::string_view path, Resolve resolve) {
  if (path.empty()) return {-ENOENT, nullptr};
  if (path.size() >= longest_path) return {-ENAMETOOLONG, nullptr};
  if (path.front() == '/') return {-EXDEV, nullptr};
  bool must_be_directory = path.back() == '/';
  std::vector<std::shared_ptr<Node>> walked{root};
  std::vector<std::string> ahead = segments_of(path);  // the next segment is the last
  std::reverse(ahead.begin(), ahead.end());
  int links = 0;
  while (!ahead.empty()) {
    const std::string segment = std::move(ahead.back());
    ahead.pop_back();
    const std::shared_ptr<Node> directory = walked.back();
    if (directory->type != NodeType::directory) return {-ENOTDIR, nullptr};
    if (segment == ".") continue;
    if (segment == "..") {
      if (walked.size() == 1) return {-EXDEV, nullptr};
      walked.pop_back();
      continue;
    }
    if (segment.size() > longest_name) return {-ENAMETOOLONG, nullptr};
    if (directory->open_error != 0 && directory != root) return {-directory->open_error, nullptr};
    const auto child = directory->children.find(segment);
    if (child == directory->children.end()) return {-ENOENT, nullptr};
    if (child->second->type != NodeType::symlink) {
      walked.push_back(child->second);
      continue;
    }
    if (resolve == Resolve::no_symlinks || ++links > most_links) return {-ELOOP, nullptr};
    const std::string& target = child->second->content;
    if (target.starts_with('/')) return {-EXDEV, nullptr};
    if (target.ends_with('/') && ahead.empty()) must_be_directory = true;
    std::vector<std::string> more = segments_of(target);
    ahead.insert(ahead.end(), more.rbegin(), more.rend());
  }
  const std::shared_ptr<Node>& found = walked.back();
  if (found->open_error != 0) return {-found->open_error, nullptr};
  if (must_be_directory && found->type != NodeType::directory) return {-ENOTDIR, nullptr};
  return {0, found};
}

}  // namespace uringd::uring
