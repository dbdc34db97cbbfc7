// Entries for tests: a path and what it means, looked at and sealed at a fixed second.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

#include "uringd/cache/cache.hpp"
#include "uringd/cache/entry.hpp"

namespace uringd::cache::testing {

inline constexpr int64_t sealed_s = 784'111'777;  // RFC 9110 §5.6.7's own example
inline constexpr std::string_view sealed_date = "Sun, 06 Nov 1994 08:49:37 GMT";
inline constexpr std::string_view next_date = "Sun, 06 Nov 1994 08:49:38 GMT";
inline constexpr EntryFacts facts_of(std::string_view content_type, int64_t modified_s, bool has_modified) {
  return {.content_type = content_type, .has_modified = has_modified, .modified_s = modified_s};
}
inline constexpr EntryFacts html_facts = facts_of("text/html; charset=utf-8", 784'111'000, true);

/// `entry` with that body, or nothing where its head does not fit.
inline EntryRef filled(EntryRef entry, std::string_view body, const EntryFacts& facts = html_facts,
                       std::string_view lines = {}) {
  std::ranges::copy(body, entry->body_memory().begin());
  return entry->seal(facts, lines, sealed_s) ? entry : EntryRef();
}

inline EntryRef sealed(const Key& key, std::string_view body, const EntryFacts& facts = html_facts,
                       std::string_view lines = {}) {
  return filled(Entry::make(key, key.path, lines.size(), body.size()), body, facts, lines);
}

inline std::string text_of(std::span<const char> bytes) { return {bytes.begin(), bytes.end()}; }

/// A payload that says how many of its kind there are.
class Counted final : public Payload {
 public:
  explicit Counted(int* alive) : alive_(alive) { ++*alive_; }
  ~Counted() override { --*alive_; }

 private:
  int* alive_;
};

inline Key key_of(std::string_view path, uint32_t site = 0) { return make_key(site, path, 42); }
inline void put(Cache& cache, std::string_view path, std::string_view body = "body", uint64_t now_ms = 0) {
  cache.insert(filled(cache.make(key_of(path), path, 0, body.size()), body), now_ms);
}
inline void put_verdict(Cache& cache, std::string_view path, int status = 404, uint64_t now_ms = 0) {
  cache.insert(cache.make_verdict(key_of(path), status), now_ms);
}
inline void put_file(Cache& cache, std::string_view path, size_t payload_bytes = 0) {
  cache.insert(cache.make_holder(key_of(path), path, Kind::file, nullptr, payload_bytes), 0);
}
inline void put_names(Cache& cache, std::string_view path, size_t payload_bytes = 0) {
  cache.insert(cache.make_holder(key_of(path), path, Kind::names, nullptr, payload_bytes), 0);
}
inline size_t charge_of(std::string_view path, std::string_view body = "body") {
  return Entry::make(key_of(path), path, 0, body.size())->charge();
}
inline bool holds(Cache& cache, std::string_view path) { return cache.peek(key_of(path)) != nullptr; }
inline uint64_t gone(const Cache& cache, Gone why) { return cache.counters().gone[static_cast<size_t>(why)]; }

}  // namespace uringd::cache::testing
