// What an upload must be like, and what becomes of it.
#include "overlay_desk.hpp"

#include <sys/random.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "say.hpp"
#include "uringd/base/check.hpp"
#include "uringd/http/conditional.hpp"
#include "uringd/http/target.hpp"

namespace uringd::admin {
namespace {

using server::Answer;
using server::Overlay;
using server::Overlays;

constexpr std::string_view too_large_hint = "all overlays together are bounded by admin.overlay_size";

uint64_t steady_ns() {
  return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1));
}

uint64_t fresh_seed() {
  uint64_t seed = 0;
  CHECK(getrandom(&seed, sizeof seed, GRND_INSECURE) == sizeof seed);  // never waits (getrandom(2))
  return seed;
}

// One field in one line or several (RFC 9110 §5.3).
std::string joined(const http::Request& request, std::string_view name) {
  std::string value;
  for (auto line = request.find(name); line; line = request.find_next(name, *line)) {
    if (!value.empty()) value += ", ";
    value += *line;
  }
  return value;
}

bool sendable(std::string_view value) {
  const auto control = [](char c) { return (c >= 0 && c < 0x20 && c != '\t') || c == 0x7f; };
  return value.size() <= Overlay::most_field_bytes && std::ranges::none_of(value, control);
}

// RFC 9110 §13.2.2: of what the server has at that path, which is the overlay alone.
bool precondition_holds(const http::Request& request, const Overlay* present) {
  const auto names_it = [&](http::Field field, bool strong) {
    if (!present) return false;
    for (auto line = request.field(field); line; line = request.next_line(field, *line)) {
      if (http::etag_list_matches(*line, present->body().etag(), strong)) return true;
    }
    return false;
  };
  if (request.field(http::Field::if_match)) return names_it(http::Field::if_match, true);
  return !names_it(http::Field::if_none_match, false);
}

/// The new table at one worker; goes home with the one before, which then is nobody's on the worker's time.
class Serve final : public HomingErrand {
 public:
  explicit Serve(Overlays::Shared table) : table_(std::move(table)) {}
  bool work(const server::Workplace& place) override {
    place.serve(table_);
    return true;
  }
  [[nodiscard]] bool quick() const override { return true; }

 private:
  Overlays::Shared table_;
};

}  // namespace

OverlayDesk::OverlayDesk(Steering& steering, Calls& calls, const std::vector<server::Mailbox*>& workers,
                         log::Logger& logger)
    : steering_(steering),
      calls_(calls),
      workers_(workers),
      logger_(logger),
      table_(std::make_shared<const Overlays>(fresh_seed())) {}

void OverlayDesk::use(const std::shared_ptr<const server::Snapshot>& snapshot) {
  snapshot_ = snapshot;
  std::vector<uint32_t> ids;
  for (uint32_t site = 0; site < snapshot_->config().sites.size(); ++site) ids.push_back(snapshot_->site_id(site));
  const auto gone = [&](const Overlay& one) { return std::ranges::find(ids, one.site) == ids.end(); };
  size_t count = 0;
  to_copy_.resize(copying_ ? 1 : 0);
  table_->each([&](const Overlay& one) {
    count += gone(one) ? 1 : 0;
    to_copy_.emplace_back(one.site, one.path);  // the site may compress now, or otherwise
  });
  if (count > 0) {
    publish(table_->without(gone));
    logger_.warn("admin: " + std::to_string(count) + " overlays went with sites that the configuration has no more");
  }
  go_on_copying();
}

// What is there at that path makes room when it is replaced.
size_t OverlayDesk::room(uint32_t id, std::string_view path) const {
  const Overlay* present = table_->find(id, path);
  const size_t others = table_->body_bytes() - (present ? present->body().bytes.size() : 0);
  return limit() - std::min(limit(), others);
}

std::optional<Answer> OverlayDesk::refuse(const http::Request& request, uint32_t site, std::string_view path) const {
  std::vector<char> memory(path.size() + 2);
  const auto target = http::normalise_path(path, memory);
  if (!target || (target->hidden && !snapshot_->config().sites[site].hidden) || target->name_too_long ||
      path.size() + 2 > site::Router::path_limit) {
    return say_error(422, "no request leads to that path", "names that begin with a dot need site.hidden = true");
  }
  if (request.find("Content-Encoding")) {
    return say_error(415, "the body is coded", "send it as it is: copies in content codings are made of it");
  }
  if (request.find("Content-Range")) return say_error(400, "a part cannot be put", "send the whole body");
  for (const std::string_view name : {"Content-Type", "Cache-Control"}) {
    if (const std::string value = joined(request, name); !sendable(value)) {
      return say_error(400, std::string(name) + " cannot be sent on", "1024 bytes at most, no control character");
    }
  }
  const Overlay* present = table_->find(snapshot_->site_id(site), path);
  if (!precondition_holds(request, present)) {
    return say_error(412, "the overlay at that path is not what the condition wants",
                     present ? "its ETag is " + std::string(present->body().etag()) : "there is none");
  }
  if (!present && table_->count() >= most_overlays) {
    return say_error(413, "there are too many overlays", "10000 at most: delete some");
  }
  return {};
}

