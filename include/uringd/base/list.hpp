// List<T, link>: an intrusive, circular, doubly linked list. It owns nothing; a member of a list must leave it
// before it dies (the link's destructor checks). All operations are O(1) and allocate nothing.
#pragma once

#include <cstddef>

#include "uringd/base/check.hpp"

namespace uringd {

/// A membership in one list: a data member of the listed type. `Tag` tells several memberships apart.
template <typename T, typename Tag = void>
class Link {
 public:
  Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link() { CHECK(!linked()); }

  [[nodiscard]] bool linked() const { return next_ != nullptr; }
  void unlink() {
    CHECK(linked());
    previous_->next_ = next_;
    next_->previous_ = previous_;
    next_ = previous_ = nullptr;
  }

 private:
  template <typename, typename>
  friend class List;
  Link* next_ = nullptr;
  Link* previous_ = nullptr;
};

/// T derives from Link<T, Tag>.
template <typename T, typename Tag = void>
class List {
  using Node = Link<T, Tag>;

 public:
  List() { head_.next_ = head_.previous_ = &head_; }
  ~List() {
    CHECK(empty());
    head_.next_ = head_.previous_ = nullptr;
  }
  List(const List&) = delete;
  List& operator=(const List&) = delete;

  [[nodiscard]] bool empty() const { return head_.next_ == &head_; }
  [[nodiscard]] T* front() { return empty() ? nullptr : static_cast<T*>(head_.next_); }
  [[nodiscard]] T* back() { return empty() ? nullptr : static_cast<T*>(head_.previous_); }
  /// The member after `member`, or nullptr at the end.
  [[nodiscard]] T* after(T& member) {
    Node* next = static_cast<Node&>(member).next_;
    return next == &head_ ? nullptr : static_cast<T*>(next);
  }
  void push_front(T& member) { insert(member, head_, *head_.next_); }
  void push_back(T& member) { insert(member, *head_.previous_, head_); }
  /// The first member, unlinked, or nullptr.
  T* pop_front() {
    T* first = front();
    if (first) static_cast<Node*>(first)->unlink();
    return first;
  }

 private:
  static void insert(Node& node, Node& before, Node& after) {
    CHECK(!node.linked());
    node.previous_ = &before;
    node.next_ = &after;
    before.next_ = after.previous_ = &node;
  }
  Node head_;
};

}  // namespace uringd
