// Maps: slots that one thread replaces while others read.
#include "uringd/site/maps.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "../death.hpp"

using namespace uringd;
using site::MapBuilder;
using site::Maps;
using site::MapTable;

namespace {

std::unique_ptr<const MapTable> table_of(const std::string& file) {
  auto bytes = std::make_unique<char[]>(file.size());
  std::memcpy(bytes.get(), file.data(), file.size());
  MapBuilder builder(config::MapKind::txt, std::move(bytes), file.size());
  while (builder.step()) continue;
  return std::move(builder.finish().value());
}

/// Every key has the same value.
std::unique_ptr<const MapTable> table_of_generation(int generation) {
  std::string file;
  for (int key = 0; key < 50; ++key) file += std::to_string(key) + " v" + std::to_string(generation) + "\n";
  return table_of(file);
}

std::vector<std::unique_ptr<const MapTable>> two_tables() {
  std::vector<std::unique_ptr<const MapTable>> tables;
  tables.push_back(table_of("k of-0\n"));
  tables.push_back(table_of("k of-1\n"));
  return tables;
}

}  // namespace

TEST_CASE("maps are read by their number, and publish() replaces the one alone and gives back what was there") {
  Maps maps(two_tables());
  site::Random random(1);
  CHECK(maps.count() == 2);
  CHECK(maps.table(0).find("k", random) == "of-0");
  CHECK(maps.table(1).find("k", random) == "of-1");

  const MapTable* const before = &maps.table(1);
  const auto old = maps.publish(1, table_of("k new\n"));
  CHECK(old.get() == before);
  CHECK(old->find("k", random) == "of-1");
  CHECK(maps.table(1).find("k", random) == "new");
  CHECK(maps.table(0).find("k", random) == "of-0");
}

TEST_CASE("a configuration without maps has none") { CHECK(Maps{}.count() == 0); }

TEST_CASE("a slot is never empty") {
  CHECK(testing::dies_of("tables[map]", [] {
    std::vector<std::unique_ptr<const MapTable>> tables(1);
    const Maps maps(std::move(tables));
  }));
  CHECK(testing::dies_of("next", [] {
    Maps maps(two_tables());
    (void)maps.publish(0, nullptr);
  }));
  CHECK(testing::dies_of("map < slots_.size()", [] {
    Maps maps(two_tables());
    (void)maps.publish(2, table_of("k v\n"));
  }));
}

TEST_CASE("readers see whole tables, old or new and never back again, while one thread publishes 200 of them") {
  std::vector<std::unique_ptr<const MapTable>> tables;
  tables.push_back(table_of_generation(0));
  Maps maps(std::move(tables));
  constexpr int last = 200;
  std::atomic<int> wrong{0}, ready{0};
  std::vector<std::thread> readers;
  for (uint64_t seed = 1; seed <= 2; ++seed) {
    readers.emplace_back([&, seed] {
      site::Random random(seed);
      ++ready;
      for (int seen = 0; seen < last;) {
        const MapTable& table = maps.table(0);
        const auto one = table.find(std::to_string(random.below(50)), random), other = table.find("49", random);
        if (!one || !other || *one != *other) {
          ++wrong;
          return;
        }
        const int generation = std::stoi(std::string{one->substr(1)});
        if (generation < seen) ++wrong;
        seen = generation;
      }
    });
  }
  while (ready < 2) std::this_thread::yield();
  std::vector<std::unique_ptr<const MapTable>> retired;  // nobody passes a turn here: all are kept to the end
  for (int generation = 1; generation <= last; ++generation)
    retired.push_back(maps.publish(0, table_of_generation(generation)));
  for (std::thread& reader : readers) reader.join();
  CHECK(wrong == 0);
}
