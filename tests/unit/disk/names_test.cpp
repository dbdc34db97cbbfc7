// Names and listings: never wrong about a name that is there, rarely about one that is not.
#include "uringd/disk/names.hpp"

#include <sys/statfs.h>

#include <string>

#include "real_tree.hpp"

using namespace uringd;
using namespace uringd::disk;
using namespace uringd::disk::test;

namespace {

double wrong_of_a_million(size_t names) {
  Names filter(names);
  for (size_t number = 0; number < names; ++number) filter.add("picture-" + std::to_string(number) + ".jpg");
  size_t wrong = 0;
  for (size_t number = 0; number < 1'000'000; ++number)
    wrong += filter.may_contain("missing-" + std::to_string(number));
  return static_cast<double>(wrong) / 1e6;
}

}  // namespace

TEST_CASE("every name that was added is found") {
  Names filter(1000);
  for (int number = 0; number < 5000; ++number) filter.add(std::to_string(number));  // more than expected, too
  for (int number = 0; number < 5000; ++number) REQUIRE(filter.may_contain(std::to_string(number)));
}

TEST_CASE("of the names that are missing at most 1 % are taken for present at the expected count") {
  for (const size_t names : {1, 42, 43, 170, 1000, 10'922, 21'845, 100'000, 699'050}) {
    const double wrong = wrong_of_a_million(names);
    MESSAGE(names << " names: " << wrong * 100 << " % wrong, " << Names(names).bytes() * 8 / names << " bits a name");
    CHECK(wrong < 0.01);
  }
}

TEST_CASE("a filter of nothing says no to all") {
  const Names filter(0);
  CHECK(!filter.may_contain("a"));
  CHECK(!filter.may_contain(""));
  CHECK(filter.bytes() == 64);
}

TEST_CASE_FIXTURE(RealTree, "a listing has every kind of name, and not the others") {
  write("file");
  write(".hidden");
  directory("directory");
  link("nowhere", "link");
  const Fd opened = open();
  const std::unique_ptr<Names> names = list_names(opened.number());
  REQUIRE(names);
  for (const char* name : {"file", ".hidden", "directory", "link"}) CHECK(names->may_contain(name));
  for (const char* name : {"File", "nowhere", "files", "fil"}) CHECK(!names->may_contain(name));
}

TEST_CASE_FIXTURE(RealTree, "a listing of many names, by the same descriptor twice, has them all") {
  for (int number = 0; number < 5000; ++number) write("name-" + std::to_string(number), "");
  const Fd opened = open();
  for (int round = 0; round < 2; ++round) {
    NamesListing listing(opened.number());
    int slices = 0;
    while (listing.step()) ++slices;
    CHECK(slices > 1);
    const std::unique_ptr<Names> names = listing.finish();
    REQUIRE(names);
    for (int number = 0; number < 5000; ++number) REQUIRE(names->may_contain("name-" + std::to_string(number)));
  }
}

TEST_CASE_FIXTURE(RealTree, "names that differ in case only do not look like a file system that folds case") {
  write("readme");
  write("README");
  write("other");
  const Fd opened = open();
  CHECK(list_names(opened.number()) != nullptr);
}

TEST_CASE("a directory of another kind of file system is not listed") {
  const Fd proc(::open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  REQUIRE(proc.open());
  CHECK(list_names(proc.number()) == nullptr);
}

TEST_CASE_FIXTURE(RealTree, "what is no directory is not listed") {
  write("file");
  const Fd file(::open(at("file").c_str(), O_RDONLY | O_CLOEXEC));
  CHECK(list_names(file.number()) == nullptr);
}
