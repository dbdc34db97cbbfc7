// Load: keep-alive connections that are never idle, and what became of each of their requests. A request counts as cut
// when its connection ended or was reset before the whole answer; an ending after an answer that said
// "Connection: close" is none, the connection is made anew. One thread for each share of the connections, which sends
// on all of them and then reads from all of them. The figures may be read while it runs, and stand still after stop().
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "client.hpp"

namespace uringd::testing {

class Load {
 public:
  struct Options {
    int connections = 16;
    int threads = 2;
    std::vector<std::string> requests;  // asked in turn, each connection from another one on
    /// Of whole answers; nothing: status 200 is right.
    std::function<bool(const Response&, std::size_t request)> right;
    std::function<Client()> connect;  // nothing: to the port on loopback
    Milliseconds pause{0};            // of a thread between two rounds
    bool until_closed = false;  // an answer with close, or a connection refused after one, is the end: the server stops
  };
  Load(int port, Options options);
  ~Load() { stop(); }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  void stop();

  [[nodiscard]] std::uint64_t answers() const { return answers_; }
  [[nodiscard]] std::uint64_t wrong() const { return wrong_; }
  [[nodiscard]] std::uint64_t cut() const { return cut_; }
  [[nodiscard]] std::uint64_t refused() const { return refused_; }
  /// Connections made anew after an answer that said close.
  [[nodiscard]] std::uint64_t renewed() const { return renewed_; }
  [[nodiscard]] std::uint64_t failures() const { return wrong_ + cut_ + refused_; }
  /// The first failures, for INFO.
  [[nodiscard]] std::string trouble() const;
  /// Of the time from sending to the whole answer, in ms, over all answers; after stop().
  [[nodiscard]] double percentile(double share) const;
  [[nodiscard]] std::string figures() const;
  /// Waits for `count` further answers.
  [[nodiscard]] bool more_answers(std::uint64_t count, Milliseconds patience = kPatience) const;

 private:
  struct Line;
  void run(int first, int count);
  void round(std::vector<Line>& lines);
  void finish(Line& line, const Response& response);
  void note(const std::string& what);
  [[nodiscard]] Client fresh();

  int port_;
  Options options_;
  std::atomic<bool> done_{false};
  std::atomic<std::uint64_t> answers_{0};
  std::atomic<std::uint64_t> wrong_{0};
  std::atomic<std::uint64_t> cut_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<std::uint64_t> renewed_{0};
  mutable std::mutex mutex_;  // of what follows
  std::string trouble_;
  std::vector<float> times_;
  std::vector<std::thread> threads_;
};

}  // namespace uringd::testing
