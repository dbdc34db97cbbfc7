// The operations of a look at a map's file, in the order in which they happen: the directory for its watch, the file,
// its attributes, its bytes, its attributes once more, its end. And what inotify tells.
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "map_file.hpp"
#include "map_keeper.hpp"
#include "uringd/base/check.hpp"
#include "uringd/base/result.hpp"

namespace uringd::server {
namespace {

MapStamp stamp_of(const uring::Attributes& attributes) {
  return {.device = attributes.device,
          .inode = attributes.inode,
          .size_bytes = attributes.size_bytes,
          .modified_s = attributes.modified_s,
          .changed_s = attributes.changed_s,
          .modified_ns = attributes.modified_ns,
          .changed_ns = attributes.changed_ns};
}

bool passing(int32_t result) { return result == -EINTR || result == -EAGAIN; }

/// A read lease is refused while anybody has the file open for writing (fcntl(2), F_SETLEASE). False where nobody
/// knows: leases are for local file systems, and for the file's owner or CAP_LEASE. Who opens it for writing before the
/// lease is given back a moment later breaks it, and the process gets a SIGIO.
bool being_written(int file) {
  if (fcntl(file, F_SETLEASE, F_RDLCK) != 0) return errno == EAGAIN;
  fcntl(file, F_SETLEASE, F_UNLCK);
  return false;
}

}  // namespace

// Step 0: no operation has that of State::resting.
uring::Tag MapKeeper::events_tag() const { return {.kind = uring::Kind::map, .generation = work_.generation}; }

uring::Tag MapKeeper::begin_operation(Map& map, State step) {
  map.state = step;
  ++under_way_;
  return {.kind = uring::Kind::map,
          .step = static_cast<uint8_t>(step),
          .slot = index_of(map),
          .generation = work_.generation};
}

void MapKeeper::on_completion(const uring::Completion& completion, uint64_t now_ms) {
  if (retiring_) return abandon(completion);
  if (completion.tag == events_tag()) return on_events(completion.result);
  CHECK(completion.tag.slot < all_.size());
  Map& map = all_[completion.tag.slot];
  CHECK(static_cast<State>(completion.tag.step) == map.state);
  CHECK(under_way_ > 0);
  --under_way_;
  const int32_t result = completion.result;
  switch (map.state) {
    case State::directory: return on_directory(map, result);
    case State::directory_closing: return open_file(map);
    case State::opening: return on_opened(map, result, now_ms);
    case State::looking: return on_looked(map, result, now_ms);
    case State::reading: return on_read(map, result, now_ms);
    case State::looking_again: return on_looked_again(map, result, now_ms);
    case State::closing: return on_closed(map);
    case State::resting:
    case State::building: CHECK(false);
  }
}

void MapKeeper::abandon(const uring::Completion& completion) {
  if (completion.tag == events_tag()) {
    reading_events_ = false;
    return;
  }
  Map& map = all_[completion.tag.slot];
  const bool opened = map.state == State::directory || map.state == State::opening;
  const bool closing = map.state == State::directory_closing || map.state == State::closing;
  if (opened && completion.result >= 0) ring_.close_file(completion.result);
  if (!opened && !closing) ring_.close_file(std::exchange(map.file, -1));
  map.state = State::resting;
  --under_way_;
}

// --- a look ---

void MapKeeper::begin(Map& map, uint64_t now_ms) {
  const bool by_clock = now_ms >= map.clock_ms;
  if (by_clock) map.clock_ms = now_ms + every_ms_;
  map.not_look_ms = now_ms + look_pause_ms;
  map.retry_ms = UINT64_MAX;
  map.wanted = false;
  map.whole = false;
  if (!map.lent) map.lent = std::make_unique<Lent>();
  if (!watch_ || !by_clock) return open_file(map);
  // The path may lead to another directory than the one that is watched; opened by the ring, for it may wait for ever.
  ring_.open_directory(map.directory.c_str(), begin_operation(map, State::directory));
}

void MapKeeper::on_directory(Map& map, int32_t result) {
  if (result < 0) {  // what that means, the file will say
    unwatch(map);
    return open_file(map);
  }
  const int watch = watch_ ? watch_->add(result) : -ENOENT;
  if (watch != map.watch) unwatch(map);
  map.watch = std::max(watch, -1);
  if (watch >= 0) {
    map.watch_refused = false;
  } else if (watch_ && !std::exchange(map.watch_refused, true)) {
    const char* const way_out = watch == -ENOSPC ? ": raise the sysctl fs.inotify.max_user_watches" : "";
    logger_.warn("maps." + map.rules->name + ": " + map.directory + " cannot be watched (" + errno_text(-watch) + ")" +
                 way_out + "; changes are seen after cache.stale_after");
  }
  ring_.close_file(result, begin_operation(map, State::directory_closing));
}

void MapKeeper::open_file(Map& map) { ring_.open_file(map.rules->file.c_str(), begin_operation(map, State::opening)); }

void MapKeeper::on_opened(Map& map, int32_t result, uint64_t now_ms) {
  if (result >= 0) {
    map.file = result;
    return ring_.look(map.file, map.lent->status, begin_operation(map, State::looking));
  }
  if (passing(result)) {
    map.retry_ms = now_ms + quiet_ms;
  } else {
    [[maybe_unused]] const bool never = judge(map, {.trouble = Trouble::error, .error = -result}, now_ms);
  }
  rest(map);
}

void MapKeeper::on_looked(Map& map, int32_t result, uint64_t now_ms) {
  Found found;
  if (result < 0) {
    found = {.trouble = Trouble::error, .error = -result};
  } else {
    const uring::Attributes attributes = uring::Ring::attributes_from(map.lent->status);
    found.stamp = stamp_of(attributes);
    if (attributes.type != uring::FileType::regular) {
      found.trouble = Trouble::no_file;
    } else if (attributes.size_bytes > most_map_bytes(*map.rules)) {
      found.trouble = Trouble::too_large;
    }
  }
  if (!judge(map, found, now_ms, found.trouble == Trouble::none && being_written(map.file))) return close(map);
  map.before = found.stamp;
  map.done = 0;
  map.lent->bytes.reset(new (std::nothrow) char[std::max<uint64_t>(map.before.size_bytes, 1)]);
  if (!map.lent->bytes) {
    refuse(map, map.rules->file + ": " + errno_text(ENOMEM), std::nullopt, now_ms);
    return close(map);
  }
  read_piece(map);
}

void MapKeeper::read_piece(Map& map) {
  const uint64_t left = map.before.size_bytes - map.done;
  if (left == 0) return ring_.look(map.file, map.lent->status, begin_operation(map, State::looking_again));
  const std::span<char> into(map.lent->bytes.get() + map.done, std::min<uint64_t>(left, piece_bytes));
  ring_.read(map.file, into, map.done, uring::Walk::in_thread, begin_operation(map, State::reading));
}

void MapKeeper::on_read(Map& map, int32_t result, uint64_t now_ms) {
  if (result > 0) {
    map.done += static_cast<uint32_t>(result);
    return read_piece(map);
  }
  if (result == 0 || passing(result)) {  // shorter than it was
    read_later(map, now_ms);
  } else {
    refuse(map, map.rules->file + ": " + errno_text(-result), std::nullopt, now_ms);
  }
  close(map);
}

void MapKeeper::on_looked_again(Map& map, int32_t result, uint64_t now_ms) {
  if (result < 0) {
    refuse(map, map.rules->file + ": " + errno_text(-result), std::nullopt, now_ms);
  } else if (stamp_of(uring::Ring::attributes_from(map.lent->status)) != map.before) {
    read_later(map, now_ms);
  } else {
    map.whole = true;
  }
  close(map);
}

void MapKeeper::close(Map& map) { ring_.close_file(std::exchange(map.file, -1), begin_operation(map, State::closing)); }

void MapKeeper::on_closed(Map& map) {
  rest(map);
  if (!map.whole) return;
  map.state = State::building;
  ++building_;
}

void MapKeeper::rest(Map& map) {
  map.state = State::resting;
  devices_.erase(map.device);
  if (map.pending && map.pending->stamp.device != 0) map.device = map.pending->stamp.device;
  if (!map.whole) map.lent.reset();
}

// --- inotify ---

void MapKeeper::read_events() {
  reading_events_ = true;
  ring_.read(watch_->descriptor(), events_, 0, events_tag());
}

void MapKeeper::on_events(int32_t result) {
  CHECK(watch_);
  reading_events_ = false;
  if (result < 0 && !passing(result)) {
    logger_.error("maps: inotify's descriptor cannot be read (" + errno_text(-result) +
                  "): changes of their files are seen after cache.stale_after from now on");
    watch_.reset();
    for (Map& map : all_) map.watch = -1;
    return;
  }
  const std::span events(events_);
  const MapWatchNews news = MapWatch::read_events(events.first(static_cast<size_t>(std::max(result, 0))));
  for (Map& map : all_) {
    if (news.overflow || std::ranges::find(news.changed, map.watch) != news.changed.end()) map.wanted = true;
  }
  for (const int watch : news.gone) on_gone(watch);
  read_events();
}

void MapKeeper::on_gone(int watch) {
  watch_->remove(watch);  // one that was only moved goes on telling of a place that is none of ours
  for (Map& map : all_) {
    if (map.watch != watch) continue;
    map.watch = -1;
    map.clock_ms = 0;  // at once, and with the directory that is there now
  }
}

void MapKeeper::unwatch(Map& map) {
  const int watch = std::exchange(map.watch, -1);
  if (watch < 0 || std::ranges::find(all_, watch, &Map::watch) != all_.end()) return;
  watch_->remove(watch);
}

}  // namespace uringd::server
