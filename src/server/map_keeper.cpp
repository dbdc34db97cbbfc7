// When a map's file is looked at, when a change of it is read, and what becomes of what was read.
#include "map_keeper.hpp"

#include <signal.h>

#include <algorithm>
#include <utility>

#include "map_file.hpp"
#include "uringd/base/check.hpp"
#include "uringd/base/result.hpp"

namespace uringd::server {
namespace {

constexpr uint64_t most_often_ms = 250;
constexpr uint64_t least_often_ms = 60'000;
constexpr uint32_t moved_attempts = 6;  // before it is said
constexpr size_t most_warnings = 3;     // of one file in the log

std::string directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return path.substr(0, std::max<size_t>(slash, 1));
}

}  // namespace

MapKeeper::MapKeeper(uring::Ring& ring, Work work, const HelperOptions& options, log::Logger& logger,
                     std::span<Mailbox* const> mailboxes, HelperCounters& counters, RetiredMaps& retired)
    : ring_(ring),
      work_(std::move(work)),
      logger_(logger),
      mailboxes_(mailboxes),
      counters_(counters),
      retired_(retired),
      every_ms_(std::clamp(options.stale_after_ms, most_often_ms, least_often_ms)),
      all_(work_.files.size()) {
  const std::vector<MapFile>& files = work_.files;
  CHECK(work_.maps.count() == files.size());
  for (size_t index = 0; index < files.size(); ++index) {
    Map& map = all_[index];
    map.rules = &files[index].map;
    map.directory = directory_of(map.rules->file);
    map.loaded = files[index].loaded;
    // Where the file has not been seen, nobody knows its device: each such map counts as a device of its own.
    map.device = map.loaded == MapStamp{} ? ~uint64_t{index} : map.loaded.device;
  }
  if (!all_.empty()) signal(SIGIO, SIG_IGN);  // of a lease that is broken: see being_written()
  if (!options.watch || all_.empty()) return;
  watch_.emplace();
  if (const int error = watch_->open(); error != 0) {
    logger_.warn("maps: no inotify (" + errno_text(error) +
                 "): changes of their files are seen after cache.stale_after");
    watch_.reset();
    return;
  }
  read_events();
}

MapKeeper::~MapKeeper() {
  for (Map& map : all_) {
    const bool lent = map.state == State::looking || map.state == State::reading || map.state == State::looking_again;
    // A read on a dead mount cannot be taken back: the kernel may write there after our end.
    if (lent) [[maybe_unused]]
      const Lent* const left = map.lent.release();
  }
}

void MapKeeper::retire() {
  retiring_ = true;
  for (Map& map : all_) {
    map.builder.reset();
    if (map.state == State::building) map.state = State::resting;
  }
  building_ = 0;
  if (reading_events_) ring_.cancel(events_tag(), {});
}

uint64_t MapKeeper::due_ms(const Map& map) const {
  const uint64_t wanted_ms = map.wanted ? map.not_look_ms : UINT64_MAX;
  return std::max(std::min({map.clock_ms, map.retry_ms, wanted_ms}), map.not_look_ms);
}

void MapKeeper::on_time(uint64_t now_ms) {
  CHECK(!retiring_);
  retired_.on_time(now_ms, mailboxes_);
  for (Map& map : all_) {
    if (map.state != State::resting || now_ms < due_ms(map)) continue;
    if (devices_.insert(map.device).second) begin(map, now_ms);
  }
}

uint64_t MapKeeper::next_ms() const {
  uint64_t next = retired_.next_ms();
  for (const Map& map : all_) {
    const bool can_begin = map.state == State::resting && !devices_.contains(map.device);  // else a completion comes
    if (can_begin) next = std::min(next, due_ms(map));
  }
  return next;
}

bool MapKeeper::judge(Map& map, const Found& found, uint64_t now_ms, bool written) {
  if (found == Found{.stamp = map.loaded}) {
    map.pending.reset();
    map.refused.reset();
    if (!std::exchange(map.said, {}).empty()) {
      logger_.info("maps." + map.rules->name + ": " + map.rules->file + " is again what it was when it was loaded");
    }
    return false;
  }
  if (map.refused == found) {
    map.pending.reset();
    return false;
  }
  if (!map.pending) map.first_seen_ms = now_ms;
  if (map.pending != found) map.seen_ms = now_ms;
  map.pending = found;
  const bool rested = !written && now_ms - map.seen_ms >= quiet_ms;
  const uint64_t latest_ms = map.first_seen_ms + (written ? longest_writing_ms : longest_ms);
  const bool waits_for_workers = retired_.waits(number_of(map));
  if ((!rested && now_ms < latest_ms) || now_ms < map.not_before_ms || waits_for_workers) {
    map.retry_ms = std::min((written ? now_ms : map.seen_ms) + quiet_ms, latest_ms);
    map.retry_ms = std::max({map.retry_ms, map.not_before_ms, waits_for_workers ? now_ms + quiet_ms : 0});
    return false;
  }
  if (found.trouble != Trouble::none) {
    refuse(map, text_of(map, found), found, now_ms);
    return false;
  }
  map.hurried = !rested;
  return true;
}

