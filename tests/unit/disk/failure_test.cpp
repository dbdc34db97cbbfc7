// failure: the table from errno to status, row by row, and that no other errno gets a row by accident.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "uringd/disk/failure.hpp"

#include <cerrno>
#include <map>

#include <doctest/doctest.h>

using uringd::disk::classify;
using uringd::disk::Failure;

namespace {

const std::map<int, int> rows = {
    // There is no such file.
    {ENOENT, 404},
    {ENOTDIR, 404},
    {ENAMETOOLONG, 404},
    {EILSEQ, 404},
    {EINVAL, 404},
    // There is something that this server does not show.
    {EACCES, 403},
    {EPERM, 403},
    {ELOOP, 403},
    {EXDEV, 403},
    {ENXIO, 403},
    {ENODEV, 403},
    // It may work in a moment.
    {EAGAIN, 503},
    {EBUSY, 503},
    {EINTR, 503},
    {ETIMEDOUT, 503},
    {EMFILE, 503},
    {ENFILE, 503},
    {ENOMEM, 503},
    {ENOBUFS, 503},
};

}  // namespace

TEST_CASE("each errno of the table has its status, every other one is 500") {
  for (int number = 1; number < 134; ++number) {
    CAPTURE(number);
    const auto row = rows.find(number);
    CHECK(classify(number).status == (row == rows.end() ? 500 : row->second));
  }
}

TEST_CASE("a broken disk is 500") {
  for (int number : {EIO, ESTALE, ENOTCONN, EUCLEAN, EFBIG, EOVERFLOW, EISDIR, EBADF}) {
    CAPTURE(number);
    CHECK(classify(number).status == 500);
  }
}

TEST_CASE("the operator is warned of the server's and the disk's troubles, never of a client's wishes") {
  for (int number = 1; number < 134; ++number) {
    CAPTURE(number);
    CHECK(classify(number).worth_a_warning == (classify(number).status >= 500));
  }
}
