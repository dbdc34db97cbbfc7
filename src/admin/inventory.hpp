// Inventory: the errand that writes down which files of one site a worker's cache holds, a slice a turn, into blocks of
// fixed size, so that no slice pays for a growing vector (10 MB for 100,000 entries). It borrows nothing of the cache:
// what it has written is good whatever happens to the entries.
//
// Bounds: 256 entries a slice, some 50 us; a record of at most 8 KiB and 120 bytes an entry.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "round.hpp"
#include "uringd/http/content_coding.hpp"
#include "uringd/server/snapshot.hpp"

namespace uringd::admin {

/// One entry of one worker. The texts lie in its block.
struct Record {
  std::string_view path;  // as clients ask for it, without its coding
  std::string_view type;
  uint64_t size_bytes = 0;
  uint64_t hits = 0;
  uint64_t age_ms = 0;  // since it was last compared with the disk
  http::Coding coding = http::Coding::identity;
  bool sibling = false;  // a file beside that path's own
  bool fresh = false;
  std::array<uint64_t, http::coding_count> copies{};  // bytes of those made of it, by coding; 0: none
};

/// The trees of one site: its root, and its mounts.
struct Tree {
  uint32_t slot;
  std::string prefix;  // "/uploads", or empty
};
std::vector<Tree> trees_of(const server::Snapshot& snapshot, uint32_t site);

class Inventory final : public HomingErrand {
 public:
  /// `snapshot`: whose slots the trees are; held, so that no slot becomes another tree's meanwhile.
  Inventory(std::shared_ptr<const server::Snapshot> snapshot, uint32_t site);
  bool work(const server::Workplace& place) override;

  /// When it is home.
  template <typename Function>
  void each(Function&& function) const {
    for (const auto& block : blocks_) {
      for (const Record& record : block->records) function(record);
    }
  }
  [[nodiscard]] size_t count() const { return count_; }
  /// Of the worker's time.
  [[nodiscard]] uint64_t spent_ns() const { return spent_ns_; }

 private:
  struct Block {
    std::vector<Record> records;
    std::string text;
  };
  void write_down(const cache::Entry& entry, const Tree& tree, uint64_t now_ms);
  [[nodiscard]] Block& block_for(size_t text_bytes);
  [[nodiscard]] std::string_view keep(Block& block, std::initializer_list<std::string_view> parts);

  std::shared_ptr<const server::Snapshot> snapshot_;
  std::vector<Tree> trees_;
  uint64_t stale_after_ms_;
  std::vector<std::unique_ptr<Block>> blocks_;
  size_t count_ = 0;
  size_t at_ = 0;  // the next bucket
  uint64_t spent_ns_ = 0;
};

}  // namespace uringd::admin
