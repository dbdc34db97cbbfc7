// A handler's answers find their clients by slot and generation, as completions do: one that has left is not found.
#include <utility>

#include "uringd/base/check.hpp"
#include "worker_implementation.hpp"

namespace uringd::server {

Connection* Worker::Implementation::client_of(const Ticket& ticket) {
  CHECK(!context.asking);
  return slab.find(ticket.slot, ticket.generation);
}

bool Worker::Implementation::answer(const Ticket& ticket, const Answer& answer) {
  Connection* connection = client_of(ticket);
  return connection && connection->answer(ticket.request, answer);
}

Replies::Pushed Worker::Implementation::push(const Ticket& ticket, std::span<const char> bytes,
                                             std::shared_ptr<const void> owner) {
  Connection* connection = client_of(ticket);
  return connection ? connection->push(ticket.request, bytes, std::move(owner)) : Pushed::gone;
}

void Worker::Implementation::end(const Ticket& ticket) {
  if (Connection* connection = client_of(ticket)) connection->end_pieces(ticket.request);
}

}  // namespace uringd::server
