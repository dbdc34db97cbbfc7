// What may be answered from the cache, which fetches are under way, and the bounds on both.
#include "uringd/disk/disk.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "uringd/base/check.hpp"
#include "uringd/base/result.hpp"

namespace uringd::disk {
namespace {

constexpr uint32_t stream_limit = 1U << 16;  // one per connection at most
constexpr uint64_t for_ever_ms = UINT64_MAX;
constexpr size_t kept_charge_bytes = size_t{16} * 2048;  // so that their count is what bounds them
constexpr uint64_t kept_idle_ms = 10'000;  // a deleted file takes its disk space for as long as it is open
constexpr uint64_t kept_sweep_ms = 250;

}  // namespace

Disk::Disk(uring::Ring& ring, cache::Cache& cache, PieceMemory& memory, const Clock& clock, log::Logger& logger,
           const Sites& sites, HelperDoor* helper, const DiskOptions& options)
    : ring_(ring),
      cache_(cache),
      memory_(memory),
      clock_(clock),
      logger_(logger),
      sites_(sites),
      helper_(helper),
      options_(options),
      fetches_(most_places + looks_for(most_places) + most_rendering +
               1),  // one may be waking its waiters, its place given back already
      streams_(stream_limit),
      held_(sites.bound()),
      kept_({.capacity_bytes = options.kept_descriptors * kept_charge_bytes,
             .file_limit = options.kept_descriptors,
             .entry_bytes = kept_charge_bytes}),
      kept_share_(options.kept_descriptors),
      directories_(helper, options.hash_seed, held_),
      copies_(cache, helper, clock, counters_, held_),
      sockets_(options.kept_descriptors / 4) {
  cache_.set_observer(this);
  kept_.set_observer(&kept_observer_);
  std::vector<uint32_t> trees(sites.bound());
  std::iota(trees.begin(), trees.end(), 0);
  reconfigure(options, trees);
  was_cold();  // nothing is known yet
}

Disk::~Disk() {
  cache_.set_observer(nullptr);
  CHECK(in_flight_ == 0);
  CHECK(line_.empty());
  CHECK(sockets_.count() == 0);
  for (List<Use::Line>& waiting : waiting_) {
    while (waiting.pop_front()) {
    }
  }
}

// --- what may be answered ---

uint64_t Disk::lasting_ms(const cache::Entry& entry) const {
  const bool missing =
      entry.kind() == cache::Kind::names || (entry.kind() == cache::Kind::verdict && entry.status() == 404);
  if (!missing) return options_.stale_after_ms;
  if (options_.missing_ttl_ms > 0) return options_.missing_ttl_ms;
  return entry.settled() ? for_ever_ms : options_.stale_after_ms;
}

uint64_t Disk::fresh_until_ms(const cache::Entry& entry) const {
  const uint64_t lasts_ms = lasting_ms(entry);
  return lasts_ms == for_ever_ms ? for_ever_ms : entry.looked_at_ms() + lasts_ms / 2;
}

Found Disk::find(const cache::Key& key) {
  cache::Entry* entry = cache_.find(key, clock_.monotonic_ms);
  if (!entry) {
    const Found missing = missing_by_name(key);
    if (missing.status == 0) ++counters_.absent;
    return missing;
  }
  if (entry->kind() == cache::Kind::file && !static_cast<KeptFile*>(entry->payload())->file->held_still()) {
    cache_.drop(*entry, cache::Gone::changed);  // its length and validators are no longer the file's
    ++counters_.absent;
    return {};
  }
  const SiteState& site = sites_.state(key.site);
  if (entry->generation() == site.generation) [[likely]] {
    const uint64_t lasts_ms = lasting_ms(*entry);
    const uint64_t age_ms = clock_.monotonic_ms - entry->looked_at_ms();
    const uint64_t fresh_ms = lasts_ms == for_ever_ms ? for_ever_ms : entry->looked_at_ms() + lasts_ms / 2;
    if (age_ms <= lasts_ms / 2) [[likely]]
      return {.entry = entry, .fresh_until_ms = fresh_ms};
    if (age_ms <= lasts_ms) {
      look_ahead(key, *entry);
      return {.entry = entry, .fresh_until_ms = fresh_ms};
    }
  } else if (entry->generation() < site.release) {
    ++counters_.other_release;
    return {};
  }
  // Nobody waits for a look that does not come back, or that cannot even begin.
  if (entry->look() == cache::Entry::Look::overdue ||
      (entry->look() == cache::Entry::Look::none && !may_look(key.site))) {
    ++counters_.stale;
    return {.entry = entry, .stale = true};
  }
  ++counters_.aged;
  return {.aged = true};
}

void Disk::look_ahead(const cache::Key& key, cache::Entry& entry) {
  if (entry.look() != cache::Entry::Look::none || under_way(key)) return;
  if (start(key, &entry, Fetch::Purpose::look)) ++counters_.looks_ahead;
}

// --- fetches ---

Fetch* Disk::under_way(const cache::Key& key) {
  List<Fetch>& bucket = bucket_of(key.hash);
  for (Fetch* fetch = bucket.front(); fetch; fetch = bucket.after(*fetch)) {
    const cache::Key other = fetch->key();
    if (other.hash == key.hash && other.site == key.site && other.path == key.path) return fetch;
  }
  return nullptr;
}

bool Disk::fetch(const cache::Key& key, Waiter& waiter) {
  if (Fetch* fetch = under_way(key)) {
    if (fetch->generation() == sites_.state(key.site).generation) {
      ++counters_.joined;
      fetch->wait(waiter);
      return true;
    }
    fetch->doubt();  // it asks the tree before the last switch: only for those who asked before it
  }
  Fetch* fetch = start(key, cache_.peek(key), Fetch::Purpose::request);
  if (!fetch) {
    ++counters_.rejected;
    return false;
  }
  fetch->wait(waiter);
  return true;
}

Fetch* Disk::start(const cache::Key& key, cache::Entry* known, Fetch::Purpose purpose) {
  CHECK(key.site < uses_.size());
  if (!active(key.site)) {
    if (purpose != Fetch::Purpose::request) return nullptr;
    begin_to_leave(key.site);  // it is used once more
  }
  const bool looks = known || purpose == Fetch::Purpose::list;
  if (looks ? !may_look(key.site) : !may_fetch(key.site)) return nullptr;
  Fetch* fetch = fetches_.acquire(*this, key, known, purpose, next_sequence_++);
  CHECK(fetch);  // there are more slots than places
  CHECK(take_place(*fetch));
  bucket_of(key.hash).push_back(*fetch);
  by_age_.push_back(*fetch);
  uses_[key.site].fetches.push_back(*fetch);
  held_.add(key.site);
  ++(known ? counters_.looks : counters_.fetches);
  if (known) {
    known->set_look(cache::Entry::Look::under_way);
    looks_.push_back(*fetch);
  }
  fetch->start();
  return fetch;
}

void Disk::on_settled(Fetch& fetch) {
  if (static_cast<Link<Fetch>&>(fetch).linked()) static_cast<Link<Fetch>&>(fetch).unlink();
  static_cast<Link<Fetch, ByAge>&>(fetch).unlink();
  static_cast<Link<Fetch, OfSite>&>(fetch).unlink();
  if (static_cast<Link<Fetch, Looking>&>(fetch).linked()) static_cast<Link<Fetch, Looking>&>(fetch).unlink();
  if (fetch.known_ && !fetch.doubtful_) fetch.known_->set_look(cache::Entry::Look::none);
  if (fetch.place_given_) {
    --rendering_;
  } else {
    give_place(fetch);
  }
  if (fetch.purpose() == Fetch::Purpose::preload) {
    --preloads_in_flight_;
    start_preloads();
  }
  acknowledge();
}

void Disk::start_preloads() {
  constexpr uint32_t at_once = 4;
  while (!preloads_.empty() && preloads_in_flight_ < at_once) {
    const size_t full_bytes = cache_.bound_bytes(cache::Kind::content) / 8 * 7;
    if (cache_.bytes(cache::Kind::content) > full_bytes) return clear_preloads();  // more would push others out
    const auto [site, path] = std::move(preloads_.front());
    preloads_.pop_front();
    if (path.empty()) continue;
    held_.remove(site);
    const cache::Key key = key_of(site, path);
    if (path.size() >= Fetch::path_limit) continue;
    if (Fetch* fetch = under_way(key)) {
      if (fetch->generation() == sites_.state(site).generation) continue;
      fetch->doubt();
    }
    cache::Entry* held = cache_.peek(key);
    if (held && held->generation() == sites_.state(site).generation) continue;
    if (!start(key, held, Fetch::Purpose::preload)) return clear_preloads();  // requests need the disk more
    ++preloads_in_flight_;
    ++counters_.preloaded;
  }
}

void Disk::clear_preloads() {
  for (const auto& [site, path] : preloads_) {
    if (!path.empty()) held_.remove(site);
  }
  preloads_.clear();
}

bool Disk::make_copy(cache::Entry& base, http::Coding coding, Waiter* waiter) {
  return !gone_ && copies_.make(base, coding, waiter);
}

// --- completions and time ---

void Disk::on_completion(const uring::Completion& completion) {
  const uring::Tag tag = completion.tag;
  if (tag.kind == uring::Kind::closing) {
    --closing_;
    held_.remove(tag.slot);
    return give_thread(tag.slot, Work::open);
  }
  if (tag.kind == uring::Kind::fetch) {
    Fetch* fetch = fetches_.find(tag.slot, tag.generation);
    CHECK(fetch);
    return fetch->on_completion(completion);
  }
  Stream* stream = streams_.find(tag.slot, tag.generation);
  CHECK(stream);
  stream->on_completion(completion);
}

void Disk::on_tick() {
  unasked_ = borrowed_unasked_ = 0;
  while (Fetch* fetch = looks_.front()) {
    if (clock_.monotonic_ms - fetch->started_ms_ < Fetch::patience_ms) break;
    fetch->overdue();
  }
  sweep();
  go_on_leaving();
  end_turn_of_streams();
}

uint64_t Disk::next_ms() {
  uint64_t due_ms = UINT64_MAX;
  for (Fetch* fetch = looks_.front(); fetch; fetch = looks_.after(*fetch)) {
    if (fetch->waiters_.empty()) continue;  // looked at ahead: any turn will do
    due_ms = fetch->started_ms_ + Fetch::patience_ms;
    break;
  }
  if (options_.idle_after_ms > 0 && cache_.count() > 0) due_ms = std::min(due_ms, swept_ms_ + sweep_every_ms());
  if (kept_.count() > 0) due_ms = std::min(due_ms, kept_swept_ms_ + kept_sweep_ms);
  due_ms = std::min(due_ms, next_slice_ms());
  return due_ms;
}

// Only where the cache is full: the next to ask for a file whose bytes had to go shall find it open.
bool Disk::keeps_descriptors() const {
  const size_t full_bytes = cache_.bound_bytes(cache::Kind::content) / 8 * 7;
  return !gone_ && options_.kept_descriptors > 0 && cache_.bytes(cache::Kind::content) >= full_bytes;
}

// The whole table is looked through four times per idle_after, a slice at a time.
uint64_t Disk::sweep_every_ms() const {
  const uint64_t slices = (cache_.bucket_count() + sweep_buckets - 1) / sweep_buckets;
  return std::max<uint64_t>(options_.idle_after_ms / (4 * slices), 64);
}

void Disk::sweep() {
  directories_.sweep(clock_.monotonic_ms);
  if (kept_.count() > 0 && clock_.monotonic_ms - kept_swept_ms_ >= kept_sweep_ms) {
    kept_swept_ms_ = clock_.monotonic_ms;
    kept_.sweep(clock_.monotonic_ms, kept_idle_ms, sweep_buckets);
  }
  if (options_.idle_after_ms == 0 || clock_.monotonic_ms - swept_ms_ < sweep_every_ms()) return;
  swept_ms_ = clock_.monotonic_ms;
  cache_.sweep(clock_.monotonic_ms, options_.idle_after_ms, sweep_buckets);
}

void Disk::let_go() {
  if (std::exchange(gone_, true)) return;
  clear_preloads();
  cache_.clear();
  kept_.clear();
  copies_.let_go();
  for (Fetch* fetch = by_age_.front(); fetch;) {  // who is woken may begin others, behind
    Fetch* next = by_age_.after(*fetch);
    fetch->let_go();
    fetch = next;
  }
}

// Directories of what is held are watched. A verdict's directory too, but a flood of random ones must not keep the
// helper thread busy.
void Disk::watch(const cache::Entry& entry) {
  constexpr uint64_t pause_ms = 16;
  if (!active(entry.key().site)) return;
  if (entry.kind() == cache::Kind::verdict) {
    if (clock_.monotonic_ms - verdict_watched_ms_ < pause_ms) return;
    verdict_watched_ms_ = clock_.monotonic_ms;
  }
  if (void* directory = entry.mark()) {
    directories_.watch(*static_cast<Directories::Directory*>(directory), clock_.monotonic_ms);
  }
}

// The entry keeps its directory with it: looking that up again costs 0.1 us each time that it is needed.
void Disk::on_linked(cache::Entry& entry) {
  const cache::Key key = entry.key();
  entry.set_mark(&directories_.enter(key.site, directory_of(key.path)));
  held_.add(key.site);
}

void Disk::on_unlinked(cache::Entry& entry) {
  const uint32_t site = entry.key().site;
  auto* directory = static_cast<Directories::Directory*>(entry.mark());
  entry.set_mark(nullptr);
  directories_.leave(*directory, clock_.monotonic_ms, !active(site));
  held_.remove(site);
}

void Disk::warn(std::string_view what, int error_number) {
  if (warned_ms_ != 0 && clock_.monotonic_ms - warned_ms_ < 1000) {
    ++unsaid_;
    return;
  }
  warned_ms_ = clock_.monotonic_ms;
  std::string line = std::string(what.substr(0, 256)) + ": " + errno_text(error_number);
  if (unsaid_ > 0) line += " (and " + std::to_string(std::exchange(unsaid_, 0)) + " more failures of the disk before)";
  logger_.warn(line);
}

}  // namespace uringd::disk
