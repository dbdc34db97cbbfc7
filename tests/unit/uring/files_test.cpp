// The ring's file operations on real files: what cannot be opened beneath a root, reads that fall short, closing.
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <array>

#include "harness.hpp"

using namespace uringd;
using namespace uringd::uring;
using namespace uringd::uring::test;

namespace {

struct Files {
  explicit Files(RingOptions options = {}) : ring(make_ring(options)), completions(ring) {}
  int open(const char* path, Resolve resolve = Resolve::symlinks_inside, Walk walk = Walk::in_thread) {
    ring.open_beneath(directory.root.number(), path, resolve, walk, tag_of(500));
    return completions.wait_for(500).result;
  }
  Attributes look(int file) {
    StatusBuffer status;
    ring.look(file, status, tag_of(501));
    REQUIRE(completions.wait_for(501).result == 0);
    return Ring::attributes_from(status);
  }
  Directory directory;
  Ring ring;
  Completions completions;
};

}  // namespace

TEST_CASE("a file beneath the root opens, its attributes are its own, and its bytes are read at an offset") {
  Files files;
  files.directory.write("a.txt", "0123456789");
  const Fd file(files.open("a.txt"));
  REQUIRE(file.number() >= 0);
  CHECK((fcntl(file.number(), F_GETFD) & FD_CLOEXEC) != 0);
  struct stat status{};
  REQUIRE(fstat(file.number(), &status) == 0);
  const auto attributes = files.ring.attributes_of(file.number());
  REQUIRE(attributes.has_value());
  CHECK(attributes->type == FileType::regular);
  CHECK(attributes->size_bytes == 10);
  CHECK(attributes->inode == status.st_ino);
  CHECK(attributes->device == status.st_dev);
  CHECK(attributes->modified_s == status.st_mtim.tv_sec);
  CHECK(attributes->modified_ns == status.st_mtim.tv_nsec);
  CHECK(attributes->changed_s == status.st_ctim.tv_sec);
  std::array<char, 4> bytes{};
  files.ring.read(file.number(), bytes, 3, tag_of(1));
  CHECK(files.completions.wait_for(1).result == 4);
  CHECK(std::string_view(bytes.data(), 4) == "3456");
  files.ring.read(file.number(), bytes, 8, tag_of(2));
  CHECK(files.completions.wait_for(2).result == 2);
  files.ring.read(file.number(), bytes, 10, tag_of(3));
  CHECK(files.completions.wait_for(3).result == 0);
}

TEST_CASE("attributes of a number that is no descriptor are EBADF") {
  Ring ring = make_ring();
  CHECK(ring.attributes_of(-1).error() == EBADF);
}

TEST_CASE("attributes change with the file's content") {
  Files files;
  files.directory.write("a", "one");
  const Fd file(files.open("a"));
  const auto before = files.ring.attributes_of(file.number());
  files.directory.write("a", "four");
  CHECK(before.value() != files.ring.attributes_of(file.number()).value());
}

