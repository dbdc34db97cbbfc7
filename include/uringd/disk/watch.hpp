// Watch: what inotify tells of the directories whose files are held. Belongs to the helper thread; has no thread of its
// own: the helper reads the descriptor and hands the bytes to on_events(). It may wait for a disk (walks).
//
//   closed ◄──► open; while it is closed it remembers what was asked for, and open() registers all of that
//
// A directory is asked for by site and path, by at least one worker. It is walked there as openat2 beneath the root
// would, and every directory on the way gets an inotify watch with the names that matter in it:
//   component  a name that is passed through (a directory or a link): its change moves everything behind it
//   alias      a name that a link to a file leads to: its change is a change of the link's path
//   all names  the directory itself: its files are held
//   root       a component of the site's root path: its change asks for a look at the root
// Bounds: `limit` inotify watches (those nobody needs go first, oldest first), 40 links a walk, 10,000 names of a
// directory looked at for links. What could not be watched is said once, by cause, and lives by cache.stale_after.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "uringd/base/fd.hpp"
#include "uringd/disk/notice.hpp"
#include "uringd/disk/sites.hpp"
#include "uringd/log/logger.hpp"

namespace uringd::disk {

/// What a batch of events means, equal ones once.
struct WatchNews {
  std::vector<Invalidated> invalidated;
  std::vector<uint32_t> moved;    // sites of which a component changed: a new generation, then rebuild()
  std::vector<uint32_t> doubted;  // sites with a component whose attributes changed: a new generation
  std::vector<uint32_t> roots;    // sites whose root may be another directory now
  bool overflow = false;          // events were lost: a new generation of every site, then rebuild_all()
};

class Watch {
 public:
  static constexpr uint32_t default_limit = 8192;
  static constexpr uint32_t names_looked_at = 10'000;

  /// Closed, and without trees. At most `limit` watches; 0: default_limit, or half of what this user may have
  /// (max_user_watches).
  Watch(const Sites& sites, log::Logger& logger, uint32_t limit = 0);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  /// Queues all that was asked for to be walked by work(). False: there is no inotify here (said in the log).
  [[nodiscard]] bool open();
  /// Removes every watch. Nothing reads the descriptor any more.
  void close();
  [[nodiscard]] bool is_open() const { return inotify_.open(); }
  /// Of an open one.
  [[nodiscard]] int descriptor() const { return inotify_.number(); }
  /// As in the constructor; those that stand already stay.
  void set_limit(uint32_t limit);

  /// The slot is a tree's from now on: its way to the root is watched, and what was asked for already.
  void add_tree(uint32_t site);
  /// It is no longer: forgets all that was asked for below it and gives back the watches that nobody else needs.
  void remove_tree(uint32_t site);

  /// `worker` holds files of `directory` ("" or "/dir"). Once more is once. Of a slot that is no tree's yet it waits
  /// for add_tree(): a worker may have heard first. Who asks too late takes it back.
  void add(uint32_t site, std::string_view directory, uint32_t worker);
  void remove(uint32_t site, std::string_view directory, uint32_t worker);

  /// `events`: what a read of the descriptor brought.
  [[nodiscard]] WatchNews on_events(std::span<const char> events);

  /// Queues the site's directories and its root path to be walked anew by work(): what they claimed before counts until
  /// then, so that no event is missed.
  void rebuild(uint32_t site);
  void rebuild_all();
  /// Walks up to `count` queued directories. True: more wait.
  bool work(uint32_t count = 32);
  [[nodiscard]] bool work_waits() const { return !queue_.empty(); }

  [[nodiscard]] size_t watches() const { return nodes_.size(); }
  [[nodiscard]] size_t directories() const { return held_.size(); }

 private:
  enum class Kind : uint8_t { component, alias, all_names, root };
  /// Why a name in a watched directory matters; counted, because many walks pass through the same names.
  struct Interest {
    Kind kind;
    uint32_t site;
    std::string path;  // alias: the link; all names: the directory
    uint32_t count = 1;
    [[nodiscard]] bool is(Kind other_kind, uint32_t other_site, std::string_view other_path) const {
      return kind == other_kind && site == other_site && path == other_path;
    }
  };
  struct NameHash {
    using is_transparent = void;
    size_t operator()(std::string_view name) const { return std::hash<std::string_view>{}(name); }
  };
  /// One inotify watch.
  struct Node {
    size_t interests = 0;
    uint64_t idle_since = 0;      // its key in idle_; 0: not there
    std::vector<Interest> whole;  // Kind::all_names
    std::unordered_map<std::string, std::vector<Interest>, NameHash, std::equal_to<>> names;
  };
  /// An interest that a walk has taken, so that it can be given back.
  struct Claim {
    int watch;
    Kind kind;
    std::string name;
    std::string path;
    auto operator<=>(const Claim&) const = default;
  };
  struct Held {
    uint32_t site = 0;
    std::string directory;
    bool is_root_path = false;  // the way to the site's root, not a directory below it
    bool queued = false;
    std::vector<uint32_t> workers;
    std::set<Claim> claims;
  };
  struct Tree {
    Held root_path;
    bool said_remote = false;
  };
  class Walker;
  enum class Trouble : uint8_t { none, watches, permission, no_proc, limit, names, other, count_ };

  void walk(Held& held);
  void enqueue(Held& held);
  /// The inotify watch of an open directory, or -1 (said). `whole`: of its files' contents too, not only of names.
  int watch_directory(int directory, bool whole, const Held& held);
  void take(Held& held, Claim claim);
  void give_back(uint32_t site, const Claim& claim);
  /// All that it has claimed, and its place in the queue.
  void let_go(Held& held);
  [[nodiscard]] bool drop_idle_node();
  void on_self(const Node& node, uint32_t mask, WatchNews& news) const;
  void on_name(const Node& node, std::string_view name, uint32_t mask, WatchNews& news) const;
  void say_once(Trouble trouble, const Held& held, int error = 0);

  const Sites& sites_;
  log::Logger& logger_;
  uint32_t limit_;
  Fd inotify_;
  std::unordered_map<int, Node> nodes_;
  std::map<uint64_t, int> idle_;  // nodes without interests, oldest first
  uint64_t idle_clock_ = 0;
  std::map<std::pair<uint32_t, std::string>, Held> held_;
  std::map<uint32_t, Tree> trees_;  // by slot
  std::deque<Held*> queue_;
  std::array<bool, static_cast<size_t>(Trouble::count_)> said_{};
};

}  // namespace uringd::disk
