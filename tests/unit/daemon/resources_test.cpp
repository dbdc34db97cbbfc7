// resources: what a fake /proc and /sys say, and how workers share what there is.
#include "uringd/daemon/resources.hpp"

#include <sched.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>

#include <bit>
#include <string>
#include <vector>

#include "temporary_directory.hpp"
#include "uringd/config/load.hpp"
#include "uringd/server/worker.hpp"

#include <doctest/doctest.h>

using namespace uringd;
using namespace uringd::daemon;
using uringd::testing::TemporaryDirectory;

namespace {

constexpr uint64_t KiB = 1024;
constexpr uint64_t MiB = 1024 * KiB;
constexpr uint64_t GiB = 1024 * MiB;

uint64_t memory_of_this_machine() {
  struct sysinfo info{};
  sysinfo(&info);
  return uint64_t{info.totalram} * info.mem_unit;
}

/// A machine on which this process is in `group`.
struct Machine {
  explicit Machine(const std::string& group = "/") { root.file("/proc/self/cgroup", "0::" + group + "\n"); }
  void limit(const std::string& group, const std::string& file, const std::string& text) const {
    root.file("/sys/fs/cgroup" + group + "/" + file, text + "\n");
  }
  [[nodiscard]] Resources look() const { return look_at_resources(root.path()); }
  TemporaryDirectory root;
};

Resources of(int cpus, uint64_t memory_bytes, uint64_t descriptors = 1 << 20, double quota = 0) {
  Resources resources;
  for (int cpu = 0; cpu < cpus; ++cpu) resources.cpus.push_back(cpu);
  resources.memory_bytes = memory_bytes;
  resources.descriptors = descriptors;
  resources.cpu_quota = quota;
  return resources;
}

uint64_t pool_bytes(const server::WorkerOptions& options) {
  return options.cache_bytes + options.stream_memory_bytes + options.output_blocks * 32 * KiB + options.input_bytes +
         uint64_t{options.ring.receive_buffers} * options.ring.receive_buffer_bytes;
}

uint64_t all_pool_bytes(const config::Config& config, const Resources& resources) {
  uint64_t sum = 0;
  for (uint32_t index = 0; index < worker_count(config, resources); ++index) {
    sum += pool_bytes(worker_options(config, resources, index));
  }
  return sum;
}

}  // namespace

TEST_CASE("a machine without control groups has its own memory, no quota, and the CPUs of the affinity mask") {
  const TemporaryDirectory nothing;
  const Resources resources = look_at_resources(nothing.path());
  CHECK(resources.cpu_quota == 0);
  CHECK(resources.memory_bytes == memory_of_this_machine());
  cpu_set_t mask;
  REQUIRE(sched_getaffinity(0, sizeof mask, &mask) == 0);
  CHECK(resources.cpus.size() == static_cast<size_t>(CPU_COUNT(&mask)));
  for (size_t place = 0; place < resources.cpus.size(); ++place) {
    CHECK(CPU_ISSET(resources.cpus[place], &mask));
    if (place > 0) CHECK(resources.cpus[place - 1] < resources.cpus[place]);
  }
}

TEST_CASE("looking raises the soft limit of descriptors to the hard one") {
  rlimit old{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &old) == 0);
  rlimit low = old;
  low.rlim_cur = 100;
  REQUIRE(setrlimit(RLIMIT_NOFILE, &low) == 0);
  CHECK(Machine().look().descriptors == old.rlim_max);
  rlimit now{};
  getrlimit(RLIMIT_NOFILE, &now);
  CHECK(now.rlim_cur == old.rlim_max);
  setrlimit(RLIMIT_NOFILE, &old);
}

TEST_CASE("the quota in cpu.max is time over period") {
  Machine machine("/app");
  machine.limit("/app", "cpu.max", "150000 100000");
  CHECK(machine.look().cpu_quota == doctest::Approx(1.5));
}

