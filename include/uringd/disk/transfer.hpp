// Transfer: sends pages of a file to a socket by reference, for streams whose bytes need not be held (disk.zero_copy).
// Plain system calls, made only where they do not wait: the pages are in the page cache, the socket does not block.
// Behind an interface, because fake descriptors (tests) have no use for system calls. Holds no state; owned by Disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace uringd::disk {

struct Transferred {
  enum class End : uint8_t {
    sent,    // `bytes` of what was asked, at least one
    full,    // the socket takes nothing now
    broken,  // the file ends before, or the socket is gone
  };
  End end;
  size_t bytes = 0;
  size_t before = 0;  // of what goes before them
};

class Transfer {
 public:
  /// Once per descriptor of a socket: makes it one that does not block. False: it cannot be used.
  [[nodiscard]] virtual bool prepare(int socket) = 0;
  /// Whether the bytes [offset, offset + bytes) of `file` are in the page cache: all of them, or (`sampled`, which
  /// costs a tenth) the first, the last and one of each MiB.
  [[nodiscard]] virtual bool resident(int file, uint64_t offset, size_t bytes, bool sampled) = 0;
  /// Sends `before`, then those bytes, or as many of all that as the socket takes.
  [[nodiscard]] virtual Transferred send(std::span<const char> before, int file, uint64_t offset, size_t bytes,
                                         int socket) = 0;

 protected:
  ~Transfer() = default;
};

/// cachestat(2), Linux 6.5: without it nothing is ever resident; preadv2(2); sendfile(2).
class KernelTransfer final : public Transfer {
 public:
  [[nodiscard]] bool prepare(int socket) override;
  [[nodiscard]] bool resident(int file, uint64_t offset, size_t bytes, bool sampled) override;
  [[nodiscard]] Transferred send(std::span<const char> before, int file, uint64_t offset, size_t bytes,
                                 int socket) override;
};

}  // namespace uringd::disk
