// Becoming server.user. Names are looked up (user_database), numbers are taken as they are: in a container without
// /etc/passwd "65534:65534" works. Order: supplementary groups, group, user, capabilities, because each step takes away
// what the one before it needs. Then everything is asked for again: of the calls, of the kernel's own account of every
// thread (glibc carries setresuid(2) to all of them, nptl(7)), and by trying to go back. A change of user clears the
// process' "dumpable" flag (prctl(2)), and that is left so: other processes of that user cannot trace us or read our
// memory, and nothing here needs it (a process' own /proc/self/fd stays open to it).
#include "uringd/daemon/privileges.hpp"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <expected>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

#include "uringd/config/nearest.hpp"
#include "uringd/daemon/user_database.hpp"

namespace uringd::daemon {

namespace {

struct Identity {
  uid_t user = 0;
  gid_t group = 0;
  bool group_written = false;
  std::vector<gid_t> groups;  // ascending, without duplicates; `group` among them
};

std::string in_quotes(std::string_view text) { return "\"" + std::string(text) + "\""; }
std::string key(const std::string& user) { return "server.user = " + in_quotes(user) + ": "; }

std::optional<uint32_t> number_of(std::string_view text) {
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// "; did you mean …?" from the local file: a directory service is not to be read whole for a hint.
template <typename Next>
std::string hint(const char* path, const std::string& name, Next next) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path, "re"), &std::fclose);
  if (file == nullptr) return {};
  std::vector<std::string> names;
  for (const char* one = nullptr; (one = next(file.get())) != nullptr;) names.emplace_back(one);
  const std::vector<std::string_view> views(names.begin(), names.end());
  const std::string_view nearest = config::nearest(name, views);
  return nearest.empty() ? std::string() : "; did you mean " + in_quotes(nearest) + "?";
}

/// Where nothing can be looked up, a number is the way; in a static build the file is all there is.
std::unexpected<Error> no_such(const char* kind, const char* path, const std::string& user, const std::string& name,
                               const char* (*next)(FILE*)) {
  std::string text = key(user) + "no such " + kind + (user == name ? "" : " " + in_quotes(name));
  if (access(path, F_OK) != 0)
    return failure(text + ": there is no " + path + " here; give numbers, such as \"65534:65534\"");
  if (names_come_from_files()) text += std::string(" in ") + path;
  return failure(text + hint(path, name, next));
}

std::unexpected<Error> no_such_user(const std::string& user, const std::string& name) {
  return no_such("user", "/etc/passwd", user, name, [](FILE* file) -> const char* {
    const passwd* one = fgetpwent(file);
    return one == nullptr ? nullptr : one->pw_name;
  });
}

std::unexpected<Error> no_such_group(const std::string& user, const std::string& name) {
  return no_such("group", "/etc/group", user, name, [](FILE* file) -> const char* {
    const group* one = fgetgrent(file);
    return one == nullptr ? nullptr : one->gr_name;
  });
}

std::unexpected<Error> not_looked_up(const std::string& user, const std::string& name, int error) {
  return failure(key(user) + "looking " + in_quotes(name) + " up: " + errno_text(error));
}

Result<Identity> identity_of(const std::string& text) {
  const size_t colon = text.find(':');
  const std::string user = text.substr(0, colon);
  Identity identity;
  const std::optional<uint32_t> user_number = number_of(user);
  if (user_number) {
    identity.user = identity.group = *user_number;  // of a number alone nothing says the group; never root's
  } else {
    const Found<User> found = find_user(user);
    if (!found) return not_looked_up(text, user, found.error());
    if (!*found) return no_such_user(text, user);
    identity.user = (*found)->user;
    identity.group = (*found)->group;
  }
  if (colon != std::string::npos) {
    identity.group_written = true;
    const std::string name = text.substr(colon + 1);
    if (const std::optional<uint32_t> number = number_of(name)) {
      identity.group = *number;
    } else {
      const Found<gid_t> found = find_group(name);
      if (!found) return not_looked_up(text, name, found.error());
      if (!*found) return no_such_group(text, name);
      identity.group = **found;
    }
  }
  identity.groups = {identity.group};
  if (!user_number) {
    std::expected<std::vector<gid_t>, int> groups = groups_of(user, identity.group);
    if (!groups) return not_looked_up(text, user, groups.error());
    identity.groups = std::move(*groups);
  }
  std::ranges::sort(identity.groups);
  const auto duplicates = std::ranges::unique(identity.groups);
  identity.groups.erase(duplicates.begin(), duplicates.end());
  return identity;
}

