// PostQueue<T>: values from any threads to one taker, without locks: posters push onto a stack, the taker takes the
// whole of it with one exchange and turns it round, so that the order of each poster is kept. One allocation a value,
// none for the taker while nothing is there.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <utility>
#include <vector>

namespace uringd {

template <typename T>
class PostQueue {
 public:
  PostQueue() = default;
  PostQueue(const PostQueue&) = delete;
  PostQueue& operator=(const PostQueue&) = delete;
  ~PostQueue() { take(); }

  /// True: the queue was empty, so the taker may have to be woken.
  bool post(T value) {
    pending_.fetch_add(1, std::memory_order_relaxed);
    Node* older = newest_.load(std::memory_order_relaxed);
    Node* node = new Node{std::move(value), older};
    // Nodes leave only all together, so a successful exchange means that `older` is still what lies below (no ABA).
    // From then on `node` is the taker's.
    while (!newest_.compare_exchange_weak(older, node, std::memory_order_release, std::memory_order_relaxed)) {
      node->older = older;
    }
    return older == nullptr;
  }
  [[nodiscard]] size_t pending() const { return pending_.load(std::memory_order_relaxed); }

  /// All that was posted before, oldest first.
  std::vector<T> take() {
    std::vector<T> values;
    if (newest_.load(std::memory_order_relaxed) == nullptr) return values;
    for (Node* node = newest_.exchange(nullptr, std::memory_order_acquire); node;) {
      Node* older = node->older;
      values.push_back(std::move(node->value));
      delete node;
      node = older;
    }
    std::ranges::reverse(values);
    pending_.fetch_sub(values.size(), std::memory_order_relaxed);
    return values;
  }

 private:
  struct Node {
    T value;
    Node* older;
  };
  std::atomic<Node*> newest_{nullptr};
  std::atomic<size_t> pending_{0};
};

}  // namespace uringd