std::variant<server::BodyPlan, Answer> OverlayDesk::begin(const server::Asked& asked, uint32_t site,
                                                          std::string_view path) {
  if (auto refused = refuse(asked.request, site, path)) return std::move(*refused);
  const uint32_t id = snapshot_->site_id(site);
  auto upload = std::make_unique<Upload>([this, id, kept = std::string(path)] { return room(id, kept); }, uploading_,
                                         [this] { return limit(); });
  return server::BodyPlan{.limit_bytes = room(id, path), .sink = std::move(upload)};
}

std::shared_ptr<const Overlay> OverlayDesk::made_of(const http::Request& request, uint32_t site, std::string_view path,
                                                    Upload* upload) const {
  const config::Config& config = snapshot_->config();
  auto overlay = std::make_shared<Overlay>();
  overlay->site = snapshot_->site_id(site);
  overlay->path = path;
  overlay->content_type = request.find("Content-Type").value_or("");
  if (overlay->content_type.empty()) {
    const std::vector<std::string>& index = config.sites[site].index;
    const bool as_index = path.ends_with('/') && !index.empty();
    overlay->content_type =
        http::MediaTypes(config.types).of(as_index ? std::string(path) + index.front() : overlay->path).value;
  }
  overlay->cache_control = joined(request, "Cache-Control");
  overlay->put_ns = steady_ns();
  overlay->density = http::density_of(overlay->content_type);
  const size_t size = upload ? upload->size() : 0;
  const auto memory = upload ? upload->release() : std::make_shared<const char>();
  overlay->bodies[0] = server::OverlayBody(memory, {memory.get(), size});
  overlay->settled = never_copied(*overlay);
  overlay->hits = std::make_shared<server::OverlayHits>(static_cast<uint32_t>(workers_.size()));
  return overlay;
}

server::Handling OverlayDesk::put(const server::Asked& asked, uint32_t site, std::string_view path,
                                  std::unique_ptr<server::BodySink> body) {
  const http::Request& request = asked.request;
  if (auto refused = refuse(request, site, path)) return std::move(*refused);
  if (!body && !request.find("Content-Length") && !request.find("Transfer-Encoding")) {
    return say_error(411, "there is no body", "send one, or Content-Length: 0 for an empty one");
  }
  auto* upload = static_cast<Upload*>(body.get());  // begin() made it
  const uint32_t id = snapshot_->site_id(site);
  if (upload && upload->size() > room(id, path)) return say_error(413, "the body is too large", too_large_hint);
  const bool created = table_->find(id, path) == nullptr;
  const auto overlay = made_of(request, site, path, upload);
  Answer answer{.status = 204, .fields = std::string(common_fields)};
  if (created) {
    std::string json = "{\"path\":";
    append_json(json, path);
    json += ",\"size\":" + std::to_string(overlay->body().bytes.size()) + ",\"etag\":";
    append_json(json, overlay->body().etag());
    answer = say_json(201, json + "}\n");
  }
  answer.etag = overlay->body().etag();
  publish(table_->with(overlay), [this, ticket = asked.ticket, answer] { replies_->answer(ticket, answer); });
  want_copies(*overlay);
  go_on_copying();
  return server::Later{};
}

size_t OverlayDesk::remove(uint32_t site, std::string_view path) {
  const uint32_t id = snapshot_->site_id(site);
  const auto goes = [&](const Overlay& one) {
    return one.site == id && (path.ends_with('/') ? one.path.starts_with(path) : one.path == path);
  };
  const size_t before = table_->count();
  Overlays::Shared next = table_->without(goes);
  const size_t removed = before - next->count();
  if (removed > 0) publish(std::move(next));
  return removed;
}

void OverlayDesk::publish(Overlays::Shared next, std::function<void()> done) {
  table_ = std::move(next);
  std::vector<std::shared_ptr<Serve>> errands;
  for (size_t worker = 0; worker < workers_.size(); ++worker) {
    errands.push_back(std::make_shared<Serve>(table_->count() > 0 ? table_ : nullptr));
  }
  send_round(calls_, workers_, errands, std::move(done));
}

void OverlayDesk::on_turn(uint64_t now_ms) {
  now_ms_ = now_ms;
  if (now_ms < copy_again_ms_) return;
  copy_again_ms_ = UINT64_MAX;
  go_on_copying();
}

}  // namespace uringd::admin
