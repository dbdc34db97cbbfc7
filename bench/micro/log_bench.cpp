// What a line of the access log costs the worker: a usual browser's request formatted (combined, JSON), the same
// through AccessLog into its buffer with the turns that write it to a file, and requests that need escaping, are kept
// for later, or are too long. Each benchmark first does its work once and refuses to measure where the line is not the
// one expected. What stands on a request's path may not allocate: operator new counts here.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <string_view>

#include "access_log.hpp"
#include "uringd/log/access_log.hpp"

namespace {
thread_local size_t allocations = 0;
}

// Not inlined: g++ would see malloc meet delete, and warn.
[[gnu::noinline]] void* operator new(size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace uringd::log {
namespace {

constexpr int64_t wall_ns = 1'795'318'877'123'456'789;
constexpr std::string_view request_line = "GET /assets/app-3f9c2d71.css?v=20261122 HTTP/1.1";
constexpr std::string_view browser =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36";

AccessRecord usual() {
  return {.remote = IpAddress::v4({203, 0, 113, 195}),
          .request_line = request_line,
          .method = request_line.substr(0, 3),
          .target = request_line.substr(4, 35),
          .host = "www.example.org",
          .referer = "https://www.example.org/journal/2026/11/a-usual-page.html",
          .user_agent = browser,
          .status = 200,
          .body_bytes = 48213,
          .duration_ns = 187'345,
          .queue_ns = 2'120,
          .cache = "hit",
          .encoding = "br"};
}

AccessRecord usual_v6() {
  AccessRecord record = usual();
  record.remote = *IpAddress::parse("2001:db8:85a3::8a2e:370:7334");
  return record;
}

/// What needs an escape in every field.
AccessRecord unusual() {
  AccessRecord record = usual();
  record.request_line = "GET /\xc3\xa9t\xc3\xa9/\"quoted\"?q=\xe2\x82\xac HTTP/1.1";
  record.target = record.request_line.substr(4, record.request_line.size() - 13);
  record.user_agent =
      "Mozilla/5.0 (\"\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82\"; \\ \t) AppleWebKit/537.36 (KHTML)";
  record.authorization = "Basic YWxpY2U6c2VjcmV0";
  return record;
}

AccessRecord endless() {
  static const std::string agent(30'000, '\x01'), target = "/" + std::string(30'000, 'a');
  AccessRecord record = usual();
  record.request_line = record.target = target;
  record.user_agent = agent;
  return record;
}

/// The measured loop.
template <typename Step>
void measure(benchmark::State& state, Step step, bool may_allocate = false) {
  const size_t before = allocations;
  for (auto _ : state) {
    step();
    benchmark::ClobberMemory();
  }
  const size_t made = allocations - before;
  state.counters["allocations"] = benchmark::Counter(static_cast<double>(made), benchmark::Counter::kAvgIterations);
  if (made > 0 && !may_allocate) state.SkipWithError("it allocated");
}

void format(benchmark::State& state, AccessFormat format, AccessRecord (*make)(), std::string_view expected) {
  const AccessRecord record = make();
  AccessFormatter formatter(format);
  std::array<char, AccessFormatter::most_line_bytes> out;
  const size_t bytes = formatter.write(record, wall_ns, out);
  if (std::string_view(out.data(), bytes).find(expected) == std::string_view::npos)
    return state.SkipWithError("another line");
  measure(state, [&] {
    size_t written = formatter.write(record, wall_ns, out);
    benchmark::DoNotOptimize(written);
  });
  state.counters["line_bytes"] = static_cast<double>(bytes);
}

/// As a worker does it: the line, and every 32 lines a turn, which submits what there is to write. A worker that does
/// nothing else is faster than what takes its lines: it waits for that, off the clock, rather than drop them. Stopping
/// the clock costs some 30 ns a line, which are in the figure.
void through_log(benchmark::State& state, AccessFormat format, int file) {
  auto ring = uring::Ring::create({});
  if (!ring) return state.SkipWithError(ring.error().message.c_str());
  Logger logger(Level::error, STDERR_FILENO);
  server::AccessLog log(*ring, logger);
  log.open(Fd(file), format);
  const AccessRecord record = usual();
  uint64_t written = 0;
  const auto turn = [&](bool wait) {
    for (const uring::Completion& completion : ring->turn(wait)) log.on_completion(completion);
    log.on_turn(ring->monotonic_ns() / 1'000'000);
  };
  const auto line = [&] {
    log.write(record, 1, wall_ns);
    if (++written % 32 == 0) turn(false);
    if (written - log.counters().lines < 96) return;
    state.PauseTiming();
    while (written - log.counters().lines >= 64) turn(true);
    // A file of the machine's memory may not grow for as long as this runs.
    if (written % 1024 == 0) static_cast<void>(!ftruncate(file, 0));
    state.ResumeTiming();
  };
  measure(state, line);
  log.flush();
  while (!log.idle()) turn(true);
  const auto& counters = log.counters();
  if (counters.lines != written) state.SkipWithError("lines are missing");
  log.close();
  while (!log.idle()) turn(true);
}

void to_file(benchmark::State& state, AccessFormat format) {
  const int file = memfd_create("access", MFD_CLOEXEC);
  if (file < 0 || fcntl(file, F_SETFL, O_APPEND) != 0) return state.SkipWithError("no memory file");
  through_log(state, format, file);
}

void to_null(benchmark::State& state) {
  through_log(state, AccessFormat::combined, ::open("/dev/null", O_WRONLY | O_CLOEXEC));
}

/// An answer that outlasts its request's bytes: one allocation.
void keep(benchmark::State& state) {
  const AccessRecord record = usual();
  measure(
      state,
      [&] {
        const KeptRecord kept(record);
        benchmark::DoNotOptimize(kept.record.request_line.data());
      },
      true);
}

constexpr AccessFormat combined = AccessFormat::combined, json = AccessFormat::json;

BENCHMARK_CAPTURE(format, combined, combined, usual, "203.0.113.195 - - [");
BENCHMARK_CAPTURE(format, json, json, usual, R"("query":"v=20261122","proto")");
BENCHMARK_CAPTURE(format, combined_v6, combined, usual_v6, "2001:db8:85a3::8a2e:370:7334 - - [");
BENCHMARK_CAPTURE(format, combined_escapes, combined, unusual, R"(- alice [)");
BENCHMARK_CAPTURE(format, json_escapes, json, unusual, R"("user":"alice")");
BENCHMARK_CAPTURE(format, combined_cut, combined, endless, R"(\x01")");
BENCHMARK_CAPTURE(format, json_cut, json, endless, R"(\u0001")");
BENCHMARK_CAPTURE(to_file, combined, combined);
BENCHMARK_CAPTURE(to_file, json, json);
BENCHMARK(to_null);
BENCHMARK(keep);

}  // namespace
}  // namespace uringd::log

BENCHMARK_MAIN();
