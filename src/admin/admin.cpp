// The desk at which every admin request arrives: where it leads, whether it may, and who answers.
#include "uringd/admin/admin.hpp"

#include <algorithm>
#include <atomic>
#include <utility>

#include "access.hpp"
#include "cache_desk.hpp"
#include "endpoint.hpp"
#include "figures_desk.hpp"
#include "pulse.hpp"
#include "round.hpp"
#include "say.hpp"
#include "uringd/admin/page.hpp"
#include "uringd/http/negotiate.hpp"

namespace uringd::admin {
namespace {

using server::Answer;
using server::Asked;

constexpr uint64_t most_dropped_body_bytes = 65536;  // of requests that have no use for one
constexpr std::string_view asset_fields =
    "Cache-Control: no-cache\r\n"
    "Vary: Accept-Encoding\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Content-Security-Policy: ";

Answer asset_answer(const Asked& asked, const Asset& asset) {
  const bool coded = !asset.gzip.empty() && http::accepted_codings(asked.request).accepts(http::Coding::gzip);
  Answer answer{.content_type = std::string(asset.content_type),
                .fields = std::string(asset_fields).append(page_policy) + "\r\n"};
  answer.etag = coded ? asset.gzip_etag : asset.etag;
  answer.body = coded ? asset.gzip : asset.identity;
  if (coded) answer.content_encoding = "gzip";
  return answer;
}

Answer not_allowed(const Routed& routed, const Asked& asked) {
  const bool options = asked.request.method() == http::Method::options;
  Answer answer = options
                      ? Answer{.status = 204, .fields = std::string(common_fields)}
                      : say_error(405, "that method is not for this path", "its methods: " + std::string(routed.allow));
  answer.allow = routed.allow;
  return answer;
}

Answer refused_draining() { return say_error(503, "the server is draining", "ask its successor"); }

class Desk final : public Admin {
 public:
  Desk(Steering& steering, Served served, server::Mailbox& own, std::shared_ptr<const server::Snapshot> snapshot,
       log::Logger& logger)
      : steering_(steering),
        workers_(std::move(served.workers)),
        calls_(own),
        snapshot_(std::move(snapshot)),
        logger_(logger),
        cache_(steering, calls_, workers_, logger),
        pulse_(calls_, workers_),
        figures_(std::move(served.figures), std::move(served.standing)) {
    cache_.use(snapshot_);
  }

  // The daemon.
  void configure(std::shared_ptr<const server::Snapshot> snapshot) override {
    calls_.post([this, snapshot = std::move(snapshot)] {
      std::shared_ptr<const server::Snapshot> before = std::exchange(snapshot_, snapshot);
      cache_.use(snapshot_);
      steering_.dispose(std::move(before));
    });
  }
  void tell(Standing standing) override {
    calls_.post([this, standing = std::move(standing)]() mutable { figures_.tell(std::move(standing)); });
  }
  void set_state(State state) override { state_.store(state, std::memory_order_relaxed); }
  [[nodiscard]] uint64_t reloads_wanted() const override { return reloads_wanted_.load(std::memory_order_acquire); }
  void reloaded(uint64_t last, ReloadOutcome outcome) override {
    calls_.post([this, last, outcome = std::move(outcome)] { on_reloaded(last, outcome); });
  }

  // The admin worker.
  void attach(server::Replies& replies) override {
    replies_ = &replies;
    cache_.attach(replies);
    pulse_.attach(replies);
    figures_.attach(replies);
  }
  std::variant<server::BodyPlan, Answer> on_body(const Asked& asked) override;
  server::Handling handle(const Asked& asked, std::unique_ptr<server::BodySink> body) override;
  Answer refusal(int status) override;
  void on_call() override { calls_.carry_out(); }
  void on_turn(uint64_t now_ms) override {
    cache_.on_turn(now_ms);
    pulse_.on_turn(now_ms);
    figures_.tell(state() != State::serving, cache_.overlay_bytes());
    figures_.on_turn(now_ms);
  }
  [[nodiscard]] uint64_t next_ms() const override {
    return std::min({cache_.next_ms(), pulse_.next_ms(), figures_.next_ms()});
  }

 private:
  struct Reloading {
    server::Ticket ticket;
    uint64_t number;
  };
  [[nodiscard]] std::optional<Answer> refuse(const Asked& asked, const Routed& routed);
  server::Handling answer(const Asked& asked, const Routed& routed, std::unique_ptr<server::BodySink> body);
  [[nodiscard]] Answer readiness() const;
  server::Handling reload(const Asked& asked);
  void on_reloaded(uint64_t last, const ReloadOutcome& outcome);
  [[nodiscard]] State state() const { return state_.load(std::memory_order_relaxed); }

