// What the page cache holds of a file: cachestat(2), Linux 6.5, a system call that reads no disk and waits for nothing.
#pragma once

#include <cstddef>
#include <cstdint>

namespace uringd::uring {

/// `unknown`: the kernel does not tell, before Linux 6.5, and to those who neither own the file nor may write it.
enum class Cached : uint8_t { no, yes, unknown };

/// Whether every page of [offset, offset + bytes) has its place there (one may still be on its way). `bytes` > 0.
[[nodiscard]] Cached pages_cached(int file, uint64_t offset, size_t bytes);

}  // namespace uringd::uring
