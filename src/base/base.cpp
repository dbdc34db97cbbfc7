// The few functions of base/ that have a body: the end of a failed CHECK, errno texts, closing.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "uringd/base/check.hpp"
#include "uringd/base/fd.hpp"
#include "uringd/base/result.hpp"

namespace uringd {

void check_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "uringd: %s:%d: CHECK failed: %s\n", file, line, expression);
  std::fflush(stderr);
  std::abort();
}

std::string errno_text(int error_number) {
  char text[128] = {};
  return strerror_r(error_number, text, sizeof text);  // GNU form: returns the text, maybe not in the buffer
}

void Fd::close() {
  if (number_ >= 0) ::close(std::exchange(number_, -1));
}

}  // namespace uringd