TEST_CASE("nothing outside the root opens: dot segments, absolute paths and links that leave it are EXDEV") {
  Files files;
  std::filesystem::create_directory(files.directory.path / "root");
  files.directory.write("secret", "s");
  files.directory.root = Fd(::open((files.directory.path / "root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  files.directory.write("root/inside", "i");
  std::filesystem::create_symlink("/etc/passwd", files.directory.path / "root/absolute");
  std::filesystem::create_symlink("../secret", files.directory.path / "root/upward");
  std::filesystem::create_symlink("inside", files.directory.path / "root/fine");
  std::filesystem::create_symlink("loop", files.directory.path / "root/loop");
  CHECK(files.open("../secret") == -EXDEV);
  CHECK(files.open("a/../../secret") < 0);
  CHECK(files.open("/etc/passwd") == -EXDEV);
  CHECK(files.open("absolute") == -EXDEV);
  CHECK(files.open("upward") == -EXDEV);
  CHECK(files.open("loop") == -ELOOP);
  CHECK(files.open("missing") == -ENOENT);
  const Fd through_link(files.open("fine"));
  CHECK(through_link.number() >= 0);
  CHECK(files.open("fine", Resolve::no_symlinks) == -ELOOP);
}

TEST_CASE("a magic link of /proc does not open") {
  Files files;
  files.directory.root = Fd(::open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC));
  const int result = files.open("exe");
  CHECK((result == -ELOOP || result == -EXDEV));
}

TEST_CASE("a FIFO without a writer opens at once and is neither regular nor a directory") {
  Files files;
  REQUIRE(mkfifo((files.directory.path / "fifo").c_str(), 0600) == 0);
  const Fd fifo(files.open("fifo"));
  REQUIRE(fifo.number() >= 0);
  CHECK(files.ring.attributes_of(fifo.number())->type == FileType::other);
}

TEST_CASE("a directory opens and says that it is one") {
  Files files;
  const Fd directory(files.open("."));
  REQUIRE(directory.number() >= 0);
  CHECK(files.ring.attributes_of(directory.number())->type == FileType::directory);
}

TEST_CASE("registered memory is read into by the fixed form, other memory by the plain one, with equal bytes") {
  alignas(4096) static std::array<char, 65536> area;
  RingOptions options;
  options.registered_memory = area;
  Files files(options);
  CHECK(files.ring.setup().registered_memory);
  std::string content(3000, ' ');
  for (size_t at = 0; at < content.size(); ++at) content[at] = static_cast<char>('a' + at % 26);
  files.directory.write("a", content);
  const Fd file(files.open("a"));
  files.ring.read(file.number(), std::span(area).subspan(65536 - 3000), 0, tag_of(1));
  CHECK(files.completions.wait_for(1).result == 3000);
  CHECK(std::string_view(area.data() + 65536 - 3000, 3000) == content);
  std::array<char, 3000> other{};
  files.ring.read(file.number(), other, 0, tag_of(2));
  CHECK(files.completions.wait_for(2).result == 3000);
  CHECK(std::string_view(other.data(), other.size()) == content);
}

TEST_CASE("close_file closes and brings no completion, not even when it fails") {
  Files files;
  files.directory.write("a", "a");
  const int file = files.open("a");
  files.ring.close_file(file);
  files.ring.close_file(1'000'000);
  files.ring.timeout_at(files.ring.monotonic_ns() + 1'000'000, tag_of(1));
  CHECK(files.completions.wait_for(1).result == -ETIME);
  CHECK(files.completions.waiting() == 0);
  CHECK(fcntl(file, F_GETFD) == -1);
}

TEST_CASE("a cached walk opens what the name cache knows within the turn that submits it, and knows what is missing") {
  Files files;
  files.directory.write("a", "a");
  std::filesystem::create_symlink("a", files.directory.path / "link");
  REQUIRE(Fd(files.open("a")).number() >= 0);
  REQUIRE(Fd(files.open("link")).number() >= 0);
  files.ring.open_beneath(files.directory.root.number(), "a", Resolve::symlinks_inside, Walk::cached, tag_of(1));
  const auto completions = files.ring.turn(false);
  REQUIRE(completions.size() == 1);
  const Fd file(completions[0].result);
  CHECK(file.number() >= 0);
  CHECK((fcntl(file.number(), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(Fd(files.open("link", Resolve::symlinks_inside, Walk::cached)).number() >= 0);
  CHECK(files.open("link", Resolve::no_symlinks, Walk::cached) == -ELOOP);
  CHECK(files.open("missing") == -ENOENT);
  CHECK(files.open("missing", Resolve::symlinks_inside, Walk::cached) == -ENOENT);
}

TEST_CASE("a cached walk of a name that was never looked up is EAGAIN, and no walk beneath a root leaves it") {
  Files files;
  files.directory.write("a", "a");
  CHECK(files.open("never-asked-for", Resolve::symlinks_inside, Walk::cached) == -EAGAIN);
  CHECK(files.open("../x", Resolve::symlinks_inside, Walk::cached) < 0);
  CHECK(files.open("/etc/passwd", Resolve::symlinks_inside, Walk::cached) == -EXDEV);
}

TEST_CASE("a walk in a thread finds the same as the others, and its completion is not there when it is submitted") {
  Files files;
  files.directory.write("a", "a");
  REQUIRE(Fd(files.open("a")).number() >= 0);
  CHECK(files.open("missing", Resolve::symlinks_inside, Walk::in_thread) == -ENOENT);
  CHECK(files.open("../a", Resolve::symlinks_inside, Walk::in_thread) == -EXDEV);
  size_t at_once = 0;
  for (int round = 0; round < 20; ++round) {
    files.ring.open_beneath(files.directory.root.number(), "a", Resolve::symlinks_inside, Walk::in_thread, tag_of(1));
    files.completions.collect(false);
    at_once += files.completions.waiting();
    CHECK(Fd(files.completions.wait_for(1).result).number() >= 0);
  }
  CHECK(at_once < 20);  // a thread may be quick
}

TEST_CASE("a root opens by its name through a symlink, and a file is no root") {
  Files files;
  std::filesystem::create_directory(files.directory.path / "one");
  std::filesystem::create_directory_symlink("one", files.directory.path / "current");
  files.directory.write("one/a", "a");
  const std::string link = (files.directory.path / "current").string();
  files.ring.open_directory(link.c_str(), tag_of(1));
  files.directory.root = Fd(files.completions.wait_for(1).result);
  REQUIRE(files.directory.root.number() >= 0);
  CHECK((fcntl(files.directory.root.number(), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(Fd(files.open("a")).number() >= 0);
  const std::string file = link + "/a";
  files.ring.open_directory(file.c_str(), tag_of(2));
  CHECK(files.completions.wait_for(2).result == -ENOTDIR);
  const std::string missing = link + "/missing";
  files.ring.open_directory(missing.c_str(), tag_of(3));
  CHECK(files.completions.wait_for(3).result == -ENOENT);
}

TEST_CASE("a file opens by its own name through links that lead anywhere; a FIFO in its place is at once there") {
  Files files;
  std::filesystem::create_directory(files.directory.path / "data");
  files.directory.write("data/map", "key value");
  const std::string link = (files.directory.path / "link").string();
  std::filesystem::create_symlink(files.directory.path / "data/map", link);
  files.ring.open_file(link.c_str(), tag_of(1));
  const Fd file(files.completions.wait_for(1).result);
  REQUIRE(file.number() >= 0);
  CHECK((fcntl(file.number(), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(files.ring.attributes_of(file.number())->size_bytes == 9);
  const std::string fifo = (files.directory.path / "fifo").string();
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  files.ring.open_file(fifo.c_str(), tag_of(2));
  const Fd pipe(files.completions.wait_for(2).result);
  REQUIRE(pipe.number() >= 0);
  CHECK(files.ring.attributes_of(pipe.number())->type == FileType::other);
  const std::string directory = files.directory.path.string();
  files.ring.open_file(directory.c_str(), tag_of(3));
  const Fd opened(files.completions.wait_for(3).result);
  CHECK(files.ring.attributes_of(opened.number())->type == FileType::directory);
  const std::string missing = (files.directory.path / "missing").string();
  files.ring.open_file(missing.c_str(), tag_of(4));
  CHECK(files.completions.wait_for(4).result == -ENOENT);
}

TEST_CASE("a look answers what the system call answers, and sees a file grow") {
  Files files;
  files.directory.write("a", "one");
  const Fd file(files.open("a"));
  CHECK(files.look(file.number()) == files.ring.attributes_of(file.number()).value());
  CHECK(files.look(file.number()).size_bytes == 3);
  files.directory.write("a", "three");
  CHECK(files.look(file.number()).size_bytes == 5);
  CHECK(files.look(files.directory.root.number()).type == FileType::directory);
  StatusBuffer status;
  files.ring.look(1'000'000, status, tag_of(1));
  CHECK(files.completions.wait_for(1).result == -EBADF);
}

TEST_CASE("a file whose last name is gone has no links, and a change time of its own") {
  Files files;
  files.directory.write("a", "one");
  const Fd file(files.open("a"));
  const Attributes before = files.look(file.number());
  CHECK(before.link_count == 1);
  std::filesystem::remove(files.directory.path / "a");
  const Attributes after = files.look(file.number());
  CHECK(after.link_count == 0);
  CHECK(std::pair(after.modified_s, after.modified_ns) == std::pair(before.modified_s, before.modified_ns));
  CHECK_FALSE(after == before);
}

TEST_CASE("a file is immutable while it has that flag, where the file system and our rights allow setting it") {
  Files files;
  files.directory.write("a", "one");
  const Fd file(files.open("a"));
  CHECK_FALSE(files.ring.attributes_of(file.number())->immutable);
  CHECK_FALSE(files.look(file.number()).immutable);
  int flags = 0;
  if (ioctl(file.number(), FS_IOC_GETFLAGS, &flags) != 0) return;
  const int flags_then = flags | FS_IMMUTABLE_FL;
  if (ioctl(file.number(), FS_IOC_SETFLAGS, &flags_then) != 0) return;
  const bool by_call = files.ring.attributes_of(file.number())->immutable;
  const bool by_look = files.look(file.number()).immutable;
  REQUIRE(ioctl(file.number(), FS_IOC_SETFLAGS, &flags) == 0);  // or the directory could not be removed
  CHECK(by_call);
  CHECK(by_look);
  CHECK_FALSE(files.look(file.number()).immutable);
}

TEST_CASE("a cached read brings what the page cache has within the turn that submits it, a read in a thread the same") {
  Files files;
  files.directory.write("a", "0123456789");
  const Fd file(files.open("a"));
  CHECK(files.ring.in_page_cache(file.number(), 0, 10));
  std::array<char, 16> bytes{};
  files.ring.read(file.number(), bytes, 2, Walk::cached, tag_of(1));
  const auto completions = files.ring.turn(false);
  REQUIRE(completions.size() == 1);
  CHECK(completions[0].result == 8);
  CHECK(std::string_view(bytes.data(), 8) == "23456789");
  bytes = {};
  CHECK(files.ring.read_cached(file.number(), bytes, 3) == 7);
  CHECK(std::string_view(bytes.data(), 7) == "3456789");
  CHECK(files.ring.read_cached(file.number(), bytes, 10) == 0);
  CHECK(files.ring.read_cached(-1, bytes, 0) == -EBADF);
  bytes = {};
  files.ring.read(file.number(), bytes, 5, Walk::in_thread, tag_of(2));
  CHECK(files.completions.wait_for(2).result == 5);
  CHECK(std::string_view(bytes.data(), 5) == "56789");
}

TEST_CASE("what was dropped from the page cache is not in it, a cached read says EAGAIN, and a thread brings it") {
  Files files;
  const std::string content(256 * 1024, 'x');
  files.directory.write("a", content);
  const Fd file(files.open("a"));
  REQUIRE(fsync(file.number()) == 0);
  REQUIRE(posix_fadvise(file.number(), 0, 0, POSIX_FADV_DONTNEED) == 0);
  if (files.ring.in_page_cache(file.number(), 128 * 1024, 4096) != Cached::no)
    return;  // tmpfs: there is no other place
  std::array<char, 4096> bytes{};
  files.ring.read(file.number(), bytes, 128 * 1024, Walk::cached, tag_of(1));
  const int cached = files.completions.wait_for(1).result;
  CHECK((cached == -EAGAIN || cached == -EOPNOTSUPP));
  files.ring.read(file.number(), bytes, 128 * 1024, Walk::in_thread, tag_of(2));
  CHECK(files.completions.wait_for(2).result == 4096);
  CHECK(bytes[0] == 'x');
  CHECK(files.ring.in_page_cache(file.number(), 128 * 1024, 4096) == Cached::yes);
}

TEST_CASE("a cached read by system call says EAGAIN too of what is not there") {
  Files files;
  files.directory.write("a", std::string(256 * 1024, 'x'));
  const Fd file(files.open("a"));
  REQUIRE(fsync(file.number()) == 0);
  REQUIRE(posix_fadvise(file.number(), 0, 0, POSIX_FADV_DONTNEED) == 0);
  if (files.ring.in_page_cache(file.number(), 128 * 1024, 4096) != Cached::no) return;  // tmpfs
  std::array<char, 4096> bytes{};
  const int result = files.ring.read_cached(file.number(), bytes, 128 * 1024);
  CHECK((result == -EAGAIN || result == -EOPNOTSUPP));
}
