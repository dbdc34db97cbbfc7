// Watches on directories, and the events' bytes.
#include "map_watch.hpp"

#include <sys/inotify.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

namespace uringd::server {
namespace {

// Not what our own looks cause: opening, reading and closing what was only read.
constexpr uint32_t wanted_events = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_MODIFY |
                                   IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
constexpr uint32_t gone_events = IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED;

void add_once(std::vector<int>& watches, int watch) {
  if (std::ranges::find(watches, watch) == watches.end()) watches.push_back(watch);
}

}  // namespace

int MapWatch::open() {
  inotify_ = Fd(inotify_init1(IN_CLOEXEC));
  return inotify_.open() ? 0 : errno;
}

int MapWatch::add(int directory) {
  const std::string path = "/proc/self/fd/" + std::to_string(directory);
  const int watch = inotify_add_watch(inotify_.number(), path.c_str(), wanted_events);
  return watch >= 0 ? watch : -errno;
}

void MapWatch::remove(int watch) { inotify_rm_watch(inotify_.number(), watch); }

MapWatchNews MapWatch::read_events(std::span<const char> events) {
  MapWatchNews news;
  while (events.size() >= sizeof(inotify_event)) {
    inotify_event event{};
    std::memcpy(&event, events.data(), sizeof event);
    events = events.subspan(std::min(sizeof event + event.len, events.size()));
    if ((event.mask & IN_Q_OVERFLOW) != 0) {
      news.overflow = true;
      continue;
    }
    add_once(news.changed, event.wd);
    if ((event.mask & gone_events) != 0) add_once(news.gone, event.wd);
  }
  return news;
}

}  // namespace uringd::server
