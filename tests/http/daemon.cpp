// Daemon: see daemon.hpp. Successors are children of the process before them; as a subreaper we inherit them when that
// one ends, so that the exit code of each can be read (prctl(2) PR_SET_CHILD_SUBREAPER).
#include "daemon.hpp"

#include <dirent.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "operation_words.hpp"

namespace uringd::testing {
namespace {

constexpr Milliseconds kStartPatience{sanitized() ? 40000 : 20000};

bool send_signal(pid_t pid, int number) { return pid > 1 && ::kill(pid, number) == 0; }

// What the child needs between fork and exec, made before: it may not allocate.
struct Child {
  std::vector<std::string> words;
  std::vector<std::string> variables;
  std::vector<char*> argv;
  std::vector<char*> envp;
  std::vector<int> passed;  // above 100, so that 3, 4, … can be overwritten
  char listen_pid[32] = "LISTEN_PID=";
  bool own_pid = false;
  bool as_nobody = false;
  int out = -1;
  int err = -1;
  sigset_t mask{};
};

void pointers(std::vector<std::string>& strings, std::vector<char*>& result) {
  for (std::string& text : strings) result.push_back(text.data());
}

void write_own_pid(char* text) {
  char digits[12];
  int count = 0;
  for (pid_t rest = ::getpid(); rest > 0; rest /= 10) digits[count++] = static_cast<char>('0' + rest % 10);
  while (count > 0) *text++ = digits[--count];
  *text = 0;
}

[[noreturn]] void become(Child& child) {
  ::dup2(child.out, STDOUT_FILENO);
  ::dup2(child.err, STDERR_FILENO);
  int next = 3;
  for (const int descriptor : child.passed) ::dup2(descriptor, next++);  // without close-on-exec
  if (child.own_pid) write_own_pid(child.listen_pid + std::strlen("LISTEN_PID="));
  // doctest's handlers are ours alone; a signal that is meant for the daemon waits until they are gone.
  for (const int number : {SIGPIPE, SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2}) ::signal(number, SIG_DFL);
  ::sigprocmask(SIG_SETMASK, &child.mask, nullptr);
  bool ready = true;
  if (child.as_nobody) ready = ::setgroups(0, nullptr) == 0 && ::setgid(kNobody) == 0 && ::setuid(kNobody) == 0;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // after setuid, which clears it
  if (ready) ::execve(child.argv[0], child.argv.data(), child.envp.data());
  static constexpr char kMessage[] = "daemon: the program could not be executed\n";
  (void)!::write(STDERR_FILENO, kMessage, sizeof kMessage - 1);
  ::_exit(127);
}

void collect_environment(const Launch& launch, Child& child) {
  for (char** variable = environ; *variable; ++variable) {
    const std::string_view text = *variable;
    const bool ours = text.starts_with("URINGD_") || text.starts_with("NOTIFY_SOCKET=") ||
                      text.starts_with("WATCHDOG_") || text.starts_with("LISTEN_");
    if (!ours) child.variables.emplace_back(text);
  }
  if (!std::getenv("UBSAN_OPTIONS")) child.variables.emplace_back("UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1");
  for (const auto& [name, value] : launch.environment) child.variables.push_back(name + "=" + value);
  if (launch.passed.empty()) return;
  child.variables.push_back("LISTEN_FDS=" + std::to_string(launch.passed.size()));
  if (!launch.passed_names.empty()) child.variables.push_back("LISTEN_FDNAMES=" + launch.passed_names);
  if (launch.passed_to) child.variables.push_back("LISTEN_PID=" + *launch.passed_to);
  child.own_pid = !launch.passed_to;
}

pid_t parent_of(const std::string& process) {
  std::ifstream file("/proc/" + process + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  const std::size_t end = text.rfind(')');
  if (end == std::string::npos) return -1;
  std::istringstream words(text.substr(end + 1));
  std::string state;
  pid_t parent = -1;
  words >> state >> parent;
  return parent;
}

}  // namespace

std::string with_listen(std::string text, const std::string& array) {
  const std::size_t at = text.find("listen = [");
  REQUIRE(at != std::string::npos);
  return text.replace(at, text.find('\n', at) - at, "listen = " + array);
}

std::string access_log_table(const std::string& file, std::string_view lines) {
  return "[log]\naccess = \"" + file + "\"\n" + std::string(lines) + "\n";
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

std::size_t count_of(std::string_view text, std::string_view words) {
  std::size_t count = 0;
  for (std::size_t at = text.find(words); at != std::string_view::npos; at = text.find(words, at + words.size())) {
    ++count;
  }
  return count;
}

Daemon::Daemon(const Site& site, const Setup& setup, const Launch& launch) : site_(site), port_(free_port()) {
  configuration_path_ = site.outside("daemon-" + std::to_string(port_) + ".toml");
  configure(setup);
  spawn(launch);
}

Daemon::Daemon(const Site& site, const std::string& text, int port, const Launch& launch) : site_(site), port_(port) {
  configuration_path_ = site.outside("daemon-" + std::to_string(port_) + ".toml");
  configure_text(text);
  spawn(launch);
}

void Daemon::spawn(const Launch& launch) {
  REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
  error_path_ = site_.outside("log-" + std::to_string(port_));
  output_path_ = site_.outside("out-" + std::to_string(port_));
  Child child;
  const char* binary = std::getenv("URINGD_BINARY");
  if (!binary) FAIL("URINGD_BINARY must name the uringd to test (meson test sets it)");
  child.words.push_back(launch.program.empty() ? binary : launch.program);
  if (launch.arguments.empty()) {
    child.words.insert(child.words.end(), {"--config", configuration_path_});
  } else {
    child.words.insert(child.words.end(), launch.arguments.begin(), launch.arguments.end());
  }
  const bool own_notify =
      std::ranges::any_of(launch.environment, [](const auto& variable) { return variable.first == "NOTIFY_SOCKET"; });
  if (!own_notify) {
    notified_ = std::make_unique<NotifySocket>(site_.outside("notify-" + std::to_string(port_)));
    child.variables.push_back("NOTIFY_SOCKET=" + notified_->name());
  }
  collect_environment(launch, child);
  for (const int descriptor : launch.passed) child.passed.push_back(::fcntl(descriptor, F_DUPFD_CLOEXEC, 100));
  pointers(child.words, child.argv);
  child.argv.push_back(nullptr);
  pointers(child.variables, child.envp);
  if (child.own_pid) child.envp.push_back(child.listen_pid);
  child.envp.push_back(nullptr);
  child.as_nobody = launch.as_nobody;
  const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC;
  const int out = ::open(output_path_.c_str(), flags, 0644);
  const int err = ::open(error_path_.c_str(), flags, 0644);
  REQUIRE(out >= 0);
  REQUIRE(err >= 0);
  child.out = launch.output >= 0 ? launch.output : out;
  child.err = err;
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_BLOCK, &all, &child.mask);
  pid_ = ::fork();
  if (pid_ == 0) become(child);
  ::sigprocmask(SIG_SETMASK, &child.mask, nullptr);
  REQUIRE(pid_ >= 0);
  ::close(out);
  ::close(err);
  for (const int descriptor : child.passed) ::close(descriptor);
  if (launch.wait) wait_until_listening();
}

// By the log: a connection of ours would be counted, logged and kept in mind by the address that it came from.
void Daemon::wait_until_listening() {
  const auto listening = [&] { return log().find(words::kListening) != std::string::npos; };
  wait_until([&] { return listening() || !alive(); }, kStartPatience);
  if (alive() && listening()) return;
  const std::string text = log();
  if (send_signal(pid_, SIGKILL)) ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
  FAIL("uringd does not listen on port " << port_ << "; stderr: " << text);
}

Response Daemon::get(std::string_view target, std::string_view fields) const {
  Client client = connect();
  return client.get(target, std::string(fields) + "Connection: close\r\n");
}

void Daemon::configure(const Setup& setup) const { configure_text(configuration(site_, setup, port_)); }

void Daemon::configure_text(std::string_view text) const {
  const std::string fresh = configuration_path_ + ".next";
  std::ofstream(fresh, std::ios::binary) << text;
  REQUIRE(::chmod(fresh.c_str(), 0644) == 0);
  std::filesystem::rename(fresh, configuration_path_);
}

// READY=1 ends a reload (sd_notify(3)), and its STATUS says how; the log may leave out what it has said often enough.
bool Daemon::wait_for_ready() {
  const std::size_t from = notified_->all().size();
  signal(SIGHUP);
  const std::size_t reloading = notified_->wait_for("RELOADING=1", from);
  const std::size_t ready = notified_->wait_for("READY=1", reloading);
  if (ready >= notified_->all().size()) return false;
  reloaded_ = notified_->all()[ready].value("STATUS").find("failed") == std::string::npos;
  return true;
}

std::string Daemon::reload() {
  const std::size_t before = mark();
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(reloads_, [&](auto at) { return now - at > std::chrono::seconds{12}; });
  reloads_.push_back(now);
  const bool told = notified_ && wait_for_ready();
  if (!notified_) signal(SIGHUP);
  std::string text;
  const bool said = wait_until(
      [&] {
        text = log_since(before);
        return text.find(words::kReloaded) != std::string::npos || text.find(words::kNotReloaded) != std::string::npos;
      },
      !told                 ? kPatience
      : reloads_.size() < 5 ? Milliseconds{2000}
                            : Milliseconds{100});
  if (!told && said) reloaded_ = text.find(words::kReloaded) != std::string::npos;
  if (!told && !said) FAIL_CHECK("no word of the reload within the patience; the log said: " << text);
  return text;
}

std::string Daemon::reload(const Setup& setup) {
  configure(setup);
  return reload();
}

bool Daemon::follow(std::size_t mark) {
  const std::string text = log_since(mark);
  const std::size_t end = text.find(words::kServesNow);
  if (end == std::string::npos) return false;
  const std::size_t begin = text.find_last_not_of("0123456789", end - 1) + 1;
  pid_t fresh = -1;
  std::from_chars(text.data() + begin, text.data() + end, fresh);
  INFO("log: ", text);
  REQUIRE(fresh > 1);
  if (fresh == pid_) return true;
  before_.push_back(pid_);
  pid_ = fresh;
  return true;
}

std::optional<pid_t> Daemon::upgrade() {
  const std::size_t before = mark();
  const pid_t old = pid_;
  signal(SIGUSR2);
  bool serves = false;
  const bool said = wait_until(
      [&] {
        const std::string text = log_since(before);
        serves = text.find(words::kServesNow) != std::string::npos;
        return serves || text.find(words::kNotUpgraded) != std::string::npos;
      },
      kStartPatience);
  if (!said) FAIL_CHECK("no word of the upgrade; the log said: " << log_since(before));
  if (!serves) return std::nullopt;
  REQUIRE(follow(before));
  return old;
}

void Daemon::signal(int number) const {
  REQUIRE(pid_ > 1);
  REQUIRE(send_signal(pid_, number));
}

std::optional<int> Daemon::exit_code(pid_t pid, Milliseconds patience) {
  const std::optional<int> code = reap(pid, patience);
  if (code) asked_.insert(pid);
  return code;
}

std::optional<int> Daemon::reap(pid_t pid, Milliseconds patience) {
  REQUIRE(pid > 1);
  wait_until(
      [&] {
        if (ended_.contains(pid)) return true;
        int status = 0;
        if (::waitpid(pid, &status, WNOHANG) != pid) return false;  // ECHILD: its parent is still there
        ended_[pid] = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        return true;
      },
      patience);
  const auto found = ended_.find(pid);
  if (found == ended_.end()) return std::nullopt;
  std::erase(before_, pid);
  return found->second;
}

bool Daemon::alive() { return pid_ > 1 && !reap(pid_, Milliseconds{0}).has_value(); }

void Daemon::end(pid_t pid) {
  const std::optional<int> code = reap(pid, kPatience);
  INFO("log: ", log());
  CHECK(code.value_or(-2) == 0);  // -1: a signal ended it, -2: it did not stop
  if (code || !send_signal(pid, SIGKILL)) return;
  reap(pid, Milliseconds{5000});
}

void Daemon::stop() {
  if (pid_ < 0) return;
  const bool ran = alive();
  if (ran) send_signal(pid_, SIGTERM);
  const std::vector<pid_t> before = before_;
  for (const pid_t pid : before) end(pid);  // first: until a parent has gone its child is not ours to wait for
  if (ran || !asked_.contains(pid_)) end(pid_);
  pid_ = -1;
  end_strangers();
  check_log_clean();
}

// A successor that the log did not name, or not in words that we know: it carries our configuration's path.
void Daemon::end_strangers() const {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos || parent_of(name) != ::getpid()) continue;
    std::ifstream file(entry.path() / "cmdline");
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    if (text.find(configuration_path_) == std::string::npos) continue;
    FAIL_CHECK("process " << name << " was left behind; log: " << log());
    const pid_t pid = std::atoi(name.c_str());
    if (send_signal(pid, SIGKILL)) ::waitpid(pid, nullptr, 0);
  }
}

void Daemon::check_log_clean() const {
  const std::string text = log();
  for (const char* sign : {"AddressSanitizer", "LeakSanitizer", "runtime error:", "ThreadSanitizer", "CHECK"}) {
    if (text.find(sign) != std::string::npos) FAIL_CHECK("the daemon reported: " << text);
  }
}

Daemon::~Daemon() { stop(); }

std::string Daemon::log() const { return file_bytes(error_path_); }

std::string Daemon::log_since(std::size_t mark) const {
  const std::string text = log();
  return text.substr(std::min(mark, text.size()));
}

bool Daemon::says(std::string_view words, std::size_t mark, Milliseconds patience) const {
  return wait_until([&] { return log_since(mark).find(words) != std::string::npos; }, patience);
}

std::string Daemon::output() const { return file_bytes(output_path_); }

}  // namespace uringd::testing
