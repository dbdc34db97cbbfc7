// Looking through a cache on its worker's time: copies of what is there, and no more.
#include "inventory.hpp"

#include <time.h>

#include <algorithm>

namespace uringd::admin {
namespace {

constexpr size_t slice_entries = 256;
constexpr size_t slice_buckets = 8192;
constexpr size_t block_records = 256;
constexpr size_t block_text_bytes = size_t{16} << 10;  // but for what is longer by itself
constexpr size_t most_blocks = 1 << 16;                // their list is reserved; it is 512 KiB of addresses, untouched

// Not the clock's: where others run between, it is not this that costs a worker its time.
uint64_t thread_ns() {
  timespec spent{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return static_cast<uint64_t>(spent.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(spent.tv_nsec);
}

}  // namespace

// As site::Place counts trees: the sites' roots in their order, then their mounts.
std::vector<Tree> trees_of(const server::Snapshot& snapshot, uint32_t site) {
  const auto& sites = snapshot.config().sites;
  std::vector<Tree> trees{{snapshot.slot_of(site), {}}};
  auto tree = static_cast<uint32_t>(sites.size());
  for (uint32_t other = 0; other < sites.size(); ++other) {
    for (const auto& [prefix, root] : sites[other].mounts) {
      if (other == site) trees.push_back({snapshot.slot_of(tree), prefix});
      ++tree;
    }
  }
  return trees;
}

Inventory::Inventory(std::shared_ptr<const server::Snapshot> snapshot, uint32_t site)
    : snapshot_(std::move(snapshot)),
      trees_(trees_of(*snapshot_, site)),
      stale_after_ms_(static_cast<uint64_t>(snapshot_->config().cache.stale_after.count())) {
  blocks_.reserve(most_blocks);
}

bool Inventory::work(const server::Workplace& place) {
  const uint64_t begun_ns = thread_ns();
  at_ = place.cache.look_through(at_, slice_buckets, slice_entries, [&](cache::Entry& entry) {
    if (entry.kind() != cache::Kind::content) return;
    const auto tree = std::ranges::find(trees_, entry.key().site, &Tree::slot);
    if (tree != trees_.end()) write_down(entry, *tree, place.now_ms);
  });
  spent_ns_ += thread_ns() - begun_ns;
  return at_ >= place.cache.bucket_count() || blocks_.size() == most_blocks;
}

// A listing made for people is no file.
void Inventory::write_down(const cache::Entry& entry, const Tree& tree, uint64_t now_ms) {
  const server::HeldPath held = server::Workplace::held_path(entry);
  if (held.kind == server::HeldPath::Kind::other) return;
  const std::string_view type = entry.facts().content_type;
  Block& block = block_for(tree.prefix.size() + held.path.size() + type.size());
  Record record;
  record.path = keep(block, {tree.prefix, held.path});
  record.type = keep(block, {type});
  record.size_bytes = entry.body().size();
  record.hits = entry.hits();
  record.age_ms = now_ms - std::min(now_ms, entry.looked_at_ms());
  record.coding = entry.facts().coding;
  record.sibling = held.kind == server::HeldPath::Kind::sibling;
  record.fresh = entry.look() != cache::Entry::Look::overdue && record.age_ms <= stale_after_ms_ &&
                 entry.generation() == snapshot_->sites().state(tree.slot).generation;
  if (record.coding == http::Coding::identity) {
    for (const http::Coding coding : http::real_codings) {
      if (const cache::Entry* copy = entry.copy(coding))
        record.copies[static_cast<size_t>(coding)] = copy->body().size();
    }
  }
  block.records.push_back(record);
  ++count_;
}

Inventory::Block& Inventory::block_for(size_t text_bytes) {
  if (!blocks_.empty()) {
    Block& last = *blocks_.back();
    const bool room = last.text.capacity() - last.text.size() >= text_bytes;
    if (room && last.records.size() < block_records) return last;
  }
  auto block = std::make_unique<Block>();
  block->records.reserve(block_records);
  block->text.reserve(std::max(text_bytes, block_text_bytes));  // never grows: records point into it
  blocks_.push_back(std::move(block));
  return *blocks_.back();
}

std::string_view Inventory::keep(Block& block, std::initializer_list<std::string_view> parts) {
  const size_t at = block.text.size();
  for (const std::string_view part : parts) block.text.append(part);
  return std::string_view(block.text).substr(at);
}

}  // namespace uringd::admin
