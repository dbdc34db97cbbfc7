// What the pure steps of a request cost, one by one: parse, target, media type, negotiation, preconditions, ranges,
// heads. At 5 us of TCP for a request these must stay in the tens and low hundreds of nanoseconds together. Each
// benchmark first does its work once and refuses to measure where the outcome is not the one expected: a fast wrong
// answer is no figure. None may allocate: operator new counts here, and one call of it fails the benchmark.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <new>
#include <string>
#include <string_view>

#include "uringd/http/date.hpp"
#include "uringd/http/evaluate.hpp"
#include "uringd/http/media_type.hpp"
#include "uringd/http/multipart.hpp"
#include "uringd/http/negotiate.hpp"
#include "uringd/http/reply_head.hpp"
#include "uringd/http/request_parser.hpp"
#include "uringd/http/target.hpp"

namespace {
size_t allocations = 0;  // Google Benchmark runs these on one thread
}

// Not inlined: g++ would see malloc meet delete, and warn.
[[gnu::noinline]] void* operator new(size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace uringd::http {
namespace {

constexpr std::string_view load_tool_request = "GET /file.txt HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";  // as wrk asks
constexpr std::string_view curl_request =
    "GET /docs/manual/index.html HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n";
constexpr std::string_view browser_request =
    "GET /assets/app-3f9c2d71.js?v=42 HTTP/1.1\r\nHost: www.example.org\r\nConnection: keep-alive\r\n"
    "sec-ch-ua: \"Chromium\";v=\"130\", \"Not?A_Brand\";v=\"99\"\r\nsec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: "
    "\"Linux\"\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 "
    "Safari/537.36\r\n"
    "Accept: */*\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: script\r\n"
    "Referer: http://www.example.org/docs/manual/index.html\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
    "Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\nCookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n"
    "If-None-Match: \"00112233445566778899aabbccddeeff\"\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n";
constexpr std::string_view deep_path =
    "/srv/releases/2026/04/18/linux/amd64/debian/bookworm/packages/main/u/uringd/source/include/uringd/http/range.hpp";
constexpr std::string_view eight_ranges =
    "bytes=0-499,1000-1499,2000-2499,3000-3499,4000-4499,5000-5499,6000-6499,-500";
constexpr std::string_view file_etag = "\"00112233445566778899aabbccddeeff\"";
constexpr int64_t file_modified = 784111777;  // Sun, 06 Nov 1994 08:49:37 GMT
constexpr int64_t now_seconds = file_modified + 1'000'000;

/// The measured loop.
template <typename Step>
void measure(benchmark::State& state, Step step) {
  const size_t before = allocations;
  for (auto _ : state) {
    step();
    benchmark::ClobberMemory();
  }
  const size_t made = allocations - before;
  state.counters["allocations"] = benchmark::Counter(static_cast<double>(made), benchmark::Counter::kAvgIterations);
  if (made > 0) state.SkipWithError("it allocated");
}

/// Parses one head; false where it is not a whole, good one.
bool parse(RequestParser& parser, std::string_view bytes) {
  parser.reset();
  return parser.parse_head(bytes.data(), bytes.size()) == RequestParser::Progress::head_complete;
}

void parse_head(benchmark::State& state, std::string_view bytes) {
  RequestParser parser;
  if (!parse(parser, bytes)) return state.SkipWithError("the request was not accepted");
  measure(state, [&] { benchmark::DoNotOptimize(parse(parser, bytes)); });
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * bytes.size()));
}

/// The worst honest cut: each packet ends in the middle of a line.
void parse_head_in_pieces(benchmark::State& state, std::string_view bytes, size_t piece) {
  RequestParser parser;
  auto progress = RequestParser::Progress::need_more;
  measure(state, [&] {
    parser.reset();
    for (size_t size = piece; size < bytes.size() + piece; size += piece) {
      progress = parser.parse_head(bytes.data(), std::min(size, bytes.size()));
    }
  });
  if (progress != RequestParser::Progress::head_complete) state.SkipWithError("the request was not accepted");
}

void split_target(benchmark::State& state, std::string_view raw, std::string_view expected) {
  std::array<char, 1024> out;
  auto once = parse_target(raw, out);
  if (!once || once->path != expected) return state.SkipWithError("the target became another path");
  measure(state, [&] {
    auto target = parse_target(raw, out);
    benchmark::DoNotOptimize(target);
  });
}

void look_up_media_type(benchmark::State& state, std::string_view path, std::string_view expected) {
  MediaTypes types;
  if (!types.of(path).value.starts_with(expected)) return state.SkipWithError("another media type");
  measure(state, [&] {
    auto type = types.of(path);
    benchmark::DoNotOptimize(type);
  });
}

/// What negotiation does for one request: the codings that it accepts, and the order in which to look for them.
void negotiate(benchmark::State& state, std::string_view fields, size_t expected) {
  const std::string bytes = "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
  RequestParser parser;
  if (!parse(parser, bytes)) return state.SkipWithError("the request was not accepted");
  CodingOrder order = preferred_codings(accepted_codings(parser.request()), real_codings);
  if (order.count != expected) return state.SkipWithError("other codings");
  measure(state, [&] {
    order = preferred_codings(accepted_codings(parser.request()), real_codings);
    benchmark::DoNotOptimize(order);
  });
}

void compose(benchmark::State& state, std::string_view extra) {
  ReplyHead head{.status = 200,
                 .date = "Sun, 06 Nov 1994 08:49:37 GMT",
                 .content_type = "text/plain; charset=utf-8",
                 .content_length = 1024,
                 .etag = file_etag,
                 .last_modified = "Sun, 06 Nov 1994 08:49:37 GMT",
                 .accept_ranges = true,
                 .extra = extra};
  std::array<char, 1024> out;
  if (compose_head(head, out) == 0) return state.SkipWithError("the head did not fit");
  measure(state, [&] {
    benchmark::DoNotOptimize(head);
    benchmark::DoNotOptimize(compose_head(head, out));
  });
}

void evaluate_request(benchmark::State& state, std::string_view fields, int expected) {
  const std::string bytes = "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
  RequestParser parser;
  Representation file{.size = 100'000, .etag = file_etag, .modified = file_modified, .has_modified = true};
  if (!parse(parser, bytes)) return state.SkipWithError("the request was not accepted");
  if (evaluate(parser.request(), file, now_seconds).status != expected) return state.SkipWithError("another status");
  measure(state, [&] {
    benchmark::DoNotOptimize(file);
    Reply reply = evaluate(parser.request(), file, now_seconds);
    benchmark::DoNotOptimize(reply);
  });
}

void read_ranges(benchmark::State& state, std::string_view value, size_t expected) {
  if (parse_ranges(value, 100'000).ranges().size() != expected) return state.SkipWithError("other ranges");
  measure(state, [&] {
    RangeSet set = parse_ranges(value, 100'000);
    benchmark::DoNotOptimize(set);
  });
}

/// As the worst that a client may ask for: all ranges, read from behind, none touching another.
void read_most_ranges(benchmark::State& state) {
  std::string value = "bytes=";
  for (size_t i = RangeSet::most; i > 0; --i) value += std::to_string(2 * i) + "-" + std::to_string(2 * i) + ",";
  read_ranges(state, value, RangeSet::most);
}

/// All the framing of one reply: what a Multipart costs to make, and each of its heads.
void frame_parts(benchmark::State& state) {
  const RangeSet set = parse_ranges(eight_ranges, 100'000);
  if (set.ranges().size() != 8) return state.SkipWithError("other ranges");
  std::array<char, Multipart::most_head_bytes> out;
  uint64_t nonce = 0;
  measure(state, [&] {
    const Multipart multipart(set, 100'000, "text/plain; charset=utf-8", ++nonce);
    benchmark::DoNotOptimize(multipart.content_length());
    for (size_t index = 0; index <= multipart.count(); ++index) {
      benchmark::DoNotOptimize(multipart.write_head(index, out));
    }
  });
}

void write_date(benchmark::State& state) {
  std::array<char, date_size> out;
  int64_t second = now_seconds;
  measure(state, [&] {
    format_date(second++, out);
    benchmark::DoNotOptimize(out);
  });
}

BENCHMARK_CAPTURE(parse_head, load_tool, load_tool_request);
BENCHMARK_CAPTURE(parse_head, curl, curl_request);
BENCHMARK_CAPTURE(parse_head, browser, browser_request);
BENCHMARK_CAPTURE(parse_head_in_pieces, browser_64, browser_request, 64);
BENCHMARK_CAPTURE(parse_head_in_pieces, browser_1, browser_request, 1);
BENCHMARK_CAPTURE(split_target, short, "/a.txt", "/a.txt");
BENCHMARK_CAPTURE(split_target, plain, "/assets/app-3f9c2d71.js", "/assets/app-3f9c2d71.js");
BENCHMARK_CAPTURE(split_target, query, "/assets/app-3f9c2d71.js?v=42", "/assets/app-3f9c2d71.js");
BENCHMARK_CAPTURE(split_target, encoded, "/a%20b/%C3%A9t%C3%A9.txt", "/a b/\xc3\xa9t\xc3\xa9.txt");
BENCHMARK_CAPTURE(split_target, dots, "/a/./b/../c//d.txt", "/a/c/d.txt");
BENCHMARK_CAPTURE(split_target, deep, deep_path, deep_path);
BENCHMARK_CAPTURE(look_up_media_type, html, "/docs/index.html", "text/html");
BENCHMARK_CAPTURE(look_up_media_type, woff2, "/fonts/text.woff2", "font/woff2");
BENCHMARK_CAPTURE(look_up_media_type, none, "/README", "application/octet-stream");
BENCHMARK_CAPTURE(negotiate, none, "", 0);
BENCHMARK_CAPTURE(negotiate, browser, "Accept-Encoding: gzip, deflate, br, zstd\r\n", 3);
BENCHMARK_CAPTURE(negotiate, qualities, "Accept-Encoding: br;q=1.0, gzip;q=0.8, *;q=0.1\r\n", 3);
BENCHMARK_CAPTURE(compose, plain, "");
BENCHMARK_CAPTURE(compose, extra,
                  "X-Content-Type-Options: nosniff\r\nCache-Control: public, max-age=31536000, immutable\r\n"
                  "Vary: Accept-Encoding\r\n");
BENCHMARK_CAPTURE(evaluate_request, plain, "", 200);
BENCHMARK_CAPTURE(evaluate_request, none_match, "If-None-Match: \"00112233445566778899aabbccddeeff\"\r\n", 304);
BENCHMARK_CAPTURE(evaluate_request, none_match_list,
                  "If-None-Match: \"a\", W/\"b\", \"00112233445566778899aabbccddeeff\"\r\n", 304);
BENCHMARK_CAPTURE(evaluate_request, modified_since, "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 304);
BENCHMARK_CAPTURE(evaluate_request, range, "Range: bytes=1000-1999\r\n", 206);
BENCHMARK_CAPTURE(evaluate_request, if_range,
                  "Range: bytes=1000-\r\nIf-Range: \"00112233445566778899aabbccddeeff\"\r\n", 206);
BENCHMARK_CAPTURE(read_ranges, single, "bytes=1000-1999", 1);
BENCHMARK_CAPTURE(read_ranges, eight, eight_ranges, 8);
BENCHMARK(read_most_ranges);
BENCHMARK(frame_parts);
BENCHMARK(write_date);

}  // namespace
}  // namespace uringd::http

BENCHMARK_MAIN();
