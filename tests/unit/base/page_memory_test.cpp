// PageMemory: pieces that lie where the file says, never over each other, and stay what they were for
// whom they were sent.
#include "uringd/base/page_memory.hpp"

#include <doctest/doctest.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <random>
#include <string>
#include <vector>

using namespace uringd;

namespace {

const auto kPage = static_cast<size_t>(sysconf(_SC_PAGESIZE));

size_t resident_bytes(const PageMemory& memory) {
  struct stat status{};
  REQUIRE(fstat(memory.descriptor(), &status) == 0);
  return static_cast<size_t>(status.st_blocks) * 512;
}

struct Pair {
  Pair() { REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0); }
  ~Pair() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  int ends[2];
};

void fill(std::span<char> piece, char byte) { std::ranges::fill(piece, byte); }

}  // namespace

TEST_CASE("a piece begins with a page and is of whole pages") {
  const auto memory = PageMemory::create(100 * kPage);
  REQUIRE(memory);
  const std::span<char> piece = memory->allocate(2 * kPage + 1);
  CHECK(piece.size() == 3 * kPage);
  CHECK(memory->offset_of(piece.data()) % kPage == 0);
  CHECK(memory->has(piece.data()));
  CHECK(memory->has(piece.data() + piece.size() - 1));
  CHECK(!memory->has(reinterpret_cast<const char*>(&piece)));
  memory->free(piece, true);
}

TEST_CASE("the file has a piece's bytes at its offset") {
  const auto memory = PageMemory::create(100 * kPage);
  const std::span<char> first = memory->allocate(kPage), second = memory->allocate(kPage);
  fill(first, 'a');
  fill(second, 'b');
  char byte = 0;
  REQUIRE(pread(memory->descriptor(), &byte, 1, static_cast<off_t>(memory->offset_of(second.data()))) == 1);
  CHECK(byte == 'b');
  memory->free(first, false);
  memory->free(second, true);
}

TEST_CASE("what a socket was sent stays as it was, whoever has the memory after that") {
  const auto memory = PageMemory::create(4 * kPage);
  const std::span<char> piece = memory->allocate(4 * kPage);
  fill(piece, 'x');
  const Pair sockets;
  off_t offset = 0;
  REQUIRE(sendfile(sockets.ends[0], memory->descriptor(), &offset, piece.size()) == static_cast<ssize_t>(piece.size()));
  memory->free(piece, true);
  const std::span<char> next = memory->allocate(4 * kPage);
  REQUIRE(next.data() == piece.data());
  fill(next, 'y');
  std::string got(piece.size(), '\0');
  REQUIRE(recv(sockets.ends[1], got.data(), got.size(), MSG_WAITALL) == static_cast<ssize_t>(got.size()));
  CHECK(got == std::string(piece.size(), 'x'));
  memory->free(next, false);
}

TEST_CASE("freed memory goes back to the kernel, but for a few pieces that were never sent") {
  const auto memory = PageMemory::create(1000 * kPage);
  std::vector<std::span<char>> pieces;
  for (int i = 0; i < 20; ++i) pieces.push_back(memory->allocate(10 * kPage));
  CHECK(resident_bytes(*memory) == 200 * kPage);
  for (int i = 0; i < 10; ++i) memory->free(pieces[static_cast<size_t>(i)], true);
  CHECK(resident_bytes(*memory) == 100 * kPage);
  for (int i = 10; i < 20; ++i) memory->free(pieces[static_cast<size_t>(i)], false);
  CHECK(resident_bytes(*memory) == 80 * kPage);
  const std::span<char> again = memory->allocate(10 * kPage);
  CHECK(resident_bytes(*memory) == 80 * kPage);  // one of those
  memory->free(again, true);
}

TEST_CASE("a large piece goes back to the kernel whether it was sent or not") {
  const auto memory = PageMemory::create(size_t{4} << 20);
  memory->free(memory->allocate((size_t{256} << 10) + 1), false);
  CHECK(resident_bytes(*memory) == 0);
  memory->free(memory->allocate(size_t{256} << 10), false);
  CHECK(resident_bytes(*memory) == size_t{256} << 10);
}

// A hole in a huge page that a socket holds is written by the page's next owner.
TEST_CASE("its pages are never huge ones") {
  const auto memory = PageMemory::create(size_t{4} << 20);
  const std::span<char> piece = memory->allocate(kPage);
  std::ifstream maps("/proc/self/smaps");
  const auto address = reinterpret_cast<uintptr_t>(piece.data());
  bool ours = false, found = false;
  for (std::string line; std::getline(maps, line) && !found;) {
    uintptr_t first = 0, end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &first, &end) == 2) ours = first <= address && address < end;
    if (!ours || !line.starts_with("VmFlags:")) continue;
    found = true;
    CHECK((line + " ").find(" nh ") != std::string::npos);
  }
  CHECK(found);
  memory->free(piece, true);
}

TEST_CASE("where no range is long enough there is no piece") {
  const auto memory = PageMemory::create(10 * kPage);
  const std::span<char> first = memory->allocate(4 * kPage), middle = memory->allocate(kPage),
                        last = memory->allocate(5 * kPage);
  REQUIRE(!last.empty());
  CHECK(memory->allocate(1).empty());
  memory->free(first, true);
  memory->free(last, true);
  CHECK(memory->allocate(6 * kPage).empty());
  memory->free(middle, true);
  const std::span<char> all = memory->allocate(10 * kPage);
  CHECK(all.size() == 10 * kPage);  // they are one range again
  memory->free(all, true);
}

TEST_CASE("pieces of any size come and go, and never lie over each other") {
  const auto memory = PageMemory::create(300 * kPage);
  std::mt19937 random(1);
  struct Held {
    std::span<char> piece;
    char byte;
  };
  std::vector<Held> held;
  for (int step = 0; step < 5000; ++step) {
    if (random() % 2 == 0) {
      const std::span<char> piece = memory->allocate(1 + random() % (30 * kPage));
      if (piece.empty()) continue;
      held.push_back({piece, static_cast<char>(random())});
      fill(piece, held.back().byte);
    } else if (!held.empty()) {
      const size_t which = random() % held.size();
      const auto [piece, byte] = held[which];
      CHECK(std::ranges::all_of(piece, [byte = byte](char each) { return each == byte; }));
      memory->free(piece, random() % 2 == 0);
      held.erase(held.begin() + static_cast<ptrdiff_t>(which));
    }
  }
  for (const Held& each : held) memory->free(each.piece, true);
}
