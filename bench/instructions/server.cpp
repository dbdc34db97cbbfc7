// See server.hpp. What a server needs to be stepped: one worker, and entries that are believed for as long as a stepped
// worker takes; everything else at its default.
#include "server.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>
#include <utility>

namespace uringd::bench {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds patience{10};

int connect_to(std::uint16_t port) {
  const int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  if (connect(file, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return file;
  close(file);
  return -1;
}

std::uint16_t free_port() {
  const int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  socklen_t size = sizeof address;
  const bool bound = bind(file, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     getsockname(file, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  close(file);
  return bound ? ntohs(address.sin_port) : 0;
}

/// Bytes of the first answer in `text`, 0 where it is not whole: its head says how long its body is.
size_t whole_answer(std::string_view text) {
  const size_t head_end = text.find("\r\n\r\n");
  if (head_end == std::string_view::npos) return 0;
  const size_t field = text.substr(0, head_end).find("\r\nContent-Length: ");
  const size_t body = field == std::string_view::npos || text.substr(9, 3) == "304"
                          ? 0
                          : std::strtoul(text.data() + field + 18, nullptr, 10);
  return text.size() >= head_end + 4 + body ? head_end + 4 + body : 0;
}

}  // namespace

Server::Server(const std::string& program) {
  std::string pattern = (std::filesystem::temp_directory_path() / "uringd-instructions-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    error_ = std::string("mkdtemp: ") + std::strerror(errno);
    return;
  }
  directory_ = pattern;
  std::filesystem::create_directory(directory_ + "/www");
  if (!start(program)) error_ = program + " did not start or did not listen";
}

bool Server::start(const std::string& program) {
  port_ = free_port();
  std::ofstream(directory_ + "/config.toml")
      << "[server]\nlisten = [\"127.0.0.1:" << port_ << "\"]\nworkers = 1\n"
      << "[cache]\nstale_after = \"1h\"\nmissing_ttl = \"1h\"\n[log]\nlevel = \"error\"\n[[site]]\nroot = \"www\"\n";
  const std::string config = directory_ + "/config.toml";
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    execl(program.c_str(), program.c_str(), "--config", config.c_str(), nullptr);
    _exit(127);
  }
  for (const auto end = steady_clock::now() + patience; pid_ > 0 && steady_clock::now() < end;) {
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      return false;
    }
    const int file = connect_to(port_);
    if (file >= 0) {
      close(file);
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

pid_t Server::worker() const {
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid_) + "/task")) {
    std::string name;
    std::getline(std::ifstream(entry.path() / "comm"), name);
    if (name == "uringd/0") return static_cast<pid_t>(std::stol(entry.path().filename().string()));
  }
  return 0;
}

void Server::file(std::string_view name, std::string_view content) const {
  std::ofstream(directory_ + "/www/" + std::string(name), std::ios::binary) << content;
}

bool Server::stop() {
  if (pid_ <= 0) return false;
  kill(pid_, SIGTERM);
  const pid_t ending = std::exchange(pid_, -1);
  int status = 0;
  for (const auto end = steady_clock::now() + patience; steady_clock::now() < end;) {
    if (waitpid(ending, &status, WNOHANG) == ending) return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  kill(ending, SIGKILL);
  waitpid(ending, &status, 0);
  return false;
}

Server::~Server() {
  stop();
  std::error_code ignored;
  if (!directory_.empty()) std::filesystem::remove_all(directory_, ignored);
}

Client::Client(std::uint16_t port) : socket_(connect_to(port)) {}

Client::Client(Client&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      in_(std::move(other.in_)),
      whole_bytes_(other.whole_bytes_),
      whole_(other.whole_) {}

Client::~Client() {
  if (socket_ >= 0) close(socket_);
}

bool Client::ask(std::string_view request) {
  in_.clear();
  whole_bytes_ = 0;
  whole_ = 0;
  return send(socket_, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size());
}

bool Client::answered(unsigned count) {
  char buffer[65536];
  for (ssize_t size = 0; (size = recv(socket_, buffer, sizeof buffer, MSG_DONTWAIT)) > 0;) {
    in_.append(buffer, static_cast<size_t>(size));
  }
  for (size_t size = 0; (size = whole_answer(std::string_view(in_).substr(whole_bytes_))) > 0; ++whole_) {
    const size_t date = in_.find("\r\nDate: ", whole_bytes_);
    if (date != std::string::npos && date < whole_bytes_ + size) in_.replace(date + 8, 29, 29, '-');
    whole_bytes_ += size;
  }
  return whole_ == count && whole_bytes_ == in_.size();
}

}  // namespace uringd::bench
