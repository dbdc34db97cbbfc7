// MapKeeper: is each map's file still the one that its table was made of? If not, the table is made anew and published:
// one refresher for all workers, on the helper thread. It looks by the clock, and at once when inotify tells of a
// change in the file's directory. Every access to a file is an operation on the helper's ring, one a map and one a
// device at a time, so that a dead mount holds neither the thread nor maps elsewhere; a table is built in slices
// between two turns.
//
//   resting ─► (directory ─► directory_closing) ─► opening ─► looking ─┬─► closing ─► resting
//                                                                      └─► reading ─► looking_again ─► closing ─►
//                                                                      building
//   building ─► resting
//
// Another configuration has a keeper of its own; this one is then retired: it begins and publishes nothing any more,
// and may be destroyed when what it lent to the ring has come back. Tags tell keepers apart by generation.
//
// A change is read when two looks a tenth of a second apart saw the same and nobody has the file open for writing, at
// the latest one second after it was first seen, ten where it is open; one whose attributes moved while it was read is
// read again later.
// Bounds: one rebuild a second for each map, and none while its last table is still read by a worker; pieces of 1 MiB.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "map_watch.hpp"
#include "retired_maps.hpp"
#include "uringd/log/logger.hpp"
#include "uringd/server/helper.hpp"
#include "uringd/server/mailbox.hpp"
#include "uringd/server/map_file.hpp"
#include "uringd/site/map_table.hpp"
#include "uringd/site/maps.hpp"
#include "uringd/uring/ring.hpp"

namespace uringd::server {

class MapKeeper {
 public:
  static constexpr uint64_t quiet_ms = 100;               // a change rests this long before it is read
  static constexpr uint64_t longest_ms = 1000;            // and is read after this long, quiet or not,
  static constexpr uint64_t longest_writing_ms = 10'000;  // or this, where somebody has it open for writing
  static constexpr uint64_t rebuild_ms = 1000;            // from one rebuild of a map to the next
  static constexpr uint64_t look_pause_ms = 50;           // from one look to the next, however many events there are
  static constexpr size_t piece_bytes = size_t{1} << 20;

  struct Work {
    site::Maps& maps;
    std::vector<MapFile> files;  // theirs, in their order
    std::shared_ptr<const void> owner{};
    uint32_t generation = 0;  // of its tags
  };

  /// What the arguments refer to outlives it, the ring and what `work.owner` keeps aside.
  MapKeeper(uring::Ring& ring, Work work, const HelperOptions& options, log::Logger& logger,
            std::span<Mailbox* const> mailboxes, HelperCounters& counters, RetiredMaps& retired);
  /// What the kernel may still write to stays where it is: see may_be_stuck().
  ~MapKeeper();
  MapKeeper(const MapKeeper&) = delete;
  MapKeeper& operator=(const MapKeeper&) = delete;

  /// Starts what is due.
  void on_time(uint64_t now_ms);
  [[nodiscard]] uint64_t next_ms() const;
  /// A completion of Kind::map.
  void on_completion(const uring::Completion& completion, uint64_t now_ms);
  /// About a millisecond of building, where there is some to do.
  void work(uint64_t now_ms);
  [[nodiscard]] bool work_waits() const { return building_ > 0; }

  [[nodiscard]] uint32_t generation() const { return work_.generation; }
  /// Only completions from now on.
  void retire();
  /// Of a retired one: nothing is lent any more.
  [[nodiscard]] bool ended() const { return under_way_ == 0 && !reading_events_; }

  /// The same as on_completion() at the end, when nobody wants to know any more.
  void abandon(const uring::Completion& completion);
  /// Operations under way that cannot be cancelled.
  [[nodiscard]] uint32_t under_way() const { return under_way_; }

