// Clients that leave in the middle of everything: no SIGPIPE, no descriptor or memory kept, nobody else disturbed.
#include <doctest/doctest.h>

#include <filesystem>

#include "changing_download.hpp"
#include "harness.hpp"

using namespace uringd::testing;

namespace {
std::size_t descriptors(const Server& server) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(server.pid()) + "/fd")) {
    count += !entry.path().empty();
  }
  return count;
}
}  // namespace

TEST_CASE("clients that vanish in the middle of large downloads leave nothing behind") {
  Site site;
  site.file("large.bin", std::string(Download::kSize, 'L'));
  site.file("a.txt", "a\n");
  Server server(site);
  server.get("/a.txt");
  const std::size_t before = descriptors(server);
  for (int i = 0; i < 60; ++i) {
    Client client = server.connect(32 * 1024);
    client.send(get_request("/large.bin"));
    if (i % 3) client.read_some(100000);
    if (i % 2) client.reset();
  }
  CHECK(server.get("/a.txt").body == "a\n");
  CHECK(server.get("/large.bin").body.size() == Download::kSize);
  // What streams held is given back: files are normal descriptors of the process.
  CHECK(wait_until([&] { return descriptors(server) <= before + 4; }));
}

TEST_CASE("clients that vanish before, during and after small answers do no harm") {
  Site site;
  for (int i = 0; i < 200; ++i) site.file("f" + std::to_string(i), pattern(5000, static_cast<std::uint32_t>(i)));
  Server server(site);
  for (int i = 0; i < 200; ++i) {
    Client client = server.connect();
    if (i % 4) client.send(get_request("/f" + std::to_string(i)) + get_request("/f" + std::to_string(199 - i)));
    if (i % 4 && i % 5 == 0) client.read_some(100);
    if (i % 2) client.reset();
  }
  for (int i = 0; i < 200; ++i) {
    const bool same = server.get("/f" + std::to_string(i)).body == pattern(5000, static_cast<std::uint32_t>(i));
    REQUIRE(same);
  }
}

TEST_CASE("connections that come and go leave no memory behind") {
  Site site;
  site.file("a.txt", "a\n");
  Server server(site);
  const auto churn = [&] {
    for (int i = 0; i < 1500; ++i) CHECK(server.get("/a.txt").status == 200);
  };
  churn();
  const std::uint64_t before = server.resident_kib();
  churn();
  if (!sanitized()) CHECK(server.resident_kib() < before + 2048);
}
