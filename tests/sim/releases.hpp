// Releases: which tree each site's root was at any time, and what the server was told of changes: from both follows in
// which versions of which files an answer may be. Times are the World's. Belongs to one simulation.
//
// Paths that requests name begin with their site ("s1/dir/a"); those in the World begin with a tree ("s1/dir/a" the
// first, "s1r2/dir/a" the third).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace uringd::sim {

/// One state of a site: from a publish to the next, which may name the same tree.
struct Period {
  std::string tree;      // "s1r2/"
  std::string previous;  // asked for what the tree lacks; empty: nothing is
  uint64_t previous_until_ns = 0;
  uint64_t from_ns = 0;
  uint64_t to_ns = UINT64_MAX;
  uint64_t release_ns = 0;  // since when its root is this tree
  bool reloaded = false;    // it ended with its configuration, which requests under way keep
};

/// When a request was on its way.
struct Asked {
  uint64_t begun_ns = 0;  // its first byte was sent
  uint64_t sent_ns = 0;   // its last one
};

/// A file whose versions since `from_ns` an answer may be.
struct Place {
  std::string path;
  uint64_t from_ns = 0;
  std::string lacking;    // only while there is nothing at this path; empty: always
  std::string otherwise;  // where the server looks when there is nothing at `path`; empty: nowhere
  uint64_t otherwise_until_ns = 0;
};

class Releases {
 public:
  explicit Releases(uint32_t sites) : periods_(sites) {}

  static std::string tree_of(uint32_t site, uint32_t number);
  void publish(uint32_t site, Period period);
  /// The same by another configuration: the site has another tree.
  void reload(uint32_t site, Period period);
  [[nodiscard]] const Period& current(uint32_t site) const { return periods_[site].back(); }
  [[nodiscard]] uint32_t sites() const { return static_cast<uint32_t>(periods_.size()); }

  /// The server heard that `path` (of a request) had changed: what it answers later is from later.
  void told(const std::string& path, uint64_t now_ns) { told_[path] = now_ns; }

  /// Answers may be of an earlier state of the same release from now on: a look did not come back in time.
  void forgive() { forgiving_ = true; }
  [[nodiscard]] bool forgiving() const { return forgiving_; }

  /// Where the answer to a request for `path` may be from, when answers may be `behind_ns` behind. A state that was
  /// replaced before the request was sent does not count, nor does a configuration before it was begun.
  [[nodiscard]] std::vector<Place> places(const std::string& path, const Asked& asked, uint64_t behind_ns,
                                          uint64_t now_ns) const;

 private:
  std::vector<std::vector<Period>> periods_;
  std::map<std::string, uint64_t> told_;
  bool forgiving_ = false;
};

}  // namespace uringd::sim
