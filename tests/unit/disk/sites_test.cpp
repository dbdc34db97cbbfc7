// Sites: states replaced as a whole; and what is found out about a root.
#include "uringd/disk/sites.hpp"

#include <sys/mount.h>
#include <sys/sysmacros.h>

#include <thread>

#include "file_system.hpp"
#include "real_tree.hpp"

using namespace uringd;
using namespace uringd::disk;
using namespace uringd::disk::test;

TEST_CASE_FIXTURE(RealTree, "a root is described by device and inode, and its descriptor is its own") {
  Fd opened = open();
  const int number = opened.number();
  const auto root = describe_root(std::move(opened));
  REQUIRE(root.has_value());
  struct stat status{};
  REQUIRE(fstat(number, &status) == 0);
  CHECK(root->directory == number);
  CHECK(root->owned.number() == number);
  CHECK(root->inode == status.st_ino);
  CHECK(root->device == status.st_dev);
  CHECK(!root->remote);
  CHECK(!root->read_only);
}

TEST_CASE_FIXTURE(RealTree, "what is no directory is refused") {
  write("file");
  const auto root = describe_root(Fd(::open(at("file").c_str(), O_RDONLY | O_CLOEXEC)));
  REQUIRE(!root.has_value());
  CHECK(root.error().message == "Not a directory");
  CHECK(!describe_root(Fd()).has_value());
}

TEST_CASE("a mount's line tells what kind of file system it is, and whether that is read-only") {
  const std::string table =
      "21 1 8:1 / / ro,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro\n"
      "22 21 0:40 / /net rw - nfs4 server:/export rw,vers=4.2\n"
      "23 21 0:41 / /net/ro rw - nfs server:/export ro,vers=3\n"
      "24 21 7:0 / /image rw,relatime shared:2 master:1 - squashfs /dev/loop0 ro,errors=continue\n"
      "25 21 0:50 / /f rw - fuse.sshfs host: rw\n"
      "26 21 0:51 / /o ro - overlay overlay ro,lowerdir=/a\n"
      "27 21 0:52 / /a\\040-\\040b rw - tmpfs tmpfs ro\n"
      "not a line\n";
  FileSystem found;
  REQUIRE(find_mount(table, 21, found));
  CHECK(!found.remote);
  CHECK(!found.read_only);  // only this mount of it is
  REQUIRE(find_mount(table, 22, found));
  CHECK(found.remote);
  REQUIRE(find_mount(table, 23, found));
  CHECK(found.remote);
  CHECK(!found.read_only);  // the server may write
  REQUIRE(find_mount(table, 24, found));
  CHECK(!found.remote);
  CHECK(found.read_only);
  REQUIRE(find_mount(table, 25, found));
  CHECK(found.remote);
  REQUIRE(find_mount(table, 26, found));
  CHECK(!found.read_only);  // its lower layers may change
  REQUIRE(find_mount(table, 27, found));
  CHECK(found.read_only);
  CHECK(!find_mount(table, 2, found));
  CHECK(!find_mount("", 21, found));
}

TEST_CASE_FIXTURE(RealTree, "readers see one state or the next, never half of one, while it is replaced") {
  Sites sites(one_site(path));
  std::vector<std::unique_ptr<const SiteState>> old;
  auto marked = std::make_unique<SiteState>(sites.state(0));
  marked->previous_until_ms = marked->generation;
  old.push_back(sites.publish(0, std::move(marked)));
  bool torn = false;
  std::atomic<bool> ended{false};
  std::thread reader([&] {
    uint32_t last = 0;
    while (!ended) {
      const SiteState& state = sites.state(0);
      torn |= state.generation < last || state.previous_until_ms != state.generation || !state.root;
      last = state.generation;
    }
  });
  for (uint32_t generation = 2; generation < 2000; ++generation) {
    auto next = std::make_unique<SiteState>(sites.state(0));
    next->generation = generation;
    next->previous_until_ms = generation;
    old.push_back(sites.publish(0, std::move(next)));
    CHECK(old.back()->generation == generation - 1);
  }
  ended = true;
  reader.join();
  CHECK(!torn);
  CHECK(sites.state(0).generation == 1999);
}

namespace {

struct NoWords final : Describer {
  explicit NoWords(int* alive) : alive_(alive) { ++*alive_; }
  ~NoWords() override { --*alive_; }
  Description describe(std::string_view, std::span<char, most_lines_bytes>) const override { return {}; }

 private:
  int* alive_;
};

}  // namespace

