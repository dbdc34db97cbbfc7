// successor: the new process of upgrade_test.cpp. Its first argument says how it behaves; what it found at its start it
// writes to the file that the second one names, a line "name=value" each.
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <string_view>

#include "uringd/daemon/upgrade.hpp"

using namespace uringd;

namespace {

std::string open_descriptors() {
  std::set<int> numbers;
  DIR* const folder = opendir("/proc/self/fd");
  while (const dirent* entry = readdir(folder)) {
    if (entry->d_name[0] != '.') numbers.insert(std::atoi(entry->d_name));
  }
  numbers.erase(dirfd(folder));
  closedir(folder);
  std::string text;
  for (const int number : numbers) text += std::to_string(number) + " ";
  return text;
}

void report_start(std::ofstream& report) {
  report << "descriptors=" << open_descriptors() << "\n";
  report << "directory=" << std::filesystem::current_path().string() << "\n";
  for (const char* name : {"WATCHDOG_PID", "NOTIFY_SOCKET", "URINGD_TEST_VARIABLE"}) {
    if (const char* value = std::getenv(name)) report << name << "=" << value << "\n";
  }
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("SigBlk:\t")) report << "blocked=" << line.substr(8) << "\n";
    if (line.starts_with("SigIgn:\t")) report << "ignored=" << line.substr(8) << "\n";
  }
}

// Serves one connection on the first socket, so that the test sees who lives and who has what.
int serve(std::ofstream& report, std::chrono::milliseconds patience) {
  auto predecessor = daemon::Predecessor::from_environment();
  if (!predecessor || !*predecessor) {
    report << "error=" << (predecessor ? "no predecessor" : predecessor.error().message) << std::endl;
    return 2;
  }
  const daemon::PassedSockets passed = (*predecessor)->take_sockets();
  report << "sandboxed=" << (*predecessor)->sandboxed() << "\n";
  report << "sockets=" << passed.sockets.size() << "\n";
  report << "again=" << (daemon::Predecessor::from_environment().value().has_value() ? "yes" : "no") << "\n";
  for (const daemon::PassedSocket& socket : passed.sockets) {
    uint64_t cookie = 0;
    socklen_t size = sizeof cookie;
    getsockopt(socket.descriptor.number(), SOL_SOCKET, SO_COOKIE, &cookie, &size);
    report << "socket=" << cookie << " " << socket.only_ours << " " << socket.from_manager << " " << socket.name
           << "\n";
  }
  const auto confirmed = (*predecessor)->ready(patience);
  report << "confirmed=" << (confirmed ? "yes" : confirmed.error().message) << std::endl;
  if (passed.sockets.empty()) return 0;
  const Fd client(accept(passed.sockets[0].descriptor.number(), nullptr, nullptr));
  return send(client.number(), "served", 6, MSG_NOSIGNAL) == 6 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view behaviour = argc > 1 ? argv[1] : "";
  std::ofstream report(argc > 2 ? argv[2] : "/dev/null");
  report << std::unitbuf;
  if (behaviour == "exit") return 2;
  if (behaviour == "killed") raise(SIGKILL);
  if (behaviour == "silent") pause();
  if (behaviour == "shut") {
    close(3);
    pause();
  }
  report_start(report);
  if (behaviour == "ready then gone") {
    auto predecessor = daemon::Predecessor::from_environment();
    static_cast<void>((*predecessor)->ready(std::chrono::milliseconds(0)));
    return 7;
  }
  return serve(report, std::chrono::milliseconds(behaviour == "impatient" ? 50 : 5000));
}