TEST_CASE("of nested groups the tightest limit counts, whichever level has it") {
  Machine machine("/a/b/c");
  machine.limit("/a/b/c", "cpu.max", "max 100000");
  machine.limit("/a/b", "cpu.max", "300000 100000");
  machine.limit("/a", "cpu.max", "100000 50000");
  machine.limit("/a/b/c", "memory.max", "max");
  machine.limit("/a/b", "memory.max", "134217728");
  machine.limit("/a", "memory.max", "268435456");
  CHECK(machine.look().cpu_quota == doctest::Approx(2));
  CHECK(machine.look().memory_bytes == 128 * MiB);
  machine.limit("/a/b/c", "cpu.max", "50000 100000");
  machine.limit("/a/b/c", "memory.max", "67108864");
  CHECK(machine.look().cpu_quota == doctest::Approx(0.5));
  CHECK(machine.look().memory_bytes == 64 * MiB);
}

TEST_CASE("in a container the process is in the root of its own group tree, and that root has limits") {
  Machine machine("/");
  machine.limit("", "cpu.max", "250000 100000");
  machine.limit("", "memory.max", "1073741824");
  CHECK(machine.look().cpu_quota == doctest::Approx(2.5));
  CHECK(machine.look().memory_bytes == std::min(GiB, memory_of_this_machine()));
}

TEST_CASE("limits that are no limits, or no numbers, change nothing") {
  for (const char* cpu_max : {"max 100000", "", "150000", "x y", "150000 0", "-1 100000"}) {
    CAPTURE(cpu_max);
    Machine machine("/app");
    machine.limit("/app", "cpu.max", cpu_max);
    CHECK(machine.look().cpu_quota == 0);
  }
  for (const char* memory_max : {"max", "", "0", "lots", "9223372036854771712"}) {
    CAPTURE(memory_max);
    Machine machine("/app");
    machine.limit("/app", "memory.max", memory_max);
    CHECK(machine.look().memory_bytes == memory_of_this_machine());
  }
}

TEST_CASE("a limit on a group that is not ours, or listed for version 1, is not ours") {
  TemporaryDirectory root;
  root.file("/proc/self/cgroup", "5:memory:/other\n0::/app\n");
  root.file("/sys/fs/cgroup/other/memory.max", "1048576\n");
  root.file("/sys/fs/cgroup/app2/memory.max", "1048576\n");
  CHECK(look_at_resources(root.path()).memory_bytes == memory_of_this_machine());
}

