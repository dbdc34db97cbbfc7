// Order: what the main thread asks of a worker while it serves: another configuration, a listener more or less, another
// log file. Values that own what they carry; they travel through the worker's mailbox and are carried out between two
// turns, in the order in which they were posted.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <variant>

#include "uringd/base/fd.hpp"
#include "uringd/log/access_log.hpp"
#include "uringd/uring/ring.hpp"

namespace uringd::server {

class Snapshot;

/// This worker's part of the memory and of the bounds.
struct WorkerOptions {
  uint32_t index = 0;
  uring::RingOptions ring;      // registered_memory is filled in by create()
  size_t registered_bytes = 0;  // of the buffers of downloads: resident from the start; the others once they are used
  uint32_t connection_slots = 4096;
  uint32_t parked_limit = 1024;  // sockets accepted between reaching the connection limit and pausing
  size_t cache_bytes = size_t{64} << 20;
  bool cache_pages = false;     // larger bodies lie in pages that sockets can be sent by reference
  size_t kept_files = 256;      // open descriptors of large files,
  size_t kept_descriptors = 0;  // and of small ones that the cache has no room for
  size_t stream_memory_bytes = size_t{32} << 20;
  size_t output_blocks = 128;
  size_t input_bytes = size_t{64} << 20;
  uint32_t disk_queue_size = 512;
  uint64_t hash_seed = 0;
  bool populate = true;  // fault the pools in before listening
};

struct Listener {
  uint32_t id = 0;
  Fd descriptor;           // a listening socket; the worker's own copy
  bool only_ours = false;  // nobody else's: shut down when the worker stops, so that its port is free at once
  bool proxy_protocol = false;
  socklen_t peer_size = 0;  // of its peers' addresses: getsockopt(SO_PEERNAME) refuses to be asked for more (EINVAL)
};

/// One listener more, one less, or one that behaves otherwise from now on (known by its id).
struct ListenerChange {
  enum class Kind : uint8_t { add, remove, change };
  Kind kind;
  uint32_t worker;
  Listener listener;  // remove: its id alone; change: without a descriptor
};

/// From now on requests begin with this configuration. Of the options those count that can change while the worker
/// lives: cache_bytes, input_bytes, disk_queue_size and the ring's workers.
struct Reconfigure {
  std::shared_ptr<const Snapshot> snapshot;
  WorkerOptions options;
};

/// The access log goes there from now on; a closed one: there is none.
struct LogTo {
  Fd file;
  log::AccessFormat format = log::AccessFormat::combined;
};

using Order = std::variant<Reconfigure, ListenerChange, LogTo>;

}  // namespace uringd::server
