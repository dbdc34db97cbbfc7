// Exchange: one request and its response, as logs, metrics and Server-Timing want to know it: what it was, what came of
// it, and where its time went. A connection has one at a time; it is plain data.
//
//   accepted ─► parsed ─► asked ─queue─► opening ─open─► opened ─queue─► reading ─read─► composed ─send─► sent
//
// A hit is composed when it is parsed. Who asks more than once (for the file, then for a sibling of it) has the sum.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "uringd/disk/fetch.hpp"
#include "uringd/http/content_coding.hpp"

namespace uringd::server {

/// expired: it was held, and is another now. overlay: the disk has no say (overlays.hpp).
enum class CacheResult : uint8_t { none, hit, stale, miss, expired, overlay };
inline constexpr size_t cache_result_count = 6;

struct Exchange {
  uint64_t accepted_ns = 0;  // when the first byte of the request was received (monotonic), and
  uint64_t parsed_ns = 0;    // when its head was complete
  uint64_t asked_ns = 0;     // when the disk was asked, which has not answered yet; 0: it has, or was not
  uint64_t queue_ns = 0;     // how long the request waited for a kernel thread,
  uint64_t open_ns = 0;      // for the open,
  uint64_t read_ns = 0;      // and for the read, of a download's first piece
  uint64_t body_bytes = 0;   // that the response was to have
  uint32_t before_body = 0;  // bytes of the output in front of it: its head, and answers before it
  uint16_t status = 0;
  CacheResult cache = CacheResult::none;
  http::Coding coding = http::Coding::identity;
  uint8_t done = 0;  // of the disk's steps

  static constexpr uint8_t has_opened = 1, has_read = 2;
  /// Something was opened, or there was nothing to open, for this request.
  [[nodiscard]] bool opened() const { return (done & has_opened) != 0; }
  [[nodiscard]] bool read() const { return (done & has_read) != 0; }
  [[nodiscard]] bool asked_disk() const { return done != 0; }
  /// The disk has answered. What it had done before it was asked is not this request's: somebody else had asked.
  void answered(const disk::Outcome& outcome) {
    uint64_t at_ns = std::exchange(asked_ns, 0);
    const auto until = [&at_ns](uint64_t ns) { return ns > at_ns ? ns - std::exchange(at_ns, ns) : 0; };
    queue_ns += until(outcome.opening_ns);
    open_ns += until(outcome.opened_ns);
    queue_ns += until(outcome.reading_ns);
    read_ns += until(outcome.read_ns);
    if (outcome.opened_ns != 0) done |= has_opened;
    if (outcome.read_ns != 0) done |= has_read;
  }
  /// … with the first bytes of a download.
  void first_piece(uint64_t now_ns) {
    read_ns += now_ns - std::exchange(asked_ns, 0);
    done |= has_read;
  }
};

}  // namespace uringd::server