TEST_CASE("version 1: the limit of the memory controller's group counts, or of one above it") {
  Machine machine;
  machine.root.file("/proc/self/cgroup", "9:cpu,cpuacct:/other\n7:memory:/a/b\n0::/\n");
  machine.root.file("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");  // no limit
  CHECK(machine.look().memory_bytes == memory_of_this_machine());
  machine.root.file("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "134217728\n");
  CHECK(machine.look().memory_bytes == 128 * MiB);
  machine.root.file("/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "67108864\n");
  CHECK(machine.look().memory_bytes == 64 * MiB);
}

TEST_CASE("version 1 in a container: the path is the host's, the limit is at the top of what is mounted") {
  Machine machine;
  machine.root.file("/proc/self/cgroup", "7:memory:/docker/0123\n");
  machine.root.file("/sys/fs/cgroup/memory/memory.limit_in_bytes", "268435456\n");
  CHECK(machine.look().memory_bytes == 256 * MiB);
}

TEST_CASE("version 1: a group of another controller is not asked for memory") {
  Machine machine;
  machine.root.file("/proc/self/cgroup", "7:cpu,memoryish:/a\n");
  machine.root.file("/sys/fs/cgroup/memory/memory.limit_in_bytes", "1048576\n");
  CHECK(machine.look().memory_bytes == memory_of_this_machine());
}

TEST_CASE("kept descriptors leave those in use alone, are divided over the workers, and are bounded by memory too") {
  const config::Config config = config::default_config();  // a queue of 1024: 3072 descriptors in use
  CHECK(worker_options(config, of(2, 64 * GiB, 67072), 0).kept_files == 2000);
  CHECK(worker_options(config, of(2, 64 * GiB, 67072), 0).kept_descriptors == 20000);
  CHECK(worker_options(config, of(1, 64 * GiB, 1 << 20), 0).kept_files == 4096);
  CHECK(worker_options(config, of(1, 64 * GiB, 1 << 20), 0).kept_descriptors == 65536);
  CHECK(worker_options(config, of(1, GiB, 1 << 20), 0).kept_descriptors == 8192);
  CHECK(worker_options(config, of(4, GiB, 256), 0).kept_files == 8);
  CHECK(worker_options(config, of(4, GiB, 256), 0).kept_descriptors == 0);
}

TEST_CASE("a group name without a slash does not end the process") {
  TemporaryDirectory root;
  root.file("/proc/self/cgroup", "0::app\n");
  CHECK(look_at_resources(root.path()).memory_bytes == memory_of_this_machine());
}

TEST_CASE("there is a worker per usable CPU, and a quota of 1.5 means 2") {
  const config::Config config = config::default_config();
  CHECK(worker_count(config, of(8, GiB)) == 8);
  CHECK(worker_count(config, of(8, GiB, 1024, 1.5)) == 2);
  CHECK(worker_count(config, of(8, GiB, 1024, 2.0)) == 2);
  CHECK(worker_count(config, of(8, GiB, 1024, 0.1)) == 1);
  CHECK(worker_count(config, of(2, GiB, 1024, 16)) == 2);
}

TEST_CASE("server.workers is what it says, whatever the machine has") {
  config::Config config = config::default_config();
  config.server.workers = 5;
  CHECK(worker_count(config, of(2, GiB, 1024, 1.5)) == 5);
}

TEST_CASE("the connection limit is the smallest of descriptors less 64, 65536 and a connection per 16 KiB of memory") {
  const config::Config config = config::default_config();
  CHECK(connection_limit(config, of(1, 24 * GiB)) == 65536);
  CHECK(connection_limit(config, of(1, 24 * GiB, 20'000)) == 20'000 - 64);
  CHECK(connection_limit(config, of(1, 128 * MiB)) == 8192);
  CHECK(connection_limit(config, of(1, 128 * MiB, 1024)) == 1024 - 64);
}

TEST_CASE("a connection limit leaves descriptors for files, and is never nothing") {
  config::Config config = config::default_config();
  config.limits.connections = 100;
  CHECK(connection_limit(config, of(1, GiB, 1 << 20)) == 100);
  CHECK(connection_limit(config, of(1, GiB, 150)) == 86);
  CHECK(connection_limit(config, of(1, GiB, 64)) == 16);
  CHECK(connection_limit(config, of(1, GiB, 10)) == 16);
  config.limits.connections = 10'000'000;
  CHECK(connection_limit(config, of(1, GiB, 1 << 20)) == (1 << 20) - 64);
  config.limits.connections = 3;
  CHECK(connection_limit(config, of(1, GiB, 1 << 20)) == 3);
}

TEST_CASE("all pools of all workers together stay within half of the memory") {
  const config::Config config = config::default_config();
  for (const uint64_t memory : {128 * MiB, 1 * GiB, 24 * GiB}) {
    for (const int cpus : {1, 2, 3, 8, 16}) {
      CAPTURE(memory);
      CAPTURE(cpus);
      CHECK(all_pool_bytes(config, of(cpus, memory)) <= memory / 2);
    }
  }
}

TEST_CASE("on a large machine pools stop growing: a cache of 1 GiB, streams of 64 MiB, all workers together") {
  const config::Config config = config::default_config();
  const Resources resources = of(4, 24 * GiB);
  const server::WorkerOptions options = worker_options(config, resources, 0);
  CHECK(options.cache_bytes == GiB / 4);
  CHECK(options.stream_memory_bytes == 16 * MiB);
  CHECK(all_pool_bytes(config, resources) <= 2 * GiB);
}

TEST_CASE("a configured cache is taken at its word, and divided evenly") {
  config::Config config = config::default_config();
  config.cache.size_bytes = 100 * MiB;
  CHECK(worker_options(config, of(4, 128 * MiB), 3).cache_bytes == 25 * MiB);
}

TEST_CASE("streams get what is configured, but no more than an eighth of the memory") {
  config::Config config = config::default_config();
  config.disk.stream_memory_bytes = 4 * GiB;
  CHECK(worker_options(config, of(2, 24 * GiB), 0).stream_memory_bytes == 24 * GiB / 8 / 2);
  config.disk.stream_memory_bytes = 32 * MiB;
  CHECK(worker_options(config, of(2, 24 * GiB), 0).stream_memory_bytes == 16 * MiB);
}

TEST_CASE("where address space is limited the cache takes none for pages") {
  Resources resources = of(4, 24 * GiB);
  CHECK(worker_options(config::default_config(), resources, 0).cache_pages);
  resources.address_space_bounded = true;
  CHECK(!worker_options(config::default_config(), resources, 0).cache_pages);
}

TEST_CASE("8 MiB of all streams' memory are registered, or half of what may be locked") {
  const config::Config config = config::default_config();
  Resources resources = of(4, 24 * GiB);
  resources.memory_lock_bytes = UINT64_MAX;
  CHECK(worker_options(config, resources, 0).registered_bytes == 2 * MiB);
  resources.memory_lock_bytes = 8 * MiB;
  CHECK(worker_options(config, resources, 0).registered_bytes == 1 * MiB);
  resources.memory_lock_bytes = 0;
  CHECK(worker_options(config, resources, 0).registered_bytes == 0);
  config::Config small = config;
  small.disk.stream_memory_bytes = 1 * MiB;
  resources.memory_lock_bytes = UINT64_MAX;
  CHECK(worker_options(small, resources, 0).registered_bytes == MiB / 4);
}

TEST_CASE("the most workers that the configuration allows still have something of everything each") {
  config::Config config = config::default_config();
  config.server.workers = 1024;
  config.disk.queue_size = 1;
  for (const uint64_t memory : {128 * MiB, 24 * GiB}) {
    CAPTURE(memory);
    const server::WorkerOptions options = worker_options(config, of(2, memory), 1023);
    CHECK(options.index == 1023);
    CHECK(options.output_blocks >= 1);
    CHECK(options.disk_queue_size >= 1);
    CHECK(options.input_bytes >= config.limits.header_size_bytes);
    CHECK(options.connection_slots >= 1);
    CHECK(options.ring.bounded_workers >= 1);
    CHECK(std::has_single_bit(options.ring.receive_buffers));
  }
}

TEST_CASE("any worker can hold a request head of the largest size that the configuration allows") {
  config::Config config = config::default_config();
  config.limits.header_size_bytes = MiB;
  CHECK(worker_options(config, of(16, 128 * MiB), 0).input_bytes >= 2 * MiB);
}

TEST_CASE("the disk queue is divided evenly over the workers") {
  const config::Config config = config::default_config();
  REQUIRE(config.disk.queue_size == 1024);
  CHECK(worker_options(config, of(4, GiB), 0).disk_queue_size == 256);
}

TEST_CASE("there are direct slots for every connection and some that wait, and kernel threads as configured") {
  config::Config config = config::default_config();
  const Resources resources = of(2, GiB);
  server::WorkerOptions options = worker_options(config, resources, 0);
  CHECK(options.connection_slots == connection_limit(config, resources));
  CHECK(options.ring.direct_slots > options.connection_slots);
  CHECK(options.ring.bounded_workers == 16);
  config.disk.kernel_threads = 7;
  options = worker_options(config, resources, 0);
  CHECK(options.ring.bounded_workers == 7);
  CHECK(options.ring.unbounded_workers == 7);
}

TEST_CASE("workers are pinned in turn to the usable CPUs, but not under a quota, and never where pin is false") {
  config::Config config = config::default_config();
  Resources resources = of(0, GiB);
  resources.cpus = {2, 5, 7};
  REQUIRE(config.server.pin == config::Pin::automatic);
  CHECK(cpu_for(config, resources, 0) == 2);
  CHECK(cpu_for(config, resources, 2) == 7);
  CHECK(cpu_for(config, resources, 3) == 2);
  resources.cpu_quota = 1.5;
  CHECK(cpu_for(config, resources, 0) == -1);
  config.server.pin = config::Pin::yes;
  CHECK(cpu_for(config, resources, 1) == 5);
  config.server.pin = config::Pin::no;
  resources.cpu_quota = 0;
  CHECK(cpu_for(config, resources, 0) == -1);
}
