// The counting wrappers: the linker (--wrap) sends this program's calls of malloc and its kin here, and operator new is
// replaced, because libstdc++.so calls malloc by itself.
#include "allocations.hpp"

#include <cstdlib>
#include <new>

namespace uringd::testing {
namespace {
Heap counts;
}
Heap heap() { return counts; }
}  // namespace uringd::testing

using uringd::testing::counts;

extern "C" {
void* __real_malloc(size_t size);
void* __real_calloc(size_t count, size_t size);
void* __real_realloc(void* memory, size_t size);
void __real_free(void* memory);

void* __wrap_malloc(size_t size) {
  ++counts.taken;
  return __real_malloc(size);
}
void* __wrap_calloc(size_t count, size_t size) {
  ++counts.taken;
  return __real_calloc(count, size);
}
void* __wrap_realloc(void* memory, size_t size) {
  ++counts.taken;
  return __real_realloc(memory, size);
}
void __wrap_free(void* memory) {
  if (memory) ++counts.freed;
  __real_free(memory);
}
}

void* operator new(size_t size) {
  if (void* memory = __wrap_malloc(size)) return memory;
  throw std::bad_alloc();
}
void* operator new(size_t size, const std::nothrow_t&) noexcept { return __wrap_malloc(size); }
void operator delete(void* memory) noexcept { __wrap_free(memory); }
void operator delete(void* memory, size_t) noexcept { __wrap_free(memory); }
