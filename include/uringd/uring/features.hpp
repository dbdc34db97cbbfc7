// Features: what `uringd --features` prints and what a start-up error says when the kernel refuses io_uring. Made once,
// on the main thread, from a throw-away ring.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "uringd/base/result.hpp"

namespace uringd::uring {

/// One line each: kernel, each ring feature in use or missing and what is done without it, io-wq, memory-lock limit.
/// The error is the one line of Ring::create.
Result<std::vector<std::string>> describe_features();

/// What is known to be wrong with a kernel, a line each; `release` and `version` as uname(2) has them. Pure. Nothing is
/// said where they do not tell of which sources it was made: a distribution mends faults and keeps the name.
std::vector<std::string> known_faults(std::string_view release, std::string_view version);

/// The one line for an errno of io_uring_setup(2), _register(2) or _enter(2): tells io_uring_disabled (sysctl), seccomp
/// or a container, a kernel before 6.1, and the memory-lock limit apart, each with the way out. Pure but for what it
/// reads below `proc` ("/proc").
std::string explain_refusal(int error_number, const char* call, const std::string& proc);

}  // namespace uringd::uring
