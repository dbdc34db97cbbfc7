// Why the kernel said no, in one line that names the way out. "Operation not permitted" has four causes here, and users
// who read only that leave: so we look below /proc for the sysctl, the seccomp mode, the kernel's version and the
// limits.
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>

#include "uringd/uring/features.hpp"

namespace uringd::uring {

namespace {

constexpr std::pair<int, int> oldest_kernel{6, 1};
constexpr int cap_sys_admin = 21;  // capability.h
constexpr std::string_view allow_calls =
    "allow io_uring_setup, io_uring_enter and io_uring_register in the seccomp profile: podman and docker take "
    "--security-opt seccomp=FILE, where FILE is uringd's seccomp.json (packaging/image in its sources, share/uringd "
    "where it is installed, /usr/share/uringd in the image), Kubernetes seccompProfile; for systemd add @aio to "
    "SystemCallFilter=";

/// The first line of a file; empty when it cannot be read.
std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// What follows `key` on its line of `path`, without leading blanks; empty when there is no such line.
std::string value_after(const std::string& path, std::string_view key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const size_t begin = line.find_first_not_of(" \t", key.size());
    return begin == std::string::npos ? std::string() : line.substr(begin);
  }
  return {};
}

/// Major and minor of "6.1.0-35-amd64"; 0.0 when it is not a version.
std::pair<int, int> version_of(std::string_view release) {
  std::pair<int, int> version{0, 0};
  const char* const end = release.data() + release.size();
  const auto [dot, error] = std::from_chars(release.data(), end, version.first);
  if (error == std::errc{} && dot != end && *dot == '.') std::from_chars(dot + 1, end, version.second);
  return version;
}

bool administrator(const std::string& proc) {
  const std::string text = value_after(proc + "/self/status", "CapEff:");
  uint64_t effective = 0;
  std::from_chars(text.data(), text.data() + text.size(), effective, 16);
  return (effective >> cap_sys_admin & 1) != 0;
}

bool filtered(const std::string& proc) { return value_after(proc + "/self/status", "Seccomp:") == "2"; }

std::string too_old(const std::string& release) {
  return "kernel " + release + " is too old: uringd needs Linux 6.1 or newer";
}

std::string not_permitted(const std::string& call, const std::string& proc) {
  const std::string disabled = first_line(proc + "/sys/kernel/io_uring_disabled");
  if (disabled == "2") {
    return "disabled on this system (sysctl kernel.io_uring_disabled is 2): as root, `sysctl -w "
           "kernel.io_uring_disabled=0`";
  }
  if (disabled == "1" && !administrator(proc)) {
    const std::string group = first_line(proc + "/sys/kernel/io_uring_group");
    return "allowed only to group " + group + " here (sysctl kernel.io_uring_disabled is 1, kernel.io_uring_group is " +
           group + "): run uringd in that group, or as root `sysctl -w kernel.io_uring_disabled=0`";
  }
  if (filtered(proc)) return "a seccomp filter, as containers have, denies " + call + ": " + std::string(allow_calls);
  return call + " is not permitted by a security module (SELinux, AppArmor): allow io_uring in its policy";
}

std::string not_implemented(const std::string& call, const std::string& proc) {
  const std::string release = first_line(proc + "/sys/kernel/osrelease");
  if (version_of(release) != std::pair{0, 0} && version_of(release) < oldest_kernel) return too_old(release);
  if (filtered(proc)) {
    return "a seccomp filter, as containers have, answers " + call +
           " with \"not implemented\": " + std::string(allow_calls);
  }
  return "kernel " + release + " was built without io_uring: it needs CONFIG_IO_URING";
}

std::string invalid(const std::string& call, const std::string& proc) {
  const std::string release = first_line(proc + "/sys/kernel/osrelease");
  if (version_of(release) < oldest_kernel) return too_old(release);
  return call + " refused its arguments (Invalid argument) on kernel " + release +
         ": is its io_uring restricted or patched?";
}

std::string no_memory(const std::string& call, const std::string& proc) {
  std::string limit = value_after(proc + "/self/limits", "Max locked memory");
  limit = limit.substr(0, limit.find(' '));
  if (limit != "unlimited") limit += " bytes";
  return call + " found no memory; the memory-lock limit is " + limit +
         ", shared by all processes of this user: raise it to 8 MiB or more (ulimit -l 8192; systemd: LimitMEMLOCK=8M; "
         "containers: --ulimit memlock=8388608)";
}

}  // namespace

std::string explain_refusal(int error_number, const char* call, const std::string& proc) {
  const std::string prefix = "io_uring is not available: ";
  switch (error_number) {
    case EPERM:
    case EACCES: return prefix + not_permitted(call, proc);
    case ENOSYS: return prefix + not_implemented(call, proc);
    case EINVAL: return prefix + invalid(call, proc);
    case ENOMEM: return prefix + no_memory(call, proc);
    case EMFILE:
    case ENFILE:
      return prefix + std::string(call) +
             " found no free descriptor: raise the limit of open files (ulimit -n; systemd: " + "LimitNOFILE=)";
    default: return prefix + call + ": " + errno_text(error_number);
  }
}

}  // namespace uringd::uring
