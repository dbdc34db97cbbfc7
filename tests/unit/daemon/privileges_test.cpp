// server.user: who the process is afterwards, in every thread and for good, and what is said where it cannot be. Each
// change happens in a child. Most of it needs root to begin with.
#include "uringd/daemon/privileges.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>

#include "child.hpp"
#include "temporary_directory.hpp"

#include <doctest/doctest.h>

using namespace uringd;
using daemon::become_user;
using uringd::testing::in_child;
using uringd::testing::TemporaryDirectory;
namespace fs = std::filesystem;

namespace {

bool root() {
  if (geteuid() == 0) return true;
  MESSAGE("skipped: only root can become somebody else");
  return false;
}

std::string said_by(const Result<void>& result) { return result ? "fine" : result.error().message; }

/// Uid, Gid, Groups and capabilities of every thread, each different account once.
std::string threads() {
  std::set<std::string> accounts;
  size_t count = 0;
  for (const auto& task : fs::directory_iterator("/proc/self/task")) {
    ++count;
    std::ifstream file(task.path() / "status");
    std::string account;
    for (std::string line; std::getline(file, line);)
      for (const char* name : {"Uid:", "Gid:", "Groups:", "CapInh:", "CapPrm:", "CapEff:", "CapAmb:"})
        if (line.starts_with(name)) account += line.substr(0, line.find_last_not_of(" \t") + 1) + "\n";
    accounts.insert(account);
  }
  std::string text = std::to_string(count) + " threads\n";
  for (const std::string& account : accounts) text += account;
  return text;
}

std::string expected(size_t count, const std::string& user, const std::string& group, const std::string& groups) {
  const std::string tab = "\t";
  const std::string none = "\t0000000000000000\n";
  return std::to_string(count) + " threads\nUid:" + tab + user + tab + user + tab + user + tab + user + "\nGid:" + tab +
         group + tab + group + tab + group + tab + group + "\nGroups:" + tab + groups + "\nCapInh:" + none +
         "CapPrm:" + none + "CapEff:" + none + "CapAmb:" + none;
}

std::string after_becoming(const std::string& user) {
  return in_child([&] {
    const auto result = become_user(user);
    return result ? threads() : result.error().message;
  });
}

}  // namespace

TEST_CASE("a number needs no /etc/passwd: user, group and supplementary groups are that number, no capability stays") {
  if (!root()) return;
  CHECK(after_becoming("54321") == expected(1, "54321", "54321", "54321"));
  CHECK(after_becoming("54321:4") == expected(1, "54321", "4", "4"));
}

TEST_CASE("a name brings its group, and a group that is written replaces it") {
  if (!root()) return;
  const passwd* nobody = getpwnam("nobody");
  const group* adm = getgrnam("adm");
  REQUIRE(nobody != nullptr);
  REQUIRE(adm != nullptr);
  const std::string uid = std::to_string(nobody->pw_uid);
  const std::string gid = std::to_string(nobody->pw_gid);
  const std::string adm_gid = std::to_string(adm->gr_gid);
  CHECK(after_becoming("nobody") == expected(1, uid, gid, gid));
  CHECK(after_becoming("nobody:adm") == expected(1, uid, adm_gid, adm_gid));
  CHECK(after_becoming("nobody:77") == expected(1, uid, "77", "77"));
  CHECK(after_becoming("99:adm") == expected(1, "99", adm_gid, adm_gid));
}

TEST_CASE("root's supplementary groups are gone, and the user's own are there (initgroups(3))") {
  if (!root()) return;
  std::string member;  // whoever has a group besides his own
  gid_t group = 0, more = 0;
  setgrent();
  while (const struct group* one = getgrent()) {
    if (one->gr_mem == nullptr || one->gr_mem[0] == nullptr) continue;
    const passwd* user = getpwnam(one->gr_mem[0]);
    if (user == nullptr || user->pw_uid == 0 || user->pw_gid == one->gr_gid) continue;
    member = user->pw_name;
    group = user->pw_gid;
    more = one->gr_gid;
  }
  endgrent();
  const std::string said = in_child([] {
    const gid_t before[] = {4, 27};
    if (setgroups(2, before) != 0) return std::string("no groups");
    return become_user("54321") ? threads() : "refused";
  });
  CHECK(said == expected(1, "54321", "54321", "54321"));
  if (member.empty()) {
    MESSAGE("half skipped: no user here is a member of a further group");
    return;
  }
  const std::string groups = in_child([&] {
    if (!become_user(member)) return std::string("refused");
    gid_t have[64];
    const int count = getgroups(64, have);
    return std::string(std::count(have, have + count, group) == 1 && std::count(have, have + count, more) == 1 ? "both"
                                                                                                               : "not");
  });
  CHECK(groups == "both");
}

