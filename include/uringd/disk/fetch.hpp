// Fetch: what a key comes to: a small file becomes a cache entry, a large one an open file, a directory a list of its
// names or a listing of its files, anything else a status. Owned by Disk, in a slab, on the worker's thread.
// Connections wait on it and may leave; the work completes all the same and fills the cache. A fetch that knows an
// entry is a look: where the path still leads to the same unchanged file it ends at the open, with that entry.
//
//   opening ──► reading ──► (looking) ──► settled     opening ──► opening: the next index name or extension, the
//      │ ▲                                                         directory itself, the tree before the last switch
//      ▼ │ (waiting for a kernel thread)              opening ──► listing, rendering ──► settled: by another thread
//                                                     reading ──► opening: the file changed meanwhile (bounded)
//
// Trip 1 opens beneath the root and looks at *that* descriptor: first in the kernel's name cache alone, which never
// takes a thread, then by one. Trip 2 reads exactly its size and looks again: only a file that held still becomes an
// entry. The close is queued; nobody waits for it. Its path and its entry's memory are lent from start to the last
// completion.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "uringd/base/list.hpp"
#include "uringd/cache/cache.hpp"
#include "uringd/disk/describe.hpp"
#include "uringd/disk/names.hpp"
#include "uringd/disk/open_file.hpp"
#include "uringd/disk/sites.hpp"
#include "uringd/disk/special_key.hpp"
#include "uringd/uring/ring.hpp"

namespace uringd::disk {

class Disk;

/// What a fetch came to. An entry of any kind, or a status without one.
struct Outcome {
  int status = 500;  // 200 (without entry and file: a directory that may be listed), 301 (a directory asked for without
                     // its slash), 403, 404, 500, 503
  cache::EntryRef entry;
  OpenFileRef file;        // where it is too large for the cache
  bool stale = false;      // the disk has not answered for 100 ms: this is what was known before
  bool unchanged = false;  // a look found the entry as it was
  // When these were (monotonic; 0: there was none). What begins begins that much later as it waited for a thread.
  uint64_t opening_ns = 0, opened_ns = 0;  // opened: in a file or not
  uint64_t reading_ns = 0, read_ns = 0;
};

/// Somebody who waits on a fetch. To stop waiting: unlink().
class Waiter : public Link<Waiter> {
 public:
  virtual void on_fetched(const Outcome& outcome) = 0;

