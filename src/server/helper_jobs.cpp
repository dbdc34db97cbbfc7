// The eventfd behind the helper's jobs, written only by who finds the queue empty.
#include "helper_jobs.hpp"

#include <sys/eventfd.h>

#include "uringd/base/check.hpp"

namespace uringd::server {

HelperJobs::HelperJobs() : event_(eventfd(0, EFD_CLOEXEC)) { CHECK(event_.open()); }

bool HelperJobs::post(Job job) {
  if (job.refusable() && asked_.fetch_add(1, std::memory_order_relaxed) >= limit) {
    asked_.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  if (queue_.post(std::move(job))) eventfd_write(event_.number(), 1);
  return true;
}

void HelperJobs::end() {
  ending_.store(true, std::memory_order_release);
  eventfd_write(event_.number(), 1);
}

}  // namespace uringd::server
