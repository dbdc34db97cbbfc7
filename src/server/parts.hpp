// Parts: where an answer with several ranges is: its framing, the representation that the ranges are of, and the part
// that comes next. Such answers are rare and their ranges take a kilobyte, so they are allocated.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "uringd/cache/entry.hpp"
#include "uringd/disk/open_file.hpp"
#include "uringd/http/multipart.hpp"

namespace uringd::server {

struct Parts {
  http::Multipart multipart;
  std::span<const char> body;         // held: by
  cache::EntryRef entry;              // the cache, or
  std::shared_ptr<const void> owner;  // by somebody else;
  disk::OpenFileRef file;             // or streamed
  size_t next = 0;                    // count(): only the end is missing
};

}  // namespace uringd::server
