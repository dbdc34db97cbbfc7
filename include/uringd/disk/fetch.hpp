// Fetch: a small file becomes a cache entry, a large one an open file, anything else a status. Owned by Disk, in a
// slab, on the worker's thread. Connections wait on it and may leave; the work completes all the same and fills the
// cache.
//
//   opening ──► reading ──► settled          opening ──► opening: the next index name, or the directory itself
//                                            reading ──► opening: the file changed while it was read (bounded)
//
// Trip 1 opens beneath the root and looks at *that* descriptor. Trip 2 reads exactly its size and looks again: only a
// file that held still becomes an entry. The close is queued; nobody waits for it. Its path and its entry's memory are
// lent from start to the last completion.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "uringd/base/list.hpp"
#include "uringd/cache/entry.hpp"
#include "uringd/disk/open_file.hpp"
#include "uringd/uring/ring.hpp"

namespace uringd::disk {

class Disk;

/// What a fetch came to. Exactly one of: an entry (status 200), a file to stream (200), or a status without either.
struct Outcome {
  int status = 500;  // 200, 301 (a directory asked for without its slash), 403, 404, 500, 503
  cache::EntryRef entry;
  OpenFileRef file;
  uint64_t opened_ns = 0;  // when the open completed, and
  uint64_t read_ns = 0;    // the read; 0 where there was none
};

/// Somebody who waits on a fetch. To stop waiting: unlink().
class Waiter : public Link<Waiter> {
 public:
  virtual void on_fetched(const Outcome& outcome) = 0;

 protected:
  ~Waiter() = default;
};

class Fetch : public Link<Fetch> {
 public:
  /// openat2 refuses longer ones: PATH_MAX with its NUL.
  static constexpr size_t path_limit = 4096;
  static constexpr size_t name_limit = 255;  // NAME_MAX, of an index name

  Fetch(Disk& disk, const cache::Key& key);

  [[nodiscard]] cache::Key key() const { return {site_, {path_.data(), key_bytes_}, hash_}; }
  void wait(Waiter& waiter) { waiters_.push_back(waiter); }
  void start();
  void on_completion(const uring::Completion& completion);

 private:
  enum class State : uint8_t { opening, reading, settled };
  enum class Step : uint8_t { open, read };
  static constexpr uint8_t attempt_limit = 3;  // opens that met EAGAIN, and reads that met a change

  void become(State state);
  void open();
  void on_open(int result);
  void on_open_failed(int error_number);
  void on_regular(const uring::Attributes& attributes);
  void read();
  void on_read(int result);
  void publish();
  void try_again();
  void close();
  void fail(int error_number);
  void settle(const Outcome& outcome);
  [[nodiscard]] bool last_candidate() const;
  [[nodiscard]] uring::Tag tag(Step step) const;

  Disk& disk_;
  uint64_t hash_;
  uint32_t site_;
  uint32_t key_bytes_;
  uint32_t read_bytes_ = 0;
  int descriptor_ = -1;
  State state_ = State::opening;
  uint8_t lent_ = 0;
  uint8_t attempts_ = 0;
  uint16_t candidate_ = 0;        // which index name; index.size(): the directory itself
  bool directory_asked_ = false;  // the path ends with a slash
  uring::Attributes before_;
  cache::EntryRef entry_;
  uint64_t opened_ns_ = 0;
  int64_t read_began_wall_ns_ = 0;
  List<Waiter> waiters_;
  std::array<char, path_limit + name_limit + 1> path_;  // the key's path, then the index name that is tried
};

}  // namespace uringd::disk
