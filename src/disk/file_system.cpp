// See proc_pid_mountinfo(5): "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue". What
// stands after the lone dash is of the file system; the "rw" before it only of this mount.
#include "file_system.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

#include "uringd/base/fd.hpp"

namespace uringd::disk {
namespace {

using namespace std::string_view_literals;

constexpr std::array remote_types = {
    "9p"sv,  "afs"sv,  "beegfs"sv, "ceph"sv, "cifs"sv,  "coda"sv,   "gfs2"sv,   "gpfs"sv,     "lustre"sv,   "ncpfs"sv,
    "nfs"sv, "nfs4"sv, "ocfs2"sv,  "smb3"sv, "smbfs"sv, "vmhgfs"sv, "vboxsf"sv, "virtiofs"sv, "orangefs"sv, "pvfs2"sv,
};
// statfs(2), linux/magic.h.
constexpr std::array<uint32_t, 14> remote_magics = {
    0x6969,      // nfs
    0x517b,      // smb
    0xff534d42,  // cifs
    0xfe534d42,  // smb2
    0x65735546,  // fuse, virtiofs
    0x01021997,  // 9p
    0x00c36400,  // ceph
    0x5346414f,  // afs
    0x73757245,  // coda
    0x786f4256,  // vboxsf
    0x7461636f,  // ocfs2
    0x01161970,  // gfs2
    0x0bd00bd0,  // lustre
    0x47504653,  // gpfs
};

bool is_remote(std::string_view type) {
  return type.starts_with("fuse") || std::ranges::find(remote_types, type) != remote_types.end();
}

std::string_view next_word(std::string_view& text) {
  const size_t space = text.find(' ');
  const std::string_view word = text.substr(0, space);
  text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
  return word;
}

std::string read_whole(const char* path) {
  std::string text;
  const Fd file(open(path, O_RDONLY | O_CLOEXEC));
  char piece[4096];
  for (ssize_t bytes = 0; file.open() && (bytes = read(file.number(), piece, sizeof piece)) > 0;) {
    text.append(piece, static_cast<size_t>(bytes));
  }
  return text;
}

}  // namespace

bool find_mount(std::string_view mountinfo, uint64_t mount, FileSystem& found) {
  while (!mountinfo.empty()) {
    const size_t end = mountinfo.find('\n');
    std::string_view line = mountinfo.substr(0, end);
    mountinfo.remove_prefix(end == std::string_view::npos ? mountinfo.size() : end + 1);
    const std::string_view number = next_word(line);
    uint64_t id = 0;
    std::from_chars(number.data(), number.data() + number.size(), id);
    const size_t dash = line.find(" - ");
    if (id != mount || dash == std::string_view::npos) continue;
    line.remove_prefix(dash + 3);
    const std::string_view type = next_word(line);
    next_word(line);
    const bool read_only = line == "ro" || line.starts_with("ro,");
    // What an overlay shows can be changed in its lower layers.
    found = {
        .mount = mount, .remote = is_remote(type), .read_only = read_only && !is_remote(type) && type != "overlay"};
    return true;
  }
  return false;
}

// "/a\\040b" in mountinfo is "/a b".
bool remote_mount_at(std::string_view mountinfo, std::string_view path) {
  bool remote = true;
  while (!mountinfo.empty()) {
    const size_t end = mountinfo.find('\n');
    std::string_view line = mountinfo.substr(0, end);
    mountinfo.remove_prefix(end == std::string_view::npos ? mountinfo.size() : end + 1);
    const size_t dash = line.find(" - ");
    if (dash == std::string_view::npos) continue;
    std::string_view before = line.substr(0, dash);
    for (int field = 0; field < 4; ++field) next_word(before);
    const std::string_view escaped = next_word(before);
    std::string point;
    for (size_t at = 0; at < escaped.size(); ++at) {
      int value = 0;
      const bool octal = escaped[at] == '\\' && at + 3 < escaped.size() &&
                         std::from_chars(escaped.data() + at + 1, escaped.data() + at + 4, value, 8).ec == std::errc{};
      point += octal ? static_cast<char>(value) : escaped[at];
      if (octal) at += 3;
    }
    std::string_view after = line.substr(dash + 3);
    if (point == path) remote = is_remote(next_word(after));  // of several there the last is on top
  }
  return remote;
}

bool remote_mount_at(std::string_view path) { return remote_mount_at(read_whole("/proc/self/mountinfo"), path); }

uint64_t mount_of(int file) {
  struct statx found{};
  if (statx(file, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &found) != 0) return 0;
  return (found.stx_mask & STATX_MNT_ID) ? found.stx_mnt_id : 0;
}

FileSystem file_system_of(int file) {
  FileSystem found;
  const uint64_t mount = mount_of(file);
  if (mount != 0 && find_mount(read_whole("/proc/self/mountinfo"), mount, found)) return found;
  struct statfs status{};
  if (fstatfs(file, &status) != 0) return {.mount = mount, .remote = true};  // the careful answer
  const auto magic = static_cast<uint32_t>(status.f_type);
  const bool remote = std::ranges::find(remote_magics, magic) != remote_magics.end();
  // ST_RDONLY may be of this mount alone: no promise that the file system cannot change.
  return {.mount = mount, .remote = remote, .read_only = false};
}

}  // namespace uringd::disk
