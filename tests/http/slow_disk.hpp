// SlowDisk: a directory tree behind a file system of our own (tests/fuse/slow_disk.cpp) that delays, fails or hangs as
// the test orders. files() is the tree itself, to be built and altered at full speed; root() is where it is mounted,
// what a server gets. Its program's path is in URINGD_SLOW_DISK; a test case that needs it is decorated with
// `* needs_slow_disk()` and is skipped where mounting cannot work. Declare it before the Server.
#pragma once

#include <doctest/doctest.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "client.hpp"
#include "site.hpp"

namespace uringd::testing {

/// Says once on stderr why, where tests are skipped.
[[nodiscard]] doctest::skip needs_slow_disk();

class SlowDisk {
 public:
  SlowDisk();
  /// What hangs is let go and the mount is gone.
  ~SlowDisk();
  SlowDisk(const SlowDisk&) = delete;
  SlowDisk& operator=(const SlowDisk&) = delete;

  [[nodiscard]] const Site& files() const { return files_; }
  [[nodiscard]] std::string root() const { return files_.outside("mount"); }

  /// `operations` (words of the program's list, or "any") on paths that begin with `prefix` do what `how` says.
  void rule(std::string_view operations, std::string_view prefix, std::string_view how);
  void delay(Milliseconds each) { rule("any", "/", "delay=" + std::to_string(each.count())); }
  void hang(std::string_view prefix) { rule("any", prefix, "hang=1"); }
  /// Forgets all rules; what hangs goes on.
  void clear() { order("clear"); }
  /// Requests that hang now.
  [[nodiscard]] std::uint64_t waiting() { return order("waiting"); }
  /// Requests of that kind that have come so far.
  [[nodiscard]] std::uint64_t seen(std::string_view operation, std::string_view prefix);

 private:
  std::uint64_t order(const std::string& line);
  std::string answer();

  Site files_;
  pid_t pid_ = -1;
  int orders_ = -1;
  int answers_ = -1;
};

/// Lets everything go on when the test case ends, however it ends: declare it after the Server, which else would wait
/// for what hangs.
class Relief {
 public:
  explicit Relief(SlowDisk& disk) : disk_(disk) {}
  ~Relief() { disk_.clear(); }
  Relief(const Relief&) = delete;
  Relief& operator=(const Relief&) = delete;

 private:
  SlowDisk& disk_;
};

}  // namespace uringd::testing