TEST_CASE("threads that run already change with us (nptl(7))") {
  if (!root()) return;
  const std::string said = in_child([] {
    int ends[2];
    if (pipe(ends) != 0) return std::string("no pipe");
    const auto wait = [&] {
      char byte = 0;
      (void)!read(ends[0], &byte, 1);
    };
    std::thread one(wait), two(wait);
    const auto result = become_user("54321");
    std::string text = result ? threads() : result.error().message;
    close(ends[1]);
    one.join();
    two.join();
    return text;
  });
  CHECK(said == expected(3, "54321", "54321", "54321"));
}

TEST_CASE("capabilities that a program's file could bring back are gone too (capabilities(7), inheritable)") {
  if (!root()) return;
  const std::string said = in_child([] {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    __user_cap_data_struct sets[2]{};
    if (syscall(SYS_capget, &header, sets) != 0) return std::string("capget");
    sets[0].inheritable = sets[0].permitted;
    if (syscall(SYS_capset, &header, sets) != 0) return std::string("capset");
    const auto result = become_user("54321");
    return result ? threads() : result.error().message;
  });
  CHECK(said == expected(1, "54321", "54321", "54321"));
}

TEST_CASE("the way back is closed: no call brings root, its group or a capability back") {
  if (!root()) return;
  const std::string said = in_child([] {
    if (!become_user("54321")) return std::string("refused");
    const auto minus = static_cast<uid_t>(-1);
    std::string open;
    if (setuid(0) == 0) open += "setuid ";
    if (seteuid(0) == 0) open += "seteuid ";
    if (setresuid(minus, minus, 0) == 0) open += "setresuid ";
    if (setgid(0) == 0) open += "setgid ";
    if (setgroups(0, nullptr) == 0) open += "setgroups ";
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 10, 0, 0) == 0) open += "ambient ";
    return open.empty() ? "closed" : open;
  });
  CHECK(said == "closed");
}

TEST_CASE("afterwards others of the same user cannot trace us, and our own /proc/self still works (proc(5))") {
  if (!root()) return;
  const TemporaryDirectory directory;
  fs::permissions(directory.path(), fs::perms::all);
  const std::string said = in_child([&] {
    if (!become_user("54321")) return std::string("refused");
    if (prctl(PR_GET_DUMPABLE) == 1) return std::string("dumpable");
    const int held = open(directory.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    const std::string link = "/proc/self/fd/" + std::to_string(held);
    char name[512];
    if (readlink(link.c_str(), name, sizeof name) <= 0) return std::string("readlink");
    if (open(link.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC) < 0) return std::string("open");
    if (inotify_add_watch(inotify_init1(IN_CLOEXEC), link.c_str(), IN_CREATE) < 0) return std::string("inotify");
    for (const char* file : {"/proc/self/mountinfo", "/proc/self/cgroup", "/proc/self/status", "/proc/self/limits"})
      if (open(file, O_RDONLY | O_CLOEXEC) < 0) return std::string(file);
    return std::string("works");
  });
  CHECK(said == "works");
}

TEST_CASE("who is that user already needs no root: nothing changes, nothing is refused") {
  const std::string self = std::to_string(geteuid());
  CHECK(said_by(become_user(self)) == "fine");
  CHECK(said_by(become_user(self + ":" + std::to_string(getegid()))) == "fine");
  CHECK(said_by(become_user("")) == "fine");
  if (!root()) return;
  CHECK(in_child([] {
          if (!become_user("54321:77")) return std::string("refused");
          const std::string before = threads();
          for (const char* same : {"54321:77", "54321"})
            if (!become_user(same)) return std::string(same);
          return std::string(threads() == before ? "same" : "changed");
        }) == "same");
}

TEST_CASE("without root the line says who started us and what to do") {
  if (!root()) return;
  const auto said = [](const char* user) {
    return in_child([&] { return become_user("54321") ? said_by(become_user(user)) : "refused"; });
  };
  CHECK(said("nobody") ==
        "server.user = \"nobody\": needs root: started as uid 54321; start as root or leave server.user out");
  CHECK(said("54321:0") ==
        "server.user = \"54321:0\": needs root: started as uid 54321; start as root or leave server.user out");
  CHECK(said("0") == "server.user = \"0\": needs root: started as uid 54321; start as root or leave server.user out");
}

TEST_CASE("a user or group that does not exist is named, with the one that may be meant") {
  CHECK(said_by(become_user("nobdy")) == "server.user = \"nobdy\": no such user; did you mean \"nobody\"?");
  CHECK(said_by(become_user("qqqqqqqqqq")) == "server.user = \"qqqqqqqqqq\": no such user");
  CHECK(said_by(become_user("nobdy:adm")) ==
        "server.user = \"nobdy:adm\": no such user \"nobdy\"; did you mean \"nobody\"?");
  CHECK(said_by(become_user("nobody:nogrup")) ==
        "server.user = \"nobody:nogrup\": no such group \"nogrup\"; did you mean \"nogroup\"?");
  CHECK(said_by(become_user("1:qqqqqqqqqq")) == "server.user = \"1:qqqqqqqqqq\": no such group \"qqqqqqqqqq\"");
}
