// A fetch from its start to the open file, and its end; fetch_bytes.cpp has what lies between.
#include "uringd/disk/fetch.hpp"

#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "stamp.hpp"
#include "uringd/base/check.hpp"
#include "uringd/disk/disk.hpp"
#include "uringd/disk/failure.hpp"

namespace uringd::disk {
namespace {

// What the kernel keeps for an open file, and the OpenFile.
constexpr size_t kept_file_bytes = 1024;

}  // namespace

Fetch::Fetch(Disk& disk, const cache::Key& key, cache::Entry* known, Purpose purpose, uint64_t sequence)
    : disk_(disk),
      hash_(key.hash),
      sequence_(sequence),
      state_of_site_(&disk.sites_.state(key.site)),
      site_(key.site),
      key_bytes_(static_cast<uint32_t>(key.path.size())),
      purpose_(purpose),
      known_(known),
      started_ms_(disk.clock_.monotonic_ms) {
  CHECK(!key.path.empty() && key.path.front() == '/' && key.path.size() < path_limit);
  std::memcpy(path_.data(), key.path.data(), key.path.size());
  directory_asked_ = !lists() && key.path.back() == '/';
}

uring::Tag Fetch::tag(Step step) const {
  return {uring::Kind::fetch, static_cast<uint8_t>(step), disk_.fetches_.slot_of(*this),
          disk_.fetches_.generation_of(*this)};
}

void Fetch::become(State state) {
  constexpr auto bit = [](State to) { return 1U << static_cast<unsigned>(to); };
  constexpr unsigned legal[] = {
      /* opening */ bit(State::opening) | bit(State::reading) | bit(State::listing) | bit(State::settled),
      /* reading */ bit(State::opening) | bit(State::looking) | bit(State::settled),
      /* looking */ bit(State::opening) | bit(State::settled),
      /* listing */ bit(State::settled),
      /* settled */ 0,
  };
  CHECK(legal[static_cast<unsigned>(state_)] & bit(state));
  state_ = state;
}

// --- opening ---

void Fetch::start() {
  if (!borrow()) begin_tree(*state_of_site_->root);
}

// The file may be open yet, since its path was last looked at: its bytes are read without another open.
bool Fetch::borrow() {
  if (lists() || known_ || attempts_ > 0) return false;
  cache::Entry* kept = disk_.kept_.find(key(), disk_.clock_.monotonic_ms);
  if (!kept || kept->generation() != generation()) return false;
  if (disk_.clock_.monotonic_ms - kept->looked_at_ms() > disk_.options_.stale_after_ms) return false;
  const OpenFileRef& file = static_cast<const KeptFile*>(kept->payload())->file;
  if (!disk_.cache_.has_room(file->attributes().size_bytes)) return false;
  entry_ = disk_.cache_.make(key(), file->attributes().size_bytes);
  if (!entry_) return false;
  borrowed_ = file;
  looked_ms_ = kept->looked_at_ms();
  descriptor_ = file->descriptor();
  before_ = file->attributes();
  root_ = state_of_site_->root.get();
  path_[key_bytes_] = '\0';
  ++disk_.counters_.borrowed;
  become(State::reading);
  begin_read();
  return true;
}

// For who asks next, once the cache has had to let the bytes go.
void Fetch::keep_descriptor() {
  if (borrowed_ || doubtful_ || foreign() || before_.size_bytes == 0 || !disk_.keeps_descriptors()) return;
  const OpenFile::Place place{.site = site_};
  auto* opened =
      new (std::nothrow) OpenFile(disk_.ring_, descriptor_, before_, entry_->facts().content_type, place, &disk_);
  if (!opened) return;
  descriptor_ = -1;
  auto kept = disk_.kept_.make_holder(key(), cache::Kind::file, std::make_unique<KeptFile>(OpenFileRef(opened)),
                                      kept_file_bytes);
  if (!kept) return;
  kept->looked(disk_.clock_.monotonic_ms, generation(), {});
  disk_.kept_.insert(kept, disk_.clock_.monotonic_ms);
}

void Fetch::begin_tree(const Root& root) {
  root_ = &root;
  candidate_ = 0;
  begin_open();
}

// From the kernel's name cache where that needs no thread: not on a remote root, where an open asks the server.
void Fetch::begin_open() {
  become(State::opening);
  if (root_->remote) return with_thread();
  open(uring::Walk::cached);
}

bool Fetch::last_candidate() const { return !directory_asked_ || candidate_ == disk_.sites_.rules(site_).index.size(); }

// A path with a slash at its end means one of the index names below it, in order, or at last the directory itself.
void Fetch::open(uring::Walk walk) {
  CHECK(state_ == State::opening);
  walk_ = walk;
  const SiteRules& rules = disk_.sites_.rules(site_);
  const std::string_view name = last_candidate() ? "" : std::string_view(rules.index[candidate_]);
  CHECK(name.size() <= name_limit);
  std::memcpy(path_.data() + key_bytes_, name.data(), name.size());
  path_[key_bytes_ + name.size()] = '\0';
  const char* relative = path_.data() + 1;
  if (*relative == '\0' || *relative == '/') relative = ".";
  ++lent_;
  disk_.ring_.open_beneath(root_->directory, relative, rules.resolve, walk, tag(Step::open));
}

void Fetch::on_completion(const uring::Completion& completion) {
  CHECK(lent_ > 0);
  --lent_;
  switch (static_cast<Step>(completion.tag.step)) {
    case Step::open: return on_open(completion.result);
    case Step::read: return on_read(completion.result);
    case Step::look: return on_looked(completion.result);
  }
  CHECK(false);
}

// What comes next may take one of the kernel's threads and keep it: with leave only.
void Fetch::with_thread() {
  if (has_thread_ && thread_ != work()) give_thread();
  if (!has_thread_) {
    if (!disk_.take_thread(site_, work())) {
      Disk::Use::Line& line = disk_.line_for(site_, work());
      return (known_ ? line.looks : line.fetches).push_back(*this);
    }
    has_thread_ = true;
    thread_ = work();
  }
  switch (state_) {
    case State::opening: ++disk_.counters_.cold_opens; return open(uring::Walk::in_thread);
    case State::reading: ++disk_.counters_.cold_reads; return submit_read(uring::Walk::in_thread);
    case State::looking: ++lent_; return disk_.ring_.look(descriptor_, after_, tag(Step::look));
    case State::listing:
    case State::settled: CHECK(!"needs no thread");
  }
}

void Fetch::give_thread() {
  if (std::exchange(has_thread_, false)) disk_.give_thread(site_, thread_);
}

void Fetch::on_thread() {
  CHECK(!has_thread_);
  with_thread();
}

void Fetch::on_open(int result) {
  CHECK(state_ == State::opening);
  if (walk_ == uring::Walk::cached && (result == -EAGAIN || result == -EXDEV)) return with_thread();
  give_thread();
  if (result < 0) return on_open_failed(-result);
  opened_ns_ = disk_.clock_.monotonic_ns;
  descriptor_ = result;
  const auto attributes = disk_.ring_.attributes_of(descriptor_);
  if (!attributes) return fail(attributes.error());
  before_ = *attributes;
  switch (attributes->type) {
    case uring::FileType::regular: return on_regular(*attributes);
    case uring::FileType::other: return settle_verdict(403);  // a FIFO, a device: opened without waiting, never read
    case uring::FileType::directory: break;
  }
  if (lists()) return list(*attributes);
  if (!directory_asked_) return settle_verdict(301);
  if (last_candidate()) return settle_or_ask_previous(403);  // a directory without an index
  close();                                                   // an index name that is a directory is none
  ++candidate_;
  begin_open();
}

void Fetch::on_open_failed(int error_number) {
  if (error_number == EAGAIN && ++attempts_ < attempt_limit) return with_thread();  // openat2(2): a rename raced
  if (error_number == ENOENT && !last_candidate()) {
    ++candidate_;
    return begin_open();
  }
  fail(error_number);
}

bool Fetch::same_as_known(const uring::Attributes& attributes) const {
  return known_ && !doubtful_ && known_->in_cache() && known_->kind() != cache::Kind::verdict &&
         known_->stamp() == stamp_of(attributes);
}

void Fetch::on_regular(const uring::Attributes& attributes) {
  if (lists() || (directory_asked_ && last_candidate())) return settle_or_ask_previous(404);  // "/file/" is no file
  const bool small = attributes.size_bytes <= disk_.options_.max_cached_file_bytes;
  const bool readable = attributes.size_bytes == 0 || (small && disk_.cache_.has_room(attributes.size_bytes));
  const bool streamed_for_want_of_room = readable && known_ && known_->kind() == cache::Kind::file;
  if (same_as_known(attributes) && !streamed_for_want_of_room) return settle_known();
  if (readable) return read();
  keep_open(attributes);
}

// Too large for the cache: the open file itself is what is kept.
void Fetch::keep_open(const uring::Attributes& attributes) {
  const bool unchanging = attributes.immutable || (root_->read_only && attributes.device == root_->device);
  const OpenFile::Place place{.site = site_, .unchanging = unchanging, .foreign = foreign()};
  auto* opened = new (std::nothrow)
      OpenFile(disk_.ring_, descriptor_, attributes, disk_.types_.of(path_.data()).value, place, &disk_);
  if (!opened) return settle({.status = 503});
  descriptor_ = -1;  // the file's now
  OpenFileRef file(opened);
  auto kept = disk_.cache_.make_holder(key(), cache::Kind::file, std::make_unique<KeptFile>(file), kept_file_bytes);
  if (kept) {
    kept->looked(disk_.clock_.monotonic_ms, generation(), stamp_of(attributes));
    insert(kept);
  }
  settle({.status = 200, .file = file, .opened_ns = opened_ns_});
}

// --- the end ---

void Fetch::fail(int error_number) {
  const Failure failure = classify(error_number);
  if (failure.worth_a_warning) disk_.warn(path_.data(), error_number);
  if (failure.status == 404) return settle_or_ask_previous(404);
  if (failure.status == 403) return settle_verdict(403);
  if (failure.status == 503 &&
      known_believable()) {  // we could not look (no descriptor, no memory): not the file's fault
    ++disk_.counters_.stale;
    return settle({.status = 200, .entry = known_, .stale = true});
  }
  forget_known(cache::Gone::changed);
  settle({.status = failure.status});
}

// The path leads to the very file that the entry was made of.
void Fetch::settle_known() {
  ++disk_.counters_.unchanged;
  known_->looked(disk_.clock_.monotonic_ms, generation(), known_->stamp());
  disk_.watch(*known_);
  // Found missing again since its directory's watch stands: whatever happens from now on will be told.
  if (known_->kind() == cache::Kind::verdict &&
      disk_.directories_.watched(site_, directory_of(key().path), disk_.clock_.monotonic_ms)) {
    known_->settle();
  }
  settle({.status = 200, .entry = known_, .unchanged = true, .opened_ns = opened_ns_});
}

// Gone from the new tree: the one before may still answer for it, for a while.
void Fetch::settle_or_ask_previous(int status) {
  const Root* previous = state_of_site_->previous.get();
  if (previous && root_ != previous && !lists() && disk_.clock_.monotonic_ms < state_of_site_->previous_until_ms) {
    own_status_ = static_cast<uint16_t>(status);
    close();
    return begin_tree(*previous);
  }
  settle_verdict(own_status_ != 0 ? own_status_ : status);
}

void Fetch::forget_known(cache::Gone why) {
  if (known_ && known_->in_cache() && !doubtful_) disk_.cache_.drop(*known_, why);
}

// Nothing to send: remembered as such.
void Fetch::settle_verdict(int status) {
  if (status == 404 && !lists()) disk_.note_missing(site_, key().path);
  if (lists()) {
    forget_known(cache::Gone::missing);
    return settle({.status = status});
  }
  const bool known_already = known_ && !doubtful_ && known_->in_cache() && known_->kind() == cache::Kind::verdict &&
                             known_->status() == status;
  if (known_already) return settle_known();
  forget_known(cache::Gone::missing);
  if (auto verdict = disk_.cache_.make_verdict(key(), status)) {
    verdict->looked(disk_.clock_.monotonic_ms, generation(), {});
    insert(verdict);
  }
  settle({.status = status});
}

// What was read before a change became known is for those who asked before it.
void Fetch::insert(const cache::EntryRef& entry) {
  if (doubtful_ || disk_.gone_) return;
  disk_.cache_.insert(entry, disk_.clock_.monotonic_ms);
  if (entry->in_cache()) disk_.watch(*entry);
}

void Fetch::close() {
  if (borrowed_) {
    borrowed_.reset();
    descriptor_ = -1;
  }
  if (descriptor_ >= 0) disk_.close(std::exchange(descriptor_, -1), site_, foreign());
}

// Old, but of this release: better than nothing while the disk does not answer.
bool Fetch::known_believable() const {
  return known_ && !doubtful_ && known_->in_cache() && known_->generation() >= disk_.sites_.state(site_).release;
}

void Fetch::doubt() {
  doubtful_ = true;
  if (known_) known_->set_look(cache::Entry::Look::none);  // who asks next looks anew
  if (static_cast<Link<Fetch>*>(this)->linked()) static_cast<Link<Fetch>*>(this)->unlink();
}

void Fetch::overdue() {
  static_cast<Link<Fetch, Looking>*>(this)->unlink();
  // Doubtful, for there was a new generation: others have begun to look anew, its own waiters are waiting still.
  if (!known_ || !known_->in_cache() || known_->generation() < disk_.sites_.state(site_).release) return;
  if (known_believable()) known_->set_look(cache::Entry::Look::overdue);
  const Outcome outcome{.status = 200, .entry = known_, .stale = true};
  List<Waiter> waiting;  // who asks again from within finds the entry, not this fetch
  while (Waiter* waiter = waiters_.pop_front()) waiting.push_back(*waiter);
  while (Waiter* waiter = waiting.pop_front()) {
    ++disk_.counters_.stale;
    waiter->on_fetched(outcome);
  }
}

// The end, once. The fetch leaves the tables before it wakes its waiters: what they ask for next is a new fetch.
void Fetch::settle(const Outcome& outcome) {
  become(State::settled);
  CHECK(lent_ == 0);
  close();
  entry_.reset();
  give_thread();
  disk_.on_settled(*this);  // before: what waiters ask for next may need its place
  while (Waiter* waiter = waiters_.pop_front()) waiter->on_fetched(outcome);
  known_.reset();
  disk_.fetches_.release(*this);  // *this is gone
}

}  // namespace uringd::disk
