// Handler: what answers a worker's requests in the place of router, cache and disk: the admin interface is one. A
// worker with a handler asks it about every request that was understood; parsing, pipelining, deadlines, HEAD, 304,
// keep-alive and the rules of framing are the connection's as everywhere else. The handler belongs to whoever made the
// worker and outlives it; every call comes on the worker's thread. A request ends in one of three ways:
//
//   handle() ──► Answer                                    composed at once
//          ├───► Later ──► Replies::answer() …             … from a later call of the worker's thread; the client may
//          │                                               have left meanwhile, and waits longest_wait_ms at most (503)
//          └───► Endless ──► Replies::push() … end()       an answer without a length, closed at its end
//
// Bounds: of an endless answer one piece is held, by reference: a client that takes nothing for limits.send_timeout is
// closed. A body is given away piece by piece as it comes and never held.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <variant>

#include "uringd/base/ip_address.hpp"
#include "uringd/http/request.hpp"

namespace uringd::server {

/// A whole answer. Date, Server, Content-Length and Connection are added to it. With an `etag` and status 200 a GET or
/// HEAD may become 304, by If-None-Match.
struct Answer {
  int status = 200;
  std::string content_type;
  std::string content_encoding;
  std::string etag;                   // with its quotes
  std::string allow;                  // of 405 and of OPTIONS
  std::string fields;                 // further lines, each ending in CRLF; all of a head fit into 16 KiB
  std::span<const char> body;         // stays where it is
  std::shared_ptr<const void> owner;  // of the body's memory; nothing: it is static
  bool close = false;                 // the last one on its connection

  /// With a body of its own.
  static Answer of(int status, std::string content_type, std::string body);
};

/// The answer comes later, by Replies::answer().
struct Later {};

/// Status 200 and a body without end; it begins at once.
struct Endless {
  std::string content_type;
  std::string fields;
};

using Handling = std::variant<Answer, Later, Endless>;

/// Names a request for as long as it waits for its answer or has an endless one. A value: it may outlive its client.
struct Ticket {
  uint32_t slot = 0;
  uint32_t generation = 0;
  uint64_t request = 0;
  bool operator==(const Ticket&) const = default;
};

/// Where a request's body goes. Destroyed without having been given to handle(): the client left, or sent too much.
class BodySink {
 public:
  virtual ~BodySink() = default;
  /// The next bytes, which are borrowed. 0, or the status that refuses the rest: the connection ends with it.
  [[nodiscard]] virtual int take(std::span<const char> bytes) = 0;
};

/// What is to be done with a body: at most so many bytes (one more: 413, as soon as that is known), given to `sink`, or
/// dropped where there is none. A body with a sink has limits.body_timeout for each piece; one that is dropped has it
/// for the whole.
struct BodyPlan {
  uint64_t limit_bytes = 0;
  std::unique_ptr<BodySink> sink;
};

/// A request whose head is here. Borrowed for the length of a call.
struct Asked {
  const http::Request& request;
  const IpAddress& peer;
  Ticket ticket;
  uint64_t now_ms = 0;  // monotonic, of this turn
};

/// What a handler has of its worker. The worker's thread only, and not from within a call of handle(), on_body() or
/// refusal().
class Replies {
 public:
  /// The answer of a request that was to come later. False: the client has left, or was told 503.
  virtual bool answer(const Ticket& ticket, const Answer& answer) = 0;
  /// busy: the piece before is not sent yet, and this one was not taken. gone: nobody hears it any more.
  enum class Pushed : uint8_t { taken, busy, gone };
  /// The next piece of an endless answer; not empty.
  [[nodiscard]] virtual Pushed push(const Ticket& ticket, std::span<const char> bytes,
                                    std::shared_ptr<const void> owner) = 0;
  /// The end of an endless answer, once what was pushed is sent.
  virtual void end(const Ticket& ticket) = 0;

 protected:
  ~Replies() = default;
};

class Handler {
 public:
  static constexpr uint64_t longest_wait_ms = 60'000;  // for an answer that comes later
  static constexpr uint64_t never_ms = UINT64_MAX;

  virtual ~Handler() = default;
  /// Before anything else: how to answer later.
  virtual void attach(Replies& replies) = 0;
  /// A head is here and a body follows: where to, or an answer that ends the request, and the connection, without it.
  [[nodiscard]] virtual std::variant<BodyPlan, Answer> on_body(const Asked& asked) = 0;
  /// A request is whole. `body`: the sink that its body went to, or nothing.
  [[nodiscard]] virtual Handling handle(const Asked& asked, std::unique_ptr<BodySink> body) = 0;
  /// What is said where the connection itself refuses: 400, 408, 413, 414, 431, 501, 503, 505. May say nothing about
  /// the request: it may not have been understood.
  [[nodiscard]] virtual Answer refusal(int status) = 0;
  /// Command::call was posted to the worker's mailbox.
  virtual void on_call() = 0;
  /// At the end of each turn (monotonic ms), and when there is to be one at the latest.
  virtual void on_turn(uint64_t now_ms) = 0;
  [[nodiscard]] virtual uint64_t next_ms() const = 0;
};

}  // namespace uringd::server
