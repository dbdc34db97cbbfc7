// The sandbox of server.sandbox: Landlock rules (landlock(7)) by raw system calls, because neither glibc nor older
// kernel headers know them. Denied from then on: opening for writing, truncating, making, removing, renaming and
// executing files, whatever their modes say, in this thread and all that it starts (io-wq's threads among them); what
// is open stays open, pipes and sockets are no files to Landlock. Excepted are the directories of SandboxPlan. Rules
// hold for the directories that are there now: one that is made anew under the same name is another one.
// A process has at most 16 layers of rules, so a successor (SIGUSR2) lives under its predecessor's.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

#include "program_directories.hpp"
#include "uringd/base/fd.hpp"
#include "uringd/daemon/privileges.hpp"

namespace uringd::daemon {

namespace {

// linux/landlock.h, of which build machines have one too old or none; the numbers are those of every architecture.
constexpr long create_ruleset = 444, add_rule = 445, restrict_self = 446;
constexpr uint32_t ask_version = 1;        // LANDLOCK_CREATE_RULESET_VERSION
constexpr uint32_t rule_path_beneath = 1;  // LANDLOCK_RULE_PATH_BENEATH
constexpr uint64_t execute = 1ULL << 0, write_file = 1ULL << 1, remove_directory = 1ULL << 4, remove_file = 1ULL << 5,
                   make_device = 1ULL << 6, make_directory = 1ULL << 7, make_file = 1ULL << 8, make_socket = 1ULL << 9,
                   make_fifo = 1ULL << 10, make_block_device = 1ULL << 11, make_symlink = 1ULL << 12,
                   refer = 1ULL << 13 /* ABI 2 */, truncate_file = 1ULL << 14 /* ABI 3 */;

struct Ruleset {
  uint64_t handled_files = 0;
};
// Landlock's has no room between its members either.
struct [[gnu::packed]] PathBeneath {
  uint64_t allowed = 0;
  int32_t parent = -1;
};
static_assert(sizeof(PathBeneath) == 12);

/// All that is not reading: roots are confined by openat2, and switch. An open costs 1.7 us more for it nine
/// directories deep (2.8 us without; measured), most of it for truncate_file: whether a descriptor may be truncated is
/// decided when it is opened, for reading too. A hit opens nothing.
uint64_t handled_by(long abi) {
  uint64_t rights = execute | write_file | remove_directory | remove_file | make_device | make_directory | make_file |
                    make_socket | make_fifo | make_block_device | make_symlink;
  if (abi >= 2) rights |= refer;
  if (abi >= 3) rights |= truncate_file;
  return rights;
}

SandboxState not_active(const char* call, int error) {
  std::string why;
  switch (error) {
    case ENOSYS: why = "this kernel has no Landlock, or a seccomp filter hides it"; break;
    case EOPNOTSUPP: why = "Landlock was not enabled when this system was booted (lsm=landlock,…)"; break;
    case EPERM: why = "a seccomp filter, as containers have, denies " + std::string(call); break;
    case E2BIG: why = "no room for more rules: 16 layers of Landlock lie over this process already"; break;
    default: why = std::string(call) + ": " + errno_text(error);
  }
  return {.active = false, .text = why};
}

/// The version of Landlock, or why there is none.
std::expected<long, SandboxState> version() {
  const long abi = syscall(create_ruleset, nullptr, 0, ask_version);
  if (abi < 1) return std::unexpected(not_active("landlock_create_ruleset", abi == 0 ? ENOSYS : errno));
  return abi;
}

std::expected<Fd, SandboxState> make_ruleset(long abi) {
  const Ruleset ruleset{.handled_files = handled_by(abi)};
  Fd made(static_cast<int>(syscall(create_ruleset, &ruleset, sizeof ruleset, 0)));  // close-on-exec by itself
  if (!made.open()) return std::unexpected(not_active("landlock_create_ruleset", errno));
  return made;
}

/// What is not there cannot be excepted: who wants to write there will say so.
void allow(const Fd& ruleset, const std::string& path, uint64_t in_directory, uint64_t in_file) {
  const Fd parent(::open(path.empty() ? "." : path.c_str(), O_PATH | O_CLOEXEC));
  struct stat found{};
  if (!parent.open() || fstat(parent.number(), &found) != 0) return;
  const uint64_t allowed = S_ISDIR(found.st_mode) ? in_directory : in_file;
  if (allowed == 0) return;
  const PathBeneath rule{.allowed = allowed, .parent = parent.number()};
  (void)!syscall(add_rule, ruleset.number(), rule_path_beneath, &rule, 0);
}

}  // namespace

SandboxState enter_sandbox(const SandboxPlan& plan) {
  // Of use without Landlock too: no program that we might be made to execute brings root back by its set-user-ID bit.
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return not_active("prctl(PR_SET_NO_NEW_PRIVS)", errno);
  const auto abi = version();
  if (!abi) return abi.error();
  const auto ruleset = make_ruleset(*abi);
  if (!ruleset) return ruleset.error();
  for (const std::string& path : plan.log_directories) allow(*ruleset, path, make_file | write_file, write_file);
  for (const std::string& path : plan.socket_directories) allow(*ruleset, path, make_socket | remove_file, 0);
  for (const std::string& path : program_directories(plan.program)) allow(*ruleset, path, execute, 0);
  if (syscall(restrict_self, ruleset->number(), 0) != 0) return not_active("landlock_restrict_self", errno);
  return {.active = true, .text = "Landlock, ABI " + std::to_string(*abi)};
}

SandboxState describe_sandbox() {
  const auto abi = version();
  if (!abi) return abi.error();
  if (const auto ruleset = make_ruleset(*abi); !ruleset) return ruleset.error();
  return {.active = true, .text = "Landlock, ABI " + std::to_string(*abi)};
}

}  // namespace uringd::daemon
