// Files that change while they are fetched or streamed: a complete answer is one version of the file, byte by byte;
// else the connection breaks, or it is 503. The slow disk holds the window open: a read takes half of its bytes before
// the change and half after it. Once the change is over the new version is served.
#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <thread>

#include "hot_client.hpp"
#include "slow_disk.hpp"

using namespace uringd::testing;

namespace {
constexpr std::size_t kSmall = 40000;
constexpr std::size_t kLarge = 1000000;

struct Change {
  const char* name;
  std::function<void(const Site&, const std::string&, std::size_t)> apply;
  char after;  // what the file is full of when it is over; 0: it is gone
  double size_factor;
};

void overwrite(const Site& files, const std::string& name, std::size_t size) {
  files.overwrite_in_place(name, std::string(size, 'B'));
}

std::vector<Change> changes() {
  return {
      {"rewritten in place", overwrite, 'B', 1},
      {"truncated", [](const Site& f, const std::string& n, std::size_t s) { f.truncate(n, s / 4); }, 'A', 0.25},
      {"grown", [](const Site& f, const std::string& n, std::size_t s) { f.append(n, std::string(s, 'A')); }, 'A', 2},
      {"cut and rewritten",
       [](const Site& f, const std::string& n, std::size_t s) {
         f.truncate(n, 0);
         overwrite(f, n, s);
       },
       'B', 1},
      {"replaced by rename",
       [](const Site& f, const std::string& n, std::size_t s) { f.replace(n, std::string(s, 'B')); }, 'B', 1},
      {"rewritten with its old time put back",
       [](const Site& f, const std::string& n, std::size_t s) {
         overwrite(f, n, s);
         f.set_mtime(n, 1600000000);
       },
       'B', 1},
      {"deleted", [](const Site& f, const std::string& n, std::size_t) { f.remove(n); }, 0, 0},
  };
}

// Every byte the same and the length one that the file has had.
bool one_version(const std::string& body, std::size_t before, const Change& change) {
  const auto after = static_cast<std::size_t>(change.size_factor * static_cast<double>(before));
  const bool old_one = body == std::string(before, 'A');
  return old_one || (change.after != 0 && body == std::string(after, change.after));
}

// Asks for each file while its read is half done, changes it then, and looks at what came.
void check_changes(std::size_t size, const char* extension, const std::string& how) {
  SlowDisk disk;
  const Site unused;
  const std::vector<Change> all = changes();
  const auto name_of = [&](std::size_t i) { return "file-" + std::to_string(i) + extension; };
  for (std::size_t i = 0; i < all.size(); ++i) {
    disk.files().file(name_of(i), std::string(size, 'A'));
    disk.files().set_mtime(name_of(i), 1600000000);
  }
  Server server(unused, {.server = "workers = 1",
                         .disk = "stream_size = \"128KiB\"\nkernel_threads = 32",
                         .cache = "stale_after = \"300ms\"\nmissing_ttl = \"300ms\"",
                         .root = disk.root()});
  const Relief relief(disk);
  disk.rule("read", "/", how);
  std::vector<Client> clients;
  for (std::size_t i = 0; i < all.size(); ++i) {
    clients.push_back(server.connect());
    clients.back().send(get_request("/" + name_of(i)));
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    REQUIRE(wait_until([&] { return disk.seen("read", "/" + name_of(i)) > 0; }));
  }
  std::this_thread::sleep_for(Milliseconds{100});
  for (std::size_t i = 0; i < all.size(); ++i) all[i].apply(disk.files(), name_of(i), size);
  for (std::size_t i = 0; i < all.size(); ++i) {
    INFO(all[i].name);
    const Response response = clients[i].read_response_or_end();
    INFO("status " << response.status << ", " << response.body.size() << " bytes of " << response.content_length());
    const bool whole = response.status == 200 && response.complete;
    if (whole) {
      const bool one = one_version(response.body, size, all[i]);
      CHECK(one);
    } else {
      const bool refused = response.status == 503 || response.status == 404;
      const bool broken = response.status == 0 || !response.complete;
      CHECK((refused || broken));
      if (broken) CHECK(clients[i].ending() != Ending::open);
    }
  }
  disk.clear();
  Client client = server.connect();
  for (std::size_t i = 0; i < all.size(); ++i) {
    INFO(all[i].name << ", afterwards");
    const std::string bytes = all[i].after == 0 ? "" : file_bytes(disk.files().path(name_of(i)));
    const Milliseconds seen = until_answer(
        client, get_request("/" + name_of(i)),
        [&](const Response& response) {
          return all[i].after == 0 ? response.status == 404 : response.status == 200 && response.body == bytes;
        },
        Milliseconds{3000});
    CHECK(seen < Milliseconds{1500});
  }
}
}  // namespace

