// The validators of a streamed file, and the look that tells whether it held still.
#include "uringd/disk/open_file.hpp"

#include <algorithm>

#include "uringd/cache/etag.hpp"

namespace uringd::disk {

OpenFile::OpenFile(uring::Ring& ring, int descriptor, const uring::Attributes& attributes, Facts facts,
                   const Place& place, FileCloser* closer)
    : ring_(ring),
      descriptor_(descriptor),
      attributes_(attributes),
      facts_(std::move(facts)),
      place_(place),
      closer_(closer) {
  const uint64_t hashed[] = {attributes.size_bytes,  static_cast<uint64_t>(attributes.modified_s),
                             attributes.modified_ns, static_cast<uint64_t>(attributes.changed_s),
                             attributes.changed_ns,  attributes.inode};
  cache::write_etag({reinterpret_cast<const char*>(hashed), sizeof hashed}, etag_);
}

OpenFile::~OpenFile() {
  if (closer_) {
    // The last close of a removed file frees its blocks: 300 ms for 1 GiB (measured).
    constexpr uint64_t slow_to_free_bytes = uint64_t{4} << 20;
    closer_->close_last(descriptor_, place_.site, place_.foreign || attributes_.size_bytes >= slow_to_free_bytes);
  } else {
    ring_.close_file(descriptor_);
  }
}

// A look at every page costs a quarter of what sending them does; pages that were there a moment ago and are in use are
// not what the kernel gives up first.
bool OpenFile::resident(Transfer& transfer, uint64_t offset, size_t bytes, uint64_t now_ms) {
  constexpr uint64_t believed_ms = 1000;
  constexpr size_t most_stretches = size_t{1} << 16;  // 64 GiB: 8 KiB of bits
  if (now_ms - seen_since_ms_ >= believed_ms) {
    seen_resident_.clear();
    seen_since_ms_ = now_ms;
  }
  const uint64_t stretch = offset / stretch_bytes;
  if (stretch < seen_resident_.size() && seen_resident_[stretch]) {
    return transfer.resident(descriptor_, offset, bytes, true);
  }
  const uint64_t first = stretch * stretch_bytes;
  const uint64_t whole = std::min(stretch_bytes, attributes_.size_bytes - first);
  if (!transfer.resident(descriptor_, first, whole, false)) {
    return bytes < whole && transfer.resident(descriptor_, offset, bytes, false);
  }
  if (stretch < most_stretches) {
    if (seen_resident_.size() <= stretch) seen_resident_.resize(stretch + 1);
    seen_resident_[stretch] = true;
  }
  return true;
}

bool OpenFile::held_still() const {
  const auto now = ring_.attributes_of(descriptor_);
  return now && held_still(*now);
}

bool OpenFile::held_still(uring::Attributes now) const {
  // A name that went away (a deploy renames another file over it, or removes it) moves ctime, not the bytes.
  if (now.link_count != attributes_.link_count) {
    now.link_count = attributes_.link_count;
    now.changed_s = attributes_.changed_s;
    now.changed_ns = attributes_.changed_ns;
  }
  return now == attributes_;
}

}  // namespace uringd::disk
