// What /proc and the limits say of this process, and what happened between two readings.
#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "uringd/admin/report.hpp"

namespace uringd::admin {
namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

uint64_t open_files() {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir("/proc/self/fd"), closedir);
  if (!directory) return 0;
  uint64_t count = 0;
  while (const dirent* entry = readdir(directory.get())) {
    if (entry->d_name[0] != '.') ++count;
  }
  return count > 0 ? count - 1 : 0;  // one of them is the directory's
}

}  // namespace

ProcessFigures read_process() {
  ProcessFigures found;
  const std::unique_ptr<FILE, int (*)(FILE*)> memory(std::fopen("/proc/self/statm", "re"), std::fclose);
  unsigned long long pages = 0, resident_pages = 0;
  if (memory && std::fscanf(memory.get(), "%llu %llu", &pages, &resident_pages) == 2) {
    const auto page_bytes = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    found.virtual_bytes = pages * page_bytes;
    found.resident_bytes = resident_pages * page_bytes;
  }
  rusage used{};
  if (getrusage(RUSAGE_SELF, &used) == 0) found.cpu_s = seconds(used.ru_utime) + seconds(used.ru_stime);
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) found.max_files = limit.rlim_cur;
  found.open_files = open_files();
  return found;
}

Window Window::between(const server::Figures& before, const server::Figures& after, double interval_s) {
  Window window{.interval_s = interval_s, .latency = after.latency};
  for (size_t phase = 0; phase < window.latency.size(); ++phase) window.latency[phase] -= before.latency[phase];
  return window;
}

}  // namespace uringd::admin
