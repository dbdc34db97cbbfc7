// Server and run_to_end: see harness.hpp. The child is forked and executed here rather than by a shell, because limits
// and credentials must be those of the server alone, and because its id must be ours to wait for and to kill.
#include "harness.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

namespace uringd::testing {
namespace {

using Clock = std::chrono::steady_clock;

std::string binary_path() {
  const char* path = std::getenv("URINGD_BINARY");
  if (!path || !*path) FAIL("URINGD_BINARY must name the uringd to test (meson test sets it)");
  return path;
}

struct Pipework {
  std::string out;
  std::string err;
};

// Runs in the child between fork and exec: no allocation, no return.
[[noreturn]] void become_server(int binary, char* const* arguments, char* const* environment, const Setup& setup,
                                int out, int err) {
  ::dup2(out, STDOUT_FILENO);
  ::dup2(err, STDERR_FILENO);
  ::signal(SIGPIPE, SIG_DFL);  // an ignored one would be inherited and hide the server's own mistake
  const auto limit = [](auto what, const std::optional<rlim_t>& value) {
    const rlimit both{value.value_or(0), value.value_or(0)};
    return !value || ::setrlimit(what, &both) == 0;
  };
  bool ready = limit(RLIMIT_NOFILE, setup.nofile) && limit(RLIMIT_MEMLOCK, setup.memlock);
  if (setup.as_nobody) {
    ready = ready && ::setgroups(0, nullptr) == 0 && ::setgid(kNobody) == 0 && ::setuid(kNobody) == 0;
  }
  // After setuid, which clears it: a test that crashes takes its server along.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // By descriptor: an ordinary user may not be allowed to walk to the build directory.
  if (ready) ::syscall(SYS_execveat, binary, "", arguments, environment, AT_EMPTY_PATH);
  static constexpr char kMessage[] = "harness: the server could not be executed\n";
  (void)!::write(STDERR_FILENO, kMessage, sizeof kMessage - 1);
  ::_exit(127);
}

std::vector<std::string> child_environment(const std::vector<std::pair<std::string, std::string>>& more) {
  std::vector<std::string> result;
  for (char** variable = environ; *variable; ++variable) {
    const std::string_view text = *variable;
    if (!text.starts_with("URINGD_") && !text.starts_with("NOTIFY_SOCKET=")) result.emplace_back(text);
  }
  // An undefined behaviour that only prints a line would pass for a success.
  if (!std::getenv("UBSAN_OPTIONS")) result.emplace_back("UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1");
  for (const auto& [name, value] : more) result.push_back(name + "=" + value);
  return result;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& text : strings) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

pid_t fork_and_exec(const std::vector<std::string>& arguments, const Setup& setup, const Pipework& files,
                    const std::vector<std::pair<std::string, std::string>>& environment) {
  const std::string path = binary_path();
  const int binary = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (binary < 0) FAIL("URINGD_BINARY " << path << ": " << std::strerror(errno));
  const int out = ::open(files.out.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
  const int err = ::open(files.err.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
  REQUIRE(out >= 0);
  REQUIRE(err >= 0);
  std::vector<std::string> words{path};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> variables = child_environment(environment);
  const std::vector<char*> argv = pointers(words);
  const std::vector<char*> envp = pointers(variables);
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0)
    become_server(binary, argv.data(), envp.data(), setup, out, setup.error_output >= 0 ? setup.error_output : err);
  ::close(binary);
  ::close(out);
  ::close(err);
  return pid;
}

// The exit code when the process has ended (then it is reaped), nullopt while it runs, -1 when a signal ended it.
std::optional<int> reap(pid_t pid, Milliseconds patience) {
  std::optional<int> code;
  wait_until(
      [&] {
        int status = 0;
        if (::waitpid(pid, &status, WNOHANG) != pid) return false;
        code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        return true;
      },
      patience);
  return code;
}

// The only call of kill(2) here. An id of -1 would reach every process of the machine, 0 our own group.
bool send_signal(pid_t pid, int number) { return pid > 1 && ::kill(pid, number) == 0; }

void kill_and_reap(pid_t pid) {
  if (!send_signal(pid, SIGKILL)) return;
  ::waitpid(pid, nullptr, 0);
}

std::string table(std::string_view name, std::string_view lines) {
  return lines.empty() ? "" : "[" + std::string(name) + "]\n" + std::string(lines) + "\n\n";
}

}  // namespace

bool running_as_root() { return ::geteuid() == 0; }

bool wait_until(const std::function<bool()>& done, Milliseconds patience) {
  const Clock::time_point deadline = Clock::now() + patience;
  for (;;) {
    if (done()) return true;
    if (Clock::now() >= deadline) return done();
    std::this_thread::sleep_for(Milliseconds{10});
  }
}

int free_port() {
  // Test programs run side by side: each starts from its own place, so two of them rarely want the same port.
  static int next = static_cast<int>(static_cast<unsigned>(::getpid()) * 53U % 20000U);
  for (int attempt = 0; attempt < 2000; ++attempt) {
    const int port = 10000 + next;
    next = (next + 1) % 20000;
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_ANY);
    const bool free = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    if (free) return port;
  }
  FAIL("no free port");
  return 0;
}

std::string configuration(const Site& site, const Setup& setup, int port) {
  std::string listen = "\"127.0.0.1:" + std::to_string(port) + "\"";
  for (const std::string& address : setup.listen) listen += ", \"" + address + "\"";
  std::string text = "[server]\nlisten = [" + listen + "]\n" + setup.server + "\n\n";
  text += table("limits", setup.limits) + table("disk", setup.disk) + table("cache", setup.cache);
  text += table("types", setup.types);
  text += "[[site]]\nroot = \"" + (setup.root.empty() ? site.root() : setup.root) + "\"\n" + setup.site + "\n" +
          setup.headers + "\n" + setup.more + "\n";
  return text;
}

Finished run_to_end(const std::vector<std::string>& arguments, const Setup& setup,
                    const std::vector<std::pair<std::string, std::string>>& environment) {
  const Site scratch;
  const Pipework files{scratch.outside("stdout"), scratch.outside("stderr")};
  const pid_t pid = fork_and_exec(arguments, setup, files, environment);
  const std::optional<int> code = reap(pid, Milliseconds{20000});
  if (!code) kill_and_reap(pid);
  Finished result{code.value_or(-1), file_bytes(files.out), file_bytes(files.err)};
  if (!code) FAIL_CHECK("uringd did not end by itself; stderr: " << result.err);
  return result;
}

Server::Server(const Site& site, const Setup& setup) {
  port_ = free_port();
  error_path_ = site.outside("stderr-" + std::to_string(port_));
  output_path_ = site.outside("stdout-" + std::to_string(port_));
  const std::string path = "config-" + std::to_string(port_) + ".toml";
  site.outside_file(path, configuration(site, setup, port_));
  spawn({"--config", site.outside(path)}, setup);
  if (!wait_until_accepting()) {
    const std::string words = errors() + where_it_waits();
    kill_and_reap(std::exchange(pid_, -1));
    FAIL("uringd does not accept on port " << port_ << "; stderr: " << words);
  }
}

Server::Server(const Site& site, const std::vector<std::string>& arguments, int port, const Setup& setup) {
  port_ = port;
  error_path_ = site.outside("stderr-" + std::to_string(port));
  output_path_ = site.outside("stdout-" + std::to_string(port));
  spawn(arguments, setup);
  if (!wait_until_accepting()) {
    const std::string words = errors() + where_it_waits();
    kill_and_reap(std::exchange(pid_, -1));
    FAIL("uringd does not accept on port " << port_ << "; stderr: " << words);
  }
}

std::unique_ptr<Server> Server::start_or_clean_refusal(const Site& site, const Setup& setup) {
  std::unique_ptr<Server> server(new Server());
  server->port_ = free_port();
  server->error_path_ = site.outside("stderr");
  server->output_path_ = site.outside("stdout");
  site.outside_file("config.toml", configuration(site, setup, server->port_));
  server->spawn({"--config", site.outside("config.toml")}, setup);
  if (server->wait_until_accepting()) return server;
  const std::optional<int> code = reap(server->pid_, Milliseconds{0});
  const std::string words = server->errors();
  INFO("stderr: ", words);
  if (!code) kill_and_reap(server->pid_);
  server->pid_ = -1;
  REQUIRE(code.has_value());
  CHECK(*code == 1);
  CHECK(!words.empty());
  CHECK(std::count(words.begin(), words.end(), '\n') <= 3);
  server->check_errors_clean();
  return nullptr;
}

void Server::spawn(const std::vector<std::string>& arguments, const Setup& setup) {
  pid_ = fork_and_exec(arguments, setup, {output_path_, error_path_}, {});
}

bool Server::wait_until_accepting() {
  bool accepting = false;
  wait_until(
      [&] {
        accepting = Client::try_tcp(port_).connected();
        return accepting || !alive();
      },
      kPatience);
  return accepting && alive();
}

bool Server::alive() {
  siginfo_t info{};
  // WNOWAIT leaves the status for the one that waits for the exit.
  return pid_ > 0 && ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == 0;
}

std::string Server::errors() const { return file_bytes(error_path_); }

std::uint64_t Server::resident_kib() const {
  std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with("VmRSS:")) {
      std::istringstream words(line.substr(6));
      std::uint64_t kib = 0;
      words >> kib;
      return kib;
    }
  }
  FAIL("no VmRSS of process " << pid_);
  return 0;
}