void MapKeeper::read_later(Map& map, uint64_t now_ms) {
  const uint64_t wait_ms = std::min(quiet_ms << std::min(map.moved, 10U), rebuild_ms);
  map.not_before_ms = map.retry_ms = now_ms + wait_ms;
  if (++map.moved == moved_attempts) {
    const uint64_t first_seen_ms = map.first_seen_ms;
    const std::optional<Found> pending = map.pending;
    refuse(map, map.rules->file + ": changes each time while it is read", std::nullopt, now_ms);
    map.pending = pending;  // goes on
    map.first_seen_ms = first_seen_ms;
    map.retry_ms = map.not_before_ms;
  }
}

std::string MapKeeper::text_of(const Map& map, const Found& found) {
  const std::string& file = map.rules->file;
  switch (found.trouble) {
    case Trouble::error: return file + ": " + errno_text(found.error);
    case Trouble::no_file: return file + ": is no regular file";
    case Trouble::too_large: return file + ": is larger than " + most_map_bytes_text(*map.rules);
    case Trouble::none: CHECK(false);
  }
  return {};
}

void MapKeeper::refuse(Map& map, const std::string& what, const std::optional<Found>& found, uint64_t now_ms) {
  ++counters_.map_reload_failures;
  map.refused = found;
  map.pending.reset();
  map.not_before_ms = now_ms + rebuild_ms;
  if (map.said == what) return;
  map.said = what;
  logger_.warn("maps." + map.rules->name + ": " + what + "; the table before stays in use");
}

// --- building ---

void MapKeeper::work(uint64_t now_ms) {
  if (building_ == 0) return;
  const auto found = std::ranges::find(all_, State::building, &Map::state);
  CHECK(found != all_.end());
  Map& map = *found;
  if (!map.builder) {
    map.builder =
        std::make_unique<site::MapBuilder>(map.rules->kind, std::move(map.lent->bytes), map.before.size_bytes);
    map.lent.reset();
  }
  if (map.builder->step()) return;
  finish_building(map, now_ms);
  map.builder.reset();
  map.state = State::resting;
  --building_;
}

void MapKeeper::finish_building(Map& map, uint64_t now_ms) {
  auto table = map.builder->finish();
  say_warnings(map);
  // A change in the same tick of the file system's clock would not show: it is read once more.
  if (map.hurried) map.retry_ms = now_ms + quiet_ms;
  map.moved = 0;
  if (!table) {
    const config::Problem problem = inside_map(*map.rules, table.error());
    const std::optional<Found> found = map.hurried ? std::nullopt : std::optional(Found{.stamp = map.before});
    return refuse(map, problem.where + ": " + problem.message, found, now_ms);
  }
  ++counters_.map_reloads;
  logger_.info(map_account(*map.rules, **table));
  retired_.add(number_of(map), work_.maps.publish(index_of(map), std::move(*table)), mailboxes_);
  map.loaded = map.hurried ? MapStamp{} : map.before;
  map.refused.reset();
  map.said.clear();
  map.pending.reset();
  map.not_before_ms = now_ms + rebuild_ms;
}

void MapKeeper::say_warnings(Map& map) {
  std::vector<std::string> lines;
  for (const site::MapFinding& finding : map.builder->warnings()) {
    const config::Problem problem = inside_map(*map.rules, finding);
    lines.push_back(problem.where + ": " + problem.message);
  }
  if (lines == map.said_warnings) return;
  const size_t said = std::min(lines.size(), most_warnings);
  for (size_t line = 0; line < said; ++line) logger_.warn("maps." + map.rules->name + ": " + lines[line]);
  if (lines.size() > said) logger_.warn("maps." + map.rules->name + ": and more; uringd --check tells them");
  map.said_warnings = std::move(lines);
}

}  // namespace uringd::server
