// seccomp_launcher CALL ERROR PROGRAM [ARGUMENT…]: executes PROGRAM under a seccomp filter that answers one system call
// with ERROR (EPERM, as Docker's profile does; ENOSYS, as podman's), as containers do to io_uring and Landlock. CALL is
// a name of the table below, or "io_uring_register:N" for one operation of it. Raw BPF: prctl(2), seccomp(2). The
// processor's other system call tables (x32) are left alone: the program under test uses its own.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace {

struct Call {
  std::string_view name;
  uint32_t number;
};

// By number where the headers may not know them; these are the same on every architecture.
constexpr Call calls[] = {
    {"io_uring_setup", 425},          {"io_uring_enter", 426},         {"io_uring_register", 427},
    {"landlock_create_ruleset", 444}, {"landlock_restrict_self", 446}, {"setgroups", SYS_setgroups},
};

int fail(const char* what) {
  std::fprintf(stderr, "seccomp_launcher: %s: %s\n", what, std::strerror(errno));
  return 125;
}

bool install(uint32_t number, int operation, uint32_t error) {
  constexpr uint32_t number_at = offsetof(seccomp_data, nr);
  constexpr uint32_t second_argument_at = offsetof(seccomp_data, args) + 8;  // its lower half: little endian
  const bool any = operation < 0;
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, number_at),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, second_argument_at),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, any ? 0U : 0x7fffffffU),  // less IORING_REGISTER_USE_REGISTERED_RING
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, any ? 0U : static_cast<uint32_t>(operation), 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
  };
  const sock_fprog filter{.len = sizeof program / sizeof program[0], .filter = program};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 4) return fail("CALL ERROR PROGRAM [ARGUMENT...]");
  const std::string_view wanted = arguments[1];
  const size_t colon = wanted.find(':');
  const int operation = colon == std::string_view::npos ? -1 : std::atoi(arguments[1] + colon + 1);
  const std::string_view error = arguments[2];
  const uint32_t number = error == "EPERM" ? EPERM : error == "ENOSYS" ? ENOSYS : error == "EINVAL" ? EINVAL : 0;
  errno = EINVAL;
  if (number == 0) return fail(arguments[2]);
  for (const Call& call : calls) {
    if (call.name != wanted.substr(0, colon)) continue;
    if (!install(call.number, operation, number)) return fail("the filter");
    execv(arguments[3], arguments + 3);
    return fail(arguments[3]);
  }
  return fail(arguments[1]);
}
