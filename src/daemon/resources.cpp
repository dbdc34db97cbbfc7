// Reading limits, and the arithmetic of sharing them.
#include "uringd/daemon/resources.hpp"

#include <sched.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <fstream>
#include <optional>
#include <string_view>

namespace uringd::daemon {
namespace {

constexpr uint64_t KiB = 1024;
constexpr uint64_t MiB = 1024 * KiB;
constexpr uint64_t GiB = 1024 * MiB;

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::optional<uint64_t> number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end == text.data()) return std::nullopt;
  return value;
}

// This process' cgroup (version 2) and all above it: "/a/b", "/a", "".
std::vector<std::string> own_groups(const std::string& root) {
  std::ifstream file(root + "/proc/self/cgroup");
  std::vector<std::string> groups;
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("0::")) continue;
    std::string group = line.substr(3);
    while (group.size() > 1 && group.front() == '/') {
      groups.push_back(group);
      const size_t slash = group.rfind('/');
      group.resize(slash == std::string::npos ? 0 : slash);
    }
  }
  groups.emplace_back();
  return groups;
}

// "150000 100000" in cpu.max: 1.5 CPUs. The tightest of all groups counts.
double cpu_quota(const std::string& root, const std::vector<std::string>& groups) {
  double quota = 0;
  for (const std::string& group : groups) {
    const std::string line = first_line(root + "/sys/fs/cgroup" + group + "/cpu.max");
    const size_t space = line.find(' ');
    if (space == std::string::npos) continue;
    const auto time = number(std::string_view(line).substr(0, space));
    const auto period = number(std::string_view(line).substr(space + 1));
    if (!time || !period || *period == 0) continue;
    const double found = static_cast<double>(*time) / static_cast<double>(*period);
    if (quota == 0 || found < quota) quota = found;
  }
  return quota;
}

// This process' memory cgroup where the machine has version 1, which shows it mounted by itself or with others.
std::optional<uint64_t> memory_limit_v1(const std::string& root) {
  std::ifstream file(root + "/proc/self/cgroup");
  std::optional<uint64_t> limit;
  for (std::string line; std::getline(file, line);) {  // "7:memory:/a/b", "3:cpu,memory:/a/b"
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    if (!controllers.contains(",memory,")) continue;
    std::string group = line.substr(second + 1);
    for (;;) {  // in a container the path may be the host's: then only the top exists, and is ours
      const auto found = number(first_line(root + "/sys/fs/cgroup/memory" + group + "/memory.limit_in_bytes"));
      if (found && *found > 0) limit = std::min(limit.value_or(UINT64_MAX), *found);  // no limit: near 2^63
      if (group.empty()) break;
      group.resize(group.rfind('/') == std::string::npos ? 0 : group.rfind('/'));
    }
  }
  return limit;
}

uint64_t memory_limit(const std::string& root, const std::vector<std::string>& groups) {
  struct sysinfo info{};
  sysinfo(&info);
  uint64_t limit = uint64_t{info.totalram} * info.mem_unit;
  for (const std::string& group : groups) {
    const auto found = number(first_line(root + "/sys/fs/cgroup" + group + "/memory.max"));  // "max": no number
    if (found && *found > 0) limit = std::min(limit, *found);
  }
  if (const auto older = memory_limit_v1(root)) limit = std::min(limit, *older);
  return limit;
}

uint64_t raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

uint64_t memory_lock_limit() {
  rlimit limit{};
  if (geteuid() == 0 || getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return UINT64_MAX;
  return limit.rlim_cur;
}

}  // namespace

Resources look_at_resources(const std::string& root) {
  Resources resources;
  cpu_set_t mask;
  if (sched_getaffinity(0, sizeof mask, &mask) == 0) {
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &mask)) resources.cpus.push_back(cpu);
    }
  }
  if (resources.cpus.empty()) resources.cpus.push_back(0);
  const std::vector<std::string> groups = own_groups(root);
  resources.cpu_quota = cpu_quota(root, groups);
  resources.memory_bytes = memory_limit(root, groups);
  resources.descriptors = raise_descriptor_limit();
  resources.memory_lock_bytes = memory_lock_limit();
  rlimit address_space{};
  resources.address_space_bounded =
      getrlimit(RLIMIT_AS, &address_space) == 0 && address_space.rlim_cur != RLIM_INFINITY;
  return resources;
}