/// Real, effective and saved alike.
bool is(const Identity& identity, bool with_group) {
  std::array<uid_t, 3> users{};
  std::array<gid_t, 3> groups{};
  if (getresuid(&users[0], &users[1], &users[2]) != 0 || getresgid(&groups[0], &groups[1], &groups[2]) != 0)
    return false;
  return std::ranges::count(users, identity.user) == 3 &&
         (!with_group || std::ranges::count(groups, identity.group) == 3);
}

/// Inheritable ones too: what a file's capabilities could bring back.
bool drop_capabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  const std::array<__user_cap_data_struct, 2> none{};
  return syscall(SYS_capset, &header, none.data()) == 0;
}

/// What one line of a thread's status file says; empty when it is not there.
std::string status_of(const std::filesystem::path& task, std::string_view name) {
  std::ifstream file(task / "status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(name)) return line.substr(name.size());
  return {};
}

template <typename Number>
std::vector<Number> numbers_in(const std::string& text) {
  std::istringstream words(text);
  std::vector<Number> numbers;
  for (Number number = 0; words >> number;) numbers.push_back(number);
  return numbers;
}

bool thread_is(const std::filesystem::path& task, const Identity& identity) {
  const std::vector<uid_t> users = numbers_in<uid_t>(status_of(task, "Uid:"));
  const std::vector<gid_t> groups = numbers_in<gid_t>(status_of(task, "Gid:"));
  std::vector<gid_t> supplementary = numbers_in<gid_t>(status_of(task, "Groups:"));
  std::ranges::sort(supplementary);
  if (users.size() != 4 || std::ranges::count(users, identity.user) != 4) return false;
  if (groups.size() != 4 || std::ranges::count(groups, identity.group) != 4) return false;
  if (supplementary != identity.groups) return false;
  if (identity.user == 0) return true;  // root has its capabilities
  return std::ranges::all_of(std::array{"CapPrm:", "CapEff:", "CapAmb:"}, [&](const char* set) {
    const std::string text = status_of(task, set);
    return text.find_first_not_of("\t0") == std::string::npos;
  });
}

/// The first thing that is not as it should be, or an empty string.
std::string what_is_left(const Identity& identity) {
  if (!is(identity, true)) return "the ids are not the ones that were set";
  std::error_code no_proc;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", no_proc))
    if (!thread_is(task.path(), identity)) return "thread " + task.path().filename().string() + " has kept privileges";
  if (identity.user != 0 && setresuid(static_cast<uid_t>(-1), 0, static_cast<uid_t>(-1)) == 0)
    return "the way back to root is open";
  if (identity.user != 0 && identity.group != 0 && setresgid(static_cast<gid_t>(-1), 0, static_cast<gid_t>(-1)) == 0)
    return "the way back to root's group is open";
  return {};
}

std::unexpected<Error> refused(const std::string& user, const char* call, int error) {
  if (error == EPERM) {
    return failure(key(user) + "needs root: started as uid " + std::to_string(geteuid()) +
                   "; start as root or leave server.user out");
  }
  const std::string advice = error == EINVAL ? " (a container's user namespace may not have that id)" : "";
  return failure(key(user) + call + ": " + errno_text(error) + advice);
}

}  // namespace

Result<void> become_user(const std::string& user) {
  if (user.empty()) return {};
  const Result<Identity> identity = identity_of(user);
  if (!identity) return std::unexpected(identity.error());
  if (is(*identity, identity->group_written)) return {};
  if (setgroups(identity->groups.size(), identity->groups.data()) != 0) return refused(user, "setgroups", errno);
  if (setresgid(identity->group, identity->group, identity->group) != 0) return refused(user, "setresgid", errno);
  if (setresuid(identity->user, identity->user, identity->user) != 0) return refused(user, "setresuid", errno);
  if (identity->user != 0 && !drop_capabilities()) return refused(user, "capset", errno);
  if (const std::string left = what_is_left(*identity); !left.empty())
    return failure(key(user) + "the privileges are not gone: " + left);
  return {};
}

}  // namespace uringd::daemon
