// Which kernels are said to have a fault. Names and versions have the form in which uname(2) gives them.
#include "uringd/uring/features.hpp"

#include <doctest/doctest.h>

#include <string_view>

using uringd::uring::known_faults;

namespace {

bool has_fault(std::string_view release, std::string_view version = "#1 SMP PREEMPT_DYNAMIC") {
  return !known_faults(release, version).empty();
}

}  // namespace

TEST_CASE("a kernel of kernel.org has the faults of its version, up to the one that mends them") {
  CHECK(has_fault("6.1.0"));
  CHECK(has_fault("6.1.7"));
  CHECK_FALSE(has_fault("6.1.8"));
  CHECK(has_fault("6.1.7-custom"));
  CHECK(has_fault("6.6.16"));
  CHECK_FALSE(has_fault("6.6.17"));
  CHECK(has_fault("6.7.0-rc3"));
  CHECK_FALSE(has_fault("6.7.5"));
  CHECK_FALSE(has_fault("6.12.107+deb13-cloud-amd64"));
  CHECK(known_faults("6.1.7", "").front().starts_with("multishot receive"));
}

TEST_CASE("of Debian's kernels the version of the sources counts, not the name") {
  CHECK_FALSE(has_fault("6.1.0-50-cloud-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.176-1 (2026-07-02)"));
  CHECK(has_fault("6.1.0-2-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.7-1 (2023-01-18)"));
  CHECK(has_fault("6.6.15-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.6.15-2 (2024-02-04)"));
}

TEST_CASE("of a distribution's kernel that does not tell its sources' version no fault is claimed") {
  CHECK_FALSE(has_fault("6.6.0-14-generic", "#14-Ubuntu SMP PREEMPT_DYNAMIC"));
  CHECK_FALSE(has_fault("6.1.0-1025-oem", "#25-Ubuntu SMP PREEMPT_DYNAMIC"));
}
