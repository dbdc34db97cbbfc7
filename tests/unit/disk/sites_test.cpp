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
