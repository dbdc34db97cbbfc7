// PieceMemory: pieces of whole units, never overlapping, none larger than an eighth of what is free; a random life
// beside a plain table of who has which unit.
#include "uringd/disk/piece_memory.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "../death.hpp"
#include "../random.hpp"

#include <doctest/doctest.h>

using uringd::disk::PieceMemory;
using uringd::testing::dies_of;

namespace {

constexpr size_t unit = PieceMemory::unit_bytes;
using Piece = std::span<char>;

void give_all_back(PieceMemory& memory, std::vector<Piece>& pieces) {
  for (const Piece& piece : pieces) memory.give_back(piece);
  pieces.clear();
}

std::vector<Piece> lease_everything(PieceMemory& memory, size_t wanted) {
  std::vector<Piece> pieces;
  for (Piece piece = memory.lease(wanted); !piece.empty(); piece = memory.lease(wanted)) pieces.push_back(piece);
  return pieces;
}

}  // namespace

TEST_CASE("the area is what was asked for in whole units, but at least one") {
  CHECK(PieceMemory(8 * unit).area().size() == 8 * unit);
  CHECK(PieceMemory(8 * unit + unit - 1).area().size() == 8 * unit);
  CHECK(PieceMemory(1).area().size() == unit);
  CHECK(PieceMemory(0).area().size() == unit);
  CHECK(PieceMemory(8 * unit).free_bytes() == 8 * unit);
}

TEST_CASE("a piece is what was wanted, rounded up to units") {
  PieceMemory memory(64 * unit);
  std::vector<Piece> pieces;
  for (const auto& [wanted, given] : {std::pair<size_t, size_t>{1, 1}, {unit, 1}, {unit + 1, 2}, {4 * unit, 4}}) {
    CAPTURE(wanted);
    pieces.push_back(memory.lease(wanted));
    CHECK(pieces.back().size() == given * unit);
  }
  CHECK(memory.free_bytes() == 56 * unit);
  give_all_back(memory, pieces);
  CHECK(memory.free_bytes() == 64 * unit);
}

TEST_CASE("no piece is larger than an eighth of what is free, down to one unit") {
  PieceMemory memory(256 * unit);
  std::vector<Piece> pieces;
  bool within = true;
  while (memory.free_bytes() > 0) {
    const size_t free_units = memory.free_bytes() / unit;
    pieces.push_back(memory.lease(SIZE_MAX / 2));
    within = within && pieces.back().size() == std::max<size_t>(free_units / 8, 1) * unit;
  }
  CHECK(within);
  CHECK(pieces.front().size() == 32 * unit);
  CHECK(pieces.back().size() == unit);
  CHECK(pieces.size() >= 8 + 8);
  give_all_back(memory, pieces);
}

TEST_CASE("one greedy download leaves memory for many others") {
  PieceMemory memory(64 * unit);
  std::vector<Piece> pieces{memory.lease(64 * unit)};
  CHECK(pieces[0].size() == 8 * unit);
  for (int number = 0; number < 20; ++number) pieces.push_back(memory.lease(64 * unit));
  CHECK(std::ranges::none_of(pieces, &Piece::empty));
  give_all_back(memory, pieces);
}

TEST_CASE("where nothing is free a lease is empty, and works again after one piece came back") {
  PieceMemory memory(4 * unit);
  std::vector<Piece> pieces = lease_everything(memory, unit);
  CHECK(pieces.size() == 4);
  CHECK(memory.lease(unit).empty());
  const Piece back = pieces[2];
  memory.give_back(back);
  const Piece again = memory.lease(unit);
  CHECK(again.data() == back.data());
  CHECK(memory.lease(unit).empty());
  give_all_back(memory, pieces);
}

TEST_CASE("scattered memory gives smaller pieces rather than none") {
  PieceMemory memory(64 * unit);
  std::vector<Piece> pieces = lease_everything(memory, unit);
  std::vector<Piece> kept;
  for (size_t place = 0; place < pieces.size(); ++place) {
    if (place % 2 == 0) {
      memory.give_back(pieces[place]);
    } else {
      kept.push_back(pieces[place]);
    }
  }
  const Piece piece = memory.lease(8 * unit);
  CHECK(piece.size() == unit);
  memory.give_back(piece);
  give_all_back(memory, kept);
}

TEST_CASE("a piece comes back once, and whole, before the memory goes") {
  CHECK(dies_of("taken_[unit]", [] {
    PieceMemory memory(8 * unit);
    const Piece piece = memory.lease(unit);
    memory.give_back(piece);
    memory.give_back(piece);
  }));
  CHECK(dies_of("free_units_ == units_", [] {
    auto memory = std::make_unique<PieceMemory>(8 * unit);
    static_cast<void>(memory->lease(unit));
    memory.reset();
  }));
}

namespace {

class Life {
 public:
  explicit Life(uint64_t seed) : random_(seed), taken_(1 + random_.below(300)), memory_(taken_.size() * unit) {}
  ~Life() {
    for (const Piece& piece : pieces_) memory_.give_back(piece);
  }
  Life(const Life&) = delete;
  Life& operator=(const Life&) = delete;

  bool step() {
    // Phases of taking more and of giving more, so that full and empty are both reached often.
    if (random_.below(100) == 0) greed_ = 1 + random_.below(9);
    const bool good = random_.below(10) < greed_ ? take() : give();
    return good && memory_.free_bytes() == free_units() * unit;
  }

 private:
  [[nodiscard]] size_t free_units() const { return static_cast<size_t>(std::ranges::count(taken_, false)); }
  [[nodiscard]] size_t longest_run() const {
    size_t longest = 0;
    size_t run = 0;
    for (const bool taken : taken_) longest = std::max(longest, run = taken ? 0 : run + 1);
    return longest;
  }
  bool take() {
    const size_t wanted = random_.of_any_size(21);
    const size_t share = std::max<size_t>(free_units() / 8, 1);
    const size_t target = std::clamp<size_t>((wanted + unit - 1) / unit, 1, share);
    const size_t longest = longest_run();
    const Piece piece = memory_.lease(wanted);
    if (piece.empty()) return longest == 0;
    const auto offset = static_cast<size_t>(piece.data() - memory_.area().data());
    const size_t units = piece.size() / unit;
    if (offset % unit != 0 || piece.size() % unit != 0 || offset + piece.size() > memory_.area().size()) return false;
    if (units > target || (longest >= target && units != target) || units * 2 < std::min(target, longest)) return false;
    for (size_t place = offset / unit; place < offset / unit + units; ++place) {
      if (taken_[place]) return false;
      taken_[place] = true;
    }
    piece.front() = piece.back() = 'x';  // really there
    pieces_.push_back(piece);
    return true;
  }
  bool give() {
    if (pieces_.empty()) return true;
    std::swap(pieces_[random_.below(pieces_.size())], pieces_.back());
    const Piece piece = pieces_.back();
    pieces_.pop_back();
    memory_.give_back(piece);
    const auto first = static_cast<size_t>(piece.data() - memory_.area().data()) / unit;
    for (size_t place = first; place < first + piece.size() / unit; ++place) taken_[place] = false;
    return true;
  }

  uringd::testing::Random random_;
  std::vector<bool> taken_;
  PieceMemory memory_;
  std::vector<Piece> pieces_;
  uint64_t greed_ = 5;
};

}  // namespace

TEST_CASE("pieces never overlap, and none is refused or cut while a run that is long enough is free") {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    Life life(seed);
    int step = 0;
    while (step < 2000 && life.step()) ++step;
    CHECK_MESSAGE(step == 2000, "seed ", seed);
  }
}
