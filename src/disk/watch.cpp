// The book of inotify watches: which names in which directories matter to whom, and what an event on one means.
#include "uringd/disk/watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <unordered_set>

#include "uringd/base/check.hpp"
#include "uringd/base/result.hpp"
#include "watch_walker.hpp"

namespace uringd::disk {
namespace {

// A directory that is only passed through (/tmp is one, often) is asked about its names alone: writes to files beside
// the path would fill the queue.
constexpr uint32_t name_events = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF |
                                 IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK;
constexpr uint32_t content_events = IN_MODIFY | IN_CLOSE_WRITE;

uint32_t limit_of_machine() {
  std::ifstream file("/proc/sys/fs/inotify/max_user_watches");
  uint64_t most = 0;
  if (!(file >> most)) return Watch::default_limit;
  return static_cast<uint32_t>(std::clamp<uint64_t>(most / 2, 1, Watch::default_limit));
}

void add_once(std::vector<uint32_t>& sites, uint32_t site) {
  if (std::ranges::find(sites, site) == sites.end()) sites.push_back(site);
}

}  // namespace

Watch::Watch(const Sites& sites, log::Logger& logger, uint32_t limit) : sites_(sites), logger_(logger) {
  set_limit(limit);
}

Watch::~Watch() = default;

void Watch::set_limit(uint32_t limit) { limit_ = limit > 0 ? limit : limit_of_machine(); }

bool Watch::open() {
  CHECK(!inotify_.open());
  inotify_ = Fd(inotify_init1(IN_CLOEXEC));
  if (inotify_.open()) {
    said_ = {};
    rebuild_all();
    return true;
  }
  const int error = errno;
  const char* const way_out =
      error == EMFILE ? ": raise the sysctl fs.inotify.max_user_instances (or the limit of open files)" : "";
  logger_.warn("no inotify (" + errno_text(error) + ")" + way_out +
               "; changes of files are seen after cache.stale_after");
  return false;
}

void Watch::close() {
  const auto forget = [](Held& held) {
    held.claims.clear();
    held.queued = false;
  };
  for (auto& [site, tree] : trees_) forget(tree.root_path);
  for (auto& [key, held] : held_) forget(held);
  queue_.clear();
  nodes_.clear();
  idle_.clear();
  inotify_ = Fd();
}

// --- what is asked for ---

void Watch::add_tree(uint32_t site) {
  const auto [at, is_new] = trees_.try_emplace(site);
  CHECK(is_new);
  at->second.root_path = {.site = site, .is_root_path = true};
  rebuild(site);
}

void Watch::remove_tree(uint32_t site) {
  const auto tree = trees_.find(site);
  CHECK(tree != trees_.end());
  let_go(tree->second.root_path);
  trees_.erase(tree);
  for (auto at = held_.lower_bound({site, std::string()}); at != held_.end() && at->first.first == site;) {
    let_go(at->second);
    at = held_.erase(at);
  }
  while (drop_idle_node()) {  // those of other trees too: they are only kept for the case that they are wanted again
  }
}

void Watch::add(uint32_t site, std::string_view directory, uint32_t worker) {
  const auto [at, is_new] = held_.try_emplace({site, std::string(directory)});
  Held& held = at->second;
  if (std::ranges::find(held.workers, worker) == held.workers.end()) held.workers.push_back(worker);
  if (!is_new) return;
  held.site = site;
  held.directory = directory;
  if (is_open() && trees_.contains(site)) walk(held);
}

void Watch::remove(uint32_t site, std::string_view directory, uint32_t worker) {
  const auto at = held_.find({site, std::string(directory)});
  if (at == held_.end()) return;
  Held& held = at->second;
  std::erase(held.workers, worker);
  if (!held.workers.empty()) return;
  let_go(held);
  held_.erase(at);
}

void Watch::let_go(Held& held) {
  if (held.queued) std::erase(queue_, &held);
  for (const Claim& claim : held.claims) give_back(held.site, claim);
}

void Watch::enqueue(Held& held) {
  if (!is_open() || std::exchange(held.queued, true)) return;
  queue_.push_back(&held);
}

void Watch::rebuild(uint32_t site) {
  enqueue(trees_.at(site).root_path);
  for (auto at = held_.lower_bound({site, std::string()}); at != held_.end() && at->first.first == site; ++at) {
    enqueue(at->second);
  }
}

void Watch::rebuild_all() {
  for (const auto& [site, tree] : trees_) rebuild(site);
}

bool Watch::work(uint32_t count) {
  for (; count > 0 && !queue_.empty(); --count) {
    Held& held = *queue_.front();
    queue_.pop_front();
    held.queued = false;
    walk(held);
  }
  return !queue_.empty();
}

// --- the book ---

int Watch::watch_directory(int directory, bool whole, const Held& held) {
  const std::string path = "/proc/self/fd/" + std::to_string(directory);
  int watch = -1;
  // IN_MASK_ADD: another walk may have asked for more of the same directory.
  const uint32_t mask = name_events | (whole ? content_events : 0) | IN_MASK_ADD;
  while ((watch = inotify_add_watch(inotify_.number(), path.c_str(), mask)) < 0) {
    const int error = errno;
    if (error == ENOSPC && drop_idle_node()) continue;
    const bool no_proc = error == ENOENT && access("/proc/self/fd", F_OK) != 0;
    say_once(error == ENOSPC   ? Trouble::watches
             : error == EACCES ? Trouble::permission
             : no_proc         ? Trouble::no_proc
                               : Trouble::other,
             held, error);
    return -1;
  }
  if (!nodes_.contains(watch)) {
    if (nodes_.size() >= limit_ && !drop_idle_node()) {
      inotify_rm_watch(inotify_.number(), watch);
      say_once(Trouble::limit, held);
      return -1;
    }
    nodes_.try_emplace(watch);
  }
  return watch;
}

void Watch::take(Held& held, Claim claim) {
  const auto [at, is_new] = held.claims.insert(std::move(claim));
  if (!is_new) return;
  const auto found = nodes_.find(at->watch);
  CHECK(found != nodes_.end());
  Node& node = found->second;
  if (node.idle_since != 0) idle_.erase(std::exchange(node.idle_since, 0));
  std::vector<Interest>& interests = at->kind == Kind::all_names ? node.whole : node.names[at->name];
  const auto same = std::ranges::find_if(
      interests, [&](const Interest& interest) { return interest.is(at->kind, held.site, at->path); });
  if (same != interests.end()) {
    ++same->count;
    return;
  }
  interests.push_back({at->kind, held.site, at->path});
  ++node.interests;
}

void Watch::give_back(uint32_t site, const Claim& claim) {
  const auto found = nodes_.find(claim.watch);
  if (found == nodes_.end()) return;  // the directory is gone
  Node& node = found->second;
  const auto name = node.names.find(claim.name);
  if (claim.kind != Kind::all_names && name == node.names.end()) return;
  std::vector<Interest>& interests = claim.kind == Kind::all_names ? node.whole : name->second;
  const auto same = std::ranges::find_if(
      interests, [&](const Interest& interest) { return interest.is(claim.kind, site, claim.path); });
  if (same == interests.end() || --same->count > 0) return;
  interests.erase(same);
  if (claim.kind != Kind::all_names && interests.empty()) node.names.erase(name);
  CHECK(node.interests > 0);
  if (--node.interests > 0) return;
  node.idle_since = ++idle_clock_;
  idle_.emplace(node.idle_since, claim.watch);
}

bool Watch::drop_idle_node() {
  if (idle_.empty()) return false;
  const int watch = idle_.begin()->second;
  idle_.erase(idle_.begin());
  nodes_.erase(watch);
  inotify_rm_watch(inotify_.number(), watch);
  return true;
}

// --- events ---

WatchNews Watch::on_events(std::span<const char> events) {
  WatchNews news;
  std::unordered_set<std::string> told;
  while (events.size() >= sizeof(inotify_event)) {
    inotify_event event;
    std::memcpy(&event, events.data(), sizeof event);
    const size_t size = sizeof event + event.len;
    if (size > events.size()) break;
    const char* const text = events.data() + sizeof event;
    const std::string_view name(text, strnlen(text, event.len));
    events = events.subspan(size);
    if (event.mask & IN_Q_OVERFLOW) news.overflow = true;
    const auto found = nodes_.find(event.wd);
    if (found == nodes_.end()) continue;
    const Node& node = found->second;
    if (name.empty()) {
      on_self(node, event.mask, news);
    } else {
      on_name(node, name, event.mask, news);
    }
    if (event.mask & IN_IGNORED) {  // the kernel has dropped the watch: the directory is gone or unmounted
      if (node.idle_since != 0) idle_.erase(node.idle_since);
      nodes_.erase(found);
    }
  }
  std::erase_if(news.invalidated, [&](const Invalidated& notice) {
    return !told.insert(std::to_string(notice.site) + notice.path).second;
  });
  // The way to the root as it is now, before anybody looks where it leads.
  for (const uint32_t site : news.roots) walk(trees_.at(site).root_path);
  return news;
}

void Watch::on_self(const Node& node, uint32_t mask, WatchNews& news) const {
  const bool gone = (mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)) != 0;
  const auto tell = [&](const Interest& interest) {
    const bool is_root = interest.kind == Kind::all_names && interest.path.empty();
    if (gone || is_root) add_once(interest.kind == Kind::root ? news.roots : news.moved, interest.site);
    if (gone && is_root) add_once(news.roots, interest.site);
  };
  for (const Interest& interest : node.whole) tell(interest);
  for (const auto& [name, interests] : node.names) {
    for (const Interest& interest : interests) tell(interest);
  }
}

