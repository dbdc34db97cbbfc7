// On what file system an open file lies, as far as can be told without asking that file system: its mount's line in
// /proc/self/mountinfo. statfs(2) would do, but on a dead NFS server or FUSE daemon it does not come back; it is the
// fall-back where there is no /proc.
#pragma once

#include <cstdint>
#include <string_view>

namespace uringd::disk {

struct FileSystem {
  uint64_t mount = 0;      // the kernel's number of the mount; 0: unknown (before Linux 5.8)
  bool remote = false;     // its files can change where this kernel does not see it: network, cluster, FUSE
  bool read_only = false;  // the file system itself, and what lies below it too: no file of it can change
};

/// statx(2), which never waits with DONT_SYNC. 0: unknown.
uint64_t mount_of(int file);
FileSystem file_system_of(int file);

/// Whether what is mounted at `path` (absolute, no links in it) is remote; by mountinfo alone, so that nothing is asked
/// of a server that may be dead. True where it does not say.
bool remote_mount_at(std::string_view path);
bool remote_mount_at(std::string_view mountinfo, std::string_view path);

/// The same from a text like /proc/self/mountinfo; false: no line has that mount number.
bool find_mount(std::string_view mountinfo, uint64_t mount, FileSystem& found);

}  // namespace uringd::disk
