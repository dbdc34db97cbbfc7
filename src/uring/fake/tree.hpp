// Tree: the fake world's files. A node is kept alive by its directory and by every descriptor on it, as an inode is.
// Content is bytes, or a rule that makes them (files of gigabytes). Every change takes a new time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "uringd/uring/attributes.hpp"
#include "uringd/uring/ring.hpp"

namespace uringd::uring {

enum class NodeType : uint8_t { regular, directory, symlink, other };

struct Node {
  NodeType type = NodeType::regular;
  uint64_t inode = 0;
  std::string content;  // or a symlink's target
  bool generated = false;
  uint64_t generated_size = 0;
  uint64_t version = 0;
  int64_t modified_ns = 0;  // the content
  int64_t changed_ns = 0;   // the content or the name
  uint64_t link_count = 1;
  bool immutable = false;
  Attributes seen;  // what the last open or look told of it
  int open_error = 0;
  int read_error = 0;
  int append_error = 0;
  bool stuck = false;  // takes no bytes, and says nothing
  std::map<std::string, std::shared_ptr<Node>, std::less<>> children;

  [[nodiscard]] uint64_t size() const { return generated ? generated_size : content.size(); }
  [[nodiscard]] Attributes attributes() const;
  /// Copies what is at `offset`; how many bytes there were.
  size_t read(std::span<char> into, uint64_t offset) const;
};

char generated_byte(uint64_t version, uint64_t offset);

class Tree {
 public:
  Tree();
  /// The node at `path`, made with its parents if it is missing. A node of another type is replaced.
  std::shared_ptr<Node> make(std::string_view path, NodeType type);
  /// The node at `path`, which must exist; links are not followed.
  std::shared_ptr<Node> at(std::string_view path) const;
  /// Nothing at `path` any more; what was there, or nullptr.
  std::shared_ptr<Node> remove(std::string_view path);
  /// Directories that got or lost a name, and new ones, since the last call: their times move.
  [[nodiscard]] std::vector<std::shared_ptr<Node>> take_touched() { return std::exchange(touched_, {}); }

  struct Opened {
    int error = 0;  // negative errno
    std::shared_ptr<Node> node;
  };
  /// openat2 with RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS, as the real ring does it.
  static Opened open_beneath(const std::shared_ptr<Node>& root, std::string_view path, Resolve resolve);

 private:
  std::shared_ptr<Node> parent_of(std::string_view path, std::string& name);
  std::shared_ptr<Node> new_node(NodeType type);
  std::vector<std::shared_ptr<Node>> touched_;
  uint64_t last_inode_ = 1;
  std::shared_ptr<Node> top_;
};

}  // namespace uringd::uring
