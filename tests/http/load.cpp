// Load: see load.hpp.
#include "load.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "harness.hpp"

namespace uringd::testing {
namespace {
using Clock = std::chrono::steady_clock;
constexpr std::size_t kMostTroubleBytes = 2000;
}  // namespace

struct Load::Line {
  Client client;
  std::size_t next = 0;  // of the requests
  std::size_t asked = 0;
  Clock::time_point since;
  bool waiting = false;
  bool announced = false;  // the answer before said close
  bool over = false;
};

Load::Load(int port, Options options) : port_(port), options_(std::move(options)) {
  REQUIRE(!options_.requests.empty());
  const int threads = std::min(options_.threads, options_.connections);
  for (int i = 0; i < threads; ++i) {
    const int first = options_.connections * i / threads;
    const int last = options_.connections * (i + 1) / threads;
    threads_.emplace_back([this, first, last] { run(first, last - first); });
  }
}

void Load::stop() {
  done_ = true;
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
  const std::lock_guard lock(mutex_);
  std::sort(times_.begin(), times_.end());
}

Client Load::fresh() {
  if (options_.connect) return options_.connect();
  return Client::try_tcp(port_);
}

void Load::note(const std::string& what) {
  const std::lock_guard lock(mutex_);
  if (trouble_.size() < kMostTroubleBytes) trouble_ += what + "\n";
}

// A check that fails throws, and an exception may not leave a thread: it counts as a wrong answer.
void Load::run(int first, int count) try {
  std::vector<Line> lines;
  for (int i = 0; i < count; ++i) {
    lines.push_back(Line{.client = fresh(), .next = static_cast<std::size_t>(first + i)});
  }
  while (!done_ && !std::all_of(lines.begin(), lines.end(), [](const Line& line) { return line.over; })) {
    round(lines);
    if (options_.pause.count() > 0) std::this_thread::sleep_for(options_.pause);
  }
} catch (...) {
  ++wrong_;
  note("a check failed in a thread of the load");
}

void Load::round(std::vector<Line>& lines) {
  for (Line& line : lines) {
    if (line.over) continue;
    if (!line.client.connected()) line.client = fresh();
    if (!line.client.connected()) {
      line.over = options_.until_closed && line.announced;
      if (!line.over) {
        ++refused_;
        note("connection refused");
        std::this_thread::sleep_for(Milliseconds{5});
      }
      continue;
    }
    line.asked = line.next++ % options_.requests.size();
    line.since = Clock::now();
    line.waiting = true;
    line.client.send(options_.requests[line.asked]);  // an ending is seen when the answer is read
  }
  for (Line& line : lines) {
    if (!line.waiting) continue;
    line.waiting = false;
    const bool head = options_.requests[line.asked].starts_with("HEAD ");
    finish(line, line.client.read_response_or_end(head ? "HEAD" : "GET"));
  }
}

void Load::finish(Line& line, const Response& response) {
  if (response.status == 0 || !response.complete) {
    ++cut_;
    const char* ending = line.client.ending() == Ending::open    ? "open"
                         : line.client.ending() == Ending::reset ? "reset"
                                                                 : "closed";
    note("cut: " + std::string(ending) + " after status " + std::to_string(response.status) + " and " +
         std::to_string(response.body.size()) + " bytes, request " + std::to_string(line.asked));
    line.client.close();
    return;
  }
  ++answers_;
  {
    const std::lock_guard lock(mutex_);
    times_.push_back(std::chrono::duration<float, std::milli>(Clock::now() - line.since).count());
  }
  const bool right = options_.right ? options_.right(response, line.asked) : response.status == 200;
  if (!right) {
    ++wrong_;
    note("wrong: request " + std::to_string(line.asked) + ": " + response.head + response.body.substr(0, 100));
  }
  line.announced = response.connection_says("close");
  if (!line.announced) return;
  ++renewed_;
  line.over = options_.until_closed;
  line.client.close();
}

std::string Load::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

double Load::percentile(double share) const {
  const std::lock_guard lock(mutex_);
  if (times_.empty()) return INFINITY;
  return static_cast<double>(times_[static_cast<std::size_t>(share * static_cast<double>(times_.size() - 1))]);
}

std::string Load::figures() const {
  return std::to_string(answers()) + " answers, " + std::to_string(wrong()) + " wrong, " + std::to_string(cut()) +
         " cut, " + std::to_string(refused()) + " refused, " + std::to_string(renewed()) + " renewed; p50 " +
         std::to_string(percentile(0.5)) + ", p99 " + std::to_string(percentile(0.99)) + ", slowest " +
         std::to_string(percentile(1)) + " ms; " + trouble();
}

bool Load::more_answers(std::uint64_t count, Milliseconds patience) const {
  const std::uint64_t before = answers();
  return wait_until([&] { return answers() >= before + count; }, patience);
}

}  // namespace uringd::testing
