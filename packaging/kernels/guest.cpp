// The first process of an emulated machine that has nothing but a kernel, this program and uringd, both static. It
// mounts what there is to mount, prints `uringd --features`, runs the rounds and powers off. Everything is said on the
// console, for packaging/kernels/run, which reads what the emulator prints; the last line is "guest: N passed, N
// failed".
//   guest DIRECTORY URINGD      one round in DIRECTORY, which is new, without an emulator: to try this program itself
#include <fcntl.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "checks.hpp"
#include "process.hpp"
#include "round.hpp"

namespace {

constexpr const char* program = "/uringd";

void must(bool good, const char* what) {
  if (!good) std::printf("guest: FAILED %s: %s\n", what, std::strerror(errno));
}

void mount_on(const char* kind, const char* source, const char* place) {
  mkdir(place, 0755);
  must(mount(source, place, kind, 0, nullptr) == 0, place);
}

/// Before this there is no console: the archive that the kernel unpacks has no device files.
void open_console() {
  mount_on("devtmpfs", "dev", "/dev");
  const int console = open("/dev/console", O_RDWR);
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(console, standard);
}

void load_modules() {
  std::vector<std::filesystem::path> files;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator("/modules", none)) files.push_back(entry.path());
  std::ranges::sort(files);  // their names begin with numbers: who is needed comes first
  for (const auto& path : files) {
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    must(syscall(SYS_finit_module, file, "", 0) == 0, path.c_str());
    close(file);
  }
}

void raise_loopback() {
  const int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  must(ioctl(control, SIOCSIFFLAGS, &request) == 0, "loopback");
  close(control);
}

void print_features(Count& count) {
  const Ran ran = run_program({program, "--features"});
  Check features("uringd --features says what there is");
  features.that(ran.status == 0 && ran.output.starts_with("kernel: "), ran.output);
  for (std::size_t start = 0; start < ran.output.size();) {
    const std::size_t end = std::min(ran.output.find('\n', start), ran.output.size());
    std::printf("features: %s\n", ran.output.substr(start, end - start).c_str());
    start = end + 1;
  }
  count.add(features);
}

void set_up() {
  open_console();
  mount_on("proc", "proc", "/proc");
  mount_on("sysfs", "sys", "/sys");
  mount_on("tmpfs", "tmp", "/tmp");
  load_modules();
  must(wait_until(10, [] { return access("/dev/vda", F_OK) == 0; }), "/dev/vda");
  mount_on("ext4", "/dev/vda", "/disk");
  raise_loopback();
  constexpr rlim_t files = 8192;
  const rlimit limit{.rlim_cur = files, .rlim_max = files};
  must(setrlimit(RLIMIT_NOFILE, &limit) == 0, "open files");
}

void run_all(Count& count) {
  set_up();
  utsname machine{};
  uname(&machine);
  std::printf("guest: Linux %s\n", machine.release);
  print_features(count);
  mkdir("/tmp/a", 0755);
  mkdir("/disk/a", 0755);
  mkdir("/disk/b", 0755);
  run_round(count, {"tmpfs", "/tmp/a", program, "safe"});
  run_round(count, {"ext4", "/disk/a", program, "safe"});
  run_round(count, {"ext4, zero copy", "/disk/b", program, "always"});
}

void print(const Count& count) {
  std::printf("guest: %zu passed, %zu failed\n", count.passed, count.failed);
  std::fflush(stdout);
}

}  // namespace

int main(int argument_count, char** arguments) {
  Count count;
  if (getpid() == 1) {
    run_all(count);
    print(count);
    sync();
    reboot(RB_POWER_OFF);
    for (;;) pause();  // a first process that ends is a panic
  }
  if (argument_count != 3) {
    std::fprintf(stderr, "usage: guest DIRECTORY URINGD\n");
    return 2;
  }
  mkdir(arguments[1], 0755);
  run_round(count, {"here", arguments[1], arguments[2], "safe"});
  print(count);
  return count.failed == 0 ? 0 : 1;
}