uint32_t worker_count(const config::Config& config, const Resources& resources) {
  if (config.server.workers != 0) return config.server.workers;
  auto count = static_cast<uint32_t>(resources.cpus.size());
  if (resources.cpu_quota > 0) {
    count = std::min(count, static_cast<uint32_t>(std::max(1.0, std::ceil(resources.cpu_quota))));
  }
  return count;
}

uint32_t connection_limit(const config::Config& config, const Resources& resources) {
  constexpr uint64_t reserved_descriptors = 64;
  const uint64_t usable =
      resources.descriptors > reserved_descriptors + 16 ? resources.descriptors - reserved_descriptors : uint64_t{16};
  uint64_t limit = config.limits.connections;
  if (limit == 0) limit = std::min<uint64_t>(65536, resources.memory_bytes / (16 * KiB));
  return static_cast<uint32_t>(std::clamp<uint64_t>(limit, 1, usable));
}

server::WorkerOptions worker_options(const config::Config& config, const Resources& resources, uint32_t index) {
  const uint64_t memory = resources.memory_bytes;
  const uint32_t workers = worker_count(config, resources);
  const uint32_t connections = connection_limit(config, resources);
  const auto share = [workers](uint64_t bytes) { return static_cast<size_t>(bytes / workers); };
  server::WorkerOptions options;
  options.index = index;
  options.connection_slots = connections;
  options.cache_pages = !resources.address_space_bounded;  // a GiB of it
  options.cache_bytes = share(config.cache.size_bytes.value_or(std::clamp(memory / 4, 16 * MiB, 1 * GiB)));
  // Sockets are direct and take none. An open file pins some 2 KiB of the kernel's memory.
  const uint64_t in_use = 1024 + 2 * uint64_t{config.disk.queue_size};
  const uint64_t spare = resources.descriptors > in_use ? resources.descriptors - in_use : 0;
  options.kept_files = std::clamp<size_t>(share(spare / 16), 8, 4096);
  // A quarter as many are sockets'; what is left belongs to downloads under way.
  options.kept_descriptors = share(std::min<uint64_t>({spare / 8 * 5, 65536, memory / 64 / (2 * KiB)}));
  options.stream_memory_bytes = share(std::min(config.disk.stream_memory_bytes, memory / 8));
  // Those taken first. The limit is per user and the rings themselves need some of it: buffers may take half.
  options.registered_bytes =
      std::min(options.stream_memory_bytes, share(std::min<uint64_t>(8 * MiB, resources.memory_lock_bytes / 2)));
  options.output_blocks = std::max<size_t>(1, share(std::clamp(memory / 64, 1 * MiB, 16 * MiB)) / (32 * KiB));
  // Whatever the share: a request head of the largest size must fit, and input buffers grow by doubling.
  options.input_bytes =
      std::max<size_t>(share(std::clamp(memory / 16, 4 * MiB, 256 * MiB)), 4 * config.limits.header_size_bytes);
  const size_t receive_buffers = share(memory / 32) / options.ring.receive_buffer_bytes;
  options.ring.receive_buffers = static_cast<uint32_t>(std::bit_floor(std::clamp<size_t>(receive_buffers, 32, 512)));
  options.ring.restricted = config.server.sandbox;
  options.disk_queue_size = std::max(1U, config.disk.queue_size / workers);
  // A few more sockets than connections: those accepted while the limit is being reached wait in their slots.
  options.ring.direct_slots = std::min<uint32_t>(connections + 1024, 1U << 17);
  const uint32_t kernel_threads =
      config.disk.kernel_threads != 0 ? config.disk.kernel_threads : std::max(4U, 32 / workers);
  options.ring.bounded_workers = kernel_threads;
  options.ring.unbounded_workers = kernel_threads;
  return options;
}

int cpu_for(const config::Config& config, const Resources& resources, uint32_t index) {
  if (config.server.pin == config::Pin::no) return -1;
  if (config.server.pin == config::Pin::automatic && resources.cpu_quota > 0) return -1;
  return resources.cpus[index % resources.cpus.size()];
}

}  // namespace uringd::daemon
