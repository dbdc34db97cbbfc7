// What has been tried and what came out: one count for the whole program, which prints what failed as it happens. Any
// thread may ask for a check; the first thing that is wrong within one is what is told.
#pragma once

#include <cstdio>
#include <mutex>
#include <string>

/// One thing that must hold, tried in many places: it passes where nothing was wrong.
class Check {
 public:
  explicit Check(std::string name) : name_(std::move(name)) {}
  Check(const Check&) = delete;
  Check& operator=(const Check&) = delete;

  /// Returns `good`. `where` tells of the first place where it does not hold.
  bool that(bool good, const std::string& where) {
    const std::scoped_lock lock(mutex_);
    ++tried_;
    if (!good && wrong_++ == 0) first_ = where;
    return good;
  }

  /// A check that was never tried has failed.
  [[nodiscard]] bool passed() const { return tried_ > 0 && wrong_ == 0; }

  void print() const {
    if (passed()) {
      std::printf("guest: ok %s (%zu times)\n", name_.c_str(), tried_);
    } else {
      std::printf("guest: FAILED %s: %zu of %zu wrong; the first: %s\n", name_.c_str(), wrong_, tried_, first_.c_str());
    }
    std::fflush(stdout);
  }

 private:
  std::string name_;
  std::mutex mutex_;
  std::size_t tried_ = 0;
  std::size_t wrong_ = 0;
  std::string first_ = "nothing was tried";
};

struct Count {
  std::size_t passed = 0;
  std::size_t failed = 0;

  void add(const Check& check) {
    check.print();
    ++(check.passed() ? passed : failed);
  }
};
