// CHECK: an assertion that is always on. A failed one is a programmer's error, never the world's: the process
// prints what did not hold and aborts, because going on could send one client's bytes to another.
// One fact per CHECK. Errors of the world (files, clients, kernels) are values: see result.hpp.
#pragma once

namespace uringd {
[[noreturn, gnu::cold]] void check_failed(const char* expression, const char* file, int line);
}  // namespace uringd

#define CHECK(expression) \
  (__builtin_expect(!!(expression), 1) ? static_cast<void>(0) : ::uringd::check_failed(#expression, __FILE__, __LINE__))
