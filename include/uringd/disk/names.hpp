// Names: the names in one directory, as a blocked Bloom filter: it may take a name for present that is not (about 1 %),
// never the other way round. So a random missing name is answered without a kernel thread walking the path (14-20 us
// each, measured). Made by the helper thread, then owned by one worker's cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "uringd/cache/entry.hpp"

namespace uringd::disk {

class DirectoryNames;

class Names final : public cache::Payload {
 public:
  /// For `expected` names; a few more only make it err more often.
  explicit Names(size_t expected);

  void add(std::string_view name);
  [[nodiscard]] bool may_contain(std::string_view name) const;
  [[nodiscard]] size_t bytes() const { return words_.size() * sizeof(uint64_t); }

 private:
  std::vector<uint64_t> words_;  // blocks of 512 bits
  uint64_t block_mask_;
};

/// More names than this are not listed.
inline constexpr size_t names_limit = 1'000'000;

/// Reads a directory a slice at a time (getdents64, 32 KiB): the helper thread has other things to look at.
class NamesListing {
 public:
  /// `directory` stays open until it is done.
  explicit NamesListing(int directory);
  NamesListing(NamesListing&&) noexcept;
  ~NamesListing();
  /// False: it is done.
  bool step();
  /// See list_names().
  std::unique_ptr<Names> finish();

 private:
  int directory_;
  std::unique_ptr<DirectoryNames> reading_;  // nothing: refused
  std::string all_;                          // each name ends in NUL
  size_t count_ = 0;
};

/// Reads the whole directory (getdents64, may block: helper thread only). nullptr: more than names_limit names, an
/// error, or a file system of which it is not certain that a name it does not list cannot be opened (only ext2/3/4,
/// xfs, btrfs, tmpfs, f2fs and overlayfs without case folding are).
std::unique_ptr<Names> list_names(int directory);

}  // namespace uringd::disk
