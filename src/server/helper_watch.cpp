// Watching: whether inotify is asked, what it tells, and the walks that register what is asked for.
#include <cerrno>
#include <utility>

#include "helper_loop.hpp"
#include "uringd/base/check.hpp"
#include "uringd/base/result.hpp"

namespace uringd::server {
namespace {

constexpr uring::Tag events_tag{.kind = uring::Kind::watch};

}  // namespace

void HelperLoop::start_watching() {
  if (watching_ != Watching::closed || !watch_.open()) return;  // one that is ending is opened again then
  watching_ = Watching::reading;
  if (!events_) events_ = std::make_unique<std::array<char, size_t{64} << 10>>();
  ring_.read(watch_.descriptor(), *events_, 0, events_tag);
}

void HelperLoop::stop_watching() {
  if (watching_ != Watching::reading) return;
  watching_ = Watching::ending;
  ring_.cancel(events_tag, {});
}

void HelperLoop::on_events(int32_t result) {
  CHECK(watching_ != Watching::closed);
  const bool failed = result < 0 && result != -EINTR && result != -EAGAIN;
  if (failed || watching_ == Watching::ending) {
    const bool wanted = work_.options.watch;
    if (watching_ == Watching::reading) {
      logger_.error("inotify: its descriptor cannot be read (" + errno_text(-result) +
                    "): changes of files are seen after cache.stale_after from now on");
    }
    watch_.close();
    const Watching before = std::exchange(watching_, Watching::closed);
    watches_.store(0, std::memory_order_relaxed);
    keeper_.doubt_all();  // for what it had not told yet
    if (before == Watching::ending && wanted) start_watching();
    return;
  }
  if (result > 0) {
    ++counters_.events;
    take_news(watch_.on_events(std::span(*events_).first(static_cast<size_t>(result))));
  }
  ring_.read(watch_.descriptor(), *events_, 0, events_tag);
}

void HelperLoop::take_news(const disk::WatchNews& news) {
  if (news.overflow) on_overflow();
  for (const uint32_t site : news.moved) {
    keeper_.release(site);
    pages_.look_now(site);
    watch_.rebuild(site);
  }
  for (const uint32_t site : news.doubted) keeper_.doubt(site);
  for (const uint32_t site : news.roots) looks_.look_now(site);
  for (const disk::Invalidated& notice : news.invalidated) keeper_.invalidate(notice);
}

void HelperLoop::on_overflow() {
  ++counters_.overflows;
  keeper_.doubt_all();
  watch_.rebuild_all();
  for (const uint32_t site : trees_) looks_.look_now(site);
  if (std::exchange(overflow_said_, true)) return;
  logger_.warn(
      "inotify lost events, so everything held is looked at again: where this happens often, raise the sysctl "
      "fs.inotify.max_queued_events (said once; counted)");
}

void HelperLoop::do_walks() {
  watch_.work();
  watches_.store(watch_.watches(), std::memory_order_relaxed);
  if (watching_ == Watching::closed) {
    look_when_watched_.clear();
    doubt_when_watched_.clear();
  }
  if (watching_ == Watching::ending || watch_.work_waits()) return;
  for (const uint32_t site : std::exchange(look_when_watched_, {})) looks_.look_now(site);
  for (const uint32_t site : std::exchange(doubt_when_watched_, {})) keeper_.doubt(site);
}

}  // namespace uringd::server