TEST_CASE_FIXTURE(RealTree,
                  "the first trees have the slots 0, 1, 2; one that is added the next, or one that is empty") {
  std::vector<Sites::Site> three;
  for (const char* prefix : {"", "/one", "/two"}) three.push_back(site_of(path, {.prefix = prefix}));
  Sites sites(std::move(three));
  CHECK(sites.bound() == 3);
  CHECK(sites.rules(1).prefix == "/one");
  CHECK(sites.name_of(0) == "site " + path.string());
  CHECK(sites.name_of(2) == "mount /two");
  CHECK(sites.add(site_of(path)) == 3);
  sites.remove(1);
  sites.remove(2);
  CHECK(sites.bound() == 4);
  const uint32_t again = sites.add(site_of(path, {.prefix = "/again"}));
  const uint32_t last = sites.add(site_of(path));
  CHECK(again + last == 1 + 2);
  CHECK(sites.rules(again).prefix == "/again");
  CHECK(sites.rules(3).prefix.empty());
  CHECK(sites.add(site_of(path)) == 4);
}

TEST_CASE_FIXTURE(RealTree, "a slot's generations are never those of the tree that it had before") {
  Sites sites(one_site(path));
  CHECK(sites.state(0).generation == 1);
  for (uint32_t generation = 2; generation < 5; ++generation) {
    auto next = std::make_unique<SiteState>(sites.state(0));
    next->generation = next->release = generation;
    static_cast<void>(sites.publish(0, std::move(next)));
  }
  sites.remove(0);
  REQUIRE(sites.add(site_of(path)) == 0);
  CHECK(sites.state(0).generation == 5);
  CHECK(sites.state(0).release == 5);
  sites.remove(0);
  REQUIRE(sites.add(site_of(path)) == 0);
  CHECK(sites.state(0).generation == 6);
}

TEST_CASE_FIXTURE(RealTree, "a tree's root, pages and describer go with its slot") {
  int alive = 0;
  Sites sites;
  Sites::Site site = site_of(path);
  site.describer = std::make_shared<const NoWords>(&alive);
  const std::weak_ptr<const Root> root = site.root;
  const std::weak_ptr<const ErrorPages> pages = site.pages;
  const uint32_t slot = sites.add(std::move(site));
  CHECK(alive == 1);
  CHECK(!root.expired());
  std::array<char, Describer::most_lines_bytes> lines;
  CHECK(sites.describer(slot).describe("/a", lines).lines_bytes == 0);
  sites.remove(slot);
  CHECK(alive == 0);
  CHECK(root.expired());
  CHECK(pages.expired());
}

TEST_CASE_FIXTURE(RealTree, "other slots are read while trees are added and removed, thousands of them") {
  int alive = 0;
  Sites sites(one_site(path));
  const SiteState* const first = &sites.state(0);
  const auto root = std::make_shared<const Root>();
  const auto words = std::make_shared<const NoWords>(&alive);
  std::atomic<bool> ended{false};
  std::atomic<uint32_t> known{1};
  bool wrong = false;
  std::thread reader([&] {
    while (!ended) {
      const uint32_t last = known.load(std::memory_order_acquire) - 1;
      wrong |= &sites.state(0) != first || !sites.rules(0).prefix.empty();
      wrong |= last > 0 && (sites.rules(last).prefix != std::to_string(last) || sites.state(last).root != root);
    }
  });
  for (uint32_t number = 1; number < 3000; ++number) {
    const uint32_t slot = sites.add({.rules = {.prefix = std::to_string(number)}, .describer = words, .root = root});
    wrong |= slot != number;
    known.store(number + 1, std::memory_order_release);
  }
  ended = true;
  reader.join();
  CHECK(!wrong);
  CHECK(sites.bound() == 3000);
  for (uint32_t slot = 1; slot < 3000; ++slot) sites.remove(slot);
  CHECK(root.use_count() == 1);
  CHECK(words.use_count() == 1);
  for (uint32_t slot = 1; slot < 3000; ++slot) {
    static_cast<void>(sites.add({.rules = {}, .describer = words, .root = root}));
  }
  CHECK(sites.bound() == 3000);
}

TEST_CASE("rules are equal where all that they say is, error pages among it") {
  const SiteRules rules{.root_path = "/r", .error_pages = {{"404", "/404.html", "text/html"}}};
  SiteRules other = rules;
  CHECK(other == rules);
  other.error_pages[0].content_type = "text/plain";
  CHECK(other != rules);
  other = rules;
  other.keep_previous_ms = 1;
  CHECK(other != rules);
}
