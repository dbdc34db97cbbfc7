// Pieces are ranges of one file: free ones are joined with their neighbours, the smallest that is large enough is
// taken.
#include "uringd/base/page_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "uringd/base/check.hpp"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U  // Linux 6.3; sysctl vm.memfd_noexec may ask for it
#endif

namespace uringd {
namespace {

size_t page_bytes() {
  static const auto bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

size_t whole_pages(size_t bytes) { return (bytes + page_bytes() - 1) / page_bytes() * page_bytes(); }

}  // namespace

std::unique_ptr<PageMemory> PageMemory::create(size_t bytes) {
  bytes = whole_pages(bytes);
  Fd file(memfd_create("uringd", MFD_CLOEXEC | MFD_NOEXEC_SEAL));
  if (!file.open() && errno == EINVAL) file = Fd(memfd_create("uringd", MFD_CLOEXEC));
  if (bytes == 0 || !file.open() || ftruncate(file.number(), static_cast<off_t>(bytes)) != 0) return nullptr;
  void* area = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file.number(), 0);
  if (area == MAP_FAILED) return nullptr;
  // Where shmem may be huge, a hole in a page that a socket holds would be zeroes, and then the next owner's bytes.
  if (madvise(area, bytes, MADV_NOHUGEPAGE) != 0 && errno != EINVAL) {  // EINVAL: a kernel that knows none
    munmap(area, bytes);
    return nullptr;
  }
  return std::unique_ptr<PageMemory>(new PageMemory(std::move(file), static_cast<char*>(area), bytes));
}

PageMemory::PageMemory(Fd file, char* area, size_t bytes) : file_(std::move(file)), area_(area), bytes_(bytes) {
  give_range({0, bytes});
}

PageMemory::~PageMemory() {
  for (const Range& range : kept_) {
    if (range.bytes > 0) give_range(range);
  }
  CHECK(free_.size() == 1 && free_.begin()->second == bytes_);
  munmap(area_, bytes_);
}

std::span<char> PageMemory::allocate(size_t bytes) {
  bytes = whole_pages(bytes);
  Range range{};
  const auto kept = std::ranges::find(kept_, bytes, &Range::bytes);
  if (kept != kept_.end()) {
    range = std::exchange(*kept, Range{});
  } else {
    range = take_range(bytes);
  }
  if (range.bytes == 0) return {};
  // Where memory is short this says so; a first touch would end the process (SIGBUS).
  if (madvise(area_ + range.offset, range.bytes, MADV_POPULATE_WRITE) != 0) {
    empty(range);
    give_range(range);
    return {};
  }
  return {area_ + range.offset, range.bytes};
}

void PageMemory::free(std::span<char> piece, bool sent) {
  Range range{offset_of(piece.data()), whole_pages(piece.size())};
  if (!sent && range.bytes <= most_kept_bytes) {
    const Range oldest = kept_.back();
    std::shift_right(kept_.begin(), kept_.end(), 1);
    kept_.front() = range;
    if (oldest.bytes == 0) return;
    range = oldest;
  }
  empty(range);
  give_range(range);
}

// Takes the pages out of the file and the mapping; a socket that holds one keeps it.
void PageMemory::empty(Range range) {
  CHECK(fallocate(file_.number(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(range.offset),
                  static_cast<off_t>(range.bytes)) == 0);
}

PageMemory::Range PageMemory::take_range(size_t bytes) {
  const auto found = free_by_size_.lower_bound({bytes, 0});
  if (found == free_by_size_.end()) return {};
  const Range range{found->second, found->first};
  free_by_size_.erase(found);
  free_.erase(range.offset);
  if (range.bytes > bytes) give_range({range.offset + bytes, range.bytes - bytes});
  return {range.offset, bytes};
}

void PageMemory::give_range(Range range) {
  auto after = free_.lower_bound(range.offset);
  if (after != free_.end() && after->first == range.offset + range.bytes) {
    free_by_size_.erase({after->second, after->first});
    range.bytes += after->second;
    after = free_.erase(after);
  }
  if (after != free_.begin()) {
    const auto before = std::prev(after);
    if (before->first + before->second == range.offset) {
      free_by_size_.erase({before->second, before->first});
      before->second += range.bytes;
      free_by_size_.insert({before->second, before->first});
      return;
    }
  }
  free_.emplace(range.offset, range.bytes);
  free_by_size_.insert({range.bytes, range.offset});
}

}  // namespace uringd
