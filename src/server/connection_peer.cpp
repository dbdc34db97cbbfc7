// Whose connection it is: the socket's peer, whom a PROXY header names, and for one request whom the fields of trusted
// proxies name. Nothing that an untrusted peer says is believed.
#include <string>
#include <utility>

#include "connection.hpp"
#include "uringd/base/check.hpp"
#include "uringd/http/proxy_protocol.hpp"

namespace uringd::server {

void Connection::on_peer(int result) {
  peer_lent_ = false;
  if (result >= 0) peer_ = IpAddress::from(talk_->peer.address, talk_->peer.size);
  if (state_ == State::closing) return;
  on_peer_known();
  if (state_ == State::receiving && proxied_ && !talk_->input.empty()) return receive_proxy_header();
  if (state_ == State::lingering) return end_last_talk();
  if (state_ == State::receiving) end_talk_if_idle();
}

// A trusted proxy is not counted: many clients come through it. Whom its PROXY header names is.
void Connection::on_peer_known() {
  if (!proxied_ && !context_.config->server.trusted_proxies.contains(peer_)) count_peer();
}

void Connection::count_peer() {
  const uint32_t most = context_.config->limits.connections_per_ip;
  if (most == 0 || context_.handler) return;
  counted_ = context_.shared.addresses.add(peer_, most);
  if (!counted_ && peer_.is_ip()) refuse("has limits.connections_per_ip connections already");
}

// Closed without an answer; told at most once a second, since whoever floods us must not flood the log too.
void Connection::refuse(std::string_view why) {
  constexpr uint64_t pause_ms = 1000;
  ++context_.counters.refused;
  const uint64_t now_ms = context_.clock.monotonic_ms;
  if (context_.refusal_told_ms == 0 || now_ms - context_.refusal_told_ms >= pause_ms) {
    context_.refusal_told_ms = now_ms;
    context_.logger.warn("closed without an answer: " + peer_.text() + " " + std::string(why) + " (" +
                         std::to_string(context_.counters.refused) + " refused so far)");
  }
  begin_close();
}

// Its bytes are in the input, perhaps with a request behind them. A client that sends something else, or takes longer
// than limits.header_timeout, is closed without an answer: nothing tells what it speaks.
void Connection::receive_proxy_header() {
  if (state_ == State::closing || peer_lent_) return;  // whether it is believed hangs on the peer
  if (talk_->started_ms == 0) talk_->started_ms = context_.clock.monotonic_ms;
  const http::ProxyHeader header = http::parse_proxy_header(talk_->input.bytes());
  switch (header.progress) {
    case http::ProxyHeader::Progress::need_more: arm_receive(); return set_deadline();
    case http::ProxyHeader::Progress::invalid: return refuse("sent no PROXY header, or a broken one");
    case http::ProxyHeader::Progress::complete: break;
  }
  proxied_ = false;
  talk_->started_ms = 0;
  talk_->input.consume(header.used);
  const bool believed = context_.config->server.trusted_proxies.contains(peer_);
  if (believed && header.source.is_ip()) peer_ = header.source;
  if (!believed || header.source.is_ip()) count_peer();
  if (state_ == State::closing) return;
  work(talk_->input.bytes(), false);
}

// Of the request that is being answered, whose bytes are still there.
http::Client Connection::client() const {
  const CidrSet& trusted = context_.config->server.trusted_proxies;
  if (trusted.empty()) return {.address = peer_};
  return http::client_of(talk_->parser.request(), peer_, trusted);
}

// What the nearest trusted proxy says that the client spoke to it; empty where nobody says.
std::string_view Connection::scheme() const {
  if (context_.config->server.trusted_proxies.empty()) [[likely]]
    return {};
  switch (client().scheme) {
    case http::Scheme::http: return "http";
    case http::Scheme::https: return "https";
    case http::Scheme::unknown: break;
  }
  return {};
}

}  // namespace uringd::server
