// What is looked at is the file that was opened: no other can take its place in between.
#include "token_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

#include "uringd/base/fd.hpp"
#include "uringd/base/result.hpp"

namespace uringd::config {
namespace {

constexpr size_t most_bytes = 4096;
constexpr const char* a_token = "a file with the token";

}  // namespace

std::expected<std::string, TokenProblem> read_token_file(const std::string& path) {
  const Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file.open()) return std::unexpected(TokenProblem{errno_text(errno), a_token, errno == EACCES});
  struct stat status{};
  if (fstat(file.number(), &status) != 0) return std::unexpected(TokenProblem{errno_text(errno), a_token});
  if (S_ISDIR(status.st_mode)) return std::unexpected(TokenProblem{"is a directory", a_token});
  if (!S_ISREG(status.st_mode)) return std::unexpected(TokenProblem{"is no regular file", a_token});
  if ((status.st_mode & (S_IROTH | S_IWOTH)) != 0) {
    std::array<char, 8> mode{};
    std::snprintf(mode.data(), mode.size(), "%04o", static_cast<unsigned>(status.st_mode & 07777));
    return std::unexpected(TokenProblem{"others can read or write it (mode " + std::string(mode.data()) + ")",
                                        "a file that only its owner, or its group, can read: chmod o= on it"});
  }
  std::array<char, most_bytes + 1> bytes{};
  const ssize_t size = read(file.number(), bytes.data(), bytes.size());
  if (size < 0) return std::unexpected(TokenProblem{errno_text(errno), a_token});
  std::string token(bytes.data(), static_cast<size_t>(size));
  if (token.size() > most_bytes) return std::unexpected(TokenProblem{"is longer than 4096 bytes", a_token});
  constexpr const char* space = " \t\r\n";
  token.erase(0, std::min(token.find_first_not_of(space), token.size()));
  token.resize(token.find_last_not_of(space) + 1);
  if (token.empty()) return std::unexpected(TokenProblem{"is empty", a_token});
  if (!std::ranges::all_of(token, [](char c) { return c > ' ' && c < 0x7f; })) {
    return std::unexpected(TokenProblem{"holds more than one word, or other than visible ASCII characters", a_token});
  }
  return token;
}

}  // namespace uringd::config
