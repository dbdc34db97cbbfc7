// Files: the World's tree together with its past: every version that a path ever had, and when. Changes go through
// here, so that a checker can ask which contents an answer may have. Belongs to one simulation.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "uringd/uring/fake.hpp"

namespace uringd::sim {

struct Version {
  enum class Kind { absent, regular, directory, other };
  Kind kind = Kind::absent;
  std::string content;
  uint64_t from_ns = 0;
  uint64_t to_ns = UINT64_MAX;
  int64_t wall_step_ns = 0;  // how far the wall clock had been set when it was made
};

class Files {
 public:
  explicit Files(uring::World& world) : world_(world) {}

  void rewrite(const std::string& path, std::string content);  // in place
  void replace(const std::string& path, std::string content);  // by rename
  void resize(const std::string& path, uint64_t size);
  void remove(const std::string& path);
  /// With all that is in it.
  void remove_directory(const std::string& path);
  void make_directory(const std::string& path);
  void make_other(const std::string& path);
  /// 0: healthy again. The path counts as unreliable from then on.
  void fail_open(const std::string& path, int error_number);
  void fail_read(const std::string& path, int error_number);
  void step_wall_clock(int64_t ns);
  /// Hears of every change of a path from now on; `structural`: of a directory, so that names below it mean other
  /// files.
  void set_observer(std::function<void(const std::string& path, bool structural)> observer) {
    observer_ = std::move(observer);
  }

  /// The versions of `path` that existed at some time in [from_ns, to_ns], the oldest first. A path never made is
  /// absent.
  [[nodiscard]] std::vector<const Version*> alive(const std::string& path, uint64_t from_ns, uint64_t to_ns) const;
  /// All that the site of `path` (of a request: "s1/a") ever had there, in any of its trees.
  [[nodiscard]] std::vector<std::pair<std::string, const Version*>> past(const std::string& path) const;
  [[nodiscard]] bool unreliable(const std::string& path) const { return unreliable_.contains(path); }
  /// In any tree of the site of `path` (of a request).
  [[nodiscard]] bool ever_unreliable(const std::string& path) const;
  [[nodiscard]] const std::string* content_now(const std::string& path) const;
  [[nodiscard]] bool exists(const std::string& path) const;
  [[nodiscard]] bool wall_clock_stepped() const { return wall_step_ns_ != 0; }

 private:
  void add(const std::string& path, Version version);
  static bool means(const std::string& path, const std::string& physical);
  void write_down(const std::string& path, Version version);

  uring::World& world_;
  std::map<std::string, std::vector<Version>> past_;
  std::set<std::string> unreliable_;
  int64_t wall_step_ns_ = 0;
  std::function<void(const std::string&, bool)> observer_;
};

/// Bytes that no other (seed, size) shares for long: a mix of two versions shows.
std::string bytes_of_version(uint64_t seed, size_t size);

}  // namespace uringd::sim
