// A blocked Bloom filter: a name's seven bits all lie in one block of 512, so that a look costs one cache line. At 12
// to 24 bits a name (a power of two of blocks) it errs in 0.6 % at most.
#include "uringd/disk/names.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <bit>
#include <string>

#include "directory_names.hpp"

namespace uringd::disk {
namespace {

constexpr size_t bits_per_name = 12;
constexpr size_t block_bits = 512;
constexpr size_t block_words = block_bits / 64;
constexpr unsigned bits_set = 7;  // of 9 bits of the hash each: 63 of 64

constexpr std::array<uint32_t, 6> plain_file_systems = {
    EXT4_SUPER_MAGIC, 0x58465342 /* xfs */, BTRFS_SUPER_MAGIC, TMPFS_MAGIC, F2FS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC,
};

bool plain_file_system(int directory) {
  struct statfs status{};
  if (fstatfs(directory, &status) != 0) return false;
  return std::ranges::find(plain_file_systems, static_cast<uint32_t>(status.f_type)) != plain_file_systems.end();
}

bool folds_by_flag(int directory) {
  long flags = 0;  // the kernel writes an int (ioctl_iflags(2))
  return ioctl(directory, FS_IOC_GETFLAGS, &flags) == 0 && (flags & FS_CASEFOLD_FL) != 0;
}

std::string flipped(std::string_view name) {
  std::string other(name);
  for (char& byte : other) {
    const char lower = static_cast<char>(byte | 0x20);
    if (lower >= 'a' && lower <= 'z') byte = static_cast<char>(byte ^ 0x20);
  }
  return other;
}

/// xfs can be made with ascii-ci=1, which no flag tells: there a listed name opens with its letters flipped too. A
/// name whose flipped form exists beside it proves nothing, and the next one is tried.
template <typename Listed>
bool folds_by_probe(int directory, std::string_view all, Listed&& listed) {
  for (unsigned tries = 0; tries < 64 && !all.empty(); ++tries) {
    const std::string_view name = all.substr(0, all.find('\0'));
    all.remove_prefix(name.size() + 1);
    const std::string other = flipped(name);
    if (other == name) continue;
    struct stat status{};
    if (fstatat(directory, other.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return false;
    if (!listed(other)) return true;
  }
  return false;
}

}  // namespace

Names::Names(size_t expected) {
  const size_t blocks = std::bit_ceil(std::max<size_t>(1, (expected * bits_per_name + block_bits - 1) / block_bits));
  words_.resize(blocks * block_words);
  block_mask_ = blocks - 1;
}

void Names::add(std::string_view name) {
  const XXH128_hash_t hash = XXH3_128bits(name.data(), name.size());
  uint64_t* block = &words_[(hash.low64 & block_mask_) * block_words];
  for (unsigned at = 0; at < bits_set; ++at) {
    const uint64_t bit = hash.high64 >> (9 * at) & (block_bits - 1);
    block[bit / 64] |= uint64_t{1} << (bit % 64);
  }
}

bool Names::may_contain(std::string_view name) const {
  const XXH128_hash_t hash = XXH3_128bits(name.data(), name.size());
  const uint64_t* block = &words_[(hash.low64 & block_mask_) * block_words];
  for (unsigned at = 0; at < bits_set; ++at) {
    const uint64_t bit = hash.high64 >> (9 * at) & (block_bits - 1);
    if (!(block[bit / 64] >> (bit % 64) & 1)) return false;
  }
  return true;
}

NamesListing::NamesListing(int directory) : directory_(directory) {
  if (plain_file_system(directory) && !folds_by_flag(directory)) reading_ = std::make_unique<DirectoryNames>(directory);
}

NamesListing::NamesListing(NamesListing&&) noexcept = default;
NamesListing::~NamesListing() = default;

bool NamesListing::step() {
  if (!reading_) return false;
  const bool more = reading_->next([this](std::string_view name, unsigned char) {
    all_.append(name).push_back('\0');
    ++count_;
  });
  if (reading_->failed() || count_ > names_limit) reading_.reset();
  return more && reading_;
}

std::unique_ptr<Names> NamesListing::finish() {
  if (!reading_) return nullptr;
  auto filter = std::make_unique<Names>(count_);
  for (std::string_view rest = all_; !rest.empty();) {
    const std::string_view name = rest.substr(0, rest.find('\0'));
    filter->add(name);
    rest.remove_prefix(name.size() + 1);
  }
  // The filter's word is good enough here: a name wrongly taken for listed only means that the next one is tried.
  if (folds_by_probe(directory_, all_, [&](std::string_view name) { return filter->may_contain(name); }))
    return nullptr;
  return filter;
}

std::unique_ptr<Names> list_names(int directory) {
  NamesListing listing(directory);
  while (listing.step()) {
  }
  return listing.finish();
}

}  // namespace uringd::disk
