// Reading a directory for people: getdents64 for the names, statx for each, and openat2 beneath the root for links.
#include "uringd/disk/listing.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <optional>
#include <string_view>

#include "directory_names.hpp"

namespace uringd::disk {
namespace {

// Names that are not shown cost as much as others: a directory full of refused links must end too.
constexpr size_t most_seen = 10 * most_listed;

/// What the name itself is, or what the descriptor is where it is "". DONT_SYNC: a directory may hold the mount point
/// of a dead server.
std::optional<struct statx> status_of(int directory, const char* name) {
  struct statx found{};
  constexpr int flags = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;
  if (statx(directory, name, flags, STATX_TYPE | STATX_SIZE | STATX_MTIME, &found) != 0) return std::nullopt;
  return found;
}

/// What a link leads to, where an answer would follow it.
std::optional<struct statx> target_of(const ListingOrder& order, std::string_view name) {
  if (order.resolve == uring::Resolve::no_symlinks) return std::nullopt;
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  const std::string path = order.path.substr(1) + std::string(name);
  const Fd target(static_cast<int>(syscall(SYS_openat2, order.root->directory, path.c_str(), &how, sizeof how)));
  if (!target.open()) return std::nullopt;
  return status_of(target.number(), "");
}

bool shown(const ListingOrder& order, std::string_view name, unsigned char type) {
  if (type != DT_REG && type != DT_DIR && type != DT_LNK && type != DT_UNKNOWN) return false;
  // RFC 8615 §3: /.well-known/ is served whatever `hidden` says.
  return order.hidden || !name.starts_with('.') || (order.prefix.empty() && order.path == "/" && name == ".well-known");
}

void look_at(const ListingOrder& order, std::string_view name, std::vector<http::ListedFile>& files) {
  std::optional<struct statx> found = status_of(order.directory.number(), name.data());  // NUL-terminated by the kernel
  if (found && S_ISLNK(found->stx_mode)) found = target_of(order, name);
  if (!found) return;
  const bool directory = S_ISDIR(found->stx_mode);
  if (!directory && !S_ISREG(found->stx_mode)) return;
  files.push_back({.name = std::string(name),
                   .directory = directory,
                   .size_bytes = directory ? 0 : found->stx_size,
                   .modified_s = found->stx_mtime.tv_sec});
}

}  // namespace

DirectoryFiles read_directory(const ListingOrder& order) {
  DirectoryFiles result;
  DirectoryNames names(order.directory.number());
  size_t seen = 0;
  const auto take = [&](std::string_view name, unsigned char type) {
    if (result.truncated) return;
    if (++seen > most_seen) {
      result.truncated = true;
      return;
    }
    if (!shown(order, name, type)) return;
    look_at(order, name, result.files);
    if (result.files.size() > most_listed) {
      result.files.pop_back();
      result.truncated = true;
    }
  };
  while (!result.truncated && names.next(take)) {
  }
  result.failed = names.failed();
  return result;
}

}  // namespace uringd::disk
