// Files of every size around the bounds of cache and stream: each byte compared, on kept and on fresh connections.
#include <doctest/doctest.h>

#include "harness.hpp"

using namespace uringd::testing;

namespace {
constexpr std::size_t kKiB = 1024;
constexpr std::size_t kMiB = 1024 * kKiB;

struct Sized {
  std::string target;
  std::string content;
};

// 64 KiB is cache.max_file_size, 512 KiB is disk.stream_size, 4 KiB a page.
std::vector<Sized> make_files(const Site& site) {
  std::vector<Sized> files;
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, 4 * kKiB - 1, 4 * kKiB, 4 * kKiB + 1, 16 * kKiB, 64 * kKiB - 1, 64 * kKiB,
        64 * kKiB + 1, 512 * kKiB - 1, 512 * kKiB, 512 * kKiB + 1, 1 * kMiB + 3, 20 * kMiB}) {
    files.push_back({"/f" + std::to_string(size), pattern(size, static_cast<std::uint32_t>(size))});
    site.file(files.back().target.substr(1), files.back().content);
  }
  return files;
}

void check_file(Client& client, const Sized& file) {
  INFO(file.target);
  const Response head = client.head(file.target);
  CHECK(head.status == 200);
  CHECK(head.content_length() == file.content.size());
  const Response response = client.get(file.target);
  CHECK(response.status == 200);
  const bool same = response.body == file.content;
  CHECK(same);
  CHECK(response.field("ETag") == head.field("ETag"));
}
}  // namespace

TEST_CASE("files of all sizes come byte for byte, first as misses and then as hits, on one connection") {
  Site site;
  const std::vector<Sized> files = make_files(site);
  Server server(site);
  Client client = server.connect();
  for (int round = 0; round < 2; ++round) {
    for (const Sized& file : files) check_file(client, file);
  }
}

TEST_CASE("files of all sizes come whole to clients that close after them") {
  Site site;
  const std::vector<Sized> files = make_files(site);
  Server server(site);
  for (const Sized& file : files) {
    INFO(file.target);
    for (const char* version : {"HTTP/1.1", "HTTP/1.0"}) {
      Client client = server.connect();
      const Response response =
          client.ask("GET " + file.target + " " + version + "\r\nHost: a\r\nConnection: close\r\n\r\n");
      const bool same = response.body == file.content;
      CHECK(same);
      CHECK(client.wait_for_end() == Ending::closed);
    }
  }
}

TEST_CASE("with a tiny cache, tiny pieces and little stream memory every byte is still right") {
  Site site;
  const std::vector<Sized> files = make_files(site);
  Server server(site, {.disk = "stream_size = \"16KiB\"\nstream_memory = \"1MiB\"",
                       .cache = "size = \"1MiB\"\nmax_file_size = \"1KiB\""});
  Client client = server.connect();
  for (const Sized& file : files) check_file(client, file);
}

TEST_CASE("more files than the cache holds are all right, again and again") {
  Site site;
  std::vector<Sized> files;
  for (int i = 0; i < 120; ++i) {
    files.push_back(
        {"/f" + std::to_string(i), pattern(40000 + static_cast<std::size_t>(i), static_cast<std::uint32_t>(i))});
    site.file(files.back().target.substr(1), files.back().content);
  }
  Server server(site, {.cache = "size = \"1MiB\""});
  Client client = server.connect();
  int wrong = 0;
  for (int round = 0; round < 3; ++round) {
    for (const Sized& file : files) wrong += client.get(file.target).body != file.content;
  }
  CHECK(wrong == 0);
}
