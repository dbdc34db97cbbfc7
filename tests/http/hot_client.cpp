// HotClient: see hot_client.hpp.
#include "hot_client.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

namespace uringd::testing {
namespace {
using Clock = std::chrono::steady_clock;
}

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

std::string host_request(std::string_view host, std::string_view target, std::string_view fields,
                         std::string_view method) {
  return std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: " + std::string(host) + "\r\n" +
         std::string(fields) + "\r\n";
}

std::string site_table(std::string_view host, const std::string& root, std::string_view lines) {
  return "[[site]]\nhosts = [\"" + std::string(host) + "\"]\nroot = \"" + root + "\"\n" + std::string(lines) + "\n";
}

Milliseconds until_answer(Client& client, const std::string& request, const std::function<bool(const Response&)>& seen,
                          Milliseconds patience) {
  const Clock::time_point start = Clock::now();
  for (;;) {
    const bool liked = seen(client.ask(request));
    const auto passed = std::chrono::duration_cast<Milliseconds>(Clock::now() - start);
    if (liked) return std::min(passed, patience);
    if (passed >= patience) return patience;
    std::this_thread::sleep_for(Milliseconds{2});
  }
}

HotClient::HotClient(const Server& server, std::string request)
    : client_(server.connect()), request_(std::move(request)) {
  REQUIRE(client_.ask(request_).status == 200);
  times_.reserve(100000);
  thread_ = std::thread([this] { run(); });
}

void HotClient::stop() {
  done_ = true;
  if (!thread_.joinable()) return;
  thread_.join();
  std::sort(times_.begin(), times_.end());
}

// A check that fails throws, and an exception may not leave a thread: it counts as a wrong answer.
void HotClient::run() try {
  while (!done_) {
    const Clock::time_point start = Clock::now();
    client_.send(request_);
    const Response response = client_.read_response_or_end();
    times_.push_back(milliseconds_since(start));
    if (response.status != 200 || !response.complete) ++wrong_;
    if (response.status == 0) return;
    std::this_thread::sleep_until(start + std::chrono::milliseconds(1));
  }
} catch (...) {
  ++wrong_;
}

double HotClient::percentile(double share) const {
  if (times_.empty()) return INFINITY;
  return times_[static_cast<std::size_t>(share * static_cast<double>(times_.size() - 1))];
}

std::string HotClient::figures() const {
  return "n=" + std::to_string(count()) + ", p50=" + std::to_string(percentile(0.5)) +
         ", p99=" + std::to_string(percentile(0.99)) + ", max=" + std::to_string(slowest()) + " ms";
}

}  // namespace uringd::testing
