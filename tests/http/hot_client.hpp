// HotClient: a thread that asks for one small file every millisecond on a connection of its own and keeps how long each
// answer took: what a slow disk, a storm or a deploy must not be felt by. Also host_get, a request for a site by name.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "harness.hpp"

namespace uringd::testing {

/// Monotonic milliseconds since `start`.
[[nodiscard]] double milliseconds_since(std::chrono::steady_clock::time_point start);

/// A whole request with that Host.
[[nodiscard]] std::string host_request(std::string_view host, std::string_view target, std::string_view fields = "",
                                       std::string_view method = "GET");

/// "[[site]]" with that one host and root, for Setup::more; `lines` are further lines of it.
[[nodiscard]] std::string site_table(std::string_view host, const std::string& root, std::string_view lines = "");

/// Asks until `seen` likes the answer or the patience is over; how long that took, the patience if it did not.
Milliseconds until_answer(Client& client, const std::string& request, const std::function<bool(const Response&)>& seen,
                          Milliseconds patience = kPatience);

class HotClient {
 public:
  /// `request` is answered with 200 once before this returns, so what follows is about a file that is held.
  HotClient(const Server& server, std::string request);
  ~HotClient() { stop(); }
  HotClient(const HotClient&) = delete;
  HotClient& operator=(const HotClient&) = delete;

  /// Ends the thread; the figures stand still from then on.
  void stop();

  [[nodiscard]] std::size_t count() const { return times_.size(); }
  [[nodiscard]] double percentile(double share) const;
  [[nodiscard]] double slowest() const { return percentile(1); }
  /// Answers that were not whole or not 200; 1 also when the thread could not go on.
  [[nodiscard]] std::size_t wrong() const { return wrong_; }
  /// "n=…, p50=…, p99=…, max=… ms" for INFO.
  [[nodiscard]] std::string figures() const;

 private:
  void run();

  Client client_;
  std::string request_;
  std::atomic<bool> done_{false};
  std::vector<double> times_;  // in ms, in order; sorted by stop()
  std::size_t wrong_ = 0;
  std::thread thread_;
};

}  // namespace uringd::testing
