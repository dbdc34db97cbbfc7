// A body that grows piece by piece, and what refuses a piece.
#include "upload.hpp"

#include <string>

#include <doctest/doctest.h>

using namespace uringd::admin;

TEST_CASE("bytes of any pieces come out whole, at one address, and exactly once") {
  for (const size_t piece : {1UL, 7UL, 4096UL, 100'000UL}) {
    CAPTURE(piece);
    GrowingBytes bytes;
    std::string all;
    for (size_t count = 0; count < 50; ++count) {
      const std::string next(piece, static_cast<char>('a' + count % 26));
      REQUIRE(bytes.append(next));
      all += next;
    }
    CHECK(bytes.size() == all.size());
    const size_t size = bytes.size();
    const auto released = bytes.release();
    CHECK(std::string_view(released.get(), size) == all);
    CHECK(bytes.size() == 0);
  }
  GrowingBytes nothing;
  CHECK(nothing.append({}));
  CHECK(nothing.release() != nullptr);
}

TEST_CASE("a piece beyond the room that is left now is refused, and so is one beyond all uploads' bound") {
  size_t room = 10, under_way = 0, most = 15;
  const auto upload = [&] { return Upload([&] { return room; }, under_way, [&] { return most; }); };
  {
    Upload first = upload();
    CHECK(first.take(std::string(10, 'x')) == 0);
    CHECK(first.take(std::string(1, 'x')) == 413);
    Upload second = upload();
    CHECK(second.take(std::string(5, 'x')) == 0);
    CHECK(second.take(std::string(1, 'x')) == 503);
    CHECK(under_way == 15);
    room = 4;  // somebody else was quicker
    CHECK(second.take({}) == 413);
  }
  CHECK(under_way == 0);
}
