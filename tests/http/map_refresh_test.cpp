// [maps.NAME] (contract): tables are whole before the first request, and are made anew when their file changes: renamed
// over, written in place, switched by a link, in a directory that is watched or not. A file that is broken or gone
// leaves the table before in use, says so once, and harms no request; nor does one that is replaced all the time.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "map_files.hpp"

using namespace uringd::testing;

namespace {

// Of the log.
std::size_t lines_with(const Server& server, std::string_view words) {
  const std::string text = server.errors();
  std::size_t count = 0;
  for (std::size_t at = text.find(words); at != std::string::npos; at = text.find(words, at)) {
    ++count;
    at = text.find('\n', at);
    if (at == std::string::npos) break;
  }
  return count;
}

}  // namespace

TEST_CASE_FIXTURE(MapTree, "maps: a file renamed over, written in place, appended to or cut is read again") {
  site.outside_file("m.txt", "a /1\n");
  Server server(site, setup_with());
  Client client = server.connect();
  Client other = server.connect();
  CHECK(leads_to("/go/a", client) == "/1");
  replace("m.txt", "a /2\n");
  const Milliseconds renamed = until(client, "/go/a", "/2");
  CHECK(leads_to("/go/a", other) == "/2");
  site.outside_file("m.txt", "a /3\n");  // in place, the same size
  const Milliseconds written = until(client, "/go/a", "/3");
  std::ofstream(site.outside("m.txt"), std::ios::app) << "b /4\n";
  until(client, "/go/b", "/4");
  CHECK(leads_to("/go/a", client) == "/3");
  std::filesystem::resize_file(site.outside("m.txt"), 5);
  until(client, "/go/b", "/none");
  CHECK(leads_to("/go/a", client) == "/3");
  replace("m.txt", "");
  until(client, "/go/a", "/none");
  replace("m.txt", "a /5\n");
  until(client, "/go/a", "/5");
  MESSAGE("a rename was seen after ", renamed.count(), " ms, a write in place after ", written.count(), " ms");
}

TEST_CASE_FIXTURE(MapTree, "maps: rnd and cdb are read again too, also where nothing is watched") {
  site.outside_file("r.txt", "a one\n");
  site.outside_file("d.cdb", cdb_of({{"a", "/1"}}));
  Server server(
      site, {.cache = "watch = false\nstale_after = \"500ms\"",
             .headers = rewrite("^/go/(.*)$", "${c:$1|/none}", 302) + rewrite("^/r/(.*)$", "/pick/${r:$1|none}", 302),
             .more = map_table("r", "r.txt", "rnd") + map_table("c", "d.cdb", "cdb")});
  Client client = server.connect();
  CHECK(leads_to("/go/a", client) == "/1");
  CHECK(leads_to("/r/a", client) == "/pick/one");
  replace("d.cdb", cdb_of({{"a", "/2"}, {"b", "/3"}}));
  replace("r.txt", "a two\n");
  until(client, "/go/a", "/2");
  until(client, "/go/b", "/3");
  until(client, "/r/a", "/pick/two");
  site.outside_file("d.cdb", cdb_of({{"a", "/4"}}).substr(0, 2050));  // half of one
  std::this_thread::sleep_for(Milliseconds{1500});
  CHECK(leads_to("/go/a", client) == "/2");
}

