// Walker: goes from a directory along a path as openat2 beneath it would, and claims, before it looks at a name, that
// the name matters: what changes afterwards is told. One walk, on the helper thread; it may wait for a disk, but not
// for a remote one: it stops where such a file system is mounted.
// Bounds: 40 links (as the kernel's own walks), 256 directories deep.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "uringd/disk/watch.hpp"

namespace uringd::disk {

class Watch::Walker {
 public:
  /// Begins in `directory`. Confined: it never goes above it.
  Walker(Watch& watch, Held& held, Fd directory, bool confined);

  /// Every component is a directory that is entered. False: it ended before; the name that stopped it is claimed.
  bool enter(std::string_view path);
  /// The directory that was reached holds files: all of its names, and where links in it lead.
  void claim_files();

 private:
  struct Place {
    Fd directory;
    uint64_t mount = 0;
    int watch = -1;
    bool whole = false;  // the watch tells of contents too, not only of names
  };
  using PlaceRef = std::shared_ptr<Place>;

  bool follow(std::string_view path);
  /// One component. False: the walk ends here.
  bool step(const std::string& name);
  bool go_up();
  void claim(Kind kind, std::string_view name);
  [[nodiscard]] std::vector<std::string> links_here();
  void push_components(std::string_view path);

  static constexpr int links_limit = 40;  // linux/namei.h MAXSYMLINKS
  static constexpr size_t depth_limit = 256;

  Watch& watch_;
  Held& held_;
  bool confined_;
  bool follow_links_;
  std::vector<PlaceRef> places_;         // from the beginning to where it is
  std::vector<std::string> components_;  // still to go, last first
  int links_ = 0;
  std::string alias_;  // not empty: the path of the link that is followed to its end
};

}  // namespace uringd::disk
