// Output: what rest() yields, over any partial sends, is what was added and nothing else; blocks are lent, used up and
// given back; pins live as long as their bytes are lent.
#include "output.hpp"

#include <algorithm>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "uringd/cache/cache.hpp"

#include "../death.hpp"
#include "../random.hpp"

#include <doctest/doctest.h>

using namespace uringd;
using server::BlockPool;
using server::Output;
using testing::dies_of;

namespace {

constexpr std::string_view date = "Sun, 06 Nov 1994 08:49:37 GMT";

std::span<const char> bytes_of(std::string_view text) { return {text.data(), text.size()}; }

std::string rest_of(Output& output) {
  const Output::Rest rest = output.rest();
  std::string text;
  for (size_t part = 0; part < rest.count; ++part) {
    text.append(static_cast<const char*>(rest.parts[part].iov_base), rest.parts[part].iov_len);
  }
  return text.size() == rest.bytes ? text : "rest.bytes is wrong";
}

void compose(Output& output, std::string_view text, bool batch = false) {
  const std::span<char> room = output.room(text.size(), batch);
  REQUIRE(room.size() >= text.size());
  std::ranges::copy(text, room.begin());
  output.commit(text.size());
}

http::ReplyHead head_with(std::string_view location) {
  return {.status = 301, .date = date, .content_length = 0, .location = location};
}
std::string head_text(const http::ReplyHead& head) {
  std::vector<char> text(BlockPool::block_bytes);
  return {text.data(), http::compose_head(head, text)};
}

cache::EntryRef entry_of(std::string_view body) {
  cache::EntryRef entry = cache::Entry::make(cache::make_key(0, "/a", 1), "/a", 0, body.size());
  std::ranges::copy(body, entry->body_memory().begin());
  return entry;
}

/// How many blocks a pool has left.
size_t blocks_left(BlockPool& pool) {
  std::vector<char*> blocks;
  while (char* block = pool.lease()) blocks.push_back(block);
  for (char* block : blocks) pool.give_back(block);
  return blocks.size();
}

}  // namespace

TEST_CASE("a pool lends each of its blocks to one at a time") {
  BlockPool pool(3);
  std::vector<char*> blocks;
  for (int number = 0; number < 3; ++number) {
    blocks.push_back(pool.lease());
    REQUIRE(blocks.back());
    std::memset(blocks.back(), number, BlockPool::block_bytes);
  }
  CHECK(pool.lease() == nullptr);
  for (int number = 0; number < 3; ++number) {
    const char* block = blocks[static_cast<size_t>(number)];
    CHECK(std::all_of(block, block + BlockPool::block_bytes, [number](char byte) { return byte == number; }));
  }
  pool.give_back(blocks[1]);
  CHECK(pool.lease() == blocks[1]);
  for (char* block : blocks) pool.give_back(block);
}

TEST_CASE("a pool does not die while a block is lent") {
  CHECK(dies_of("free_.size() == block_count_", [] {
    BlockPool pool(1);
    static_cast<void>(pool.lease());
  }));
}

TEST_CASE("composed bytes are one part, and small ones need no block") {
  BlockPool pool(1);
  Output output(pool);
  CHECK(output.empty());
  CHECK(output.rest().count == 0);
  compose(output, "head");
  compose(output, "body");
  CHECK_FALSE(output.empty());
  CHECK(output.rest().count == 1);
  CHECK(rest_of(output) == "headbody");
  CHECK(blocks_left(pool) == 1);
}

