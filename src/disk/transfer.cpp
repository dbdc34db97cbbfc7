// What waits for a disk is a page that is not in memory, or still on its way there. cachestat(2) counts the pages that
// have a place in the page cache; a read of one byte that must not wait tells whether its page has arrived.
#include "uringd/disk/transfer.hpp"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>

#include "uringd/uring/page_cache.hpp"

namespace uringd::disk {
namespace {

constexpr uint64_t arrives_together = uint64_t{128} << 10;  // the kernel's usual read-ahead
constexpr uint64_t sampled_apart = uint64_t{1} << 20;

bool has_arrived(int file, uint64_t offset) {
  char byte = 0;
  iovec into{&byte, 1};
  return preadv2(file, &into, 1, static_cast<off_t>(offset), RWF_NOWAIT) == 1;
}

}  // namespace

bool KernelTransfer::prepare(int socket) {
  const int flags = fcntl(socket, F_GETFL);
  return flags >= 0 && fcntl(socket, F_SETFL, flags | O_NONBLOCK) == 0;
}

bool KernelTransfer::resident(int file, uint64_t offset, size_t bytes, bool sampled) {
  if (!sampled && uring::pages_cached(file, offset, bytes) != uring::Cached::yes) return false;
  const uint64_t last = offset + bytes - 1;
  for (uint64_t at = offset; at < last; at += sampled ? sampled_apart : arrives_together) {
    if (!has_arrived(file, at)) return false;
  }
  return has_arrived(file, last);
}

// What goes before waits in the socket for the first of the pages: in packets of their own both cost 3 us more.
Transferred KernelTransfer::send(std::span<const char> before, int file, uint64_t offset, size_t bytes, int socket) {
  const auto refused = [] {
    return errno == EAGAIN || errno == EINTR ? Transferred::End::full : Transferred::End::broken;
  };
  if (!before.empty()) {
    const ssize_t sent = ::send(socket, before.data(), before.size(), MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE);
    if (sent < 0) return {refused()};
    if (static_cast<size_t>(sent) < before.size()) return {Transferred::End::full, 0, static_cast<size_t>(sent)};
  }
  auto position = static_cast<off_t>(offset);
  const ssize_t sent = sendfile(socket, file, &position, bytes);
  if (sent > 0) return {Transferred::End::sent, static_cast<size_t>(sent), before.size()};
  return {sent < 0 ? refused() : Transferred::End::broken, 0, before.size()};
}

}  // namespace uringd::disk
