// Entries for tests: a path, a body, sealed at a fixed second.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "uringd/cache/entry.hpp"

namespace uringd::cache::testing {

inline constexpr int64_t sealed_s = 784'111'777;  // RFC 9110 §5.6.7's own example
inline constexpr std::string_view sealed_date = "Sun, 06 Nov 1994 08:49:37 GMT";
inline constexpr std::string_view next_date = "Sun, 06 Nov 1994 08:49:38 GMT";
inline constexpr EntryFacts html_facts{"text/html; charset=utf-8", 784'111'000, true};

inline EntryRef unsealed(const Key& key, std::string_view body) {
  EntryRef entry = Entry::make(key, body.size());
  std::ranges::copy(body, entry->body_memory().begin());
  return entry;
}

inline EntryRef sealed(const Key& key, std::string_view body, const EntryFacts& facts = html_facts) {
  EntryRef entry = unsealed(key, body);
  return entry->seal(facts, sealed_s, 1000) ? entry : EntryRef();
}

inline std::string text_of(std::span<const char> bytes) { return {bytes.begin(), bytes.end()}; }

}  // namespace uringd::cache::testing
