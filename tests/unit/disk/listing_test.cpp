// Listings of real directories: only what would be served is shown.
#include "uringd/disk/listing.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>

#include "real_tree.hpp"

using namespace uringd;
using namespace uringd::disk;
using namespace uringd::disk::test;

namespace {

ListingOrder order_of(const RealTree& tree, const std::string& path = "/") {
  auto root = describe_root(tree.open());
  REQUIRE(root.has_value());
  return {.root = std::make_shared<const Root>(std::move(*root)), .directory = tree.open("." + path), .path = path};
}

std::vector<std::string> names_in(const DirectoryFiles& listed) {
  std::vector<std::string> names;
  for (const http::ListedFile& file : listed.files) names.push_back(file.name + (file.directory ? "/" : ""));
  std::ranges::sort(names);
  return names;
}
using NameList = std::vector<std::string>;

}  // namespace

TEST_CASE_FIXTURE(RealTree, "files and directories are listed with their sizes and times") {
  write("a.txt", "12345");
  write("empty", "");
  directory("sub");
  const timespec times[] = {{0, 0}, {1714566896, 500}};
  REQUIRE(utimensat(AT_FDCWD, at("a.txt").c_str(), times, 0) == 0);
  const DirectoryFiles listed = read_directory(order_of(*this));
  CHECK(!listed.truncated);
  CHECK(!listed.failed);
  CHECK(names_in(listed) == NameList{"a.txt", "empty", "sub/"});
  const auto file = std::ranges::find(listed.files, "a.txt", &http::ListedFile::name);
  CHECK(file->size_bytes == 5);
  CHECK(file->modified_s == 1714566896);
  CHECK(std::ranges::find(listed.files, "sub", &http::ListedFile::name)->size_bytes == 0);
}

TEST_CASE_FIXTURE(RealTree, "FIFOs, sockets and devices are not listed, not through links either") {
  write("file");
  REQUIRE(mkfifo(at("fifo").c_str(), 0600) == 0);
  link("fifo", "to-fifo");
  const Fd socket_fd(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  const std::string name = at("socket");
  REQUIRE(name.size() < sizeof address.sun_path);
  std::ranges::copy(name, address.sun_path);
  REQUIRE(bind(socket_fd.number(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  CHECK(names_in(read_directory(order_of(*this))) == NameList{"file"});
}

TEST_CASE_FIXTURE(RealTree, "a link is what it leads to beneath the root, and is left out where it would be refused") {
  write("file", "12345678");
  directory("dir/deep");
  write("dir/inner", "123");
  link("file", "to-file");
  link("dir", "to-dir");
  link("nowhere", "dangling");
  link("/etc/passwd", "absolute");
  link("../../etc/passwd", "outside");
  link("loop", "loop");
  link("/proc/self/fd/0", "magic");
  CHECK(names_in(read_directory(order_of(*this))) == NameList{"dir/", "file", "to-dir/", "to-file"});
  // From below: "../file" stays in the root, "../../file" does not, and both would if the directory were asked.
  link("../file", "dir/up");
  link("../../file", "dir/up-and-out");
  const DirectoryFiles below = read_directory(order_of(*this, "/dir/"));
  CHECK(names_in(below) == NameList{"deep/", "inner", "up"});
  CHECK(std::ranges::find(below.files, "up", &http::ListedFile::name)->size_bytes == 8);

  ListingOrder never = order_of(*this);
  never.resolve = uring::Resolve::no_symlinks;
  CHECK(names_in(read_directory(never)) == NameList{"dir/", "file"});
}

TEST_CASE_FIXTURE(RealTree, "hidden names are listed where they are served: .well-known in the root (RFC 8615 §3)") {
  for (const std::string name : {".git/", ".well-known/", "sub/.well-known/"}) directory(name);
  write(".htpasswd");
  write("sub/..data");
  write("sub/shown");
  CHECK(names_in(read_directory(order_of(*this))) == NameList{".well-known/", "sub/"});
  CHECK(names_in(read_directory(order_of(*this, "/sub/"))) == NameList{"shown"});
  ListingOrder hidden = order_of(*this);
  hidden.hidden = true;
  CHECK(names_in(read_directory(hidden)) == NameList{".git/", ".htpasswd", ".well-known/", "sub/"});
}

TEST_CASE_FIXTURE(RealTree, "names that are no UTF-8 come as they are") {
  write("a\xff\nb");
  CHECK(names_in(read_directory(order_of(*this))) == NameList{"a\xff\nb"});
}

TEST_CASE_FIXTURE(RealTree, "10,000 names are all, one more is truncated, and hidden ones do not count") {
  for (size_t number = 0; number < most_listed; ++number) {
    const Fd made(::open(at("f" + std::to_string(number)).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    REQUIRE(made.open());
  }
  write(".hidden");
  const DirectoryFiles all = read_directory(order_of(*this));
  CHECK(all.files.size() == most_listed);
  CHECK(!all.truncated);
  write("one-more");
  const DirectoryFiles more = read_directory(order_of(*this));
  CHECK(more.files.size() == most_listed);
  CHECK(more.truncated);
  CHECK(!more.failed);
}

TEST_CASE_FIXTURE(RealTree, "an order can be carried out twice, and an empty directory is no failure") {
  directory("empty");
  const ListingOrder order = order_of(*this);
  CHECK(names_in(read_directory(order)) == NameList{"empty/"});
  CHECK(names_in(read_directory(order)) == NameList{"empty/"});
  const DirectoryFiles none = read_directory(order_of(*this, "/empty/"));
  CHECK(none.files.empty());
  CHECK(!none.failed);
}

TEST_CASE_FIXTURE(RealTree, "what cannot be read as a directory is a failure") {
  write("file");
  ListingOrder order = order_of(*this);
  order.directory = Fd(::open(at("file").c_str(), O_RDONLY | O_CLOEXEC));
  CHECK(read_directory(order).failed);
  order.directory = Fd(::open(at(".").c_str(), O_PATH | O_CLOEXEC));
  CHECK(read_directory(order).failed);
}
