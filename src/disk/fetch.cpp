// A fetch in the order in which it happens: open, look, read, look again, publish.
#include "uringd/disk/fetch.hpp"

#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "uringd/base/check.hpp"
#include "uringd/disk/disk.hpp"
#include "uringd/disk/failure.hpp"

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

Fetch::Fetch(Disk& disk, const cache::Key& key)
    : disk_(disk), hash_(key.hash), site_(key.site), key_bytes_(static_cast<uint32_t>(key.path.size())) {
  CHECK(!key.path.empty() && key.path.front() == '/' && key.path.size() < path_limit);
  std::memcpy(path_.data(), key.path.data(), key.path.size());
  directory_asked_ = key.path.back() == '/';
}

uring::Tag Fetch::tag(Step step) const {
  return {uring::Kind::fetch, static_cast<uint8_t>(step), disk_.fetches_.slot_of(*this),
          disk_.fetches_.generation_of(*this)};
}

void Fetch::become(State state) {
  const bool legal = state == State::opening   ? state_ != State::settled
                     : state == State::reading ? state_ == State::opening
                                               : state_ != State::settled;
  CHECK(legal);
  state_ = state;
}

void Fetch::start() {
  candidate_ = 0;
  open();
}

bool Fetch::last_candidate() const { return !directory_asked_ || candidate_ == disk_.sites_[site_].index.size(); }

// A path with a slash at its end means one of the index names below it, in order, or at last the directory itself.
void Fetch::open() {
  become(State::opening);
  const std::string_view name = last_candidate() ? "" : std::string_view(disk_.sites_[site_].index[candidate_]);
  CHECK(name.size() <= name_limit);
  std::memcpy(path_.data() + key_bytes_, name.data(), name.size());
  path_[key_bytes_ + name.size()] = '\0';
  const char* relative = path_.data() + 1;
  const SiteFiles& site = disk_.sites_[site_];
  ++lent_;
  disk_.ring_.open_beneath(site.root, *relative ? relative : ".", site.resolve, tag(Step::open));
}

void Fetch::on_completion(const uring::Completion& completion) {
  CHECK(lent_ > 0);
  --lent_;
  switch (static_cast<Step>(completion.tag.step)) {
    case Step::open: return on_open(completion.result);
    case Step::read: return on_read(completion.result);
  }
  CHECK(false);
}

void Fetch::on_open(int result) {
  CHECK(state_ == State::opening);
  if (result < 0) return on_open_failed(-result);
  opened_ns_ = disk_.clock_.monotonic_ns;
  descriptor_ = result;
  const auto attributes = disk_.ring_.attributes_of(descriptor_);
  if (!attributes) return fail(attributes.error());
  switch (attributes->type) {
    case uring::FileType::regular: return on_regular(*attributes);
    case uring::FileType::other:
      return settle({.status = 403});  // a FIFO, a device: opened without waiting, never read
    case uring::FileType::directory: break;
  }
  if (!directory_asked_) return settle({.status = 301});
  if (last_candidate()) return settle({.status = 403});  // a directory without an index
  close();                                               // an index name that is a directory is none
  ++candidate_;
  open();
}

void Fetch::on_open_failed(int error_number) {
  if (error_number == EAGAIN && ++attempts_ < attempt_limit) return open();  // openat2(2): a rename raced with the walk
  if (error_number == ENOENT && !last_candidate()) {
    ++candidate_;
    return open();
  }
  fail(error_number);
}

void Fetch::on_regular(const uring::Attributes& attributes) {
  before_ = attributes;
  if (directory_asked_ && last_candidate()) return settle({.status = 404});  // "/file/" is no file
  const bool small = attributes.size_bytes <= disk_.options_.max_cached_file_bytes;
  if (attributes.size_bytes == 0 || (small && disk_.cache_.has_room(attributes.size_bytes))) return read();
  const char* name = path_.data();
  auto* file = new (std::nothrow) OpenFile(disk_.ring_, descriptor_, attributes, disk_.types_.of(name).value);
  if (!file) return settle({.status = 503});
  descriptor_ = -1;  // the file's now
  settle({.status = 200, .file = OpenFileRef(file), .opened_ns = opened_ns_});
}

void Fetch::read() {
  become(State::reading);
  read_began_wall_ns_ = disk_.clock_.wall_ns;
  read_bytes_ = 0;
  entry_ = disk_.cache_.make(key(), before_.size_bytes);
  if (!entry_) return settle({.status = 503});
  if (before_.size_bytes == 0) return publish();
  ++lent_;
  disk_.ring_.read(descriptor_, entry_->body_memory(), 0, tag(Step::read));
}

void Fetch::on_read(int result) {
  CHECK(state_ == State::reading);
  if (result == -EINTR || result == -EAGAIN) result = 0;
  if (result < 0) return fail(-result);
  const size_t wanted = before_.size_bytes - read_bytes_;
  CHECK(static_cast<size_t>(result) <= wanted);
  read_bytes_ += static_cast<uint32_t>(result);
  if (result == 0) return try_again();  // shorter than it was when it was opened
  if (read_bytes_ == before_.size_bytes) return publish();
  ++lent_;
  disk_.ring_.read(descriptor_, entry_->body_memory().subspan(read_bytes_), read_bytes_, tag(Step::read));
}

void Fetch::publish() {
  const auto after = disk_.ring_.attributes_of(descriptor_);
  if (!after || *after != before_) return try_again();
  const int64_t now_s = disk_.clock_.wall_s;
  const cache::EntryFacts facts{
      .content_type = disk_.types_.of(path_.data()).value,
      .modified_s = before_.modified_s,
      .has_modified = before_.modified_s > 1 && before_.modified_s <= now_s,
  };
  if (!entry_->seal(facts, now_s, disk_.clock_.monotonic_ms)) return settle({.status = 500});
  if (!racily_young(before_, read_began_wall_ns_)) {
    disk_.cache_.insert(entry_);
    ++disk_.counters_.published;
  }
  settle({.status = 200, .entry = entry_, .opened_ns = opened_ns_, .read_ns = disk_.clock_.monotonic_ns});
}

// The bytes read are no version of the file. From the open again, a few times; then it is the client's turn to come
// back.
void Fetch::try_again() {
  ++disk_.counters_.moved;
  close();
  entry_.reset();
  if (++attempts_ >= attempt_limit) return settle({.status = 503});
  start();
}

void Fetch::fail(int error_number) {
  const Failure failure = classify(error_number);
  if (failure.worth_a_warning) disk_.warn(path_.data(), error_number);
  settle({.status = failure.status});
}

void Fetch::close() {
  if (descriptor_ >= 0) disk_.ring_.close_file(std::exchange(descriptor_, -1));
}

// The end, once. The fetch leaves the table before it wakes its waiters: what they ask for next is a new fetch.
void Fetch::settle(const Outcome& outcome) {
  become(State::settled);
  CHECK(lent_ == 0);
  close();
  entry_.reset();
  unlink();
  disk_.give_place();  // before: what waiters ask for next may need it
  while (Waiter* waiter = waiters_.pop_front()) waiter->on_fetched(outcome);
  disk_.fetches_.release(*this);  // *this is gone
}

}  // namespace uringd::disk
