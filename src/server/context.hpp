// Context: what the connections and acceptors of one worker share: the worker's own objects, by reference, and the few
// numbers that are the same for all. Belongs to the worker; it outlives everything that refers to it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "access_log.hpp"
#include "input_buffer.hpp"
#include "output.hpp"
#include "settings.hpp"
#include "talk.hpp"
#include "uringd/base/clock.hpp"
#include "uringd/base/slab.hpp"
#include "uringd/base/timer_wheel.hpp"
#include "uringd/cache/cache.hpp"
#include "uringd/disk/disk.hpp"
#include "uringd/http/negotiate.hpp"
#include "uringd/log/logger.hpp"
#include "uringd/server/handler.hpp"
#include "uringd/server/overlays.hpp"
#include "uringd/server/worker.hpp"
#include "uringd/site/router.hpp"
#include "uringd/uring/ring.hpp"

namespace uringd::server {

class Connection;
struct InWorker;
struct AwaitsBuffers;

/// What a connection is doing (connection.hpp).
enum class ConnectionState : uint8_t { receiving, waiting, sending, lingering, closing };

struct Context {
  uring::Ring& ring;
  cache::Cache& cache;
  disk::Disk& disk;
  log::Logger& logger;
  const Clock& clock;
  TimerWheel& wheel;
  BlockPool& blocks;
  Slab<Connection>& slab;
  Shared& shared;
  AccessLog& access_log;
  uint64_t hash_seed;
  uint32_t worker;               // which of them it is
  Handler* handler;              // answers in the place of router and disk; nullptr: they do
  Settings* settings;            // with which requests begin now
  const config::Config* config;  // theirs
  std::span<char> scratch;       // of the routers: what views of `route` point into

  Slab<Talk> talks{slab.capacity()};
  InputBudget input_budget;
  WorkerCounters counters;
  Latencies latencies;
  uint32_t in_state[5] = {};    // connections, by ConnectionState
  std::array<char, 29> date{};  // IMF-fixdate of clock.wall_s
  struct LastCodings {          // the last Accept-Encoding, and what it meant
    std::array<char, 64> value;
    size_t size = 0;
    http::AcceptedCodings accepted = http::accepted_codings(std::string_view{});
  } last_codings;
  site::Route route;                  // of the request that was routed last, and
  const Talk* routed = nullptr;       // whose it is, until that one's bytes move or its scratch is used again
  std::vector<uring::Tag> referrers;  // connections that send pages when the turn is over
  PageMemory* pages = nullptr;        // where larger entries' bodies lie; nullptr: there is none
  Overlays::Shared overlays;          // nullptr: none
  bool draining = false;
  bool asking = false;                            // the handler is being asked
  uint64_t refusal_told_ms = 0;                   // the last line about a client that was closed without an answer
  List<Connection, InWorker> connections;         // all of them, newest last
  List<Connection, AwaitsBuffers> await_buffers;  // their receive ended with ENOBUFS; re-armed when the turn is over

  /// A handler bounds each body itself, when it has seen the head.
  [[nodiscard]] http::RequestParser::Limits parser_limits() const {
    const config::Config::Limits& limits = config->limits;
    return {static_cast<uint32_t>(limits.header_size_bytes), handler ? UINT64_MAX : limits.body_size_bytes};
  }
  [[nodiscard]] std::string_view date_text() const { return {date.data(), date.size()}; }
};

}  // namespace uringd::server
