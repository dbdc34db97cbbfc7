// Where a later version of a program will be: the directories that must stay executable for an upgrade. Directories,
// not files, because a package upgrade replaces the files. For the main thread; reads the file system, waits for it.
#pragma once

#include <string>
#include <vector>

namespace uringd::daemon {

/// Of `program`, an absolute path: its directory, the one that its links lead to, those between which a deploy switches
/// a link (/opt/uringd for /opt/uringd/current → releases/42), and the directories of its interpreter (PT_INTERP,
/// elf(5)). Empty for an empty path.
std::vector<std::string> program_directories(const std::string& program);

}  // namespace uringd::daemon