  Steering& steering_;
  const std::vector<server::Mailbox*> workers_;
  Calls calls_;
  std::shared_ptr<const server::Snapshot> snapshot_;
  log::Logger& logger_;
  server::Replies* replies_ = nullptr;
  Access access_;
  CacheDesk cache_;
  Pulse pulse_;
  FiguresDesk figures_;
  std::atomic<State> state_{State::serving};
  std::atomic<uint64_t> reloads_wanted_{0};
  std::vector<Reloading> reloading_;
};

// Health comes first: it answers to every name. What a path is, is told to nobody who may not know that we are here.
std::optional<Answer> Desk::refuse(const Asked& asked, const Routed& routed) {
  const auto& admin = snapshot_->config().admin;
  const bool probe = routed.endpoint == Endpoint::health || routed.endpoint == Endpoint::readiness;
  if (!probe) {
    if (auto refused = access_.refuse(asked, Need::nothing, admin)) return refused;
  }
  if (routed.endpoint == Endpoint::unknown) {
    return say_error(404, "there is nothing at that path", "see /metrics, /stats, /cache, /healthz, /readyz");
  }
  if (!routed.allowed || asked.request.method() == http::Method::options) return not_allowed(routed, asked);
  if (routed.need == Need::nothing) return {};
  auto refused = access_.refuse(asked, routed.need, admin);
  if (refused && refused->status == 401) logger_.info("admin: no token, or a wrong one, from " + asked.peer.text());
  return refused;
}

// An overlay's body is taken from whoever may put it. What comes elsewhere is read over, so that the connection stays.
std::variant<server::BodyPlan, Answer> Desk::on_body(const Asked& asked) {
  std::string memory(asked.request.target().size() + 2, '\0');
  const auto routed = route(asked.request, memory);
  if (!routed || routed->endpoint != Endpoint::entry || asked.request.method_name() != "PUT") {
    return server::BodyPlan{.limit_bytes = most_dropped_body_bytes, .sink = nullptr};
  }
  if (auto refused = refuse(asked, *routed)) return std::move(*refused);
  if (state() == State::draining) return refused_draining();
  return cache_.begin_put(asked, *routed);
}

server::Handling Desk::handle(const Asked& asked, std::unique_ptr<server::BodySink> body) {
  std::string memory(asked.request.target().size() + 2, '\0');
  const auto routed = route(asked.request, memory);
  if (!routed) return refusal(routed.error());
  if (auto refused = refuse(asked, *routed)) return std::move(*refused);
  if (routed->need == Need::token) {
    logger_.info("admin: " + std::string(asked.request.method_name()) + " " +
                 std::string(asked.request.target().substr(0, 256)) + " from " + asked.peer.text());
  }
  return answer(asked, *routed, std::move(body));
}

server::Handling Desk::answer(const Asked& asked, const Routed& routed, std::unique_ptr<server::BodySink> body) {
  switch (routed.endpoint) {
    case Endpoint::unknown: break;
    case Endpoint::asset: return asset_answer(asked, *page_asset(routed.path));
    case Endpoint::health:
      if (state() == State::draining) return say_json(200, "{\"status\":\"ok\"}\n");  // workers end as they should
      return pulse_.ask(asked);
    case Endpoint::readiness: return readiness();
    case Endpoint::reload: return reload(asked);
    case Endpoint::metrics:
    case Endpoint::stats:
    case Endpoint::stream:
      figures_.tell(state() != State::serving, cache_.overlay_bytes());
      return figures_.answer(asked, routed);
    case Endpoint::entries:
    case Endpoint::entry:
      if (state() == State::draining) return refused_draining();
      if (routed.endpoint == Endpoint::entries) return cache_.list(asked, routed);
      if (asked.request.method_name() == "PUT") return cache_.put(asked, routed, std::move(body));
      return cache_.drop(asked, routed);
  }
  return refusal(404);
}

Answer Desk::readiness() const {
  if (state() == State::serving) return say_json(200, "{\"status\":\"ok\"}\n");
  return say_json(503, "{\"status\":\"draining\",\"error\":\"the server is stopping\",\"hint\":\"ask another one\"}\n");
}

server::Handling Desk::reload(const Asked& asked) {
  if (state() != State::serving) return say_error(503, "the server is stopping", "ask its successor");
  const uint64_t number = reloads_wanted_.load(std::memory_order_relaxed) + 1;
  reloading_.push_back({asked.ticket, number});
  reloads_wanted_.store(number, std::memory_order_release);
  steering_.want_reload();
  return server::Later{};
}

void Desk::on_reloaded(uint64_t last, const ReloadOutcome& outcome) {
  Answer answer;
  if (outcome.good) {
    answer = say_json(200, "{\"reloaded\":true}\n");
  } else {
    std::string json =
        "{\"error\":\"the configuration was not put in force\",\"hint\":\"mend what is wrong with it; the one "
        "before goes on\",\"errors\":[";
    for (const std::string& line : outcome.problems) {
      if (&line != outcome.problems.data()) json += ',';
      append_json(json, line);
    }
    answer = say_json(422, json + "]}\n");
  }
  std::erase_if(reloading_, [&](const Reloading& one) {
    if (one.number > last) return false;
    replies_->answer(one.ticket, answer);
    return true;
  });
}

Answer Desk::refusal(int status) {
  switch (status) {
    case 408:
      return say_error(408, "the request took too long", "send it within limits.header_timeout and body_timeout");
    case 413: return say_error(413, "the body is too large", "send less; of overlays see admin.overlay_size");
    case 414: return say_error(414, "the target is too long", "see limits.header_size");
    case 431: return say_error(431, "the fields are too long", "see limits.header_size");
    case 501: return say_error(501, "that method or coding is not known", "use GET, POST, PUT or DELETE");
    case 503: return say_error(503, "it took too long", "see the log, and ask again");
    case 505: return say_error(505, "that version of HTTP is not spoken", "use HTTP/1.1");
    default: break;
  }
  return say_error(status, "the request is malformed", "see RFC 9110 and RFC 9112");
}

}  // namespace

std::unique_ptr<Admin> Admin::make(Steering& steering, Served served, server::Mailbox& own,
                                   std::shared_ptr<const server::Snapshot> snapshot, log::Logger& logger) {
  return std::make_unique<Desk>(steering, std::move(served), own, std::move(snapshot), logger);
}

}  // namespace uringd::admin
