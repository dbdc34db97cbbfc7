// InputBuffer: the bytes that a std::string would hold, memory only while there are any, and never more than the
// budget.
#include "input_buffer.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "../death.hpp"
#include "../random.hpp"

#include <doctest/doctest.h>

using uringd::server::InputBudget;
using uringd::server::InputBuffer;
using uringd::testing::dies_of;

namespace {

std::string text_of(const InputBuffer& buffer) { return {buffer.bytes().begin(), buffer.bytes().end()}; }
bool append(InputBuffer& buffer, std::string_view text) { return buffer.append({text.data(), text.size()}); }

}  // namespace

TEST_CASE("a buffer is empty and takes no memory until bytes come") {
  InputBudget budget;
  InputBuffer buffer(budget);
  CHECK(buffer.empty());
  CHECK(buffer.size() == 0);
  CHECK(buffer.bytes().empty());
  CHECK(append(buffer, ""));
  CHECK(budget.taken_bytes == 0);
}

TEST_CASE("bytes lie behind each other however they came") {
  InputBudget budget;
  InputBuffer buffer(budget);
  std::string expected;
  for (int number = 0; number < 3000; ++number) {
    const char byte = static_cast<char>(number);
    REQUIRE(buffer.append({&byte, 1}));
    expected += byte;
  }
  CHECK(text_of(buffer) == expected);
}

TEST_CASE("consuming drops from the front, erasing from within") {
  InputBudget budget;
  InputBuffer buffer(budget);
  REQUIRE(append(buffer, "0123456789"));
  buffer.consume(3);
  CHECK(text_of(buffer) == "3456789");
  buffer.erase(2, 3);
  CHECK(text_of(buffer) == "3489");
  buffer.erase(0, 1);
  CHECK(text_of(buffer) == "489");
  buffer.erase(2, 1);
  CHECK(text_of(buffer) == "48");
  REQUIRE(append(buffer, "xyz"));
  CHECK(text_of(buffer) == "48xyz");
}

TEST_CASE("memory goes back to the budget when no byte waits") {
  InputBudget budget;
  InputBuffer buffer(budget);
  SUBCASE("consumed") {
    REQUIRE(append(buffer, "abc"));
    CHECK(budget.taken_bytes > 0);
    buffer.consume(1);
    CHECK(budget.taken_bytes > 0);
    buffer.consume(2);
  }
  SUBCASE("erased") {
    REQUIRE(append(buffer, "abc"));
    buffer.consume(1);
    buffer.erase(0, 2);
  }
  SUBCASE("cleared") {
    REQUIRE(append(buffer, "abc"));
    buffer.clear();
  }
  SUBCASE("dead") {
    auto other = std::make_unique<InputBuffer>(budget);
    REQUIRE(append(*other, "abc"));
    other.reset();
  }
  CHECK(buffer.empty());
  CHECK(budget.taken_bytes == 0);
}

TEST_CASE("what does not fit in the budget is refused, and the bytes held stay as they are") {
  InputBudget budget{.limit_bytes = 4096};
  InputBuffer buffer(budget);
  const std::string held(3000, 'h');
  REQUIRE(append(buffer, held));
  CHECK_FALSE(append(buffer, std::string(1097, 'x')));
  CHECK(text_of(buffer) == held);
  CHECK(append(buffer, std::string(1096, 'x')));
  CHECK(budget.taken_bytes == 4096);
  CHECK_FALSE(append(buffer, "y"));
  buffer.consume(1);
  CHECK(append(buffer, "y"));
  CHECK(text_of(buffer) == held.substr(1) + std::string(1096, 'x') + "y");
}

TEST_CASE("all buffers of a worker share one budget") {
  InputBudget budget{.limit_bytes = 2048};
  InputBuffer first(budget);
  InputBuffer second(budget);
  InputBuffer third(budget);
  CHECK(append(first, "a"));
  CHECK(append(second, "b"));
  CHECK_FALSE(append(third, "c"));
  first.clear();
  CHECK(append(third, "c"));
}

TEST_CASE("a request that comes byte by byte costs a few moves, not one per byte") {
  InputBudget budget;
  InputBuffer buffer(budget);
  int moves = 0;
  for (int number = 0; number < 16384; ++number) {
    const char* before = buffer.data();
    REQUIRE(append(buffer, "x"));
    moves += buffer.data() != before;
  }
  CHECK(moves <= 6);
  CHECK(budget.taken_bytes == 16384);
}

TEST_CASE("no more is dropped than is there") {
  CHECK(dies_of("count <= size()", [] {
    InputBudget budget;
    InputBuffer buffer(budget);
    static_cast<void>(append(buffer, "abc"));
    buffer.consume(4);
  }));
  CHECK(dies_of("first + count <= size()", [] {
    InputBudget budget;
    InputBuffer buffer(budget);
    static_cast<void>(append(buffer, "abc"));
    buffer.erase(2, 2);
  }));
}

TEST_CASE("after any appends and drops each buffer holds what a string would, and the budget is kept") {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    uringd::testing::Random random(seed);
    InputBudget budget{.limit_bytes = 8192};
    std::array<InputBuffer, 3> buffers{InputBuffer(budget), InputBuffer(budget), InputBuffer(budget)};
    std::array<std::string, 3> models;
    bool same = true;
    bool refused_once = false;
    for (int step = 0; step < 2000 && same; ++step) {
      const size_t chosen = random.below(buffers.size());
      InputBuffer& buffer = buffers[chosen];
      std::string& model = models[chosen];
      switch (random.below(5)) {
        case 0:
        case 1:
        case 2: {
          const std::string piece(random.of_any_size(11), static_cast<char>('a' + random.below(26)));
          if (append(buffer, piece)) {
            model += piece;
          } else {
            refused_once = true;
          }
          break;
        }
        case 3: {
          const size_t count = random.below(model.size() + 1);
          buffer.consume(count);
          model.erase(0, count);
          break;
        }
        default: {
          if (model.empty()) break;
          const size_t first = random.below(model.size());
          const size_t count = random.below(model.size() - first + 1);
          buffer.erase(first, count);
          model.erase(first, count);
        }
      }
      size_t held = 0;
      for (const std::string& one : models) held += one.size();
      same = text_of(buffer) == model && buffer.empty() == model.empty() && budget.taken_bytes >= held &&
             budget.taken_bytes <= budget.limit_bytes && (held > 0 || budget.taken_bytes == 0);
    }
    CHECK_MESSAGE(same, "seed ", seed);
    CHECK_MESSAGE(refused_once, "seed ", seed);
  }
}
