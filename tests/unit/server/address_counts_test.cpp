// limits.connections_per_ip's counts: exact, by /64, given back, on many threads.
#include "uringd/server/address_counts.hpp"

#include <array>
#include <atomic>
#include <barrier>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "../death.hpp"
#include "../random.hpp"

#include <doctest/doctest.h>

using uringd::IpAddress;
using uringd::server::AddressCounts;
using uringd::testing::Random;

namespace {

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

}  // namespace

TEST_CASE("an address has as many connections as the limit says, and one more when one has ended") {
  AddressCounts counts{1};
  CHECK(counts.add(ip("192.0.2.1"), 2));
  CHECK(counts.add(ip("192.0.2.1"), 2));
  CHECK(!counts.add(ip("192.0.2.1"), 2));
  CHECK(counts.add(ip("192.0.2.2"), 2));
  CHECK(counts.size() == 2);
  counts.remove(ip("192.0.2.1"));
  CHECK(counts.add(ip("192.0.2.1"), 2));
  CHECK(!counts.add(ip("192.0.2.1"), 2));
}

TEST_CASE("an address is forgotten with its last connection; a refused one takes no entry") {
  AddressCounts counts{2};
  REQUIRE(counts.add(ip("192.0.2.1"), 1));
  CHECK(!counts.add(ip("192.0.2.1"), 1));
  CHECK(counts.size() == 1);
  counts.remove(ip("192.0.2.1"));
  CHECK(counts.size() == 0);
}

TEST_CASE("an IPv6 client counts by its /64, an IPv4 one by its address, mapped or not") {
  AddressCounts counts{3};
  CHECK(counts.add(ip("2001:db8:0:1::1"), 1));
  CHECK(!counts.add(ip("2001:db8:0:1:ffff::2"), 1));
  CHECK(counts.add(ip("2001:db8:0:2::1"), 1));
  CHECK(counts.add(ip("192.0.2.1"), 1));
  CHECK(!counts.add(ip("::ffff:192.0.2.1"), 1));
  CHECK(counts.add(ip("192.0.2.2"), 1));
}

TEST_CASE("no IPv6 /64 shares a count with an IPv4 address") {
  AddressCounts counts{4};
  CHECK(counts.add(ip("0.0.0.0"), 1));
  CHECK(counts.add(ip("::1"), 1));  // ::/64, in which the mapped addresses would lie
  CHECK(counts.add(ip("192.0.2.1"), 1));
  CHECK(counts.add(ip("c000:0201::"), 1));
  CHECK(counts.add(ip("0102:00c0::"), 1));
  CHECK(counts.add(ip("0:0:c000:0201::"), 1));
  CHECK(counts.add(ip("0:0:0102:00c0::"), 1));
  CHECK(counts.size() == 7);
}

TEST_CASE("peers that are no IP address are never refused and not counted") {
  AddressCounts counts{5};
  for (int i = 0; i < 10; ++i) {
    CHECK(counts.add(IpAddress::local(), 1));
    CHECK(counts.add(IpAddress{}, 1));
  }
  CHECK(counts.size() == 0);
  counts.remove(IpAddress::local());
  counts.remove(IpAddress{});
}

TEST_CASE("without a limit connections count all the same, and a limit set later knows them") {
  AddressCounts counts{6};
  for (int i = 0; i < 5; ++i) REQUIRE(counts.add(ip("192.0.2.1"), 0));
  CHECK(!counts.add(ip("192.0.2.1"), 3));
  for (int i = 0; i < 3; ++i) counts.remove(ip("192.0.2.1"));
  CHECK(counts.add(ip("192.0.2.1"), 3));
  CHECK(!counts.add(ip("192.0.2.1"), 3));
}

TEST_CASE("giving back what was never taken ends the process") {
  AddressCounts counts{7};
  REQUIRE(counts.add(ip("192.0.2.1"), 1));
  CHECK(uringd::testing::dies_of("found != counts.end()", [&] { counts.remove(ip("192.0.2.2")); }));
}

TEST_CASE("any order of adding and removing, with any seed, agrees with a map of addresses") {
  for (uint64_t seed : {uint64_t{0}, uint64_t{1}, ~uint64_t{0}, uint64_t{0x9e3779b97f4a7c15}}) {
    CAPTURE(seed);
    AddressCounts counts{seed};
    std::map<std::string, uint32_t> truth;
    std::vector<IpAddress> open;
    Random random(seed);
    for (int i = 0; i < 40'000; ++i) {
      if (!open.empty() && random.below(5) < 2) {
        const size_t at = random.below(open.size());
        const IpAddress leaving = open[at];
        open[at] = open.back();
        open.pop_back();
        counts.remove(leaving);
        const std::string key =
            leaving.is_v4() ? leaving.text() : std::string(leaving.bytes().begin(), leaving.bytes().begin() + 8);
        if (--truth[key] == 0) truth.erase(key);
        continue;
      }
      std::array<unsigned char, 16> bytes{};
      for (size_t at : {0, 3, 7, 12}) bytes[at] = static_cast<unsigned char>(random.below(5));
      const IpAddress coming =
          random.below(2) == 0 ? IpAddress::v4({bytes[0], bytes[3], bytes[7], bytes[12]}) : IpAddress::v6(bytes);
      const std::string key =
          coming.is_v4() ? coming.text() : std::string(coming.bytes().begin(), coming.bytes().begin() + 8);
      const auto most = static_cast<uint32_t>(random.below(20));
      const auto found = truth.find(key);
      const bool expected = most == 0 || found == truth.end() || found->second < most;
      REQUIRE(counts.add(coming, most) == expected);
      if (!expected) continue;
      ++truth[key];
      open.push_back(coming);
    }
    CHECK(counts.size() == truth.size());
    for (const IpAddress& address : open) counts.remove(address);
    CHECK(counts.size() == 0);
  }
}

TEST_CASE("eight threads never hold more of an address than the limit, and leave nothing behind") {
  constexpr uint32_t most = 2, addresses = 2;  // a thread takes three at most: one alone is refused too
  AddressCounts counts{8};
  std::array<std::atomic<uint32_t>, addresses> held{};
  std::atomic<uint32_t> too_many = 0, refused = 0, admitted = 0;
  std::barrier together{8};
  std::vector<std::thread> threads;
  for (uint64_t thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&, thread] {
      Random random(thread);
      std::vector<size_t> mine;
      together.arrive_and_wait();
      for (uint32_t taken = 0; taken < 10'000;) {
        if (mine.size() == 3 || (!mine.empty() && random.below(2) == 0)) {
          const size_t which = mine.back();
          mine.pop_back();
          held[which].fetch_sub(1);  // before it is given back: held is never more than what is counted
          counts.remove(IpAddress::v4({10, 0, 0, static_cast<unsigned char>(which)}));
          continue;
        }
        const size_t which = random.below(addresses);
        if (!counts.add(IpAddress::v4({10, 0, 0, static_cast<unsigned char>(which)}), most)) {
          refused.fetch_add(1);
          std::this_thread::yield();  // to whoever sleeps with all it may hold
          continue;
        }
        ++taken;
        admitted.fetch_add(1);
        if (held[which].fetch_add(1) >= most) too_many.fetch_add(1);
        mine.push_back(which);
      }
      for (size_t which : mine) {
        held[which].fetch_sub(1);
        counts.remove(IpAddress::v4({10, 0, 0, static_cast<unsigned char>(which)}));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(too_many.load() == 0);
  CHECK(admitted.load() == 8 * 10'000);
  CHECK(refused.load() > 0);
  CHECK(counts.size() == 0);
}
