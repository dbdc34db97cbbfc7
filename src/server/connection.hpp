// Connection: one client's socket and its requests, answered in order. Lives in a slot of its worker's slab; everything
// happens on the worker's thread. Requests are parsed where their bytes lie; what is not answered in the same turn
// moves to the talk's input. At most one send is in flight; while it is, the output does not change.
//
//   receiving ──► waiting (disk, handler) ──► sending ──► receiving        hits go from receiving to sending at once
//        │              │                       │
//        └──────────────┴───────────────────────┴──► lingering (our end is closed, theirs is read and dropped) ──►
//        closing
//
// What only a request under way needs is its Talk, leased in receiving and given back when nothing is left of it.
// closing joins on lent_: the slot is freed by the completion that hands back the last thing lent to the kernel.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "context.hpp"
#include "talk.hpp"
#include "uringd/base/ip_address.hpp"
#include "uringd/base/list.hpp"
#include "uringd/base/timer_wheel.hpp"
#include "uringd/disk/fetch.hpp"
#include "uringd/disk/stream.hpp"
#include "uringd/http/forwarded.hpp"
#include "uringd/http/negotiate.hpp"
#include "uringd/site/header_rules.hpp"
#include "uringd/site/router.hpp"
#include "uringd/uring/ring.hpp"

