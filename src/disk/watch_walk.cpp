// A walk, component by component: claim the name, then open it (O_PATH, no link followed), then look what it is.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <string>
#include <utility>

#include "directory_names.hpp"
#include "file_system.hpp"
#include "watch_walker.hpp"

namespace uringd::disk {
namespace {

std::string link_target(int link) {
  char target[PATH_MAX];
  const ssize_t bytes = readlinkat(link, "", target, sizeof target);
  return bytes > 0 ? std::string(target, static_cast<size_t>(bytes)) : std::string();
}

// Over the edge of a mount only where no server may be dead behind it: looking there at all would wait for it.
Fd open_step(int directory, const std::string& name) {
  open_how how{.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC, .resolve = RESOLVE_NO_XDEV};
  Fd next(static_cast<int>(syscall(SYS_openat2, directory, name.c_str(), &how, sizeof how)));
  if (next.open() || errno != EXDEV) return next;
  char here[PATH_MAX];
  const ssize_t bytes = readlink(("/proc/self/fd/" + std::to_string(directory)).c_str(), here, sizeof here);
  if (bytes <= 0) return next;
  const std::string path = std::string(here, static_cast<size_t>(bytes)) + (bytes > 1 ? "/" : "") + name;
  if (remote_mount_at(path)) return next;
  return Fd(openat(directory, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
}

}  // namespace

Watch::Walker::Walker(Watch& watch, Held& held, Fd directory, bool confined)
    : watch_(watch), held_(held), confined_(confined) {
  follow_links_ = !confined || watch.sites_.rules(held.site).resolve == uring::Resolve::symlinks_inside;
  const uint64_t mount = mount_of(directory.number());
  places_.push_back(std::make_shared<Place>(Place{.directory = std::move(directory), .mount = mount}));
}

bool Watch::Walker::enter(std::string_view path) { return follow(path); }

bool Watch::Walker::follow(std::string_view path) {
  components_.clear();
  links_ = 0;
  push_components(path);
  while (!components_.empty()) {
    const std::string name = std::move(components_.back());
    components_.pop_back();
    if (!step(name)) return false;
  }
  return true;
}

void Watch::Walker::push_components(std::string_view path) {
  while (!path.empty()) {
    const size_t slash = path.rfind('/');
    const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
    if (!name.empty() && name != ".") components_.emplace_back(name);
    path = path.substr(0, slash == std::string_view::npos ? 0 : slash);
  }
}

bool Watch::Walker::step(const std::string& name) {
  if (name == "..") return go_up();
  const bool last_of_alias = !alias_.empty() && components_.empty();
  claim(held_.is_root_path ? Kind::root : last_of_alias ? Kind::alias : Kind::component, name);
  Fd next = open_step(places_.back()->directory.number(), name);
  struct stat status{};
  if (!next.open() || fstat(next.number(), &status) != 0) return false;
  if (S_ISLNK(status.st_mode)) {
    if (!follow_links_ || ++links_ > links_limit) return false;
    const std::string target = link_target(next.number());
    if (target.starts_with('/')) {
      if (confined_) return false;  // as RESOLVE_BENEATH does (EXDEV)
      Fd top(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
      const uint64_t mount = mount_of(top.number());
      places_.assign(1, std::make_shared<Place>(Place{.directory = std::move(top), .mount = mount}));
    }
    push_components(target);
    return true;
  }
  if (!S_ISDIR(status.st_mode) || last_of_alias || places_.size() >= depth_limit) return false;
  auto place = std::make_shared<Place>(Place{.directory = std::move(next)});
  place->mount = mount_of(place->directory.number());
  if (place->mount != places_.back()->mount && file_system_of(place->directory.number()).remote) return false;
  places_.push_back(std::move(place));
  return true;
}

bool Watch::Walker::go_up() {
  if (places_.size() > 1) {
    places_.pop_back();
    return true;
  }
  if (confined_) return false;
  Fd above(openat(places_.back()->directory.number(), "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!above.open()) return false;
  const uint64_t mount = mount_of(above.number());
  places_.back() = std::make_shared<Place>(Place{.directory = std::move(above), .mount = mount});
  return true;
}

void Watch::Walker::claim(Kind kind, std::string_view name) {
  Place& place = *places_.back();
  const bool whole = kind == Kind::all_names || kind == Kind::alias;
  if (place.watch < 0 || (whole && !place.whole)) {
    const int watch = watch_.watch_directory(place.directory.number(), whole, held_);
    if (watch < 0) return;
    place.watch = watch;
    place.whole = whole;
  }
  std::string path = kind == Kind::alias ? alias_ : kind == Kind::all_names ? held_.directory : std::string();
  watch_.take(held_, Claim{place.watch, kind, std::string(name), std::move(path)});
}

void Watch::Walker::claim_files() {
  claim(Kind::all_names, {});
  if (!follow_links_) return;
  const std::vector<PlaceRef> here = places_;
  for (const std::string& name : links_here()) {
    alias_ = held_.directory + '/' + name;
    places_ = here;
    follow(name);
  }
  alias_.clear();
  places_ = here;
}

std::vector<std::string> Watch::Walker::links_here() {
  std::vector<std::string> links;
  const int here = places_.back()->directory.number();
  const Fd directory(openat(here, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.open()) return links;
  DirectoryNames names(directory.number());
  uint32_t seen = 0;
  while (seen < names_looked_at && names.next([&](std::string_view name, unsigned char type) {
    ++seen;
    struct stat status{};
    if (type == DT_UNKNOWN && fstatat(here, std::string(name).c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
      type = static_cast<unsigned char>(IFTODT(status.st_mode));
    }
    if (type == DT_LNK) links.emplace_back(name);
  })) {
  }
  if (seen >= names_looked_at) watch_.say_once(Trouble::names, held_);
  return links;
}

void Watch::walk(Held& held) {
  const std::set<Claim> before = std::exchange(held.claims, {});
  const Root& root = *sites_.state(held.site).root;
  if (root.remote) {
    if (!std::exchange(trees_.at(held.site).said_remote, true)) {
      logger_.info(sites_.name_of(held.site) + ": " + sites_.rules(held.site).root_path +
                   " is on a network or FUSE file system, which is not watched: changes are seen after "
                   "cache.stale_after");
    }
  } else if (held.is_root_path) {
    const std::string& path = sites_.rules(held.site).root_path;
    Fd start(::open(path.starts_with('/') ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (start.open()) Walker(*this, held, std::move(start), false).enter(path);
  } else {
    Fd start(openat(root.directory, ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (start.open()) {
      Walker walker(*this, held, std::move(start), true);
      if (walker.enter(held.directory)) walker.claim_files();
    }
  }
  for (const Claim& claim : before) give_back(held.site, claim);
}

}  // namespace uringd::disk
