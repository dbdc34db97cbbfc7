// What /proc says of a Daemon's process: memory, descriptors, direct slots, threads (proc(5)).
#include <dirent.h>
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "daemon.hpp"

namespace uringd::testing {
namespace {

std::vector<std::filesystem::path> names_in(const std::string& directory) {
  std::vector<std::filesystem::path> names;
  std::error_code error;
  for (std::filesystem::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
    names.push_back(at->path());
  }
  return names;
}

// Between "UserFiles:" and "UserBufs:" there is one line for each slot in use.
std::size_t user_files(const std::filesystem::path& path) {
  std::ifstream info(path);
  bool within = false;
  std::size_t count = 0;
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("UserBufs:")) break;
    count += within;
    within = within || line.starts_with("UserFiles:");
  }
  return count;
}

}  // namespace

std::uint64_t Daemon::resident_kib() const {
  std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("VmRSS:")) continue;
    std::istringstream words(line.substr(6));
    std::uint64_t kib = 0;
    words >> kib;
    return kib;
  }
  FAIL("no VmRSS of process " << pid_);
  return 0;
}

std::size_t Daemon::descriptors() const { return names_in("/proc/" + std::to_string(pid_) + "/fd").size(); }

std::size_t Daemon::direct_slots() const {
  std::size_t count = 0;
  for (const auto& path : names_in("/proc/" + std::to_string(pid_) + "/fdinfo")) count += user_files(path);
  return count;
}

std::map<std::string, pid_t> Daemon::threads() const {
  std::map<std::string, pid_t> result;
  for (const auto& path : names_in("/proc/" + std::to_string(pid_) + "/task")) {
    std::ifstream file(path / "comm");
    std::string name;
    std::getline(file, name);
    result[name] = std::atoi(path.filename().c_str());
  }
  return result;
}

}  // namespace uringd::testing
