// Names in files of the formats of passwd(5) and group(5), as a static build looks them up, beside what NSS says of the
// same names here.
#include "uringd/daemon/user_database.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <expected>
#include <string>
#include <vector>

#include "temporary_directory.hpp"

#include <doctest/doctest.h>

using namespace uringd::daemon;
using uringd::testing::TemporaryDirectory;

namespace {

struct World {
  World() {
    directory.file("/passwd",
                   "root:x:0:0:root:/root:/bin/sh\n"
                   "# a comment, and a line that is none\n"
                   "broken\n"
                   "+:::::\n"
                   "+nis:x:7:7:::\n"
                   "web:x:33:34:the web:/srv:/bin/false\n"
                   "web:x:99:99:a second one:/:/bin/false\n");
    directory.file("/group", "root:x:0:\nweb:x:34:\nlogs:x:50:adm,web\nothers:x:51:webs,we\n+:x:52:web\nmore:x:53:web");
  }
  TemporaryDirectory directory;
  std::string users = directory.path() + "/passwd";
  std::string groups = directory.path() + "/group";
};

std::vector<gid_t> sorted(std::expected<std::vector<gid_t>, int> groups) {
  std::ranges::sort(groups.value());
  return *groups;
}

}  // namespace

TEST_CASE_FIXTURE(World, "a user's name is its first line in the file, whatever stands around it") {
  CHECK(*find_user_in(users, "web") == User{33, 34});
  CHECK(*find_user_in(users, "root") == User{0, 0});
}

TEST_CASE_FIXTURE(World, "a part of a name, NIS's lines, broken ones and the empty name are nobody: never root") {
  for (const char* name : {"we", "webs", "+", "+nis", "broken", "# a comment, and a line that is none", ""}) {
    CAPTURE(name);
    CHECK_FALSE(find_user_in(users, name)->has_value());
    CHECK_FALSE(find_group_in(groups, name)->has_value());
  }
}

TEST_CASE_FIXTURE(World, "a user's groups are its own and those that list it, and no others") {
  CHECK(**find_group_in(groups, "logs") == 50);
  CHECK(sorted(groups_in(groups, "web", 34)) == std::vector<gid_t>{34, 50, 53});
  CHECK(*groups_in(groups, "nobody", 65534) == std::vector<gid_t>{65534});
}

TEST_CASE_FIXTURE(World, "a group of 20,000 members is read whole: its last member is in it") {
  std::string text = "crowd:x:60:";
  for (int member = 0; member < 20'000; ++member) text += "member" + std::to_string(member) + ",";
  directory.file("/group", "first:x:59:\n" + text + "web\nlast:x:61:web\n");
  CHECK(**find_group_in(groups, "crowd") == 60);
  CHECK(sorted(groups_in(groups, "web", 34)) == std::vector<gid_t>{34, 60, 61});
}

TEST_CASE_FIXTURE(World, "in a file that is not there nobody is found; one that cannot be read is an errno") {
  CHECK_FALSE(find_user_in(directory.path() + "/none", "web")->has_value());
  CHECK_FALSE(find_group_in(directory.path() + "/none/group", "web")->has_value());
  CHECK(*groups_in(directory.path() + "/none", "web", 34) == std::vector<gid_t>{34});
  const auto failed = find_user_in(directory.path(), "web");
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error() == EISDIR);
  CHECK(groups_in(directory.path(), "web", 34) == std::unexpected(EISDIR));
  CHECK(find_group_in(directory.path(), "web") == std::unexpected(EISDIR));
}

TEST_CASE_FIXTURE(World, "a pipe in the file's place is an errno, at once") {
  const std::string pipe = directory.path() + "/pipe";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(find_user_in(pipe, "web") == std::unexpected(EINVAL));
  CHECK(groups_in(pipe, "web", 34) == std::unexpected(EINVAL));
}

TEST_CASE_FIXTURE(World, "a line whose number means \"leave it\" to the kernel is none") {
  directory.file("/passwd", "max:x:4294967295:5:::\nmaxgroup:x:5:4294967295:::\nlast:x:4294967294:4294967294:::\n");
  directory.file("/group", "max:x:4294967295:web\nlast:x:4294967294:web\n");
  CHECK_FALSE(find_user_in(users, "max")->has_value());
  CHECK_FALSE(find_user_in(users, "maxgroup")->has_value());
  CHECK(*find_user_in(users, "last") == User{4294967294, 4294967294});
  CHECK_FALSE(find_group_in(groups, "max")->has_value());
  CHECK(sorted(groups_in(groups, "web", 34)) == std::vector<gid_t>{34, 4294967294});
}

TEST_CASE("this system's root and nobody are the same in the files and by the look-up that server.user uses") {
  for (const char* name : {"root", "nobody", "no-such-user-here"}) {
    CAPTURE(name);
    CHECK(*find_user(name) == *find_user_in("/etc/passwd", name));
  }
  CHECK(*find_group("nogroup") == *find_group_in("/etc/group", "nogroup"));
  CHECK(groups_of("nobody", 65534) == groups_in("/etc/group", "nobody", 65534));
}
