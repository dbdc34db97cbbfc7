// Who waits for which listing.
#include "cache_desk.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "drop.hpp"
#include "query.hpp"
#include "say.hpp"

namespace uringd::admin {
namespace {

constexpr size_t most_drops = 16;
constexpr size_t most_waiting = 128;
constexpr uint64_t use_again = 200;  // times what it cost
constexpr uint64_t longest_use_ns = 5'000'000'000;

uint64_t steady_ns() {
  return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1));
}

bool covers(std::string_view pattern, std::string_view host) {
  return pattern == "*" || (pattern.starts_with("*.") && host.ends_with(pattern.substr(1)));
}

std::vector<std::string> names_of(const config::Config& config) {
  std::vector<std::string> names;
  for (const config::Site& site : config.sites) names.push_back(site.hosts.empty() ? "*" : site.hosts.front());
  return names;
}

server::Answer no_site() {
  return say_error(404, "no site has that host", "leave site out for the first one; /cache lists them");
}

}  // namespace

void CacheDesk::use(std::shared_ptr<const server::Snapshot> snapshot) {
  snapshot_ = std::move(snapshot);
  overlays_.use(snapshot_);
  kept_.reset();
  ++changes_;
  std::vector<Waiting> gone;
  for (Waiting& one : std::exchange(waiting_, {})) {
    const auto site = place_of(one.site_id);
    one.site = site.value_or(0);
    one.changes = changes_;
    (site ? waiting_ : gone).push_back(std::move(one));
  }
  for (const Waiting& one : gone) replies_->answer(one.ticket, no_site());
}

std::optional<uint32_t> CacheDesk::place_of(uint32_t site_id) const {
  for (uint32_t site = 0; site < snapshot_->config().sites.size(); ++site) {
    if (snapshot_->site_id(site) == site_id) return site;
  }
  return {};
}

// A name as the configuration has it, "*.example.org" too, else the site that serves that host: exact beats the longest
// suffix beats "*".
std::expected<uint32_t, server::Answer> CacheDesk::site_of(std::string_view query) const {
  std::string host = query_value(query, "site").value_or("");
  if (host.empty()) return 0;
  std::ranges::transform(host, host.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  const auto& sites = snapshot_->config().sites;
  std::optional<uint32_t> best;
  size_t best_size = 0;
  for (uint32_t site = 0; site < sites.size(); ++site) {
    for (const std::string& pattern : sites[site].hosts) {
      if (pattern == host) return site;
      if (!covers(pattern, host) || (best && pattern.size() <= best_size)) continue;
      best = site;
      best_size = pattern.size();
    }
  }
  if (best) return *best;
  return std::unexpected(no_site());
}

server::Answer CacheDesk::page_of(const Listing& listing, const Waiting& waiting) const {
  const std::vector<std::string> names = names_of(snapshot_->config());
  const std::string_view name = waiting.site < names.size() ? std::string_view(names[waiting.site]) : "";
  return say_json(200, page_json(listing.page(waiting.question), name, names));
}

server::Handling CacheDesk::list(const server::Asked& asked, const Routed& routed) {
  auto question = PageQuestion::from(routed.query);
  if (!question) return say_error(400, "that is no question", question.error());
  const auto site = site_of(routed.query);
  if (!site) return site.error();
  Waiting waiting{asked.ticket, *site, snapshot_->site_id(*site), changes_, std::move(*question)};
  if (kept_ && (steady_ns() >= kept_->until_ns || kept_->overlays != overlays_.table())) kept_.reset();
  if (kept_ && kept_->site_id == waiting.site_id) return page_of(*kept_->listing, waiting);
  if (waiting_.size() == most_waiting) return say_error(503, "too many wait for a listing", "ask again in a moment");
  waiting_.push_back(std::move(waiting));
  begin_listing();
  return server::Later{};
}

void CacheDesk::begin_listing() {
  if (listing_ || waiting_.empty()) return;
  listing_ = true;
  const uint32_t site = waiting_.front().site;
  std::vector<std::shared_ptr<Inventory>> inventories;
  for (size_t worker = 0; worker < workers_.size(); ++worker) {
    inventories.push_back(std::make_shared<Inventory>(snapshot_, site));
  }
  const Round round{waiting_.front().site_id, changes_};
  send_round(calls_, workers_, inventories, [this, round, inventories] { on_listed(round, inventories); });
}

// Who asked while the round was under way gets its result too, unless a drop was finished between its beginning and the
// question: whoever drops an entry and then asks shall not see it. Whoever had asked before the round began is always
// answered, so drops that come without a pause hold nobody up.
void CacheDesk::on_listed(Round round, std::vector<std::shared_ptr<Inventory>> inventories) {
  uint64_t spent_ns = 0;
  for (const auto& inventory : inventories) spent_ns = std::max(spent_ns, inventory->spent_ns());
  const auto listing = std::make_shared<Listing>(std::move(inventories));
  listing->put_over(overlays_.table(), round.site_id, static_cast<uint32_t>(workers_.size()), steady_ns());
  listing_ = false;
  if (round.changes == changes_) {
    kept_ =
        Kept{round.site_id, listing, overlays_.table(), steady_ns() + std::min(use_again * spent_ns, longest_use_ns)};
  }
  std::vector<Waiting> served;
  for (Waiting& one : std::exchange(waiting_, {})) {
    const bool good = one.site_id == round.site_id && one.changes <= round.changes;
    (good ? served : waiting_).push_back(std::move(one));
  }
  for (const Waiting& one : served) replies_->answer(one.ticket, page_of(*listing, one));
  begin_listing();
}

server::Handling CacheDesk::drop(const server::Asked& asked, const Routed& routed) {
  const auto site = site_of(routed.query);
  if (!site) return site.error();
  if (drops_ == most_drops) return say_error(503, "too many drops are under way", "ask again in a moment");
  ++drops_;
  const size_t removed = overlays_.remove(*site, routed.path);
  const bool below = routed.path.ends_with('/');
  const std::vector<DropTarget> targets = drop_targets(trees_of(*snapshot_, *site), routed.path);
  std::vector<std::shared_ptr<Drop>> drops;
  for (size_t worker = 0; worker < workers_.size(); ++worker) {
    drops.push_back(std::make_shared<Drop>(snapshot_, targets, below));
  }
  send_round(calls_, workers_, drops, [this, drops, removed, ticket = asked.ticket] {
    --drops_;
    kept_.reset();
    ++changes_;
    size_t dropped = removed;
    for (const auto& drop : drops) dropped += drop->dropped();
    replies_->answer(ticket, say_json(200, "{\"dropped\":" + std::to_string(dropped) + "}\n"));
  });
  return server::Later{};
}

std::variant<server::BodyPlan, server::Answer> CacheDesk::begin_put(const server::Asked& asked, const Routed& routed) {
  const auto site = site_of(routed.query);
  if (!site) return site.error();
  return overlays_.begin(asked, *site, routed.path);
}

server::Handling CacheDesk::put(const server::Asked& asked, const Routed& routed,
                                std::unique_ptr<server::BodySink> body) {
  const auto site = site_of(routed.query);
  if (!site) return site.error();
  return overlays_.put(asked, *site, routed.path, std::move(body));
}

}  // namespace uringd::admin
