// user_database: users and groups by name, for server.user. A dynamic build asks NSS, as every program does. A static
// one must not: NSS loads modules of the C library that it was linked with, and a system may have another or none; it
// reads /etc/passwd and /etc/group itself. Numbers need neither, and are not for here.
#pragma once

#include <sys/types.h>

#include <expected>
#include <optional>
#include <string>
#include <vector>

namespace uringd::daemon {

struct User {
  uid_t user = 0;
  gid_t group = 0;
  bool operator==(const User&) const = default;
};

/// What was looked up; nothing where there is no such name; or an errno. Of a database that is not there: nothing.
template <typename T>
using Found = std::expected<std::optional<T>, int>;

Found<User> find_user(const std::string& name);
Found<gid_t> find_group(const std::string& name);
/// The groups that list `name` as a member, and `group`; in no order, perhaps with duplicates; or an errno.
std::expected<std::vector<gid_t>, int> groups_of(const std::string& name, gid_t group);

// The same from a file in the format of passwd(5) or group(5). Names that begin with + or - are NIS's, and no names;
// a line whose number is 2^32 - 1, which to setresuid(2) means "leave it", is none. What is no regular file is EINVAL.
Found<User> find_user_in(const std::string& path, const std::string& name);
Found<gid_t> find_group_in(const std::string& path, const std::string& name);
std::expected<std::vector<gid_t>, int> groups_in(const std::string& path, const std::string& name, gid_t group);

/// Whether the first three read the files alone.
bool names_come_from_files();

}  // namespace uringd::daemon
