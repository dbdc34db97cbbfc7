// The file operations of Ring. Opening cannot leave the root, whatever the tree becomes meanwhile: the kernel walks the
// path beneath a descriptor (RESOLVE_BENEATH), and what was opened is then judged by its own descriptor.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>

#include "implementation.hpp"
#include "uringd/uring/page_cache.hpp"
#include "uringd/uring/ring.hpp"

namespace uringd::uring {

namespace {

FileType type_of(unsigned mode) {
  if (S_ISREG(mode)) return FileType::regular;
  if (S_ISDIR(mode)) return FileType::directory;
  return FileType::other;
}

static_assert(sizeof(struct statx) <= sizeof(StatusBuffer));
static_assert(alignof(struct statx) <= alignof(StatusBuffer));

constexpr unsigned wanted = STATX_TYPE | STATX_SIZE | STATX_MTIME | STATX_CTIME | STATX_INO | STATX_NLINK;
// A file of fs-verity cannot be written any more either, not even by root.
constexpr uint64_t unchangeable = STATX_ATTR_IMMUTABLE | STATX_ATTR_VERITY;

Attributes converted(const struct statx& found) {
  return {.type = type_of(found.stx_mode),
          .size_bytes = found.stx_size,
          .modified_s = found.stx_mtime.tv_sec,
          .modified_ns = found.stx_mtime.tv_nsec,
          .changed_s = found.stx_ctime.tv_sec,
          .changed_ns = found.stx_ctime.tv_nsec,
          .inode = found.stx_ino,
          .link_count = found.stx_nlink,
          .device = makedev(found.stx_dev_major, found.stx_dev_minor),
          .immutable = (found.stx_attributes & found.stx_attributes_mask & unchangeable) != 0};
}

/// `into` lies whole in `area`, so that the kernel needs not look its pages up.
bool contains(std::span<char> area, std::span<char> into) {
  const auto first = reinterpret_cast<uintptr_t>(area.data());
  const auto begin = reinterpret_cast<uintptr_t>(into.data());
  return begin >= first && into.size() <= area.size() && begin - first <= area.size() - into.size();
}

}  // namespace

void Ring::open_beneath(int root, const char* path, Resolve resolve, Walk walk, Tag tag) {
  Implementation& self = *implementation_;
  io_uring_sqe* sqe = self.entry(tag);
  io_uring_prep_openat2(sqe, root, path, &self.ways[static_cast<int>(resolve)][static_cast<int>(walk)]);
  if (walk == Walk::in_thread) sqe->flags |= IOSQE_ASYNC;
}

void Ring::open_directory(const char* path, Tag tag) {
  io_uring_sqe* sqe = implementation_->entry(tag);
  io_uring_prep_openat(sqe, AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK, 0);
  sqe->flags |= IOSQE_ASYNC;
}

void Ring::open_file(const char* path, Tag tag) {
  io_uring_sqe* sqe = implementation_->entry(tag);
  io_uring_prep_openat(sqe, AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
  sqe->flags |= IOSQE_ASYNC;
}

Cached Ring::in_page_cache(int file, uint64_t offset, size_t bytes) const { return pages_cached(file, offset, bytes); }

void Ring::read(int file, std::span<char> into, uint64_t offset, Walk walk, Tag tag) {
  CHECK(into.size() <= INT32_MAX);  // a completion's result is 32 bits
  Implementation& self = *implementation_;
  io_uring_sqe* sqe = self.entry(tag);
  const auto size = static_cast<unsigned>(into.size());
  if (contains(self.registered, into)) {
    io_uring_prep_read_fixed(sqe, file, into.data(), size, offset, 0);
  } else {
    io_uring_prep_read(sqe, file, into.data(), size, offset);
  }
  if (walk == Walk::cached) {
    sqe->rw_flags = RWF_NOWAIT;
  } else {
    sqe->flags |= IOSQE_ASYNC;
  }
}

int Ring::read_cached(int file, std::span<char> into, uint64_t offset) const {
  iovec part{into.data(), into.size()};
  const ssize_t result = preadv2(file, &part, 1, static_cast<off_t>(offset), RWF_NOWAIT);
  return result < 0 ? -errno : static_cast<int>(result);
}

void Ring::read(int descriptor, std::span<char> into, uint64_t offset, Tag tag) {
  io_uring_prep_read(implementation_->entry(tag), descriptor, into.data(), static_cast<unsigned>(into.size()), offset);
}

void Ring::append(int file, std::span<const char> bytes, Tag tag) {
  CHECK(bytes.size() <= INT32_MAX);
  io_uring_sqe* sqe = implementation_->entry(tag);
  constexpr uint64_t own_position = UINT64_MAX;
  io_uring_prep_write(sqe, file, bytes.data(), static_cast<unsigned>(bytes.size()), own_position);
  sqe->flags |= IOSQE_ASYNC;
}

void Ring::close_file(int file, Tag tag) {
  io_uring_sqe* sqe = implementation_->entry(tag);
  io_uring_prep_close(sqe, file);
  sqe->flags |= IOSQE_ASYNC;
}

void Ring::close_file(int file) {
  io_uring_sqe* sqe = implementation_->entry(Tag{});
  io_uring_prep_close(sqe, file);
  sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
}

std::expected<Attributes, int> Ring::attributes_of(int file) const {
  struct statx found{};
  if (statx(file, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, wanted, &found) != 0) return std::unexpected(errno);
  return converted(found);
}

void Ring::look(int file, StatusBuffer& into, Tag tag) {
  io_uring_prep_statx(implementation_->entry(tag), file, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC, wanted,
                      reinterpret_cast<struct statx*>(into.bytes));
}

Attributes Ring::attributes_from(const StatusBuffer& status) {
  struct statx found{};
  std::memcpy(&found, status.bytes, sizeof found);
  return converted(found);
}

}  // namespace uringd::uring