 protected:
  ~Waiter() = default;
};

/// An entry's Payload: a large file that stays open, so that asking for it again costs no open.
struct KeptFile final : cache::Payload {
  explicit KeptFile(OpenFileRef kept) : file(std::move(kept)) {}
  OpenFileRef file;
};

struct ByAge;
struct Looking;
struct OfSite;
struct WaitingForThread;

/// What a kernel thread is needed for: io-wq bounds opening (and its kin) and reading of files apart.
enum class Work : uint8_t { open, read };

class Fetch : public Link<Fetch>,
              public Link<Fetch, ByAge>,
              public Link<Fetch, Looking>,
              public Link<Fetch, OfSite>,
              public Link<Fetch, WaitingForThread> {
 public:
  enum class Purpose : uint8_t { request, look, preload, list };
  /// openat2 refuses longer ones: PATH_MAX with its NUL.
  static constexpr size_t path_limit = key_path_limit;
  static constexpr size_t name_limit = 255;     // NAME_MAX, of an index name or an extension
  static constexpr uint64_t patience_ms = 100;  // nobody waits longer for a look

  /// `known` may be nullptr.
  Fetch(Disk& disk, const cache::Key& key, cache::Entry* known, Purpose purpose, uint64_t sequence);

  [[nodiscard]] cache::Key key() const {
    return {site_, special_key_.empty() ? std::string_view{path_.data(), base_bytes_} : special_key_, hash_};
  }
  [[nodiscard]] uint32_t generation() const { return state_of_site_->generation; }
  [[nodiscard]] Purpose purpose() const { return purpose_; }
  void wait(Waiter& waiter) { waiters_.push_back(waiter); }
  void start();
  void on_completion(const uring::Completion& completion);
  /// The thread it waited for.
  void on_thread();
  void on_listed(std::unique_ptr<Names> names);
  void on_rendered(const std::optional<std::string>& body);
  /// Something changed since it began: its waiters get its outcome, nobody else.
  void doubt();
  /// It was a look for long enough: its waiters get what was known.
  void overdue();
  /// Nobody is served any more: it does not wait for a thread that may never answer. It may be gone then.
  void let_go();
  /// Its tree goes: where nobody waits for it, it does not wait either. It may be gone then.
  void leave();

 private:
  friend class Disk;
  enum class State : uint8_t { opening, reading, looking, listing, rendering, settled };
  enum class Step : uint8_t { open, read, look };
  static constexpr uint8_t attempt_limit = 8;  // opens that met EAGAIN, and reads that met a change: a file that is
                                               // replaced all the time is met by one read in ten

  void become(State state);
  // opening
  [[nodiscard]] bool borrow();
  void begin_tree(const Root& root);
  void begin_open();
  void open(uring::Walk walk);
  void on_open(int result);
  void on_open_failed(int error_number);
  void on_directory();
  void on_regular(const uring::Attributes& attributes);
  void keep_open(const uring::Attributes& attributes);
  [[nodiscard]] size_t candidates() const;
  [[nodiscard]] std::string_view suffix() const;
  /// False: there is no other name to be tried.
  [[nodiscard]] bool try_next();
  void end_of_candidates();
  using Lines = std::array<char, Describer::most_lines_bytes>;
  std::string_view describe(Lines& lines);
  [[nodiscard]] bool of_tree_before() const;
  [[nodiscard]] bool same_as_known(const uring::Attributes& attributes) const;
  [[nodiscard]] Work work() const { return state_ == State::reading ? Work::read : Work::open; }
  void with_thread();
  void give_thread();
  // reading
  void read();
  [[nodiscard]] bool make_entry(std::string_view lines, size_t body_bytes);
  void begin_read();
  [[nodiscard]] bool probably_cached();
  void submit_read(uring::Walk walk);
  void on_read(int result);
  void look_again();
  void on_looked(int result);
  [[nodiscard]] cache::EntryFacts facts() const;
  void publish();
  void keep_descriptor();
  void try_again();
  // listing
  void list(const uring::Attributes& attributes);
  void list_files();
  [[nodiscard]] uint64_t ticket() const;
  // the end
  void close();
  void fail(int error_number);
  void settle_unasked();
  void settle_known();
  void settle_or_ask_previous(int status);
  void settle_verdict(int status);
  void forget_known(cache::Gone why);
  void settle(Outcome outcome);
  void insert(const cache::EntryRef& entry);

  [[nodiscard]] bool last_candidate() const;
  [[nodiscard]] bool foreign() const;
  [[nodiscard]] bool known_believable() const;
  [[nodiscard]] bool lists() const { return purpose_ == Purpose::list; }
  /// Of a directory itself: its names or its listing.
  [[nodiscard]] bool of_directory() const {
    return kind_ == SpecialKey::Kind::names || kind_ == SpecialKey::Kind::listing;
  }
  [[nodiscard]] std::string_view name() const { return {path_.data(), name_bytes_}; }
  [[nodiscard]] uring::Tag tag(Step step) const;

  Disk& disk_;
  uint64_t hash_;
  uint64_t sequence_;
  const SiteState* state_of_site_;
  const Root* root_ = nullptr;  // the tree that is being asked: the current one, or the one before
  uint32_t site_;
  uint32_t base_bytes_;      // of the path, to which a candidate's suffix is added
  uint32_t name_bytes_ = 0;  // of the path with it
  uint32_t read_bytes_ = 0;
  int descriptor_ = -1;
  State state_ = State::opening;
  Purpose purpose_;
  SpecialKey::Kind kind_;
  http::Coding coding_;
  http::ListingForm form_;
  uring::Walk walk_ = uring::Walk::cached;
  uint8_t lent_ = 0;
  uint8_t attempts_ = 0;
  uint8_t interruptions_ = 0;     // of its reads
  uint16_t own_status_ = 0;       // of the current tree, while the one before is asked
  uint16_t candidate_ = 0;        // which name is tried: see candidates()
  bool directory_asked_ = false;  // the path of a file ends with a slash
  bool directory_found_ = false;  // it lacks one, and is a directory's
  bool has_thread_ = false;
  Work thread_ = Work::open;  // that it has
  bool doubtful_ = false;
  bool counts_as_look_ = false;  // it took a look's place
  bool place_given_ = false;     // back already
  uring::Attributes before_;
  uring::StatusBuffer after_;
  cache::EntryRef known_;
  cache::EntryRef entry_;
  OpenFileRef borrowed_;    // whose descriptor this is
  uint64_t looked_ms_ = 0;  // when the path was seen to lead to it
  uint64_t started_ms_ = 0;
  uint64_t opening_ns_ = 0, opened_ns_ = 0, reading_ns_ = 0;  // Outcome's
  uint64_t lined_up_ns_ = 0;                                  // when it began to wait for a thread
  int64_t read_began_wall_ns_ = 0;
  Description description_;  // of the file that is read; its lines lie in the entry
  List<Waiter> waiters_;
  std::string special_key_;  // the key's path, where the path that is opened does not begin with it
  std::array<char, path_limit + name_limit + 1> path_;  // of the file, then the suffix that is tried
};

}  // namespace uringd::disk
