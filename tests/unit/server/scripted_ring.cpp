// The scripted ring's operations: opens, reads of what is readable, looks, closes, one timeout.
#include "scripted_ring.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <memory>

#include "uringd/base/check.hpp"

namespace uringd::uring {
namespace {

uint64_t now_ns() {
  timespec now{};
  CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

int32_t result_of(ssize_t returned) { return returned >= 0 ? static_cast<int32_t>(returned) : -errno; }

}  // namespace

Ring::Ring(std::unique_ptr<Implementation> implementation) : implementation_(std::move(implementation)) {}
Ring::Ring(Ring&&) noexcept = default;
Ring::~Ring() = default;

Result<Ring> Ring::create(const RingOptions& options) {
  CHECK(options.world);
  return Ring(std::unique_ptr<Implementation>(new Implementation{.world = *options.world}));
}

bool Ring::Implementation::end(const Operation& operation) {
  const std::optional<int32_t> result = operation.cancelled                            ? -ECANCELED
                                        : world.may_end(operation.tag, operation.path) ? operation.done()
                                                                                       : std::nullopt;
  if (result) reaped.push_back({.tag = operation.tag, .result = *result});
  return result.has_value();
}

void Ring::Implementation::reap() {
  std::erase_if(operations, [this](const Operation& operation) { return end(operation); });
  if (!timeout || (!cancelled && timeout->second > now_ns())) return;
  reaped.push_back({.tag = timeout->first, .result = cancelled ? -ECANCELED : -ETIME});
  timeout.reset();
  cancelled = false;
}

std::span<const Completion> Ring::turn(bool wait) {
  Implementation& self = *implementation_;
  self.reaped.clear();
  self.world.before_turn(wait);
  do {
    self.reap();
  } while (wait && self.reaped.empty() && self.world.on_sleep());
  self.world.after_turn(wait);
  return self.reaped;
}

uint64_t Ring::monotonic_ns() const { return now_ns(); }

void Ring::read(int descriptor, std::span<char> into, uint64_t, Tag tag) {
  const auto done = [descriptor, into]() -> std::optional<int32_t> {
    pollfd readable{.fd = descriptor, .events = POLLIN, .revents = 0};
    if (::poll(&readable, 1, 0) != 1) return std::nullopt;
    return result_of(::read(descriptor, into.data(), into.size()));
  };
  implementation_->operations.push_back({.tag = tag, .path = {}, .done = done});
}
void Ring::read(int file, std::span<char> into, uint64_t offset, Walk, Tag tag) {
  const auto done = [=] { return result_of(::pread(file, into.data(), into.size(), static_cast<off_t>(offset))); };
  implementation_->operations.push_back({.tag = tag, .path = {}, .done = done});
}
void Ring::open_directory(const char* path, Tag tag) {
  const auto done = [path] { return result_of(::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)); };
  implementation_->operations.push_back({.tag = tag, .path = path, .done = done});
}
void Ring::open_file(const char* path, Tag tag) {
  const auto done = [path] { return result_of(::open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)); };
  implementation_->operations.push_back({.tag = tag, .path = path, .done = done});
}
void Ring::look(int file, StatusBuffer& into, Tag tag) {
  const auto done = [file, &into] {
    return result_of(::statx(file, "", AT_EMPTY_PATH, STATX_BASIC_STATS, reinterpret_cast<struct statx*>(into.bytes)));
  };
  implementation_->operations.push_back({.tag = tag, .path = {}, .done = done});
}
void Ring::close_file(int file) { ::close(file); }
void Ring::close_file(int file, Tag tag) {
  implementation_->operations.push_back({.tag = tag, .path = {}, .done = [file] { return result_of(::close(file)); }});
}

void Ring::timeout_at(uint64_t monotonic_ns, Tag tag) {
  CHECK(!implementation_->timeout);
  implementation_->timeout.emplace(tag, monotonic_ns);
}
void Ring::cancel(Tag target, Tag) {
  Implementation& self = *implementation_;
  if (self.timeout && self.timeout->first == target) {
    self.cancelled = true;
    return;
  }
  for (Implementation::Operation& operation : self.operations) operation.cancelled |= operation.tag == target;
}

std::expected<Attributes, int> Ring::attributes_of(int file) const {
  struct stat found{};
  if (::fstat(file, &found) != 0) return std::unexpected(errno);
  return Attributes{.inode = found.st_ino, .device = found.st_dev};
}

Attributes Ring::attributes_from(const StatusBuffer& status) {
  struct statx found{};
  std::memcpy(&found, status.bytes, sizeof found);
  return Attributes{.type = S_ISREG(found.stx_mode) ? FileType::regular : FileType::other,
                    .size_bytes = found.stx_size,
                    .modified_s = found.stx_mtime.tv_sec,
                    .modified_ns = found.stx_mtime.tv_nsec,
                    .changed_s = found.stx_ctime.tv_sec,
                    .changed_ns = found.stx_ctime.tv_nsec,
                    .inode = found.stx_ino,
                    .device = makedev(found.stx_dev_major, found.stx_dev_minor)};
}

}  // namespace uringd::uring
