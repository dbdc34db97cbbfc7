// Files larger than memory may be: sparse ones of 1 GiB and 5 GiB with islands of bytes, compared as they stream by
// while the server's own memory stays bounded. The whole 5 GiB only with URINGD_BIG=1; parts of it, around 2^31 and
// 2^32, always.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "harness.hpp"

using namespace uringd::testing;

namespace {
constexpr std::uint64_t kGiB = 1ULL << 30;
constexpr std::size_t kIsland = 70000;

struct Island {
  std::uint64_t offset;
  std::string bytes;
};

// Around the places where 31- and 32-bit arithmetic, pieces and the end of the file go wrong.
std::vector<Island> make_big_file(const Site& site, std::string_view name, std::uint64_t size) {
  site.sparse_file(name, size);
  std::vector<Island> islands;
  for (const std::uint64_t middle : {std::uint64_t{kIsland}, kGiB / 2, 2 * kGiB, 4 * kGiB, size - kIsland / 2}) {
    if (middle + kIsland / 2 > size) continue;
    islands.push_back({middle - kIsland / 2, pattern(kIsland, static_cast<std::uint32_t>(islands.size()))});
    site.overwrite_in_place(name, islands.back().bytes, islands.back().offset);
  }
  return islands;
}

// Compares a stream with what the file must hold, piece by piece, in the order it comes.
class Comparison {
 public:
  Comparison(const std::vector<Island>& islands, std::uint64_t position) : islands_(islands), position_(position) {}

  void take(std::string_view piece) {
    while (!piece.empty() && same_) {
      const Island* next = island_at_or_after(position_);
      const bool inside = next && next->offset <= position_;
      const std::uint64_t until = !next ? UINT64_MAX : inside ? next->offset + next->bytes.size() : next->offset;
      const std::size_t count = static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), until - position_));
      same_ = inside ? std::memcmp(piece.data(), next->bytes.data() + (position_ - next->offset), count) == 0
                     : piece[0] == '\0' && std::memcmp(piece.data(), piece.data() + 1, count - 1) == 0;
      if (!same_) return;
      piece.remove_prefix(count);
      position_ += count;
    }
  }
  [[nodiscard]] bool same() const { return same_; }
  [[nodiscard]] std::uint64_t position() const { return position_; }

 private:
  [[nodiscard]] const Island* island_at_or_after(std::uint64_t position) const {
    for (const Island& island : islands_) {
      if (position < island.offset + island.bytes.size()) return &island;
    }
    return nullptr;
  }
  const std::vector<Island>& islands_;
  std::uint64_t position_;
  bool same_ = true;
};

void check_whole_file(std::uint64_t size) {
  Site site;
  site.file("a.txt", "a\n");
  const std::vector<Island> islands = make_big_file(site, "big.bin", size);
  Server server(site);
  server.get("/a.txt");
  const std::uint64_t before = server.resident_kib();
  Client client = server.connect();
  CHECK(client.head("/big.bin").content_length() == size);
  client.send(get_request("/big.bin"));
  const Response head = client.read_head();
  REQUIRE(head.status == 200);
  REQUIRE(head.content_length() == size);
  Comparison comparison(islands, 0);
  std::uint64_t most = 0;
  std::uint64_t pieces = 0;
  const std::uint64_t given = client.read_body(size, [&](std::string_view piece) {
    comparison.take(piece);
    if (++pieces % 4096 == 0) most = std::max(most, server.resident_kib());
  });
  CHECK(given == size);
  INFO("first difference at or after byte " << comparison.position());
  CHECK(comparison.same());
  // One download holds a few pieces of stream_size.
  if (!sanitized()) CHECK(most < before + 32 * 1024);
  CHECK(client.get("/a.txt").body == "a\n");
}
}  // namespace

TEST_CASE("1 GiB comes byte for byte, and the server's memory does not grow with it") {
  check_whole_file(kGiB + 12345);
}

TEST_CASE("5 GiB come byte for byte (with URINGD_BIG=1)") {
  const char* wanted = std::getenv("URINGD_BIG");
  if (!wanted || std::string_view(wanted) != "1") {
    MESSAGE("URINGD_BIG is not 1: skipped");
    return;
  }
  check_whole_file(5 * kGiB + 1);
}

TEST_CASE("parts of a 5 GiB file around 2^31 and 2^32 and at its end are the right ones") {
  Site site;
  const std::uint64_t size = 5 * kGiB + 1;
  const std::vector<Island> islands = make_big_file(site, "big.bin", size);
  Server server(site);
  Client client = server.connect();
  CHECK(client.head("/big.bin").content_length() == size);
  for (const std::uint64_t middle : {2 * kGiB, 4 * kGiB, size - 100001}) {
    const std::uint64_t first = middle - 100000;
    const std::uint64_t last = middle + 100000;
    INFO("bytes " << first << " to " << last);
    const Response response =
        client.get("/big.bin", "Range: bytes=" + std::to_string(first) + "-" + std::to_string(last) + "\r\n");
    CHECK(response.status == 206);
    CHECK(response.body.size() == 200001);
    Comparison comparison(islands, first);
    comparison.take(response.body);
    CHECK(comparison.same());
  }
}

TEST_CASE("before anybody asks for a large file its buffers take a few MiB") {
  Site site;
  const Server server(site, {.server = "workers = 1"});
  if (!sanitized()) CHECK(server.resident_kib() < 48 * 1024);  // 84 MiB while all of stream_memory was made at once
}

TEST_CASE("a hundred clients that stop reading a big file hold little memory, and others go on") {
  Site site;
  site.file("a.txt", "a\n");
  site.sparse_file("big.bin", kGiB);
  Server server(site);
  server.get("/a.txt");
  const std::uint64_t before = server.resident_kib();
  std::vector<Client> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(server.connect(16 * 1024));
    clients.back().send(get_request("/big.bin"));
    CHECK(clients.back().read_head().status == 200);
  }
  CHECK(server.get("/a.txt").status == 200);
  Client reader = server.connect();
  reader.send(get_request("/big.bin"));
  CHECK(reader.read_head().status == 200);
  CHECK(reader.read_body(64 << 20, [](std::string_view) {}) == (64U << 20));
  // disk.stream_memory is 64 MiB for all large downloads together.
  if (!sanitized()) CHECK(server.resident_kib() < before + 96 * 1024);
}
