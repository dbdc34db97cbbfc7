// Site: see site.hpp. Every system call that fails ends the test case with the path and the reason: a tree that is
// not what the test thinks proves nothing.
#include "site.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace uringd::testing {
namespace {

void must(bool done, const std::string& what) {
  if (!done) FAIL(what << ": " << std::strerror(errno));
}

void write_at(int fd, std::string_view content, std::uint64_t offset, const std::string& path) {
  while (!content.empty()) {
    const ssize_t written = ::pwrite(fd, content.data(), content.size(), static_cast<off_t>(offset));
    must(written > 0, "write " + path);
    content.remove_prefix(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
}

void write_file(const std::string& path, std::string_view content, int flags, mode_t mode, std::uint64_t offset) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | flags, mode);
  must(fd >= 0, "open " + path);
  write_at(fd, content, offset, path);
  // The umask of whoever runs the tests must not decide what an ordinary user can read.
  if (flags & O_CREAT) must(::fchmod(fd, mode) == 0, "chmod " + path);
  ::close(fd);
}

void make_parents(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  if (error) FAIL("parents of " << path << ": " << error.message());
}

}  // namespace

std::string pattern(std::size_t size_bytes, std::uint32_t seed) {
  std::string bytes(size_bytes, '\0');
  std::uint64_t state = 0x9E3779B97F4A7C15ULL * (seed + 1ULL);
  for (std::size_t i = 0; i < size_bytes; i += sizeof state) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    std::memcpy(bytes.data() + i, &state, std::min(sizeof state, size_bytes - i));
  }
  return bytes;
}

std::string file_bytes(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  must(fd >= 0, "open " + path);
  std::string bytes;
  char piece[65536];
  ssize_t got = 0;
  while ((got = ::read(fd, piece, sizeof piece)) > 0) bytes.append(piece, static_cast<std::size_t>(got));
  ::close(fd);
  must(got == 0, "read " + path);
  return bytes;
}

Site::Site() {
  const char* temp = std::getenv("TMPDIR");
  std::string name = std::string(temp && *temp ? temp : "/tmp") + "/uringd-test-XXXXXX";
  must(::mkdtemp(name.data()) != nullptr, "mkdtemp " + name);
  must(::chmod(name.c_str(), 0755) == 0, "chmod " + name);
  base_ = name;
  root_ = base_ + "/root";
  must(::mkdir(root_.c_str(), 0755) == 0, "mkdir " + root_);
  must(::chmod(root_.c_str(), 0755) == 0, "chmod " + root_);
}

Site::~Site() {
  std::error_code ignored;
  std::filesystem::remove_all(base_, ignored);
}

void Site::file(std::string_view name, std::string_view content, mode_t mode) const {
  make_parents(path(name));
  write_file(path(name), content, O_CREAT | O_TRUNC, mode, 0);
}

void Site::outside_file(std::string_view name, std::string_view content) const {
  make_parents(outside(name));
  write_file(outside(name), content, O_CREAT | O_TRUNC, 0644, 0);
}

void Site::directory(std::string_view name, mode_t mode) const {
  make_parents(path(name));
  if (::mkdir(path(name).c_str(), mode) != 0) must(errno == EEXIST, "mkdir " + path(name));
  must(::chmod(path(name).c_str(), mode) == 0, "chmod " + path(name));
}

void Site::symlink(std::string_view name, const std::string& target) const {
  make_parents(path(name));
  must(::symlink(target.c_str(), path(name).c_str()) == 0, "symlink " + path(name));
}

void Site::fifo(std::string_view name) const {
  make_parents(path(name));
  must(::mkfifo(path(name).c_str(), 0666) == 0, "mkfifo " + path(name));
}

void Site::unix_socket(std::string_view name) const {
  make_parents(path(name));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string where = path(name);
  REQUIRE(where.size() < sizeof address.sun_path);
  std::memcpy(address.sun_path, where.c_str(), where.size() + 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  must(fd >= 0 && ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "bind " + where);
  ::close(fd);
}

bool Site::zero_device(std::string_view name) const {
  make_parents(path(name));
  return ::mknod(path(name).c_str(), S_IFCHR | 0666, ::makedev(1, 5)) == 0;
}

void Site::sparse_file(std::string_view name, std::uint64_t size_bytes) const {
  file(name, "");
  truncate(name, size_bytes);
}

void Site::overwrite_in_place(std::string_view name, std::string_view content, std::uint64_t offset) const {
  write_file(path(name), content, 0, 0, offset);
}

void Site::append(std::string_view name, std::string_view content) const {
  struct stat attributes{};
  must(::stat(path(name).c_str(), &attributes) == 0, "stat " + path(name));
  overwrite_in_place(name, content, static_cast<std::uint64_t>(attributes.st_size));
}

void Site::truncate(std::string_view name, std::uint64_t size_bytes) const {
  must(::truncate(path(name).c_str(), static_cast<off_t>(size_bytes)) == 0, "truncate " + path(name));
}

void Site::replace(std::string_view name, std::string_view content) const {
  const std::string fresh = outside("replacement");
  write_file(fresh, content, O_CREAT | O_TRUNC, 0644, 0);
  must(::rename(fresh.c_str(), path(name).c_str()) == 0, "rename to " + path(name));
}

void Site::remove(std::string_view name) const {
  std::error_code error;
  std::filesystem::remove_all(path(name), error);
  if (error) FAIL("remove " << path(name) << ": " << error.message());
}

void Site::set_mtime(std::string_view name, std::time_t seconds) const {
  const timespec times[2] = {{seconds, 0}, {seconds, 0}};
  must(::utimensat(AT_FDCWD, path(name).c_str(), times, AT_SYMLINK_NOFOLLOW) == 0, "utimensat " + path(name));
}

}  // namespace uringd::testing