TEST_CASE("a small file that changes in the middle of its read gives one version or none" * needs_slow_disk()) {
  check_changes(kSmall, ".txt", "split=400");
}

TEST_CASE("a small file that changes after its read, before the second look, gives one version or none" *
          needs_slow_disk()) {
  check_changes(kSmall, ".txt", "pause=400");
}

TEST_CASE("a streamed file that changes in the middle gives one version or a broken connection" * needs_slow_disk()) {
  check_changes(kLarge, ".bin", "delay=60");
}

TEST_CASE("a streamed file that changes in the middle of a read gives one version or a broken connection" *
          needs_slow_disk()) {
  check_changes(kLarge, ".bin", "split=60");
}

TEST_CASE("a file replaced by rename or deleted while it is streamed is not mixed with what has its name now" *
          needs_slow_disk()) {
  SlowDisk disk;
  const Site unused;
  for (const char* name : {"renamed.bin", "deleted.bin"}) disk.files().file(name, std::string(kLarge, 'A'));
  Server server(unused, {.server = "workers = 1", .disk = "stream_size = \"128KiB\"", .root = disk.root()});
  const Relief relief(disk);
  disk.rule("read", "/", "delay=60");
  Client renamed = server.connect();
  Client deleted = server.connect();
  renamed.send(get_request("/renamed.bin"));
  deleted.send(get_request("/deleted.bin"));
  CHECK(renamed.read_head().status == 200);
  CHECK(deleted.read_head().status == 200);
  disk.files().replace("renamed.bin", std::string(kLarge, 'B'));
  disk.files().remove("deleted.bin");
  for (Client* client : {&renamed, &deleted}) {
    std::string body;
    // A rename touches the old file's ctime (its last link goes), so a break is honest too; a mixture is not.
    client->read_body(kLarge, [&](std::string_view piece) { body += piece; });
    const bool all_old = body == std::string(body.size(), 'A');
    CHECK(all_old);
    CHECK((body.size() == kLarge || client->wait_for_end() != Ending::open));
  }
}

TEST_CASE("an entity tag stands for one sequence of bytes, however often the file is rewritten under load") {
  Site site;
  const auto version = [](int k) { return std::string(3000, static_cast<char>('a' + k % 26)); };
  site.file("a.txt", version(0));
  Server server(site, {.server = "workers = 2", .cache = "stale_after = \"20ms\""});
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (int k = 1; !done; ++k) {
      site.overwrite_in_place("a.txt", version(k));
      if (k % 7 == 0) std::this_thread::sleep_for(Milliseconds{5});
    }
  });
  std::vector<std::pair<std::string, std::string>> known;  // tag, bytes
  int contradictions = 0;
  std::vector<Client> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(server.connect());
  for (int round = 0; round < 1500; ++round) {
    const Response response = clients[static_cast<std::size_t>(round % 4)].get("/a.txt");
    if (response.status != 200) continue;
    bool found = false;
    for (const auto& [tag, bytes] : known) {
      if (tag != response.field("ETag")) continue;
      found = true;
      contradictions += bytes != response.body;
    }
    if (!found) known.emplace_back(response.field("ETag"), response.body);
  }
  done = true;
  writer.join();
  CHECK(known.size() > 1);
  CHECK(contradictions == 0);
  const std::string last = file_bytes(site.path("a.txt"));
  CHECK(until_answer(clients[0], get_request("/a.txt"), [&](const Response& r) { return r.body == last; }) <
        Milliseconds{1000});
}