TEST_CASE("a span is sent from where it lies, behind what is composed, and seals the output") {
  BlockPool pool(1);
  Output output(pool);
  const std::string piece(100'000, 'p');
  compose(output, "head");
  output.add_span(bytes_of(piece), {});
  CHECK(output.sealed());
  const Output::Rest rest = output.rest();
  REQUIRE(rest.count == 2);
  CHECK(rest.parts[1].iov_base == piece.data());
  CHECK(rest_of(output) == "head" + piece);
  CHECK(output.room(1, true).empty());
  CHECK_FALSE(output.add_head(head_with("/"), true));
  CHECK(rest_of(output) == "head" + piece);
}

TEST_CASE("what was sent is not sent again, wherever the send stopped") {
  BlockPool pool(1);
  const std::string piece = "0123456789";
  for (size_t stop = 0; stop <= 14; ++stop) {
    CAPTURE(stop);
    Output output(pool);
    compose(output, "head");
    output.add_span(bytes_of(piece), {});
    CHECK(output.sent(stop) == (stop == 14));
    CHECK(rest_of(output) == ("head" + piece).substr(stop));
    CHECK(output.span_sent() == (stop < 4 ? 0 : stop - 4));
    CHECK(output.rest().count == (stop == 14 ? 0 : stop < 4 ? 2 : 1));
    CHECK(output.sent(14 - stop));
  }
}

TEST_CASE("more than there is cannot have been sent") {
  CHECK(dies_of("sent_ <= composed_bytes_ + span_.size()", [] {
    BlockPool pool(1);
    Output output(pool);
    output.add_span(bytes_of("abc"), {});
    output.sent(4);
  }));
}

TEST_CASE("a batch takes a block, and gives it back when the output is cleared") {
  BlockPool pool(1);
  Output output(pool);
  CHECK(output.room(10, true).size() == BlockPool::block_bytes);
  CHECK(blocks_left(pool) == 0);
  compose(output, "x", true);
  output.clear();
  CHECK(output.empty());
  CHECK(blocks_left(pool) == 1);
  compose(output, "again");
  CHECK(rest_of(output) == "again");
}

TEST_CASE("an output that dies gives its block back") {
  BlockPool pool(1);
  {
    Output output(pool);
    compose(output, "x", true);
    CHECK(blocks_left(pool) == 0);
  }
  CHECK(blocks_left(pool) == 1);
}

TEST_CASE("where no block is left, answers go out one by one from the connection's own kilobyte") {
  BlockPool pool(1);
  char* block = pool.lease();
  Output output(pool);
  CHECK(output.room(2000, true).empty());
  CHECK(output.room(1000, true).size() == 1024);
  CHECK(output.add_head(head_with("/a"), true));
  CHECK_FALSE(output.add_head(head_with("/" + std::string(1000, 'x')), true));
  CHECK(rest_of(output) == head_text(head_with("/a")));
  pool.give_back(block);
}

TEST_CASE("where no block is left, a long head alone gets memory of its own, which goes with it") {
  BlockPool pool(1);
  char* block = pool.lease();
  Output output(pool);
  const std::string location = "/" + std::string(9000, 'x');
  const http::ReplyHead head = head_with(location);
  for (int round = 0; round < 2; ++round) {
    CAPTURE(round);
    REQUIRE(output.add_head(head, false));
    output.add_body(bytes_of("body"), false, {});
    CHECK(rest_of(output) == head_text(head) + "body");
    output.clear();
    CHECK(output.room(1, false).size() == 1024);
  }
  pool.give_back(block);
  CHECK(blocks_left(pool) == 1);
}

TEST_CASE("an owner lives as long as its span is lent; a copied body needs none") {
  BlockPool pool(1);
  const auto owner = std::make_shared<const std::string>(5000, 'x');
  Output output(pool);
  output.add_body(*owner, false, {}, owner);
  CHECK(owner.use_count() == 2);
  output.clear();
  CHECK(owner.use_count() == 1);
  compose(output, "head");
  output.add_body(std::span(*owner).first(10), false, {}, owner);
  CHECK(owner.use_count() == 1);
}

TEST_CASE("a head longer than the kilobyte takes a block where the output is empty, alone or not") {
  BlockPool pool(1);
  const std::string location = "/" + std::string(5000, 'x');
  const http::ReplyHead head = head_with(location);
  for (const bool batch : {false, true}) {
    CAPTURE(batch);
    Output output(pool);
    CHECK(output.add_head(head, batch));
    CHECK(rest_of(output) == head_text(head));
  }
  Output output(pool);
  compose(output, "first");
  CHECK_FALSE(output.add_head(head, false));
  CHECK(rest_of(output) == "first");
  CHECK(blocks_left(pool) == 1);
}

TEST_CASE("a head that fits nowhere is refused, and leaves the output as it was") {
  BlockPool pool(1);
  Output output(pool);
  CHECK_FALSE(output.add_head(head_with("/" + std::string(40'000, 'x')), false));
  CHECK(output.empty());
  CHECK(output.rest().count == 0);
  compose(output, "next");
  CHECK(rest_of(output) == "next");
}

TEST_CASE("a sealed output takes no block for a head that it cannot take") {
  BlockPool pool(1);
  Output output(pool);
  output.add_span(bytes_of("span"), {});
  CHECK_FALSE(output.add_head(head_with("/"), true));
  CHECK(blocks_left(pool) == 1);
}

TEST_CASE("a small body is copied behind its head, a large one becomes the span") {
  BlockPool pool(1);
  const std::string small(500, 's');
  const std::string large(5000, 'l');
  Output output(pool);
  compose(output, "head");
  output.add_body(bytes_of(small), false, {});
  CHECK_FALSE(output.sealed());
  CHECK(output.rest().count == 1);
  output.add_body(bytes_of(large), false, {});
  CHECK(output.sealed());
  CHECK(rest_of(output) == "head" + small + large);
  Output batch(pool);
  compose(batch, "head", true);
  batch.add_body(bytes_of(large), true, {});
  CHECK_FALSE(batch.sealed());
  CHECK(rest_of(batch) == "head" + large);
}

TEST_CASE("a body without bytes adds nothing and seals nothing") {
  BlockPool pool(1);
  Output output(pool);
  output.add_body({}, true, {});
  CHECK(output.empty());
  CHECK_FALSE(output.sealed());
}

TEST_CASE("a pin lives as long as its span is lent; a copied body needs none") {
  BlockPool pool(1);
  const cache::EntryRef entry = entry_of(std::string(5000, 'e'));
  REQUIRE(entry->pins() == 1);
  {
    Output output(pool);
    output.add_body(entry->body(), false, entry);
    CHECK(entry->pins() == 2);
    output.sent(5000);
    CHECK(entry->pins() == 2);
    output.clear();
    CHECK(entry->pins() == 1);
    output.add_span(entry->body(), entry);
    output.drop_span();
    CHECK(entry->pins() == 1);
    output.add_body(entry->body().first(10), false, entry);
    CHECK(entry->pins() == 1);
    output.clear();
    output.add_span(entry->body(), entry);
  }
  CHECK(entry->pins() == 1);
}

TEST_CASE("a span that is taken away leaves what is composed, sent or not") {
  BlockPool pool(1);
  for (size_t sent = 0; sent <= 8; ++sent) {
    CAPTURE(sent);
    Output output(pool);
    compose(output, "head");
    output.add_span(bytes_of("span"), {});
    output.sent(sent);
    output.drop_span();
    CHECK_FALSE(output.sealed());
    CHECK(rest_of(output) == std::string("head").substr(std::min<size_t>(sent, 4)));
    CHECK(output.span_sent() == 0);
    output.add_span(bytes_of("next"), {});
    CHECK(rest_of(output) == std::string("head").substr(std::min<size_t>(sent, 4)) + "next");
  }
}

namespace {

/// Outputs that share a pool of two blocks, each beside the string that it should be.
class Life {
 public:
  explicit Life(uint64_t seed) : random_(seed), pool_(2) {
    for (int number = 0; number < 4; ++number) sides_.emplace_back(pool_);
  }

  bool step() {
    Side& side = sides_[random_.below(sides_.size())];
    const bool batch = random_.below(2) == 0;
    bool good = true;
    switch (random_.below(8)) {
      case 0: good = add_head(side, batch); break;
      case 1: good = add_room(side, batch); break;
      case 2: add_body(side, batch); break;
      case 3: add_span(side); break;
      case 4: drop_span(side); break;
      case 5:
      case 6: good = send(side); break;
      default: clear(side);
    }
    return good && same(side);
  }

 private:
  struct Side {
    explicit Side(BlockPool& pool) : output(pool) {}
    Output output;
    std::string composed;
    std::string span;
    size_t sent = 0;
    [[nodiscard]] std::string all() const { return composed + span; }
  };

  std::string_view some_bytes() {
    static const std::string source = [] {
      std::string text;
      for (int number = 0; text.size() < 100'000; ++number) text += std::to_string(number) + ",";
      return text;
    }();
    const size_t size = 1 + random_.of_any_size(16);
    return std::string_view(source).substr(random_.below(source.size() - size), size);
  }
  bool add_head(Side& side, bool batch) {
    const std::string location = "/" + std::string(random_.of_any_size(12), 'x');
    if (!side.output.add_head(head_with(location), batch)) {
      return !side.composed.empty() || side.output.sealed() || location.size() > 500;
    }
    side.composed += head_text(head_with(location));
    return true;
  }
  bool add_room(Side& side, bool batch) {
    const std::string_view bytes = some_bytes();
    const std::span<char> room = side.output.room(bytes.size(), batch);
    if (room.size() < bytes.size()) return room.empty();
    std::ranges::copy(bytes, room.begin());
    side.output.commit(bytes.size());
    side.composed += bytes;
    return true;
  }
  void add_body(Side& side, bool batch) {
    if (side.output.sealed()) return;
    const std::string_view bytes = some_bytes();
    side.output.add_body(bytes_of(bytes), batch, {});
    (side.output.sealed() ? side.span : side.composed) += bytes;
  }
  void add_span(Side& side) {
    if (side.output.sealed()) return;
    const std::string_view bytes = some_bytes();
    side.output.add_span(bytes_of(bytes), {});
    side.span = bytes;
  }
  static void drop_span(Side& side) {
    if (!side.output.sealed()) return;
    side.output.drop_span();
    side.span.clear();
    side.sent = std::min(side.sent, side.composed.size());
  }
  bool send(Side& side) {
    const size_t left = side.all().size() - side.sent;
    const size_t bytes = random_.below(3) == 0 ? left : random_.below(left + 1);
    side.sent += bytes;
    return side.output.sent(bytes) == (bytes == left);
  }
  static void clear(Side& side) {
    side.output.clear();
    side.composed.clear();
    side.span.clear();
    side.sent = 0;
  }
  static bool same(Side& side) {
    return rest_of(side.output) == side.all().substr(side.sent) && side.output.rest().count <= 2 &&
           side.output.empty() == (side.composed.empty() && !side.output.sealed()) &&
           side.output.span_sent() == (side.sent > side.composed.size() ? side.sent - side.composed.size() : 0);
  }

  testing::Random random_;
  BlockPool pool_;
  std::deque<Side> sides_;
};

}  // namespace

TEST_CASE("over any additions and partial sends, what is left to send is what was added less what was sent") {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    Life life(seed);
    int step = 0;
    while (step < 1000 && life.step()) ++step;
    CHECK_MESSAGE(step == 1000, "seed ", seed);
  }
}
