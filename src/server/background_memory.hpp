// RememberedCopies: copies made a short while ago, so that what several workers order is made once. Belongs to the
// background thread. First in, first out; the bytes are shared with the notices that carry them.
// Bounds: 8 MiB with an allowance for each, larger copies are not remembered at all.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>

#include "uringd/disk/notice.hpp"

namespace uringd::server {

class RememberedCopies {
 public:
  using Copy = std::shared_ptr<const std::string>;  // nullptr: not worth it

  explicit RememberedCopies(size_t most_bytes) : most_bytes_(most_bytes) {}

  /// What was made of an equal order, or nullptr when that is not known any more.
  [[nodiscard]] const Copy* find(const disk::EncodeOrder& order) const {
    const auto found = copies_.find(key_of(order));
    return found == copies_.end() ? nullptr : &found->second;
  }
  void remember(const disk::EncodeOrder& order, Copy copy) {
    if (order.etag.empty()) return;  // it does not say what it is
    const size_t bytes = cost(copy);
    if (bytes > most_bytes_) return;
    std::string key = key_of(order);
    if (!copies_.emplace(key, std::move(copy)).second) return;
    bytes_ += bytes;
    oldest_first_.push_back(std::move(key));
    while (bytes_ > most_bytes_) forget_oldest();
  }
  [[nodiscard]] size_t bytes() const { return bytes_; }

 private:
  static constexpr size_t allowance_bytes = 256;  // key, node, string

  static size_t cost(const Copy& copy) { return allowance_bytes + (copy ? copy->size() : 0); }
  static std::string key_of(const disk::EncodeOrder& order) {
    return order.etag + static_cast<char>('0' + static_cast<int>(order.coding)) +
           static_cast<char>('0' + static_cast<int>(order.effort));
  }
  void forget_oldest() {
    const auto found = copies_.find(oldest_first_.front());
    bytes_ -= cost(found->second);
    copies_.erase(found);
    oldest_first_.pop_front();
  }

  size_t most_bytes_;
  size_t bytes_ = 0;
  std::unordered_map<std::string, Copy> copies_;
  std::deque<std::string> oldest_first_;
};

}  // namespace uringd::server
