// List: order, membership, the aborts of its invariants, and a long random walk beside a std::vector.
#include "uringd/base/list.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "../death.hpp"
#include "../random.hpp"

#include <doctest/doctest.h>

using uringd::Link;
using uringd::List;
using uringd::testing::dies_of;

namespace {

struct Red;
struct Blue;
struct Item : Link<Item>, Link<Item, Red>, Link<Item, Blue> {
  explicit Item(int number = 0) : value(number) {}
  int value;
};
using Plain = Link<Item>;

std::vector<Item*> members(List<Item>& list) {
  std::vector<Item*> found;
  for (Item* item = list.front(); item; item = list.after(*item)) found.push_back(item);
  return found;
}

void empty_out(List<Item>& list) {
  while (list.pop_front()) {
  }
}

}  // namespace

TEST_CASE("an empty list has no front, no back and nothing to pop") {
  List<Item> list;
  CHECK(list.empty());
  CHECK(list.front() == nullptr);
  CHECK(list.back() == nullptr);
  CHECK(list.pop_front() == nullptr);
}

TEST_CASE("members pushed at the back come out in that order, at the front in reverse") {
  std::array<Item, 4> items;
  List<Item> list;
  list.push_back(items[2]);
  list.push_back(items[3]);
  list.push_front(items[1]);
  list.push_front(items[0]);
  CHECK(members(list) == std::vector{&items[0], &items[1], &items[2], &items[3]});
  CHECK(list.back() == &items[3]);
  for (Item& item : items) CHECK(list.pop_front() == &item);
  CHECK(list.empty());
}

TEST_CASE("a member that leaves is linked nowhere and may join another list") {
  Item item;
  List<Item> first;
  List<Item> second;
  first.push_back(item);
  CHECK(item.Plain::linked());
  item.Plain::unlink();
  CHECK_FALSE(item.Plain::linked());
  CHECK(first.empty());
  second.push_back(item);
  CHECK(second.front() == &item);
  CHECK(second.pop_front() == &item);
  CHECK_FALSE(item.Plain::linked());
}

TEST_CASE("memberships of different tags do not touch each other, and lists give back the object, not the link") {
  Item item(7);
  List<Item, Red> red;
  List<Item, Blue> blue;
  red.push_back(item);
  blue.push_back(item);
  CHECK(red.front()->value == 7);
  CHECK(blue.front()->value == 7);
  CHECK(red.pop_front() == &item);
  CHECK(blue.front() == &item);
  CHECK(blue.pop_front() == &item);
}

TEST_CASE("a member that is linked already is refused with an abort") {
  CHECK(dies_of("!node.linked()", [] {
    Item item;
    List<Item> list;
    list.push_back(item);
    list.push_back(item);
  }));
}

TEST_CASE("a member that is not linked cannot leave") {
  CHECK(dies_of("linked()", [] {
    Item item;
    item.Plain::unlink();
  }));
}

TEST_CASE("a member must not die in a list, nor a list with members") {
  CHECK(dies_of("!linked()", [] {
    List<Item> list;
    auto item = std::make_unique<Item>();
    list.push_back(*item);
    item.reset();
  }));
  CHECK(dies_of("empty()", [] {
    Item item;
    auto list = std::make_unique<List<Item>>();
    list->push_back(item);
    list.reset();
  }));
}

TEST_CASE("a list holds what a vector would hold after any pushes, pops and leavings") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    uringd::testing::Random random(seed);
    std::array<Item, 24> items;
    std::vector<Item*> model;
    List<Item> list;
    bool same = true;
    for (int step = 0; step < 500 && same; ++step) {
      Item& item = items[random.below(items.size())];
      if (item.Plain::linked()) {
        if (random.below(3) == 0) {
          same = list.pop_front() == model.front();
          model.erase(model.begin());
        } else {
          item.Plain::unlink();
          std::erase(model, &item);
        }
      } else if (random.below(2) == 0) {
        list.push_back(item);
        model.push_back(&item);
      } else {
        list.push_front(item);
        model.insert(model.begin(), &item);
      }
      same = same && members(list) == model && list.empty() == model.empty() &&
             list.back() == (model.empty() ? nullptr : model.back());
    }
    CHECK(same);
    empty_out(list);
  }
}
