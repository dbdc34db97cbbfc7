// Slab: reuse of slots, generations that tell stale names, the bound, and the aborts that guard them.
#include "uringd/base/slab.hpp"

#include <unistd.h>

#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "../death.hpp"
#include "../random.hpp"

#include <doctest/doctest.h>

using uringd::Slab;
using uringd::testing::dies_of;

namespace {

struct Counted {
  Counted(int& alive_count, std::string text) : alive(alive_count), name(std::move(text)) { ++alive; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --alive; }
  int& alive;
  std::string name;
};

size_t resident_bytes() {
  size_t total_pages = 0;
  size_t resident_pages = 0;
  std::ifstream("/proc/self/statm") >> total_pages >> resident_pages;
  return resident_pages * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

TEST_CASE("an object is built in its slot from the arguments and destroyed once at release") {
  int alive = 0;
  Slab<Counted> slab(2);
  Counted* object = slab.acquire(alive, "first");
  REQUIRE(object);
  CHECK(object->name == "first");
  CHECK(alive == 1);
  CHECK(slab.live() == 1);
  slab.release(*object);
  CHECK(alive == 0);
  CHECK(slab.live() == 0);
}

TEST_CASE("a slab of n slots gives n objects, then nullptr until one is released") {
  Slab<int> slab(3);
  CHECK(slab.capacity() == 3);
  std::vector<int*> objects;
  for (int number = 0; number < 3; ++number) objects.push_back(slab.acquire(number));
  CHECK(slab.acquire(3) == nullptr);
  CHECK(slab.live() == 3);
  for (int number = 0; number < 3; ++number) CHECK(*objects[static_cast<size_t>(number)] == number);
  slab.release(*objects[1]);
  int* again = slab.acquire(4);
  CHECK(again == objects[1]);
  CHECK(slab.acquire(5) == nullptr);
  for (int* object : objects) slab.release(*object);
}

TEST_CASE("the slot freed last is used again first: its cache lines are warm") {
  Slab<int> slab(8);
  int* first = slab.acquire(1);
  int* second = slab.acquire(2);
  const uint32_t slot = slab.slot_of(*first);
  slab.release(*second);
  slab.release(*first);
  int* next = slab.acquire(3);
  CHECK(slab.slot_of(*next) == slot);
  slab.release(*next);
}

TEST_CASE("a name finds its object until the release and nothing after it, also when the slot lives again") {
  Slab<int> slab(4);
  int* object = slab.acquire(1);
  const uint32_t slot = slab.slot_of(*object);
  const uint32_t generation = slab.generation_of(*object);
  CHECK(slab.find(slot, generation) == object);
  CHECK(slab.find(slot, generation + 1) == nullptr);
  slab.release(*object);
  CHECK(slab.find(slot, generation) == nullptr);
  CHECK(slab.find(slot, generation + 1) == nullptr);
  int* heir = slab.acquire(2);
  REQUIRE(slab.slot_of(*heir) == slot);
  CHECK(slab.generation_of(*heir) == generation + 1);
  CHECK(slab.find(slot, generation) == nullptr);
  CHECK(slab.find(slot, generation + 1) == heir);
  slab.release(*heir);
}

TEST_CASE("slots that were never used, or lie beyond the slab, have no object") {
  Slab<int> slab(4);
  CHECK(slab.find(0, 0) == nullptr);
  int* object = slab.acquire(1);
  CHECK(slab.find(1, 0) == nullptr);
  CHECK(slab.find(4, 0) == nullptr);
  CHECK(slab.find(UINT32_MAX, 0) == nullptr);
  slab.release(*object);
}

TEST_CASE("a generation stays within the 24 bits that a tag has for it") {
  Slab<int> slab(1);
  for (uint32_t turn = 0; turn < (1U << 24) - 1; ++turn) slab.release(*slab.acquire(0));
  int* last = slab.acquire(0);
  CHECK(slab.generation_of(*last) == 0xffffff);
  slab.release(*last);
  int* first = slab.acquire(0);
  CHECK(slab.generation_of(*first) == 0);
  slab.release(*first);
}

TEST_CASE("objects are aligned as their type asks") {
  struct alignas(128) Wide {
    char bytes[3];
  };
  Slab<Wide> slab(3);
  std::vector<Wide*> objects;
  for (int number = 0; number < 3; ++number) objects.push_back(slab.acquire());
  for (Wide* object : objects) {
    CHECK(reinterpret_cast<uintptr_t>(object) % 128 == 0);
    slab.release(*object);
  }
}

TEST_CASE("a slab of 4 GiB takes no memory before its slots are used") {
  struct Large {
    char bytes[65536];
  };
  const size_t before = resident_bytes();
  Slab<Large> slab(1U << 16);
  slab.release(*slab.acquire());
  CHECK(resident_bytes() < before + (size_t{16} << 20));
}

TEST_CASE("an object is released once, to its own slab, and no slab dies with one") {
  CHECK(dies_of("cell.live", [] {
    Slab<int> slab(2);
    int* object = slab.acquire(1);
    slab.release(*object);
    slab.release(*object);
  }));
  CHECK(dies_of("offset >= 0 && static_cast<size_t>(offset) < bytes_", [] {
    Slab<int> slab(2);
    int stranger = 0;
    slab.release(stranger);
  }));
  CHECK(dies_of("live_ == 0", [] {
    auto slab = std::make_unique<Slab<int>>(2);
    static_cast<void>(slab->acquire(1));
    slab.reset();
  }));
}

TEST_CASE("after any acquisitions and releases every live name finds its own object and no stale one finds any") {
  using Name = std::pair<uint32_t, uint32_t>;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    uringd::testing::Random random(seed);
    Slab<uint64_t> slab(16);
    std::map<Name, std::pair<uint64_t*, uint64_t>> live;
    std::set<Name> stale;
    bool holds = true;
    for (uint64_t step = 0; step < 2000 && holds; ++step) {
      if (random.below(2) == 0) {
        uint64_t* object = slab.acquire(step);
        holds = (object == nullptr) == (live.size() == 16);
        if (!object) continue;
        const Name name{slab.slot_of(*object), slab.generation_of(*object)};
        holds = holds && !live.contains(name) && !stale.contains(name);
        live[name] = {object, step};
      } else if (!live.empty()) {
        auto chosen = live.begin();
        std::advance(chosen, static_cast<long>(random.below(live.size())));
        slab.release(*chosen->second.first);
        stale.insert(chosen->first);
        live.erase(chosen);
      }
      for (const auto& [name, object] : live) {
        holds = holds && slab.find(name.first, name.second) == object.first && *object.first == object.second;
      }
      for (const Name& name : stale) holds = holds && !slab.find(name.first, name.second);
      holds = holds && slab.live() == live.size();
    }
    CHECK(holds);
    for (const auto& [name, object] : live) slab.release(*object.first);
  }
}
