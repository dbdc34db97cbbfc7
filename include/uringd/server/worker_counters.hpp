// WorkerCounters and Latencies: what one worker counts as it serves. Written by its thread alone, read by any
// (stats::Counter); figures.hpp adds them up. Bounds: a fixed number of methods, statuses and phases, whatever clients
// send.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "uringd/http/request.hpp"
#include "uringd/server/exchange.hpp"
#include "uringd/stats/counter.hpp"
#include "uringd/stats/distribution.hpp"
#include "uringd/stats/histogram.hpp"

namespace uringd::server {

/// Methods that answers are counted by. The first three are those of http::Method; the last is any other.
inline constexpr std::array<std::string_view, 10> counted_methods = {"GET",    "HEAD",  "OPTIONS", "POST",  "PUT",
                                                                     "DELETE", "PATCH", "CONNECT", "TRACE", "other"};
inline constexpr uint8_t other_method = counted_methods.size() - 1;

/// Statuses that answers are counted by; the last, 0, is any other.
inline constexpr std::array<uint16_t, 40> counted_statuses = {
    200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 406, 408, 409, 410,
    411, 412, 413, 414, 415, 416, 417, 421, 422, 426, 428, 429, 431, 500, 501, 502, 503, 504, 505, 0};

/// By status modulo 512, its place in counted_statuses.
inline constexpr auto status_places = [] {
  std::array<uint8_t, 512> places{};
  places.fill(counted_statuses.size() - 1);
  for (size_t i = 0; i + 1 < counted_statuses.size(); ++i) places[counted_statuses[i]] = static_cast<uint8_t>(i);
  return places;
}();

[[nodiscard]] uint8_t rare_method_place(std::string_view name);
/// The place in counted_methods of the method of a request that was understood.
[[nodiscard]] inline uint8_t method_place(const http::Request& request) {
  static_assert(static_cast<int>(http::Method::get) == 0 && static_cast<int>(http::Method::head) == 1 &&
                static_cast<int>(http::Method::options) == 2);
  if (request.method() <= http::Method::options) [[likely]]
    return static_cast<uint8_t>(request.method());
  return rare_method_place(request.method_name());
}

/// Where a request's time goes. request: from its first byte to the last byte of its answer, taken by the kernel; send:
/// from its answer's being composed. The others happen where the disk was asked: queue is waiting for a kernel thread.
enum class Phase : uint8_t { request, queue, open, read, send };
inline constexpr std::array<std::string_view, 5> phase_names = {"request", "queue", "open", "read", "send"};

/// By phase. A request that is answered in the turn that brought it has spent all its time in being sent: most have,
/// and they pay for one histogram, not for two.
struct Latencies {
  [[nodiscard]] stats::Histogram& of(Phase phase) { return by_phase[static_cast<size_t>(phase)]; }
  /// Thread-safe.
  [[nodiscard]] stats::Distribution read(Phase phase) const;

  std::array<stats::Histogram, phase_names.size()> by_phase;
  stats::Histogram at_once;  // belongs to request and to send
};

struct WorkerCounters {
  stats::Counter accepted, closed, timeouts, aborted, sent_bytes;
  stats::Counter refused;  // connections beyond limits.connections_per_ip, or without the PROXY header they must have
  stats::Counter disk_timeouts;  // requests that waited longer than disk.timeout
  // No std::array: what indexes them is within, and need not be looked at for each answer.
  stats::Counter looked_up[cache_result_count];  // answers by CacheResult
  stats::Counter answers[counted_methods.size()][counted_statuses.size()];

  // At the end of a turn.
  stats::Counter waiting, sending, closing;  // connections: closing also those that linger
  stats::Counter talks;                      // of which a request is being received, answered or sent
  stats::Counter closing_talks;              // … of closing ones among them

  void count_answer(uint8_t method, uint16_t status) {
    ++answers[method][status_places[status % status_places.size()]];
  }
  /// Answers that were begun. Downloads are in `answers` when they have ended.
  [[nodiscard]] uint64_t requests() const;
  [[nodiscard]] uint64_t looked_up_as(CacheResult result) const { return looked_up[static_cast<size_t>(result)]; }
  [[nodiscard]] uint64_t hits() const {
    return looked_up_as(CacheResult::hit) + looked_up_as(CacheResult::stale) + looked_up_as(CacheResult::overlay);
  }
  [[nodiscard]] uint64_t misses() const { return looked_up_as(CacheResult::miss) + looked_up_as(CacheResult::expired); }
};

}  // namespace uringd::server
