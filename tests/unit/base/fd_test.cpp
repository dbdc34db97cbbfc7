// Fd: one owner per descriptor, closed once. And the text of an errno, which lives in the same source file.
#include "uringd/base/fd.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "uringd/base/result.hpp"

#include <doctest/doctest.h>

using uringd::Fd;

namespace {

int new_descriptor() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }
bool is_open(int number) { return fcntl(number, F_GETFD) >= 0; }

}  // namespace

TEST_CASE("a descriptor is closed when its owner dies") {
  const int number = new_descriptor();
  {
    const Fd fd(number);
    CHECK(fd.open());
    CHECK(fd.number() == number);
    CHECK(is_open(number));
  }
  CHECK_FALSE(is_open(number));
}

TEST_CASE("an Fd made of nothing is not open and may be closed") {
  Fd fd;
  CHECK_FALSE(fd.open());
  fd.close();
  CHECK_FALSE(fd.open());
}

TEST_CASE("a moved descriptor has its new owner alone") {
  const int number = new_descriptor();
  Fd target;
  {
    Fd source(number);
    target = std::move(source);
    CHECK_FALSE(source.open());  // NOLINT(bugprone-use-after-move): what is left of it is what is tested
  }
  CHECK(is_open(number));
  CHECK(target.number() == number);
  const Fd third(std::move(target));
  CHECK_FALSE(target.open());  // NOLINT(bugprone-use-after-move)
  CHECK(third.number() == number);
}

TEST_CASE("assigning to an Fd closes what it held") {
  const int held = new_descriptor();
  const int taken = new_descriptor();
  Fd fd(held);
  fd = Fd(taken);
  CHECK_FALSE(is_open(held));
  CHECK(is_open(taken));
}

TEST_CASE("an Fd assigned to itself keeps its descriptor") {
  const int number = new_descriptor();
  Fd fd(number);
  Fd& same = fd;
  fd = std::move(same);
  CHECK(fd.number() == number);
  CHECK(is_open(number));
}

TEST_CASE("a released descriptor stays open and is the caller's") {
  const int number = new_descriptor();
  {
    Fd fd(number);
    CHECK(fd.release() == number);
    CHECK_FALSE(fd.open());
  }
  CHECK(is_open(number));
  ::close(number);
}

TEST_CASE("closing twice closes once: the number may be somebody else's by then") {
  const int number = new_descriptor();
  Fd fd(number);
  fd.close();
  const int reused = new_descriptor();
  REQUIRE(reused == number);
  fd.close();
  CHECK(is_open(reused));
  ::close(reused);
}

TEST_CASE("errno_text speaks as strerror(3), also of numbers that are no errno") {
  CHECK(uringd::errno_text(ENOENT) == "No such file or directory");
  CHECK(uringd::errno_text(EADDRINUSE) == "Address already in use");
  CHECK(uringd::errno_text(9999).find("9999") != std::string::npos);
}
