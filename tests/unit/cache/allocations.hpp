// Counts of what this test program has taken from the heap so far, by malloc(3) and its kin or by operator new.
#pragma once

#include <cstddef>

namespace uringd::testing {

struct Heap {
  size_t taken = 0;  // calls that gave memory
  size_t freed = 0;  // calls that gave memory back
};
Heap heap();

}  // namespace uringd::testing
