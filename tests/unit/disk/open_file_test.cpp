// OpenFile on the kernel's own files: which changes during a download are changes of its bytes, and which are a name
// that came or went. The fake world has no links to count.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "uringd/disk/open_file.hpp"

#include <sys/stat.h>

#include <chrono>
#include <memory>
#include <thread>

#include "../uring/harness.hpp"

#include <doctest/doctest.h>

using namespace uringd;

namespace {

struct Opened {
  Opened() {
    directory.write("file", "content");
    std::filesystem::create_hard_link(directory.path / "file", directory.path / "other-name");
    const int descriptor = ::open((directory.path / "file").c_str(), O_RDONLY | O_CLOEXEC);
    const auto attributes = ring.attributes_of(descriptor);
    REQUIRE(attributes.has_value());
    file = disk::OpenFileRef(new disk::OpenFile(ring, descriptor, *attributes, {}, {}));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // the clock of file times ticks every 4 ms or so
  }
  uring::test::Directory directory;
  uring::Ring ring = uring::test::make_ring();
  disk::OpenFileRef file;
};

}  // namespace

TEST_CASE_FIXTURE(Opened, "a file that nobody touches holds still") { CHECK(file->held_still()); }

TEST_CASE_FIXTURE(Opened, "a name removed, the last one too, or taken by another file does not move the bytes") {
  std::filesystem::remove(directory.path / "other-name");
  CHECK(file->held_still());
  directory.write("new", "new content");
  std::filesystem::rename(directory.path / "new", directory.path / "file");
  CHECK(file->held_still());
}

TEST_CASE_FIXTURE(Opened, "bytes rewritten in place are a change") {
  directory.write("file", "CONTENT");
  CHECK(!file->held_still());
}

TEST_CASE_FIXTURE(Opened, "bytes rewritten in place are a change also where a name goes and the length stays") {
  directory.write("file", "CONTENT");
  std::filesystem::remove(directory.path / "other-name");
  CHECK(!file->held_still());
}

TEST_CASE_FIXTURE(Opened, "an old mtime put back after a change does not hide it") {
  struct stat before{};
  REQUIRE(::stat((directory.path / "file").c_str(), &before) == 0);
  directory.write("file", "CONTENT");
  const timespec times[2] = {before.st_atim, before.st_mtim};
  REQUIRE(::utimensat(AT_FDCWD, (directory.path / "file").c_str(), times, 0) == 0);
  CHECK(!file->held_still());
}
