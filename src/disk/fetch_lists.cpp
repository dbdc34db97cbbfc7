// Directories: having their names listed for the worker itself (names), and their files for people (listings). Other
// threads read them.
#include <algorithm>
#include <utility>

#include "racy.hpp"
#include "stamp.hpp"
#include "uringd/base/check.hpp"
#include "uringd/disk/disk.hpp"
#include "uringd/disk/fetch.hpp"

namespace uringd::disk {

// --- names ---

void Fetch::list(const uring::Attributes& attributes) {
  read_began_wall_ns_ = disk_.clock_.wall_ns;
  if (same_as_known(attributes)) return settle_known();
  const bool own = !root_->remote && attributes.device == root_->device;
  if (!own || !disk_.helper_ || !disk_.helper_->list(descriptor_, ticket())) return on_listed(nullptr);
  become(State::listing);
  ++lent_;
}

void Fetch::on_listed(std::unique_ptr<Names> names) {
  if (state_ == State::listing) --lent_;
  const auto after = disk_.ring_.attributes_of(descriptor_);
  const bool still = after && *after == before_ && !racily_young(before_, read_began_wall_ns_);
  if (!names || !still || doubtful_) {  // no list of it can be had, or none that is still true
    constexpr uint64_t changing_ms = 2000;
    const uint64_t directory = disk_.key_of(site_, directory_of(key().path)).hash;
    disk_.missing_.decline(directory, disk_.clock_.monotonic_ms, names ? changing_ms : Missing::declined_ms);
    forget_known(cache::Gone::changed);
    return settle({.status = 503});
  }
  const size_t bytes = names->bytes();
  entry_ = disk_.cache_.make_holder(key(), key().path, cache::Kind::names, std::move(names), bytes);
  if (!entry_) return settle({.status = 503});
  entry_->looked(disk_.clock_.monotonic_ms, generation(), stamp_of(before_));
  insert(entry_);
  if (!entry_->in_cache()) {  // larger than what lists may take
    const uint64_t directory = disk_.key_of(site_, directory_of(key().path)).hash;
    disk_.missing_.decline(directory, disk_.clock_.monotonic_ms, Missing::declined_ms);
  }
  ++disk_.counters_.listings;
  settle({.status = 200});
}

// --- files ---

// The thread that reads the directory may wait for ever, so it gets a descriptor that nobody waits for, and the fetch
// holds no place meanwhile that others need.
void Fetch::list_files() {
  if (!disk_.helper_ || disk_.gone_ || disk_.rendering_ == Disk::most_rendering) return settle_unasked();
  looked_ms_ = disk_.clock_.monotonic_ms;
  const SiteRules& rules = disk_.sites_.rules(site_);
  ListingOrder order{.site = site_,
                     .root = state_of_site_->root,
                     .resolve = rules.resolve,
                     .hidden = rules.hidden,
                     .directory = Fd(std::exchange(descriptor_, -1)),
                     .prefix = rules.prefix,
                     .path = std::string(name()),
                     .form = form_};
  if (!disk_.helper_->list_files(std::move(order), ticket())) return settle_unasked();
  become(State::rendering);
  reading_ns_ = disk_.clock_.monotonic_ns;
  place_given_ = true;
  ++disk_.rendering_;
  disk_.give_place(*this);
}

// A directory's attributes do not tell whether its files changed: no look finds a listing unchanged.
void Fetch::on_rendered(const std::optional<std::string>& body) {
  CHECK(state_ == State::rendering);
  if (!body) {
    forget_known(cache::Gone::changed);
    return settle({.status = 500});
  }
  Lines memory;
  const std::string_view lines = describe(memory);
  if (!disk_.cache_.has_room(body->size()) || !make_entry(lines, body->size())) return settle_unasked();
  std::ranges::copy(*body, entry_->body_memory().begin());
  description_.type = {.value = form_.media_type(), .density = http::Density::plain};
  description_.modified = description_.siblings = false;
  if (!entry_->seal(facts(), entry_->lines(), disk_.clock_.wall_s)) return settle({.status = 500});
  entry_->looked(looked_ms_, generation(), {});
  insert(entry_);
  ++disk_.counters_.listed;
  settle({.status = 200, .entry = entry_});
}

uint64_t Fetch::ticket() const {
  return uint64_t{disk_.fetches_.slot_of(*this)} << 32 | disk_.fetches_.generation_of(*this);
}

}  // namespace uringd::disk
