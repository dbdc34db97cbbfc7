// The frame of a fetch: its start, its states, the threads it waits for, and its end. fetch_open.cpp finds the file
// that its key means, fetch_bytes.cpp reads it, fetch_lists.cpp has directories read.
#include "uringd/disk/fetch.hpp"

#include <cstring>
#include <utility>

#include "uringd/base/check.hpp"
#include "uringd/disk/disk.hpp"
#include "uringd/disk/failure.hpp"

namespace uringd::disk {

Fetch::Fetch(Disk& disk, const cache::Key& key, cache::Entry* known, Purpose purpose, uint64_t sequence)
    : disk_(disk),
      hash_(key.hash),
      sequence_(sequence),
      state_of_site_(&disk.sites_.state(key.site)),
      site_(key.site),
      purpose_(purpose),
      known_(known),
      started_ms_(disk.clock_.monotonic_ms) {
  CHECK(!key.path.empty() && key.path.front() == '/' && key.path.size() < path_limit);
  const SpecialKey special = disk::special_key(key.path);
  kind_ = special.kind;
  coding_ = special.coding;
  form_ = special.form;
  CHECK(lists() == (kind_ == SpecialKey::Kind::names));
  const bool of_itself = kind_ == SpecialKey::Kind::file || lists();  // "/dir//" is a directory's path too
  const std::string_view path = of_itself ? key.path : special.path;
  if (!of_itself) special_key_ = key.path;
  base_bytes_ = static_cast<uint32_t>(path.size());
  std::memcpy(path_.data(), path.data(), path.size());
  directory_asked_ = kind_ == SpecialKey::Kind::file && path.back() == '/';
  if (kind_ == SpecialKey::Kind::sibling) ++disk.counters_.siblings;
}

uring::Tag Fetch::tag(Step step) const {
  return {uring::Kind::fetch, static_cast<uint8_t>(step), disk_.fetches_.slot_of(*this),
          disk_.fetches_.generation_of(*this)};
}

void Fetch::become(State state) {
  constexpr auto bit = [](State to) { return 1U << static_cast<unsigned>(to); };
  constexpr unsigned legal[] = {
      /* opening */ bit(State::opening) | bit(State::reading) | bit(State::listing) | bit(State::rendering) |
          bit(State::settled),
      /* reading */ bit(State::opening) | bit(State::looking) | bit(State::settled),
      /* looking */ bit(State::opening) | bit(State::settled),
      /* listing */ bit(State::settled),
      /* rendering */ bit(State::settled),
      /* settled */ 0,
  };
  CHECK(legal[static_cast<unsigned>(state_)] & bit(state));
  state_ = state;
}

// --- threads and completions ---

void Fetch::start() {
  if (opening_ns_ == 0) opening_ns_ = disk_.clock_.monotonic_ns;
  if (!borrow()) begin_tree(*state_of_site_->root);
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
      lined_up_ns_ = disk_.clock_.monotonic_ns;
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
    case State::rendering:
    case State::settled: CHECK(!"needs no thread");
  }
}

void Fetch::give_thread() {
  if (std::exchange(has_thread_, false)) disk_.give_thread(site_, thread_);
}

void Fetch::on_thread() {
  CHECK(!has_thread_);
  (state_ == State::opening ? opening_ns_ : reading_ns_) += disk_.clock_.monotonic_ns - lined_up_ns_;
  with_thread();
}

// --- the end ---

void Fetch::fail(int error_number) {
  const Failure failure = classify(error_number);
  if (failure.worth_a_warning) disk_.warn(path_.data(), error_number);
  if (failure.status == 404) return settle_or_ask_previous(404);
  if (failure.status == 403) return settle_verdict(kind_ == SpecialKey::Kind::sibling ? 404 : 403);
  if (failure.status == 503) return settle_unasked();  // no descriptor, no memory
  forget_known(cache::Gone::changed);
  settle({.status = failure.status});
}

// We could not look: not the file's fault.
void Fetch::settle_unasked() {
  if (!known_believable()) {
    forget_known(cache::Gone::changed);
    return settle({.status = 503});
  }
  ++disk_.counters_.stale;
  settle({.status = 200, .entry = known_, .stale = true});
}

// The path leads to the very file that the entry was made of.
void Fetch::settle_known() {
  ++disk_.counters_.unchanged;
  known_->looked(disk_.clock_.monotonic_ms, generation(), known_->stamp());
  disk_.watch(*known_);
  // Found missing again since its directory's watch stands: whatever happens from now on will be told.
  const auto* directory = static_cast<const Directories::Directory*>(known_->mark());
  if (known_->kind() == cache::Kind::verdict && directory &&
      Directories::watched(*directory, disk_.clock_.monotonic_ms)) {
    known_->settle();
  }
  settle({.status = 200, .entry = known_, .unchanged = true});
}

// Gone from the new tree: the one before may still answer for it, for a while. Not for a sibling: the file that it
// would be sent for may be the new tree's.
void Fetch::settle_or_ask_previous(int status) {
  const Root* previous = state_of_site_->previous.get();
  const bool may_ask = previous && root_ != previous && kind_ == SpecialKey::Kind::file;
  if (may_ask && disk_.clock_.monotonic_ms < state_of_site_->previous_until_ms) {
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
  if (of_directory()) {
    forget_known(cache::Gone::missing);
    return settle({.status = status});
  }
  if (status == 404) disk_.note_missing(site_, name());
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
  if (doubtful_ || disk_.gone_ || !disk_.active(site_)) return;
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

void Fetch::let_go() {
  if (state_ == State::rendering) settle({.status = 503});
}

void Fetch::leave() {
  if (lent_ > 0 || !waiters_.empty()) return;
  if (Link<Fetch, WaitingForThread>::linked()) static_cast<Link<Fetch, WaitingForThread>*>(this)->unlink();
  settle({.status = 503});
}

// The end, once. The fetch leaves the tables before it wakes its waiters: what they ask for next is a new fetch.
void Fetch::settle(Outcome outcome) {
  become(State::settled);
  CHECK(lent_ == 0);
  outcome.opening_ns = opening_ns_;
  outcome.opened_ns = opened_ns_;
  outcome.reading_ns = reading_ns_;
  if (reading_ns_ != 0) outcome.read_ns = disk_.clock_.monotonic_ns;
  close();
  entry_.reset();
  give_thread();
  disk_.on_settled(*this);  // before: what waiters ask for next may need its place
  while (Waiter* waiter = waiters_.pop_front()) waiter->on_fetched(outcome);
  known_.reset();
  Disk& disk = disk_;
  const uint32_t site = site_;
  disk.fetches_.release(*this);  // *this is gone
  disk.held_.remove(site);
}

}  // namespace uringd::disk
