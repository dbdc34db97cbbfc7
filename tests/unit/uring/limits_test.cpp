// A ring within narrow limits, and the line that says what stood in the way. Limits are set in a child process that has
// given up root: CAP_IPC_LOCK is exempt from the memory lock, so as root these tests would say nothing.
#include <grp.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "harness.hpp"
#include "uringd/uring/features.hpp"

using namespace uringd;
using namespace uringd::uring;
using namespace uringd::uring::test;

namespace {

constexpr uid_t nobody = 65534;

/// What `work` returned in a child with these limits and no privileges. The memory-lock account is per user, so
/// children that must agree on what is left take a user of their own.
std::string as_ordinary_user(uid_t user, rlim_t memory_lock, rlim_t files, std::string (*work)()) {
  int ends[2] = {-1, -1};
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::close(ends[0]);
    const rlimit lock{memory_lock, memory_lock};
    const rlimit open_files{files, files};
    bool ready = setrlimit(RLIMIT_MEMLOCK, &lock) == 0 && setrlimit(RLIMIT_NOFILE, &open_files) == 0;
    if (geteuid() == 0)
      ready =
          ready && setgroups(0, nullptr) == 0 && setresgid(user, user, user) == 0 && setresuid(user, user, user) == 0;
    const std::string said = ready ? work() : "no limits";
    (void)!write(ends[1], said.data(), said.size());
    _exit(0);
  }
  ::close(ends[1]);
  const std::string said = read_exactly(ends[0], 4096);
  ::close(ends[0]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  return said;
}

std::string sizes_of_a_ring() {
  alignas(4096) static char area[1024 * 1024];
  RingOptions options;
  options.registered_memory = area;
  const auto ring = Ring::create(options);
  if (!ring) return ring.error().message;
  const RingSetup& setup = ring->setup();
  return std::string(setup.submission_entries < 1024 ? "smaller" : "full") + " ring, " +
         (setup.registered_memory ? "registered, " : "plain, ") + std::to_string(setup.direct_slots) + " slots";
}

/// A directory that looks like /proc to explain_refusal.
struct Proc {
  Proc(const char* disabled, const char* release, const char* seccomp, const char* capabilities) {
    std::filesystem::create_directories(directory.path / "sys/kernel");
    std::filesystem::create_directories(directory.path / "self");
    if (disabled) directory.write("sys/kernel/io_uring_disabled", disabled);
    directory.write("sys/kernel/io_uring_group", "1234\n");
    directory.write("sys/kernel/osrelease", release);
    directory.write("self/status", std::string("Name:\tx\nCapEff:\t") + capabilities + "\nSeccomp:\t" + seccomp + "\n");
    directory.write(
        "self/limits",
        "Limit  Soft Limit  Hard Limit  Units\nMax locked memory         65536                65536     bytes\n");
  }
  [[nodiscard]] std::string explain(int error) const {
    return explain_refusal(error, "io_uring_setup", directory.path.string());
  }
  Directory directory;
};

constexpr const char* nothing = "0000000000000000";
constexpr const char* everything = "000001ffffffffff";

bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("with a memory lock of 0 there is no ring, and the line names the limit and how to raise it") {
  const std::string said = as_ordinary_user(nobody, 0, 1024, sizes_of_a_ring);
  CAPTURE(said);
  CHECK(has(said, "memory-lock limit is 0 bytes"));
  CHECK(has(said, "LimitMEMLOCK"));
  CHECK(said.find('\n') == std::string::npos);
}

TEST_CASE("with a memory lock of 64 KiB the ring is smaller and its memory plain, but it is there") {
  // The account is the user's: rings that have just died, of this test or another, give back what they held a little
  // later.
  std::string said;
  for (int attempt = 0; attempt < 100 && !has(said, "smaller ring"); ++attempt) {
    if (attempt > 0) usleep(20'000);
    said = as_ordinary_user(nobody - 1, rlim_t{64} * 1024, 1024, sizes_of_a_ring);
  }
  CHECK(said == "smaller ring, plain, 992 slots");
}

TEST_CASE("with Debian's memory lock of 8 MiB nothing is smaller") {
  const std::string said = as_ordinary_user(nobody - 2, rlim_t{8} * 1024 * 1024, 20'000, sizes_of_a_ring);
  CHECK(said == "full ring, registered, 4096 slots");
}

TEST_CASE("with 64 descriptors the direct table is small, and the ring works") {
  const std::string said = as_ordinary_user(nobody - 3, rlim_t{8} * 1024 * 1024, 64, sizes_of_a_ring);
  CHECK(said == "full ring, registered, 32 slots");
}

TEST_CASE("EPERM with io_uring_disabled 2 names the sysctl") {
  CHECK(has(Proc("2\n", "6.18.0\n", "0", everything).explain(EPERM), "kernel.io_uring_disabled is 2"));
}

TEST_CASE("EPERM with io_uring_disabled 1 names the group, unless this process may administer the system") {
  CHECK(has(Proc("1\n", "6.18.0\n", "0", nothing).explain(EPERM), "group 1234"));
  CHECK(has(Proc("1\n", "6.18.0\n", "2", everything).explain(EPERM), "seccomp"));
}

TEST_CASE("EPERM under a seccomp filter names the filter and the three calls it must allow") {
  const std::string said = Proc("0\n", "6.18.0\n", "2", nothing).explain(EPERM);
  CHECK(has(said, "seccomp"));
  CHECK(has(said, "denies io_uring_setup: allow io_uring_setup, io_uring_enter and io_uring_register"));
  CHECK(has(said, "--security-opt seccomp=FILE, where FILE is uringd's seccomp.json"));
}

TEST_CASE("EPERM with neither sysctl nor seccomp names security modules") {
  CHECK(has(Proc(nullptr, "6.18.0\n", "0", nothing).explain(EPERM), "security module"));
}

TEST_CASE("ENOSYS is an old kernel, a filter, or a kernel built without io_uring, told apart") {
  CHECK(has(Proc(nullptr, "4.19.0-5-amd64\n", "2", nothing).explain(ENOSYS), "kernel 4.19.0-5-amd64 is too old"));
  const std::string filtered = Proc(nullptr, "6.12.1\n", "2", nothing).explain(ENOSYS);
  CHECK(has(filtered, "a seccomp filter, as containers have, answers io_uring_setup with \"not implemented\""));
  CHECK(has(filtered, "--security-opt seccomp=FILE, where FILE is uringd's seccomp.json"));
  CHECK(has(Proc(nullptr, "6.12.1\n", "0", nothing).explain(ENOSYS), "CONFIG_IO_URING"));
}

TEST_CASE("EINVAL on a kernel before 6.1 says that it is too old, and not so on 6.1") {
  CHECK(has(Proc("0\n", "5.15.0\n", "0", nothing).explain(EINVAL), "too old: uringd needs Linux 6.1"));
  CHECK(has(Proc("0\n", "6.0.19\n", "0", nothing).explain(EINVAL), "too old"));
  CHECK_FALSE(has(Proc("0\n", "6.1.0\n", "0", nothing).explain(EINVAL), "too old"));
  CHECK_FALSE(has(Proc("0\n", "10.0\n", "0", nothing).explain(EINVAL), "too old"));
}

TEST_CASE("ENOMEM names the memory-lock limit in force") {
  CHECK(has(Proc("0\n", "6.18.0\n", "0", nothing).explain(ENOMEM), "memory-lock limit is 65536 bytes"));
}

TEST_CASE("the features of this machine are one line each and name kernel, ring and limits") {
  const auto lines = describe_features();
  REQUIRE(lines.has_value());
  std::string all;
  for (const std::string& line : *lines) {
    CHECK(line.find('\n') == std::string::npos);
    all += line + "\n";
  }
  MESSAGE(all);
  for (const char* part : {"kernel: ", "ring: in use", "memory-lock limit: ", "at most disk.kernel_threads",
                           "buffer ring: in use", "socket commands", "sendmsg: in use"})
    CHECK(has(all, part));
  CHECK_FALSE(has(all, "messages between rings"));  // nothing sends them
}
