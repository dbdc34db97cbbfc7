// The files' readers are always there, and tested; which of them answers is decided by how the program is linked. The
// calls of NSS must not even be named in a static build: the linker warns of each.
#include "uringd/daemon/user_database.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <tuple>

#include "build_facts.hpp"
#include "uringd/base/fd.hpp"

namespace uringd::daemon {

namespace {

constexpr size_t first_buffer = 4096;
constexpr size_t most_buffer = size_t{1} << 24;  // a group of a million members

/// Not a pipe, whose other end the start would wait for. 0, or an errno.
int open_regular(const std::string& path, Fd& file) {
  file = Fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status{};
  if (!file.open() || fstat(file.number(), &status) != 0) return errno;
  if (S_ISDIR(status.st_mode)) return EISDIR;
  return S_ISREG(status.st_mode) ? 0 : EINVAL;
}

/// Shows `use` each entry until it says that it has what it wants; 0, or an errno.
template <typename Entry, typename Next, typename Use>
int each_entry(const std::string& path, Next next, Use use) {
  Fd descriptor;
  if (const int error = open_regular(path, descriptor); error != 0)
    return error == ENOENT || error == ENOTDIR ? 0 : error;
  const std::unique_ptr<FILE, int (*)(FILE*)> file(fdopen(descriptor.number(), "r"), &std::fclose);
  if (file == nullptr) return errno;
  std::ignore = descriptor.release();  // the stream closes it
  std::vector<char> buffer(first_buffer);
  for (;;) {
    Entry entry{};
    Entry* found = nullptr;
    const int error = next(file.get(), &entry, buffer.data(), buffer.size(), &found);
    if (error == ERANGE && buffer.size() < most_buffer) {
      buffer.resize(buffer.size() * 4);  // the same entry comes again
      continue;
    }
    if (error == ENOENT) return 0;  // the end
    if (error != 0) return error;
    if (use(entry)) return 0;
  }
}

bool is_name(const char* name) { return *name != '+' && *name != '-'; }
bool is_id(uint32_t number) { return number != UINT32_MAX; }
bool is_user(const passwd& entry) { return is_id(entry.pw_uid) && is_id(entry.pw_gid); }

#if !URINGD_STATIC
/// The reentrant look-ups differ in their types alone. 0, or an errno, `found` is null where there is no such name.
template <typename Entry, typename Call>
int look_up(Call call, const std::string& name, Entry& entry, std::vector<char>& buffer, Entry*& found) {
  buffer.resize(first_buffer);
  for (;;) {
    const int error = call(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (error != ERANGE || buffer.size() >= most_buffer) return error;
    buffer.resize(buffer.size() * 4);
  }
}

/// These also mean "not found" (getpwnam(3)).
bool means_absent(int error) {
  return error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM;
}
#endif

}  // namespace

Found<User> find_user_in(const std::string& path, const std::string& name) {
  std::optional<User> user;
  const int error = each_entry<passwd>(path, fgetpwent_r, [&](const passwd& entry) {
    if (is_name(entry.pw_name) && is_user(entry) && name == entry.pw_name) user = User{entry.pw_uid, entry.pw_gid};
    return user.has_value();
  });
  if (error != 0) return std::unexpected(error);
  return user;
}

Found<gid_t> find_group_in(const std::string& path, const std::string& name) {
  std::optional<gid_t> group;
  const int error = each_entry<::group>(path, fgetgrent_r, [&](const ::group& entry) {
    if (is_name(entry.gr_name) && is_id(entry.gr_gid) && name == entry.gr_name) group = entry.gr_gid;
    return group.has_value();
  });
  if (error != 0) return std::unexpected(error);
  return group;
}

std::expected<std::vector<gid_t>, int> groups_in(const std::string& path, const std::string& name, gid_t group) {
  std::vector<gid_t> groups{group};
  const int error = each_entry<::group>(path, fgetgrent_r, [&](const ::group& entry) {
    char** member = entry.gr_mem;
    while (*member != nullptr && name != *member) ++member;
    if (is_name(entry.gr_name) && is_id(entry.gr_gid) && *member != nullptr) groups.push_back(entry.gr_gid);
    return false;
  });
  if (error != 0) return std::unexpected(error);
  return groups;
}

bool names_come_from_files() { return URINGD_STATIC; }

#if URINGD_STATIC

Found<User> find_user(const std::string& name) { return find_user_in("/etc/passwd", name); }
Found<gid_t> find_group(const std::string& name) { return find_group_in("/etc/group", name); }
std::expected<std::vector<gid_t>, int> groups_of(const std::string& name, gid_t group) {
  return groups_in("/etc/group", name, group);
}

#else

Found<User> find_user(const std::string& name) {
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer;
  const int error = look_up(getpwnam_r, name, entry, buffer, found);
  if (found != nullptr && !is_user(entry)) return std::nullopt;
  if (found != nullptr) return User{entry.pw_uid, entry.pw_gid};
  if (means_absent(error)) return std::nullopt;
  return std::unexpected(error);
}

Found<gid_t> find_group(const std::string& name) {
  ::group entry{};
  ::group* found = nullptr;
  std::vector<char> buffer;
  const int error = look_up(getgrnam_r, name, entry, buffer, found);
  if (found != nullptr && !is_id(entry.gr_gid)) return std::nullopt;
  if (found != nullptr) return entry.gr_gid;
  if (means_absent(error)) return std::nullopt;
  return std::unexpected(error);
}

std::expected<std::vector<gid_t>, int> groups_of(const std::string& name, gid_t group) {
  std::vector<gid_t> groups(64);
  int count = static_cast<int>(groups.size());
  while (getgrouplist(name.c_str(), group, groups.data(), &count) < 0) {
    groups.resize(std::max(static_cast<size_t>(count), groups.size() * 2));
    count = static_cast<int>(groups.size());
  }
  groups.resize(static_cast<size_t>(count));
  return groups;
}

#endif

}  // namespace uringd::daemon