 private:
  enum class State : uint8_t {
    resting,
    directory,
    directory_closing,
    opening,
    looking,
    reading,
    looking_again,
    closing,
    building
  };
  enum class Trouble : uint8_t { none, error, no_file, too_large };
  /// What a look found.
  struct Found {
    Trouble trouble = Trouble::none;
    int error = 0;  // of Trouble::error
    MapStamp stamp;
    bool operator==(const Found&) const = default;
  };
  /// What the kernel writes to.
  struct Lent {
    uring::StatusBuffer status{};
    std::unique_ptr<char[]> bytes;
  };
  struct Map {
    const config::Map* rules = nullptr;
    std::string directory;
    State state = State::resting;

    MapStamp loaded;               // of the table that is published
    std::optional<Found> refused;  // what was there since and makes no table
    std::string said;              // of what is wrong
    std::vector<std::string> said_warnings;

    std::optional<Found> pending;  // a change that is not yet acted on, as last seen
    uint64_t first_seen_ms = 0;
    uint64_t seen_ms = 0;        // unchanged since
    uint64_t not_before_ms = 0;  // no rebuild
    uint32_t moved = 0;          // attempts in a row in which the file changed while it was read

    bool wanted = false;             // a look, soon
    uint64_t not_look_ms = 0;        // before
    uint64_t clock_ms = 0;           // the next look by the clock, which opens the directory anew
    uint64_t retry_ms = UINT64_MAX;  // the next look for `pending`
    int watch = -1;
    bool watch_refused = false;  // said

    uint64_t device = 0;  // that the file was last seen on, in devices_ while an operation is under way
    int file = -1;
    MapStamp before;
    bool hurried = false;  // read before it rested: its stamp may not tell the next change
    bool whole = false;    // read, to be built
    uint64_t done = 0;     // bytes
    std::unique_ptr<Lent> lent;
    std::unique_ptr<site::MapBuilder> builder;
  };

  // map_keeper.cpp: when to look, when to read, what becomes of it
  [[nodiscard]] uint64_t due_ms(const Map& map) const;
  /// True: the file is to be read now.
  [[nodiscard]] bool judge(Map& map, const Found& found, uint64_t now_ms, bool written = false);
  void read_later(Map& map, uint64_t now_ms);
  void refuse(Map& map, const std::string& what, const std::optional<Found>& found, uint64_t now_ms);
  void finish_building(Map& map, uint64_t now_ms);
  void say_warnings(Map& map);
  [[nodiscard]] uint32_t index_of(const Map& map) const { return static_cast<uint32_t>(&map - all_.data()); }
  /// Among the tables of all keepers.
  [[nodiscard]] uint64_t number_of(const Map& map) const { return uint64_t{work_.generation} << 32 | index_of(map); }
  [[nodiscard]] static std::string text_of(const Map& map, const Found& found);

  // map_keeper_files.cpp: the operations of a look
  [[nodiscard]] uring::Tag events_tag() const;
  uring::Tag begin_operation(Map& map, State step);
  void begin(Map& map, uint64_t now_ms);
  void open_file(Map& map);
  void read_piece(Map& map);
  void close(Map& map);
  void rest(Map& map);
  void on_directory(Map& map, int32_t result);
  void on_opened(Map& map, int32_t result, uint64_t now_ms);
  void on_looked(Map& map, int32_t result, uint64_t now_ms);
  void on_read(Map& map, int32_t result, uint64_t now_ms);
  void on_looked_again(Map& map, int32_t result, uint64_t now_ms);
  void on_closed(Map& map);
  void read_events();
  void on_events(int32_t result);
  void on_gone(int watch);
  void unwatch(Map& map);

  uring::Ring& ring_;
  const Work work_;
  log::Logger& logger_;
  std::span<Mailbox* const> mailboxes_;
  HelperCounters& counters_;
  RetiredMaps& retired_;
  uint64_t every_ms_;
  std::vector<Map> all_;
  std::set<uint64_t> devices_;  // on which a look is under way
  uint32_t under_way_ = 0;
  uint32_t building_ = 0;
  bool retiring_ = false;
  bool reading_events_ = false;
  std::optional<MapWatch> watch_;
  std::array<char, 16384> events_;
};

}  // namespace uringd::server