Response Server::get(std::string_view target, std::string_view fields) const {
  Client client = connect();
  return client.get(target, std::string(fields) + "Connection: close\r\n");
}

void Server::signal(int number) const {
  REQUIRE(pid_ > 1);  // else it is gone already
  REQUIRE(send_signal(pid_, number));
}

std::optional<int> Server::wait_for_exit(Milliseconds patience) {
  REQUIRE(pid_ > 0);
  const std::optional<int> code = reap(pid_, patience);
  if (code) {
    pid_ = -1;
    check_errors_clean();
  }
  return code;
}

void Server::check_errors_clean() const {
  const std::string words = errors();
  for (const char* sign : {"AddressSanitizer", "LeakSanitizer", "runtime error:", "ThreadSanitizer", "CHECK"}) {
    if (words.find(sign) != std::string::npos) FAIL_CHECK("the server reported: " << words);
  }
}

std::size_t Server::sockets() const {
  std::size_t count = 0;
  for (const auto& file : std::filesystem::directory_iterator("/proc/" + std::to_string(pid_) + "/fd")) {
    std::error_code gone;
    count += std::filesystem::read_symlink(file, gone).string().starts_with("socket:");
  }
  return count;
}

bool Server::gives_sockets_descriptors() {
  return run_to_end({"--features"}).out.find("for disk.zero_copy): in use") != std::string::npos;
}

std::string Server::where_it_waits() const {
  std::string text;
  std::error_code none;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/" + std::to_string(pid_) + "/task", none)) {
    for (const char* file : {"comm", "wchan", "syscall", "stack"}) {
      std::ifstream in(thread.path() / file);
      text += std::string(std::istreambuf_iterator<char>(in), {}) + " ";
    }
    text += "\n";
  }
  return text;
}

void Server::stop() {
  if (pid_ < 0) return;
  send_signal(pid_, SIGTERM);
  const std::optional<int> code = reap(pid_, kPatience);
  const std::string waits = code ? "" : where_it_waits();
  if (!code) kill_and_reap(pid_);
  pid_ = -1;
  INFO("stderr: ", errors(), waits);
  CHECK(code.value_or(-2) == 0);  // -1: a signal ended it, -2: it did not stop
  check_errors_clean();
}

Server::~Server() { stop(); }

}  // namespace uringd::testing
