// What a reload keeps: trees that two configurations share have the same slot, and slots that no configuration has any
// more can be taken again. On real directories.
#include "uringd/server/snapshot.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "uringd/config/load.hpp"

using namespace uringd;

namespace {

class Place {
 public:
  Place() {
    std::string path = (std::filesystem::temp_directory_path() / "snapshot-XXXXXX").string();
    REQUIRE(mkdtemp(path.data()));
    path_ = path;
    for (const char* name : {"a", "b", "c"}) std::filesystem::create_directory(path_ / name);
  }
  ~Place() { std::filesystem::remove_all(path_); }
  std::shared_ptr<const server::Snapshot> build(const std::string& text, const server::Snapshot* before = nullptr) {
    const auto loaded = config::load_text(text, (path_ / "config.toml").string());
    REQUIRE(loaded);
    std::vector<config::Problem> warnings;
    auto built = server::Snapshot::build(loaded->config, 1, warnings, sites, before);
    REQUIRE(built);
    return *built;
  }
  std::shared_ptr<disk::Sites> sites = std::make_shared<disk::Sites>();
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

using Slots = std::vector<uint32_t>;

const std::string two_sites = "[[site]]\nhosts = ['a']\nroot = 'a'\n[[site]]\nhosts = ['b']\nroot = 'b'\n";

}  // namespace

TEST_CASE("a configuration that says the same keeps all slots, wherever in the file it says it") {
  Place place;
  const auto first = place.build(two_sites);
  CHECK(first->slots() == Slots{0, 1});
  CHECK(place.build("# a line more\n\n" + two_sites, first.get())->slots() == Slots{0, 1});
}

TEST_CASE("sites that change their places keep their trees") {
  Place place;
  const auto first = place.build(two_sites);
  const auto second = place.build(
      "[[site]]\nhosts = ['c']\nroot = 'c'\n[[site]]\nhosts = ['b']\nroot = 'b'\n[[site]]\nhosts = ['a']\nroot = 'a'\n",
      first.get());
  CHECK(second->slots() == Slots{2, 1, 0});
  CHECK(second->sites().rules(second->slot_of(1)).root_path == (place.path() / "b").string());
}

TEST_CASE("what decides how files are answered makes another tree of the same directory, and of that site alone") {
  Place place;
  const auto first = place.build(two_sites);
  for (const std::string line :
       {"listing = true", "index = ['home.html']", "hidden = true", "precompressed = []", "compress = []",
        "cache_control = 'no-store'", "symlinks = 'never'", "extensions = ['html']", "keep_previous = '1m'",
        "headers = [{ match = '/**', set = { X-Y = 'z' } }]", "error_pages = { 404 = '/nothing.html' }"}) {
    CAPTURE(line);
    CHECK(place.build(two_sites + line + "\n", first.get())->slots() == Slots{0, 2});
  }
  CHECK(place.build("[types]\n'.x' = 'text/x'\n" + two_sites, first.get())->slots() == Slots{2, 3});
}

TEST_CASE("what only decides which file a request means keeps the tree") {
  Place place;
  const auto first = place.build(two_sites);
  for (const std::string line : {"fallback = '/x.html'", "server_timing = true", "cache_status = true",
                                 "rewrites = [{ match = '^/x$', to = '/y' }]"}) {
    CAPTURE(line);
    CHECK(place.build(two_sites + line + "\n", first.get())->slots() == Slots{0, 1});
  }
}

TEST_CASE("a mount is a tree of its own: its prefix belongs to it, the site's other mounts do not") {
  Place place;
  const auto first = place.build(two_sites + "mounts = { '/u' = 'c' }\n");
  CHECK(first->slots() == Slots{0, 1, 2});
  CHECK(place.build(two_sites + "mounts = { '/v' = 'a', '/u' = 'c' }\n", first.get())->slots().size() == 4);
  const auto moved = place.build(two_sites + "mounts = { '/w' = 'c' }\n", first.get());
  CHECK(moved->slots()[1] == 1);
  CHECK(moved->slots()[2] != 2);
}

TEST_CASE("two sites with one root have two trees, and keep both") {
  Place place;
  const std::string twins = "[[site]]\nhosts = ['a']\nroot = 'a'\n[[site]]\nhosts = ['b']\nroot = 'a'\n";
  const auto first = place.build(twins);
  CHECK(first->slots() == Slots{0, 1});
  const auto second = place.build(twins, first.get());
  CHECK(second->slots() != Slots{0, 0});
  CHECK(second->slots().size() == 2);
  CHECK(place.sites->bound() == 2);
}

TEST_CASE("a slot is given back when no configuration has its tree any more, and not before") {
  Place place;
  auto first = place.build(two_sites);
  auto second = place.build("[[site]]\nroot = 'a'\n", first.get());
  CHECK(second->slots() == Slots{0});
  CHECK(place.build("[[site]]\nroot = 'c'\n", second.get())->slots() == Slots{2});  // the first still has 1
  first.reset();
  CHECK(place.build("[[site]]\nroot = 'c'\n", second.get())->slots() != Slots{0});
  CHECK(place.sites->bound() == 3);
}

TEST_CASE("a configuration that fails leaves no slot taken") {
  Place place;
  const auto first = place.build(two_sites);
  const auto loaded = config::load_text("[[site]]\nhosts = ['c']\nroot = 'c'\n[[site]]\nroot = 'a'\n",
                                        (place.path() / "config.toml").string());
  REQUIRE(loaded);
  std::filesystem::remove_all(place.path() / "a");
  std::vector<config::Problem> warnings;
  REQUIRE(!server::Snapshot::build(loaded->config, 1, warnings, place.sites));
  const uint32_t bound = place.sites->bound();
  for (int round = 0; round < 5; ++round) {
    CHECK(!server::Snapshot::build(loaded->config, 1, warnings, place.sites));
  }
  CHECK(place.sites->bound() == bound);
}

TEST_CASE("a site keeps its number by its names, whatever else of it changes, and no other gets it") {
  Place place;
  const auto site = [](const std::string& hosts, const std::string& root) {
    return "[[site]]\nhosts = [" + hosts + "]\nroot = '" + root + "'\n";
  };
  const auto first = place.build(site("'a', 'x'", "a") + site("'b'", "b"));
  CHECK(first->site_id(0) == 0);
  CHECK(first->site_id(1) == 1);
  const auto second = place.build(site("'b', 'c'", "c") + site("'d'", "a") + site("'x', 'a'", "c"), first.get());
  CHECK(second->site_id(0) == 1);
  CHECK(second->site_id(1) == 2);
  CHECK(second->site_id(2) == 0);
  const auto third = place.build(site("'e'", "c"), second.get());  // the first site, by other names
  CHECK(third->site_id(0) == 1);
  const auto fourth = place.build(site("'e'", "c") + site("'a'", "a"), third.get());
  CHECK(fourth->site_id(0) == 1);
  CHECK(fourth->site_id(1) == 3);
}

TEST_CASE("of two sites that want one's number, that with its first name has it") {
  Place place;
  const auto first = place.build("[[site]]\nhosts = ['a', 'b']\nroot = 'a'\n");
  const auto second =
      place.build("[[site]]\nhosts = ['b']\nroot = 'a'\n[[site]]\nhosts = ['a']\nroot = 'a'\n", first.get());
  CHECK(second->site_id(1) == 0);
  CHECK(second->site_id(0) == 1);
}
