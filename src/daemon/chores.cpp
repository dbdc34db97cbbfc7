// A thread for each chore, detached: nobody waits for one that hangs.
#include "chores.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>

#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "uringd/base/check.hpp"

namespace uringd::daemon {

struct Chores::Shared {
  std::mutex mutex;
  Rest rest;
  Fd event{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
};

Chores::Chores() : shared_(std::make_shared<Shared>()) { CHECK(shared_->event.open()); }
Chores::~Chores() = default;

void Chores::start(std::function<Rest()> chore, const std::function<void(const std::string& why)>& failed) {
  CHECK(!at_work_);
  const auto work = [shared = shared_, chore = std::move(chore), failed] {
    pthread_setname_np(pthread_self(), "uringd/chore");
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    Rest rest;
    try {
      rest = chore();
    } catch (const std::exception& broken) {  // no memory
      rest = [failed, why = std::string(broken.what())] { failed(why); };
    }
    {
      const std::lock_guard guard(shared->mutex);
      shared->rest = std::move(rest);
    }
    eventfd_write(shared->event.number(), 1);
  };
  try {
    std::thread(work).detach();
    at_work_ = true;
  } catch (const std::system_error& refused) {
    failed(std::string("no thread: ") + refused.what());
  }
}

int Chores::descriptor() const { return shared_->event.number(); }

Chores::Rest Chores::finished() {
  eventfd_t count = 0;
  if (eventfd_read(shared_->event.number(), &count) != 0) return {};
  at_work_ = false;
  const std::lock_guard guard(shared_->mutex);
  return std::exchange(shared_->rest, {});
}

}  // namespace uringd::daemon
