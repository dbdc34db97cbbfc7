// The hash of entity tags with AVX2, where the processor has it; SSE2 is all that x86-64 promises. The digest is the
// same. A file of its own, because it alone is compiled for AVX2: it must include nothing whose inline functions the
// linker might take for everybody's.
#pragma once

#include <stddef.h>

namespace uringd::cache {

/// XXH3-128 of `bytes` in canonical order. Only where __builtin_cpu_supports("avx2").
void hash_avx2(const char* bytes, size_t size, unsigned char (&digest)[16]);

}  // namespace uringd::cache