TEST_CASE_FIXTURE(MapTree, "maps: what is broken leaves the table before in use, is said once, and may be mended") {
  struct Broken {
    const char* name;
    std::string content;
    const char* says;
  };
  const std::vector<Broken> all = {
      {"a NUL", std::string("a /bad\nb /b") + '\0' + "c\n", "m.txt:2"},
      {"a line of 10 MB", "a /bad\nlong " + std::string(10'000'000, 'x') + "\n", "m.txt:2"},
      {"larger than max_size", many_lines(600'000, "bad"), "max_size"},
  };
  site.outside_file("m.txt", "a /0\n");
  Server server(site, setup_with("m.txt", "txt", "max_size = \"16MiB\"\n"));
  HotClient hot(server, get_request("/probe.txt"));
  Client client = server.connect();
  int good = 0;
  for (const Broken& one : all) {
    INFO(one.name);
    const std::size_t before = lines_with(server, "stays in use");
    replace("m.txt", one.content);
    CHECK(wait_until([&] { return lines_with(server, "stays in use") > before; }, kMapSeen));
    CHECK(server.errors().find(one.says) != std::string::npos);
    std::this_thread::sleep_for(Milliseconds{2500});  // longer than any look by the clock
    CHECK(lines_with(server, "stays in use") == before + 1);
    CHECK(leads_to("/go/a", client) == "/" + std::to_string(good));
    CHECK(leads_to("/go/none", client) == "/none");
    ++good;
    replace("m.txt", "a /" + std::to_string(good) + "\n");
    until(client, "/go/a", "/" + std::to_string(good));
  }
  hot.stop();
  INFO(hot.figures(), server.errors());
  CHECK(hot.wrong() == 0);
}

TEST_CASE_FIXTURE(MapTree, "maps: a file that vanishes leaves its table, is said once, and is read when it is back") {
  std::filesystem::create_directory(site.outside("maps"));
  site.outside_file("maps/m.txt", "a /1\n");
  Server server(site, setup_with("maps/m.txt"));
  Client client = server.connect();
  const std::size_t before = lines_with(server, "stays in use");
  std::filesystem::remove(site.outside("maps/m.txt"));
  CHECK(wait_until([&] { return lines_with(server, "stays in use") > before; }, kMapSeen));
  std::this_thread::sleep_for(Milliseconds{2500});
  INFO(server.errors());
  CHECK(lines_with(server, "stays in use") == before + 1);
  CHECK(leads_to("/go/a", client) == "/1");
  site.outside_file("maps/m.txt", "a /2\n");
  until(client, "/go/a", "/2");
  // The directory with it, moved away and made anew.
  std::filesystem::rename(site.outside("maps"), site.outside("maps.old"));
  std::this_thread::sleep_for(Milliseconds{1000});
  CHECK(leads_to("/go/a", client) == "/2");
  site.outside_file("maps/m.txt", "a /3\n");
  until(client, "/go/a", "/3");
  // And that new directory is watched.
  replace("maps/m.txt", "a /4\n");
  until(client, "/go/a", "/4");
  // Something else in its place.
  std::filesystem::remove(site.outside("maps/m.txt"));
  std::filesystem::create_directory(site.outside("maps/m.txt"));
  std::this_thread::sleep_for(Milliseconds{1000});
  CHECK(leads_to("/go/a", client) == "/4");
  std::filesystem::remove(site.outside("maps/m.txt"));
  REQUIRE(::mkfifo(site.outside("maps/m.txt").c_str(), 0644) == 0);  // nobody waits for its writer
  std::this_thread::sleep_for(Milliseconds{1000});
  CHECK(leads_to("/go/a", client) == "/4");
  replace("maps/m.txt", "a /5\n");
  until(client, "/go/a", "/5");
}

TEST_CASE_FIXTURE(MapTree, "maps: the links of a ConfigMap are followed when they are switched") {
  site.outside_file("cm/..2026_1/m.txt", "a /1\n");
  site.outside_file("cm/..2026_2/m.txt", "a /2\n");
  site.outside_file("cm/..2026_3/m.txt", "a /3\n");
  REQUIRE(::symlink("..2026_1", site.outside("cm/..data").c_str()) == 0);
  REQUIRE(::symlink("..data/m.txt", site.outside("cm/m.txt").c_str()) == 0);
  Server server(site, setup_with("cm/m.txt"));
  Client client = server.connect();
  CHECK(leads_to("/go/a", client) == "/1");
  switch_link("cm/..data", "..2026_2");
  const Milliseconds first = until(client, "/go/a", "/2");
  std::filesystem::remove_all(site.outside("cm/..2026_1"));
  switch_link("cm/..data", "..2026_3");
  const Milliseconds second = until(client, "/go/a", "/3");
  std::filesystem::remove_all(site.outside("cm/..2026_2"));
  std::this_thread::sleep_for(Milliseconds{300});
  CHECK(leads_to("/go/a", client) == "/3");
  MESSAGE("switched links were seen after ", first.count(), " and ", second.count(), " ms");
}

TEST_CASE_FIXTURE(MapTree, "maps: a file that is being written is never a table by half") {
  const auto version = [](char c) {
    std::string text = "first /" + std::string(1, c) + "\n";
    for (int i = 0; i < 2000; ++i) text += "k" + std::to_string(i) + " /" + std::string(1, c) + "\n";
    return text + "last /" + std::string(1, c) + "\n";
  };
  site.outside_file("m.txt", version('a'));
  Server server(site, setup_with());
  Client client = server.connect();
  int missing = 0;
  double longest_gap = 0;
  for (const char c : {'b', 'c', 'd'}) {
    std::atomic<bool> written{false};
    std::thread writer([&] {
      const std::string text = version(c);
      const int file = ::open(site.outside("m.txt").c_str(), O_WRONLY | O_TRUNC);
      constexpr std::size_t kPieces = 30;
      for (std::size_t i = 0; i < kPieces; ++i) {
        const auto start = std::chrono::steady_clock::now();
        const std::size_t from = text.size() * i / kPieces;
        (void)!::write(file, text.data() + from, text.size() * (i + 1) / kPieces - from);
        std::this_thread::sleep_for(Milliseconds{12});
        longest_gap = std::max(longest_gap, milliseconds_since(start));
      }
      ::close(file);
      written = true;
    });
    while (!written) missing += leads_to("/go/last", client) == "/none";
    writer.join();
    until(client, "/go/last", std::string("/") + c);
    CHECK(leads_to("/go/first", client) == std::string("/") + c);
  }
  INFO("the writer's longest rest: ", longest_gap, " ms");
  CHECK(missing == 0);
}

TEST_CASE_FIXTURE(MapTree, "maps: under load, each answer is of one version, and none is older than the one before") {
  site.outside_file("m.txt", "a /v/0\n");
  Server server(site, setup_with());
  std::atomic<int> newest{0};
  std::atomic<bool> done{false};
  std::atomic<int> answers{0};
  std::atomic<int> wrong{0};
  std::atomic<int> went_back{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      try {
        Client client = server.connect();
        int last = 0;
        while (!done) {
          const Response response = client.get("/go/a");
          const std::string location = response.field("Location");
          ++answers;
          if (response.status != 302 || !location.starts_with("/v/")) {
            ++wrong;
            continue;
          }
          const int version = std::stoi(location.substr(3));
          wrong += version > newest;
          went_back += version < last;
          last = version;
        }
      } catch (...) {
        ++wrong;
      }
    });
  }
  for (int i = 1; i <= 50; ++i) {
    newest = i;
    replace("m.txt", "a /v/" + std::to_string(i) + "\n");
    std::this_thread::sleep_for(Milliseconds{60});
  }
  Client client = server.connect();
  until(client, "/go/a", "/v/50");
  done = true;
  for (std::thread& thread : threads) thread.join();
  MESSAGE(answers.load(), " answers");
  CHECK(answers > 500);
  CHECK(wrong == 0);
  CHECK(went_back == 0);
  CHECK(lines_with(server, "stays in use") == 0);
}
