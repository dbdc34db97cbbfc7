// Context: what the connections and acceptors of one worker share: the worker's own objects, by reference, and the few
// numbers that are the same for all. Belongs to the worker; it outlives everything that refers to it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "input_buffer.hpp"
#include "output.hpp"
#include "talk.hpp"
#include "uringd/base/clock.hpp"
#include "uringd/base/slab.hpp"
#include "uringd/base/timer_wheel.hpp"
#include "uringd/cache/cache.hpp"
#include "uringd/disk/disk.hpp"
#include "uringd/http/negotiate.hpp"
#include "uringd/log/logger.hpp"
#include "uringd/server/snapshot.hpp"
#include "uringd/server/worker.hpp"
#include "uringd/uring/ring.hpp"

namespace uringd::server {

class Connection;
struct InWorker;
struct AwaitsBuffers;

struct Context {
  uring::Ring& ring;
  const Snapshot& snapshot;
  cache::Cache& cache;
  disk::Disk& disk;
  log::Logger& logger;
  const Clock& clock;
  TimerWheel& wheel;
  BlockPool& blocks;
  Slab<Connection>& slab;
  Shared& shared;
  uint64_t hash_seed;
  std::span<char> scratch;  // of the router, for the length of one request's routing

  Slab<Talk> talks{slab.capacity()};
  InputBudget input_budget;
  WorkerCounters counters;
  std::array<char, 29> date{};  // IMF-fixdate of clock.wall_s
  struct LastCodings {          // the last Accept-Encoding, and what it meant
    std::array<char, 64> value;
    size_t size = 0;
    http::AcceptedCodings accepted = http::accepted_codings(std::string_view{});
  } last_codings;
  bool draining = false;
  List<Connection, InWorker> connections;         // all of them, newest last
  List<Connection, AwaitsBuffers> await_buffers;  // their receive ended with ENOBUFS; re-armed when the turn is over

  [[nodiscard]] std::string_view date_text() const { return {date.data(), date.size()}; }
};

}  // namespace uringd::server
