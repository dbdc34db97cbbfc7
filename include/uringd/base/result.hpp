// Result<T>: a value, or an Error with one line for the person who can mend it. Used at start-up and in
// configuration; on the serving path an error is a negative errno, translated once in disk/failure.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace uringd {

/// What went wrong, where, the value found and what would be right, in one line without a newline.
struct Error {
  std::string message;
};

template <typename T>
using Result = std::expected<T, Error>;

/// `return failure("…")` from any function that returns a Result.
inline std::unexpected<Error> failure(std::string message) { return std::unexpected<Error>(Error{std::move(message)}); }

/// "No such file or directory" for ENOENT; thread-safe, borrows nothing.
std::string errno_text(int error_number);

}  // namespace uringd
