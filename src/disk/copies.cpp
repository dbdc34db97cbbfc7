// Ordering copies, and what their answers come to.
#include "uringd/disk/copies.hpp"

#include <algorithm>
#include <utility>

#include "uringd/base/check.hpp"
#include "uringd/disk/disk.hpp"

namespace uringd::disk {

using cache::CopyState;
using cache::Effort;
using http::Coding;

bool Copies::make(cache::Entry& base, Coding coding, Waiter* waiter) {
  const bool suited = base.kind() == cache::Kind::content && base.facts().compressible;  // and of no coding then
  if (!suited || !helper_ || coding == Coding::identity) return false;
  switch (base.copy_state(coding)) {
    case CopyState::asked: return !waiter || join(base, coding, *waiter);
    case CopyState::best_asked: return !waiter;  // a copy is there
    case CopyState::best:
    case CopyState::useless: return false;
    case CopyState::none:
    case CopyState::quick: break;
  }
  if (!waiter && !base.in_cache()) return false;  // the next request would not find it
  const bool better = base.copy_state(coding) == CopyState::quick;
  if (better && orders_.live() >= most_orders / 2) return false;  // places for those who have none
  if (better && base.body().size() > most_best_bytes) {
    base.set_copy_state(coding, CopyState::best);
    return false;
  }
  if (!order(base, coding, better ? Effort::best : Effort::quick, waiter)) {
    ++counters_.copies_refused;
    return false;
  }
  base.set_copy_state(coding, better ? CopyState::best_asked : CopyState::asked);
  return true;
}

bool Copies::join(const cache::Entry& base, Coding coding, Waiter& waiter) {
  for (Order* order = all_.front(); order; order = all_.after(*order)) {
    if (order->base.get() != &base || order->coding != coding) continue;
    order->waiters.push_back(waiter);
    return true;
  }
  CHECK(!"asked for");
  return false;
}

bool Copies::order(cache::Entry& base, Coding coding, Effort effort, Waiter* waiter) {
  Order* order = orders_.acquire(base, coding, effort);
  if (!order) return false;
  const std::span<const char> body = base.body();
  const bool text = !base.facts().content_type.starts_with("application/wasm");
  const bool taken = helper_->encode({.bytes = std::string(body.data(), body.size()),
                                      .etag = std::string(base.etag()),
                                      .coding = coding,
                                      .effort = effort,
                                      .text = text},
                                     ticket_of(*order));
  if (!taken) {
    orders_.release(*order);
    return false;
  }
  all_.push_back(*order);
  held_.add(base.key().site);
  if (waiter) order->waiters.push_back(*waiter);
  return true;
}

void Copies::on_encoded(const Encoded& notice) {
  Order* order = orders_.find(static_cast<uint32_t>(notice.ticket >> 32), static_cast<uint32_t>(notice.ticket));
  if (!order) return;
  cache::Entry& base = *order->base;
  const bool wanted = base.in_cache() || !order->waiters.empty();  // else nobody will find it
  if (!wanted) {
    take_back(*order);  // somebody may hold it all the same, and ask again
    return end(*order, 200);
  }
  if (order->effort == Effort::best) {
    give_best(base, order->coding, notice.bytes.get());
    return end(*order, 200);
  }
  end(*order, give_quick(base, order->coding, notice.bytes.get()));
}

int Copies::give_quick(cache::Entry& base, Coding coding, const std::string* bytes) {
  CHECK(base.copy_state(coding) == CopyState::asked);
  if (!bytes || bytes->size() >= base.body().size()) {
    ++counters_.copies_useless;
    base.set_copy_state(coding, CopyState::useless);
    return 200;
  }
  const cache::EntryRef copy = copy_of(base, coding, *bytes);
  base.set_copy_state(coding, copy ? CopyState::quick : CopyState::none);
  if (!copy) return 503;
  cache_.attach(base, copy);
  ++counters_.copies_made;
  return 200;
}

void Copies::give_best(cache::Entry& base, Coding coding, const std::string* bytes) {
  CHECK(base.copy_state(coding) == CopyState::best_asked);
  const cache::Entry* quick = base.copy(coding);
  CHECK(quick != nullptr);
  base.set_copy_state(coding, CopyState::best);
  if (!bytes || bytes->size() >= quick->body().size()) return;
  const cache::EntryRef copy = copy_of(base, coding, *bytes);
  if (!copy) return;
  cache_.attach(base, copy);
  ++counters_.copies_made;
}

cache::EntryRef Copies::copy_of(const cache::Entry& base, Coding coding, const std::string& bytes) {
  if (!cache_.has_room(bytes.size())) return {};
  cache::EntryRef copy = cache_.make(base.key(), base.name(), base.lines().size(), bytes.size());
  if (!copy) return {};
  std::ranges::copy(bytes, copy->body_memory().begin());
  cache::EntryFacts facts = base.facts();
  facts.coding = coding;
  facts.compressible = facts.siblings = false;
  if (!copy->seal(facts, base.lines(), clock_.wall_s)) return {};
  copy->looked(base.looked_at_ms(), base.generation(), base.stamp());
  return copy;
}

void Copies::end(Order& order, int status) {
  const cache::EntryRef base = order.base;
  List<Waiter> waiting;
  while (Waiter* waiter = order.waiters.pop_front()) waiting.push_back(*waiter);
  order.unlink();
  orders_.release(order);
  held_.remove(base->key().site);
  const Outcome outcome{.status = status, .entry = status == 200 ? base : cache::EntryRef()};
  while (Waiter* waiter = waiting.pop_front()) waiter->on_fetched(outcome);
}

// As if it had never been asked for.
void Copies::take_back(const Order& order) {
  const bool best = order.effort == Effort::best;
  order.base->set_copy_state(order.coding, best ? CopyState::quick : CopyState::none);
}

void Copies::leave(const std::function<bool(uint32_t)>& leaves) {
  Order* next = nullptr;
  for (Order* order = all_.front(); order; order = next) {
    next = all_.after(*order);
    if (!leaves(order->base->key().site) || !order->waiters.empty()) continue;
    take_back(*order);
    end(*order, 503);
  }
}

void Copies::let_go() {
  while (Order* order = all_.front()) {
    take_back(*order);
    end(*order, 503);
  }
}

}  // namespace uringd::disk
