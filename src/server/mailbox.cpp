// The eventfd behind a worker's mailbox. It is written only for what finds the mailbox empty: a worker that is behind
// takes all at once.
#include "uringd/server/mailbox.hpp"

#include <sys/eventfd.h>

#include <utility>

#include "uringd/base/check.hpp"
#include "uringd/server/errand.hpp"

namespace uringd::server {

Mailbox::Mailbox() : event_(eventfd(0, EFD_CLOEXEC)) { CHECK(event_.open()); }

void Mailbox::post(Command command) {
  commands_.fetch_or(static_cast<uint32_t>(command), std::memory_order_release);
  eventfd_write(event_.number(), 1);
}

void Mailbox::post(disk::Notice notice) {
  if (notices_.post(std::move(notice))) eventfd_write(event_.number(), 1);
}

void Mailbox::post(Order order) {
  if (orders_.post(std::move(order))) eventfd_write(event_.number(), 1);
}

void Mailbox::post(std::shared_ptr<Errand> errand) {
  if (errands_.post(std::move(errand))) eventfd_write(event_.number(), 1);
}

}  // namespace uringd::server
