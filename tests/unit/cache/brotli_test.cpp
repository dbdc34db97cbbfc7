// BrotliRun: a run that may not have all its memory ends without a result, and gives back what it had taken (the leak
// checker of the sanitizer build sees it when not).
#include "brotli.hpp"

#include <doctest/doctest.h>

#include <string>

#include "allocations.hpp"

namespace uringd::cache {
namespace {

std::string numbers(size_t size) {
  std::string text;
  for (size_t number = 1; text.size() < size; number = number * 31 % 65537) text += std::to_string(number) + ' ';
  return text;
}

TEST_CASE("a run with less memory than it needs, however much less, answers nothing and keeps nothing") {
  const std::string body = numbers(65536);
  std::string out(body.size(), '\0');
  size_t refused = 0;
  size_t written = 0;
  for (size_t most_bytes = 0; written == 0; most_bytes += 199'999) {
    REQUIRE(most_bytes < size_t{16} << 20);
    const testing::Heap before = testing::heap();
    {
      BrotliRun run{most_bytes};
      written = run.encode(body, 11, true, out);
    }
    const testing::Heap after = testing::heap();
    CHECK(after.taken - before.taken == after.freed - before.freed);
    if (written == 0) ++refused;
  }
  CHECK(refused > 20);  // each time further into the library: it holds 5 MiB at its peak
  CHECK(refused < 33);  // what it gave back counts no more
  CHECK(written < body.size() / 2);
}

TEST_CASE("a run whose result has no room answers nothing") {
  const std::string body = numbers(2000);
  std::string out(body.size(), '\0');
  const size_t written = BrotliRun{size_t{64} << 20}.encode(body, 6, true, out);
  REQUIRE(written > 0);
  CHECK(BrotliRun{size_t{64} << 20}.encode(body, 6, true, std::span{out}.first(written)) == written);
  CHECK(BrotliRun{size_t{64} << 20}.encode(body, 6, true, std::span{out}.first(written - 1)) == 0);
}

}  // namespace
}  // namespace uringd::cache
