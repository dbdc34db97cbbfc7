// The second half of a fetch: reading a small file, or having a directory listed, and looking whether it held still.
#include <cerrno>
#include <utility>

#include "stamp.hpp"
#include "uringd/base/check.hpp"
#include "uringd/disk/disk.hpp"
#include "uringd/disk/fetch.hpp"

namespace uringd::disk {
namespace {

// A file written to this recently may be written to again without its mtime moving (the clock of file times ticks every
// 4 ms or so): such bytes are served, not kept.
constexpr int64_t racy_ns = 20'000'000;

bool racily_young(const uring::Attributes& attributes, int64_t wall_ns) {
  const int64_t age_ns = wall_ns - (attributes.changed_s * 1'000'000'000 + attributes.changed_ns);
  return -racy_ns < age_ns && age_ns < racy_ns;
}

}  // namespace

// --- reading ---

void Fetch::read() {
  become(State::reading);
  looked_ms_ = disk_.clock_.monotonic_ms;
  entry_ = disk_.cache_.make(key(), before_.size_bytes);
  if (!entry_) return settle({.status = 503});
  begin_read();
}

void Fetch::begin_read() {
  read_began_wall_ns_ = disk_.clock_.wall_ns;
  read_bytes_ = 0;
  if (before_.size_bytes == 0) return look_again();
  const bool cached = foreign() ? disk_.by_evidence_cached(descriptor_, 0, before_.size_bytes)
                                : disk_.probably_cached(descriptor_, 0, before_.size_bytes);
  if (cached) return submit_read(uring::Walk::cached);
  disk_.was_cold();
  with_thread();
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

void Fetch::publish() {
  const auto after = disk_.ring_.attributes_of(descriptor_);
  if (!after || *after != before_) return try_again();
  const int64_t now_s = disk_.clock_.wall_s;
  const cache::EntryFacts facts{
      .content_type = borrowed_ ? borrowed_->content_type() : disk_.types_.of(path_.data()).value,
      .modified_s = before_.modified_s,
      .has_modified = before_.modified_s > 1 && before_.modified_s <= now_s,
  };
  if (!entry_->seal(facts, now_s)) return settle({.status = 500});
  entry_->looked(looked_ms_, generation(), stamp_of(before_));
  if (racily_young(before_, read_began_wall_ns_)) {
    ++disk_.counters_.not_kept;
  } else {
    insert(entry_);
    ++disk_.counters_.published;
    keep_descriptor();
  }
  settle({.status = 200, .entry = entry_, .opened_ns = opened_ns_, .read_ns = disk_.clock_.monotonic_ns});
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

// --- listing ---

void Fetch::list(const uring::Attributes& attributes) {
  read_began_wall_ns_ = disk_.clock_.wall_ns;
  if (same_as_known(attributes)) return settle_known();
  const bool own = !root_->remote && attributes.device == root_->device;
  const uint64_t ticket = uint64_t{disk_.fetches_.slot_of(*this)} << 32 | disk_.fetches_.generation_of(*this);
  if (!own || !disk_.helper_ || !disk_.helper_->list(descriptor_, ticket)) return on_listed(nullptr);
  become(State::listing);
  ++lent_;
}

void Fetch::on_listed(std::unique_ptr<Names> names) {
  if (state_ == State::listing) --lent_;
  const auto after = disk_.ring_.attributes_of(descriptor_);
  const bool still = after && *after == before_ && !racily_young(before_, read_began_wall_ns_);
  if (!names || !still || doubtful_) {  // no list of it can be had, or none that is still true
    constexpr uint64_t changing_ms = 2000;
    const uint64_t directory = disk_.key_of(site_, directory_of(key().path)).hash;
    disk_.missing_.decline(directory, disk_.clock_.monotonic_ms, names ? changing_ms : Missing::declined_ms);
    forget_known(cache::Gone::changed);
    return settle({.status = 503});
  }
  const size_t bytes = names->bytes();
  entry_ = disk_.cache_.make_holder(key(), cache::Kind::names, std::move(names), bytes);
  if (!entry_) return settle({.status = 503});
  entry_->looked(disk_.clock_.monotonic_ms, generation(), stamp_of(before_));
  insert(entry_);
  if (!entry_->in_cache()) {  // larger than what lists may take
    const uint64_t directory = disk_.key_of(site_, directory_of(key().path)).hash;
    disk_.missing_.decline(directory, disk_.clock_.monotonic_ms, Missing::declined_ms);
  }
  ++disk_.counters_.listings;
  settle({.status = 200});
}

}  // namespace uringd::disk
