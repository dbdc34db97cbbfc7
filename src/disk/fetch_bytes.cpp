// The second half of a fetch: reading a small file, and looking whether it held still.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "racy.hpp"
#include "stamp.hpp"
#include "uringd/base/check.hpp"
#include "uringd/disk/disk.hpp"
#include "uringd/disk/fetch.hpp"

namespace uringd::disk {

// --- reading ---

void Fetch::read() {
  become(State::reading);
  looked_ms_ = disk_.clock_.monotonic_ms;
  Lines lines;
  if (!make_entry(describe(lines), before_.size_bytes)) return settle({.status = 503});
  begin_read();
}

bool Fetch::make_entry(std::string_view lines, size_t body_bytes) {
  entry_ = disk_.cache_.make(key(), name(), lines.size(), body_bytes);
  if (entry_) std::ranges::copy(lines, entry_->lines_memory().begin());
  return static_cast<bool>(entry_);
}

void Fetch::begin_read() {
  read_began_wall_ns_ = disk_.clock_.wall_ns;
  reading_ns_ = disk_.clock_.monotonic_ns;
  read_bytes_ = 0;
  if (before_.size_bytes == 0) return look_again();
  if (probably_cached()) return submit_read(uring::Walk::cached);
  disk_.was_cold();
  with_thread();
}

// A borrowed file was read whole less than stale_after ago.
bool Fetch::probably_cached() {
  if (borrowed_ && disk_.borrowed_unasked()) return true;
  return foreign() ? disk_.by_evidence_cached(descriptor_, 0, before_.size_bytes)
                   : disk_.probably_cached(descriptor_, 0, before_.size_bytes);
}

void Fetch::submit_read(uring::Walk walk) {
  walk_ = walk;
  ++lent_;
  disk_.ring_.read(descriptor_, entry_->body_memory().subspan(read_bytes_), read_bytes_, walk, tag(Step::read));
}

void Fetch::on_read(int result) {
  CHECK(state_ == State::reading);
  if (walk_ == uring::Walk::cached && (result == -EAGAIN || result == -EOPNOTSUPP)) {
    disk_.was_cold();
    return with_thread();
  }
  if (result == -EINTR || result == -EAGAIN) {
    constexpr uint8_t most_interruptions = 100;  // a disk that says nothing else
    return ++interruptions_ < most_interruptions ? submit_read(walk_) : fail(-result);
  }
  if (result < 0) return fail(-result);
  const size_t wanted = before_.size_bytes - read_bytes_;
  CHECK(static_cast<size_t>(result) <= wanted);
  read_bytes_ += static_cast<uint32_t>(result);
  disk_.counters_.read_bytes += static_cast<uint64_t>(result);
  if (result == 0) return try_again();  // shorter than it was when it was opened
  if (read_bytes_ < before_.size_bytes) return submit_read(walk_);
  look_again();
}

// A network or FUSE file system, or one that is mounted below the root and that we know nothing of: the kernel's own
// attributes may be from before.
bool Fetch::foreign() const { return root_->remote || before_.device != root_->device; }

void Fetch::look_again() {
  if (!foreign()) return publish();
  become(State::looking);
  with_thread();
}

void Fetch::on_looked(int result) {
  if (result < 0) return fail(-result);
  if (uring::Ring::attributes_from(after_) != before_) return try_again();
  publish();
}

cache::EntryFacts Fetch::facts() const {
  constexpr size_t least_bytes = 256;
  constexpr size_t most_bytes = size_t{4} << 20;
  const size_t size_bytes = entry_->body().size();
  return {
      .content_type = description_.type.value,
      .coding = coding_,
      .compressible = description_.type.density == http::Density::plain && size_bytes >= least_bytes &&
                      size_bytes <= most_bytes && coding_ == http::Coding::identity,
      .siblings = description_.siblings,
      .server = description_.server,
      .tagged = description_.tagged,
      .ranged = description_.ranged,
      .has_modified = description_.modified && before_.modified_s > 1 && before_.modified_s <= disk_.clock_.wall_s,
      .modified_s = before_.modified_s,
      .modified_ns = before_.modified_ns,
  };
}

void Fetch::publish() {
  const auto after = disk_.ring_.attributes_of(descriptor_);
  if (!after || *after != before_) return try_again();
  if (!entry_->seal(facts(), entry_->lines(), disk_.clock_.wall_s)) return settle({.status = 500});
  entry_->looked(looked_ms_, generation(), stamp_of(before_));
  if (racily_young(before_, read_began_wall_ns_)) {
    ++disk_.counters_.not_kept;
  } else {
    insert(entry_);
    ++disk_.counters_.published;
    keep_descriptor();
  }
  settle({.status = 200, .entry = entry_});
}

// The bytes read are no version of the file. From the open again, a few times; then it is the client's turn to come
// back.
void Fetch::try_again() {
  ++disk_.counters_.moved;
  if (borrowed_) {
    if (cache::Entry* kept = disk_.kept_.peek(key())) disk_.kept_.drop(*kept, cache::Gone::changed);
  }
  close();
  entry_.reset();
  give_thread();
  if (++attempts_ >= attempt_limit) return settle({.status = 503});
  start();
}

}  // namespace uringd::disk
