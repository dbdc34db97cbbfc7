// Exchange: one request and its response, as logs, metrics and Server-Timing will want to know it: what it was, what
// came of it, and when each phase was reached (monotonic ns; 0: the phase did not happen, as open and read on a cache
// hit). A connection has one at a time; it is plain data.
#pragma once

#include <cstdint>

#include "uringd/http/content_coding.hpp"

namespace uringd::server {

/// expired: it was held, and is another now.
enum class CacheResult : uint8_t { none, hit, stale, miss, expired };

struct Exchange {
  uint64_t accepted_ns = 0;  // the first byte of the request was received
  uint64_t parsed_ns = 0;    // its head was complete
  uint64_t opened_ns = 0;    // the file was open
  uint64_t read_ns = 0;      // its (first) bytes were read
  uint64_t sent_ns = 0;      // the kernel took the last byte of the response
  uint64_t body_bytes = 0;   // that the response was to have
  uint32_t before_body = 0;  // bytes of the output in front of it: its head, and answers before it
  uint16_t status = 0;
  CacheResult cache = CacheResult::none;
  http::Coding coding = http::Coding::identity;
};

}  // namespace uringd::server