namespace uringd::server {

class Connection final : public Timer,
                         public Link<Connection, InWorker>,
                         public Link<Connection, AwaitsBuffers>,
                         public disk::Waiter,
                         public disk::StreamClient {
 public:
  Connection(Context& context, uring::Direct socket);
  ~Connection();

  /// Begins to receive. `known`: `peer` is the client's address; else it is asked for, and peer.size is its size.
  /// `proxied`: a PROXY header comes before the first request.
  void start(const uring::PeerAddress& peer, bool known, bool proxied);
  /// A completion tagged with this slot. The object may be gone when it returns.
  void on_completion(const uring::Completion& completion);
  void on_deadline();
  /// The worker is stopping: close once idle for a second.
  void drain();
  /// Its request began with those.
  [[nodiscard]] bool uses(const Settings& settings) const { return talk_ && talk_->settings == &settings; }
  /// At the end of a turn in which it put itself in Context::referrers: sends what can go by reference. Bytes.
  size_t send_pages();
  /// A handler's, whose requests use nothing of the settings before.
  void use(Settings& settings) {
    if (talk_) talk_->use(settings);
  }
  /// For a handler: the answer to that request, the next piece of its endless one, and its end.
  bool answer(uint64_t request, const Answer& answer);
  Replies::Pushed push(uint64_t request, std::span<const char> bytes, std::shared_ptr<const void> owner);
  void end_pieces(uint64_t request);
  /// Closes, whatever is under way.
  void end() { begin_close(); }
  /// Receives again, where that is wanted and not under way: the one place that arms it.
  void arm_receive();

 private:
  using State = ConnectionState;
  enum class Step : uint8_t { peer, receive, rest, send, cancel, shutdown, poll, look, close, install };
  enum class Stage : uint8_t { head, body, ready };  // of the request being received
  enum class Handled : uint8_t { replied, streaming, waiting, flush_first };

  // connection.cpp: the socket's side
  void become(State state);
  void begin_talk();
  void end_talk();
  void end_last_talk();
  void end_talk_if_idle();
  [[nodiscard]] bool request_begun() const { return talk_ && talk_->started_ms != 0; }
  [[nodiscard]] uring::Tag tag(Step step) const;
  void on_receive(const uring::Completion& completion);
  [[nodiscard]] bool hears() const { return receive_lent_ || rest_lent_; }
  void on_rested();
  void take(std::span<const char> bytes);
  void keep(std::span<const char> bytes);
  void on_send(int result);
  void on_sent_all();
  void progressed();
  void on_look(int result);
  void on_send_deadline();
  void on_writable();
  void await_stream();
  void let_go_of_piece();
  void flush();
  void submit_send();
  [[nodiscard]] bool ends_with_send() const;

  // connection_pages.cpp: entries' pages, by reference
  [[nodiscard]] bool refers();
  void on_installed(int descriptor);
  void on_sent(size_t bytes);

  // connection_end.cpp: deadlines, and the end
  void rest();
  [[nodiscard]] bool may_rest() const;
  void linger();
  void begin_close();
  void on_close(int result);
  void continue_close();
  void set_deadline();
  void deadline_in(uint64_t ms);

  // connection_peer.cpp: whose connection it is
  void on_peer(int result);
  void on_peer_known();
  void receive_proxy_header();
  void count_peer();
  void refuse(std::string_view why);
  [[nodiscard]] http::Client client() const;
  [[nodiscard]] std::string_view scheme() const;

  // connection_log.cpp: the access log
  void log_answer();
  void log_rejected(std::span<const char> head);
  void fill_times(log::AccessRecord& record) const;
  void renew_record();
  void end_record();

  // connection_requests.cpp: the requests' side
  void work(std::span<const char> bytes, bool in_place);
  [[nodiscard]] bool receive_head(std::span<const char> bytes);
  void head_is_here();
  [[nodiscard]] bool receive_body();
  /// `head`: what came of the request.
  void reject(int status, std::span<const char> head);
  void use_settings();
  Handled handle();
  [[nodiscard]] const site::Route& route();
  void answered(Handled handled);
  void count_answer(uint8_t method, bool unfinished);
  void count_sent();
  void count_waited();
  void count_unfinished();
  void count_disk_phases();
  void after_work();
  void after_wait(Handled handled);
  Handled reply_outcome(const disk::Outcome& outcome);
  void log_exchange();
  void on_fetched(const disk::Outcome& outcome) override;
  void on_piece(std::span<const char> bytes) override;
  void on_stream_failed(int status) override;
  [[nodiscard]] bool answer_begun() const;
  void answer_instead(int status);
  void on_memory_wanted() override;
  void on_turn() override;
  [[nodiscard]] std::span<const char> before_pages() override;
  void on_referred(size_t before, size_t bytes) override;
  void on_reading() override;

  // connection_handler.cpp: what a handler is asked and says
  [[nodiscard]] HandledRequest& handled();
  [[nodiscard]] Asked asked();
  [[nodiscard]] bool waits_for(HandledRequest::Wait what, uint64_t request) const;
  void plan_body();
  [[nodiscard]] http::RequestParser::BodyResult give_body(std::span<const char> received);
  [[nodiscard]] int body_status() const;
  Handled ask_handler();
  Handled reply_answer(const Answer& answer);
  void on_handler_deadline();
  Handled begin_endless(const Endless& endless);
  [[nodiscard]] bool is_endless() const {
    return talk_ && talk_->handled && talk_->handled->wait == HandledRequest::Wait::pieces;
  }
  void await_push();
  void end_endless();

  // connection_select.cpp: which resource, and which representation of it
  /// What one pass over the siblings found.
  struct SiblingSearch {
    http::CodingSet absent;
    uint64_t until_ms = UINT64_MAX;  // when that is to be looked at again
    bool copy_asked = false;
  };
  [[nodiscard]] const SitePolicy& policy() const { return talk_->settings->snapshot->policy(talk_->site); }
  Handled look_up(const site::Place& place, std::string_view path);
  Handled look_up(uint32_t slot, std::string_view path);
  Handled wait_for(Selection::Wait what);
  Handled reply_found(cache::Entry& entry);
  Handled reply_found(const disk::OpenFileRef& file);
  Handled reply_verdict(int status);
  Handled reply_missing();
  Handled reply_listing();
  [[nodiscard]] http::AcceptedCodings accepted_codings();
  Handled select_entry(cache::Entry& entry);
  Handled select_file(const disk::OpenFileRef& file);
  Handled select();
  std::optional<Handled> try_sibling(http::Coding coding, SiblingSearch& search);
  std::optional<Handled> try_copy(http::Coding coding, SiblingSearch& search);
  Handled on_sibling(const disk::Outcome& outcome);
  Handled on_sibling_overdue();
  std::optional<Handled> reply_sibling(cache::Entry& entry);
  std::optional<Handled> reply_sibling(const disk::OpenFileRef& file);
  [[nodiscard]] std::pair<int64_t, uint32_t> resource_modified() const;
  [[nodiscard]] bool wants_own_range() const;
  [[nodiscard]] bool may_want_coded() const;
  [[nodiscard]] bool wanted(std::string_view etag) const;
  Handled reply_resource();
  Handled reply_unacceptable(const http::CodingOrder& copies);

  // connection_overlay.cpp: what lies over the disk
  std::optional<Handled> try_overlay(std::string_view path);
  std::optional<Handled> try_overlay_of_name(std::string_view name);
  [[nodiscard]] const Overlay* find_overlay(std::string_view path, std::string_view behind = {}) const;
  Handled reply_overlay(const Overlay& overlay);
  [[nodiscard]] std::optional<http::Coding> choose_coding(const Overlay& overlay, bool& may_come);
  [[nodiscard]] site::HeaderLines overlay_lines(const Overlay& overlay, std::span<char> out);

  // connection_replies.cpp: what is said
  struct Source;
  Handled reply_entry(cache::Entry& entry);
  Handled reply_file(const disk::OpenFileRef& file);
  Handled reply_source(const Source& source);
  void begin_stream();
  Handled reply_redirect();
  [[nodiscard]] bool names_directory_asked(std::string_view path) const;
  /// What some statuses say besides.
  struct StatusFacts {
    std::string_view content_range = {}, location = {};
    bool by_coding = false;  // it depends on Accept-Encoding
  };
  Handled reply_status(int status, const StatusFacts& facts);
  Handled reply_status(int status) { return reply_status(status, {}); }
  [[nodiscard]] bool reply_plain_hit(cache::Entry& entry);
  [[nodiscard]] bool reply_paged_hit(cache::Entry& entry);
  [[nodiscard]] http::ConnectionField connection_field() const;
  [[nodiscard]] site::HeaderLines site_lines(site::Answer answer, std::string_view media_type,
                                             std::span<char, site::HeaderRules::most_bytes> out);
  [[nodiscard]] std::string_view own_lines(std::span<char> out) const;
  struct StatusBody {
    std::string_view text, content_type;
    http::Coding coding = http::Coding::identity;
    bool negotiated = false;
    std::shared_ptr<const disk::ErrorPages> pages;  // where the text lies there: it may be replaced while it is sent
  };
  [[nodiscard]] StatusBody body_for(int status);
  [[nodiscard]] size_t add_vary_by_rules(std::span<char> lines, size_t size) const;
  [[nodiscard]] bool request_known() const;
  void decide_persistence();

  // connection_parts.cpp: several ranges
  Handled reply_parts(const Source& source, http::ReplyHead& head);
  Handled add_parts();
  Handled refuse_part();
  void continue_parts();

  Context& context_;
  uring::Direct socket_;
  State state_ = State::receiving;
  Stage stage_ = Stage::head;
  uint8_t lent_ = 0;
  bool receive_lent_ = false;
  bool rest_lent_ = false;  // a poll in its place
  bool send_lent_ = false;
  bool poll_lent_ = false;
  bool installing_ = false;
  bool paused_ = false;           // more pipelined bytes wait than are good for us: receive is being cancelled
  bool peer_closed_ = false;      // the client sends no more
  bool close_after_ = false;      // this response is the last one
  bool hear_out_ = false;         // … and the client may still be sending: linger
  bool more_input_ = false;       // bytes of a further request are there
  bool yielding_ = false;         // the send is being cancelled to give a stream's memory back
  bool resting_ = false;          // quiet for a while: what is armed, or will be, is a poll …
  bool polled_ = false;           // … unless that has come: a receive, within the same time
  bool unread_ = false;           // the last receive left something in the socket
  bool close_submitted_ = false;  // by itself, or in a chain with the last send
  bool body_continues_ = false;   // a 100 (Continue) is being sent
  bool peer_lent_ = false;
  bool proxied_ = false;  // a PROXY header is to come before anything else
  bool counted_ = false;  // in Shared::addresses
  IpAddress peer_;        // the socket's, or whom its PROXY header names
  uint64_t requests_ = 0;
  Talk* talk_ = nullptr;  // leased: always there, except while idle, lingering, or closed
};
// With the kernel's part (a socket of 3.5 KiB, an armed receive of 0.9 KiB) an idle connection costs less than nginx's:
// what is added here is added 10,000 times.
static_assert(sizeof(Connection) <= 192);

}  // namespace uringd::server
