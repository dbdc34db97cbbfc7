// Talk: what a connection needs only while there is something to say or to hear out: the request being received, its
// answer, and what the kernel borrows meanwhile. Leased from the worker's slab when bytes arrive and given back when
// all are answered and sent, so that a connection that says nothing costs no more than its Connection (10,000 of them
// would hold 17 MB). The slab has one for each connection, so a lease never fails; those used last are used first, and
// memory is touched only as more are under way at once.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <memory>

#include "handled_request.hpp"
#include "input_buffer.hpp"
#include "output.hpp"
#include "parts.hpp"
#include "selection.hpp"
#include "settings.hpp"
#include "uringd/disk/stream.hpp"
#include "uringd/http/request_parser.hpp"
#include "uringd/log/access_log.hpp"
#include "uringd/server/exchange.hpp"
#include "uringd/uring/ring.hpp"

namespace uringd::server {

/// The access log's record of an answer that lasts: written when it ends.
struct LastingRecord {
  explicit LastingRecord(const log::AccessRecord& original) : kept(original) {}
  log::KeptRecord kept;
  uint64_t before_body = 0;  // bytes that are sent before its body
  uint64_t sent = 0;         // since it was composed
};

/// Answers in the output, all composed in one turn. Only the first can be to a request that began before that turn.
struct Unsent {
  uint32_t count = 0;
  uint64_t first_accepted_ns, composed_ns;  // where there is one
};

struct Talk {
  static constexpr uint8_t no_method = 0xff;

  Talk(http::RequestParser::Limits limits, InputBudget& budget, BlockPool& blocks, Settings& now)
      : parser(limits), input(budget), settings(&now), output(blocks) {
    ++settings->talks;
  }
  ~Talk() { --settings->talks; }
  Talk(const Talk&) = delete;
  Talk& operator=(const Talk&) = delete;
  void use(Settings& now) {
    --settings->talks;
    settings = &now;
    ++settings->talks;
  }

  http::RequestParser parser;
  InputBuffer input;
  Settings* settings;  // of the request that is being received or answered
  Exchange exchange;
  Unsent unsent;
  uint8_t unfinished = no_method;  // whose answer is a download, or several ranges, not counted yet: its method
  std::unique_ptr<LastingRecord> record;
  uint64_t started_ms = 0;    // 0: no byte of a request is there
  uint64_t progress_ms = 0;   // when the kernel last took bytes, or the client last acknowledged some
  int unacknowledged = -1;    // at the last look; -1: not looked since the last progress
  bool answer_begun = false;  // bytes of the streamed answer have left: no other can take its place
  int rejected_status = 0;    // of a request whose rejection waits until the answers before it are sent
  uint32_t site = 0;
  uint32_t tree = 0;  // slot of what the resource lies in: the site's root or a mount
  Selection selection;
  disk::Stream* stream = nullptr;
  std::unique_ptr<Parts> parts;             // of an answer with several ranges
  std::unique_ptr<HandledRequest> handled;  // of a request that a handler answers
  msghdr message{};                         // lent to a send, with
  Output::Rest rest{};                      // what it points to
  uring::PeerAddress peer;                  // lent while it is asked for
  Output output;
};

}  // namespace uringd::server
