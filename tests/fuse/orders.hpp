// Orders: what a test has ordered the slow disk to do, and what has come to it so far. Shared by all threads of the
// program, behind one lock that is never held while something waits as ordered. slow_disk.cpp lists the words.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace slow_disk {

struct Rule {
  std::string operation;
  std::string prefix;
  long delay_ms = 0;
  long pause_ms = 0;
  long split_ms = 0;
  int error = 0;
  bool hang = false;
  std::uint64_t from = 0;
  std::size_t limit = SIZE_MAX;
};

inline void sleep_ms(long milliseconds) {
  if (milliseconds > 0) std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

// What the test has ordered. Every request asks meet() before it does anything.
class Orders {
 public:
  // Waits as ordered, and returns the rule that counts.
  Rule meet(const std::string& operation, const std::string& path, std::uint64_t offset = UINT64_MAX) {
    std::unique_lock lock(mutex_);
    ++seen_[{operation, path}];
    Rule rule;
    for (const Rule& order : rules_) {
      if (order.operation != "any" && order.operation != operation) continue;
      if (path.compare(0, order.prefix.size(), order.prefix) == 0 && offset >= order.from) rule = order;
    }
    if (rule.hang) {
      const std::uint64_t round = round_;
      ++waiting_;
      changed_.wait(lock, [&] { return round_ != round; });
      --waiting_;
      return {};
    }
    lock.unlock();
    sleep_ms(rule.delay_ms);
    return rule;
  }

  void add(Rule rule) {
    const std::lock_guard lock(mutex_);
    rules_.push_back(std::move(rule));
  }

  void clear() {
    const std::lock_guard lock(mutex_);
    rules_.clear();
    ++round_;
    changed_.notify_all();
  }

  std::size_t waiting() {
    const std::lock_guard lock(mutex_);
    return waiting_;
  }

  std::uint64_t seen(const std::string& operation, const std::string& prefix) {
    const std::lock_guard lock(mutex_);
    std::uint64_t sum = 0;
    for (const auto& [request, count] : seen_) {
      const bool counts = operation == "any" || request.first == operation;
      if (counts && request.second.compare(0, prefix.size(), prefix) == 0) sum += count;
    }
    return sum;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Rule> rules_;
  std::map<std::pair<std::string, std::string>, std::uint64_t> seen_;
  std::uint64_t round_ = 0;
  std::size_t waiting_ = 0;
};

}  // namespace slow_disk
