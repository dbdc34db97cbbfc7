// What the tests of access lines share: one moment, records, and the line that becomes of each, whose memory is
// guarded.
#pragma once

#include <stdlib.h>
#include <time.h>

#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include "uringd/log/access_log.hpp"

namespace uringd::log::testing {

constexpr int64_t second = 1'000'000'000;
constexpr int64_t wall_ns = 1'795'318'877 * second + 123'456'789;  // 2026-11-22T03:41:17.123Z
constexpr size_t guard_bytes = 64;

/// Local time as POSIX's TZ says, for one test.
struct Zone {
  explicit Zone(const char* rule) {
    setenv("TZ", rule, 1);
    tzset();
  }
  ~Zone() {
    unsetenv("TZ");
    tzset();
  }
};

inline std::string line_of(AccessFormatter& formatter, const AccessRecord& record, int64_t at = wall_ns) {
  const size_t room = formatter.most_bytes();
  const std::string guard(guard_bytes, '#');
  std::string memory = std::string(room, '#') + guard;
  const size_t bytes = formatter.write(record, at, std::span(memory).first(room));
  REQUIRE(bytes <= room);
  CHECK(memory.substr(room) == guard);
  return memory.substr(0, bytes);
}

inline std::string combined(const AccessRecord& record, int64_t at = wall_ns) {
  AccessFormatter formatter(AccessFormat::combined);
  return line_of(formatter, record, at);
}

inline std::string json(const AccessRecord& record, int64_t at = wall_ns) {
  AccessFormatter formatter(AccessFormat::json);
  return line_of(formatter, record, at);
}

inline AccessRecord record_of(std::string_view request_line, int status, uint64_t bytes) {
  return {.remote = IpAddress::v4({127, 0, 0, 1}), .request_line = request_line, .status = status, .body_bytes = bytes};
}

/// A text of one field out of a JSON line, as it stands there.
inline std::string member(const std::string& line, const std::string& name) {
  const std::string key = "\"" + name + "\":\"";
  const size_t begin = line.find(key);
  if (begin == std::string::npos) return "(none)";
  size_t end = begin + key.size();
  while (line[end] != '"') end += line[end] == '\\' ? 2 : 1;
  return line.substr(begin + key.size(), end - begin - key.size());
}

}  // namespace uringd::log::testing