void Watch::on_name(const Node& node, std::string_view name, uint32_t mask, WatchNews& news) const {
  for (const Interest& interest : node.whole) {
    news.invalidated.push_back({interest.site, interest.path + '/' + std::string(name)});
  }
  const auto found = node.names.find(name);
  if (found == node.names.end()) return;
  const bool of_name = (mask & ~content_events & IN_ALL_EVENTS) != 0;
  for (const Interest& interest : found->second) {
    if (interest.kind == Kind::alias) {
      news.invalidated.push_back({interest.site, interest.path});
    } else if (of_name) {
      const bool attributes_only = (mask & IN_ALL_EVENTS) == IN_ATTRIB;  // touch, chmod: paths lead where they led
      auto& what = interest.kind == Kind::root ? news.roots : attributes_only ? news.doubted : news.moved;
      add_once(what, interest.site);
    }
  }
}

// --- the log ---

void Watch::say_once(Trouble trouble, const Held& held, int error) {
  if (std::exchange(said_[static_cast<size_t>(trouble)], true)) return;
  const std::string where = sites_.rules(held.site).root_path + held.directory;
  const std::string then = "; such directories' changes are seen after cache.stale_after (said once)";
  switch (trouble) {
    case Trouble::watches:
      return logger_.warn("inotify: the user has no more watches, " + where +
                          " is not watched: raise the sysctl fs.inotify.max_user_watches" + then);
    case Trouble::permission:
      return logger_.warn("inotify: " + where +
                          " (or a directory on the way) is not watched, for it cannot be read: allow it to be "
                          "listed, or set cache.watch = false" +
                          then);
    case Trouble::no_proc:
      return logger_.warn("inotify: directories are not watched, for /proc is not mounted here" + then);
    case Trouble::limit:
      return logger_.warn("inotify: " + where + " is not watched, for all " + std::to_string(limit_) +
                          " watches are in use (half of the sysctl fs.inotify.max_user_watches, at most " +
                          std::to_string(default_limit) + ")" + then);
    case Trouble::names:
      return logger_.warn("inotify: " + where + " has more than " + std::to_string(names_looked_at) +
                          " names: a change behind a symbolic link beyond them is seen after cache.stale_after "
                          "(said once)");
    default: return logger_.warn("inotify: " + where + " is not watched (" + errno_text(error) + ")" + then);
  }
}

}  // namespace uringd::disk
