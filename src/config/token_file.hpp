// token_file: the token that admin.token_file holds, or why it is none. Blocking file reads; part of check_together.
#pragma once

#include <expected>
#include <string>

namespace uringd::config {

struct TokenProblem {
  std::string found;        // "is a directory"
  std::string expected;     // "a file with the token"
  bool unreadable = false;  // for this user: another might
};

/// White space around the token does not count. Refused: nothing, more than 4096 bytes, what no Authorization field can
/// carry (RFC 6750 §2.1 is narrower, other makers of tokens are not), a file that everybody can read or write.
std::expected<std::string, TokenProblem> read_token_file(const std::string& path);

}  // namespace uringd::config
