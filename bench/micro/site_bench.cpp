// What routing by rules costs: a request through 0 to 100 rewrites of which none matches, or the last one, which asks a
// map; expansion alone; hostile paths against hostile patterns (linear: four times the path, four times the time);
// and finding the site among 1 and 1,000. Each benchmark first does its work once and refuses to measure where the
// outcome is not the one expected. What stands on a request's path may not allocate: operator new counts here.
#include <benchmark/benchmark.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "uringd/http/request_parser.hpp"
#include "uringd/site/rewrites.hpp"
#include "uringd/site/router.hpp"
#include "uringd/site/template.hpp"

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

namespace uringd::site {
namespace {

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

struct Hash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

/// A thousand old names, as a txt map would hold them: what is measured here are rules, not maps.
class OldNames : public MapTable {
 public:
  OldNames() {
    for (int i = 0; i < 1000; ++i) values_.emplace("page-" + std::to_string(i), "article/" + std::to_string(i));
  }
  std::optional<std::string_view> find(std::string_view key, Random&) const override {
    const auto found = values_.find(key);
    if (found == values_.end()) return std::nullopt;
    return found->second;
  }
  uint64_t entries() const override { return values_.size(); }
  size_t bytes() const override { return 0; }

 private:
  std::unordered_map<std::string, std::string, Hash, std::equal_to<>> values_;
};

const Maps& maps() {
  static const Maps* made = [] {
    std::vector<std::unique_ptr<const MapTable>> tables;
    tables.push_back(std::make_unique<OldNames>());
    return new Maps(std::move(tables));
  }();
  return *made;
}

constexpr std::string_view missing_path = "/assets/app-3f9c2d71.css";
constexpr std::string_view mapped_path = "/legacy/page-417";

/// Rules as sites have them: plain old addresses, moved directories, extensions, dates, things that are asked for by
/// scanners. The last one asks a map.
config::Rewrite mixed_rule(size_t index, size_t count) {
  const std::string number = std::to_string(index);
  if (index + 1 == count) return {.match = "^/legacy/([^/]+)$", .to = "/new/${old:$1|index.html}", .status = 0};
  switch (index % 8) {
    case 0: return {.match = "^/old-" + number + "$", .to = "/new-" + number, .status = 301};
    case 1: return {.match = "^/blog-" + number + "/(.*)$", .to = "/journal/" + number + "/$1", .status = 301};
    case 2: return {.match = "\\.x" + number + "$", .status = 410};
    case 3: return {.match = "^/shop/([0-9]+)/item-" + number + "$", .to = "/store/$1/" + number, .status = 308};
    case 4: return {.match = "^/([a-z]{2})/section-" + number + "/(.*)$", .to = "/s" + number + "/$1/$2", .status = 0};
    case 5: return {.match = "/wp-" + number + "/", .status = 403};
    case 6: return {.match = "(?i)^/Press" + number + "(/.*)?$", .to = "/news/" + number, .status = 302};
    default:
      return {.match = "^/(\\d{4})/(\\d{2})/post-" + number + "/?$", .to = "/posts/$1-$2-" + number, .status = 301};
  }
}

/// All alike up to a number in their middle.
config::Rewrite similar_rule(size_t index, size_t count) {
  if (index + 1 == count) return mixed_rule(index, count);
  return {.match = "^/[a-z]+/group-" + std::to_string(index) + "/(.*)$", .to = "/x", .status = 0};
}

/// Without a literal byte but slashes: only sets of patterns tell them apart.
config::Rewrite opaque_rule(size_t index, size_t count) {
  const std::string number = std::to_string(index);
  if (index + 1 == count) return mixed_rule(index, count);
  return {.match = "^/(?:old" + number + "|was" + number + ")/(.*)$", .to = "/x", .status = 0};
}

using MakeRule = config::Rewrite (*)(size_t, size_t);

std::shared_ptr<const RuleSet> rules(MakeRule make, size_t count) {
  config::Site site;
  for (size_t i = 0; i < count; ++i) site.rewrites.push_back(make(i, count));
  const config::Map map{.name = "old", .file = "", .kind = config::MapKind::txt, .max_size_bytes = 0, .where = ""};
  std::vector<config::Problem> warnings;
  auto set = RuleSet::compile(site, std::span(&map, 1), warnings);
  if (set) return *set;
  std::fprintf(stderr, "%s\n", set.error()[0].message.c_str());
  std::abort();
}

void apply(benchmark::State& state, Rewrites& rewrites, std::string_view path, uint32_t expected) {
  std::array<char, Rewrites::expansion_bytes> out;
  Random random(1);
  const RewriteInput input{.path = path, .host = "www.example.org"};
  if (rewrites.apply(input, maps(), random, out).rule != expected) return state.SkipWithError("another rule");
  measure(state, [&] {
    auto rewritten = rewrites.apply(input, maps(), random, out);
    benchmark::DoNotOptimize(rewritten);
  });
}

void none_match(benchmark::State& state, MakeRule make) {
  Rewrites rewrites(rules(make, static_cast<size_t>(state.range(0))));
  apply(state, rewrites, missing_path, Rewritten::none);
}

void last_matches(benchmark::State& state, MakeRule make) {
  Rewrites rewrites(rules(make, static_cast<size_t>(state.range(0))));
  apply(state, rewrites, mapped_path, static_cast<uint32_t>(state.range(0) - 1));
}

/// A path that shares its beginning and end with rules that it does not match.
void near_misses(benchmark::State& state) {
  Rewrites rewrites(rules(mixed_rule, static_cast<size_t>(state.range(0))));
  apply(state, rewrites, "/2024/11/post-x/?", Rewritten::none);
}

/// Every worker with its own Rewrites over the same rules, or all with one.
template <bool own>
void threads(benchmark::State& state) {
  static const std::shared_ptr<const RuleSet> set = rules(opaque_rule, 100);
  static Rewrites shared(set);
  Rewrites mine(set);
  apply(state, own ? mine : shared, mapped_path, 99);
}

void expand(benchmark::State& state, std::string_view to, std::string_view expected, bool location) {
  const std::string names[] = {"old"};
  const auto made = Template::parse(to, names);
  if (!made) return state.SkipWithError(made.error().c_str());
  const std::string_view captures[] = {"/legacy/page-417", "page-417"};
  const TemplateInputs inputs{
      .captures = captures, .host = "www.example.org", .path = captures[0], .query = "a=1&b=2", .scheme = "http"};
  std::array<char, Rewrites::expansion_bytes> out;
  Random random(1);
  auto once = [&] {
    return location ? made->expand_location(inputs, true, maps(), random, out)
                    : made->expand_path(inputs, maps(), random, out);
  };
  if (once().path != expected) return state.SkipWithError("it became something else");
  measure(state, [&] {
    auto expansion = once();
    benchmark::DoNotOptimize(expansion);
  });
}

void hostile(benchmark::State& state, std::string_view pattern, bool matches) {
  config::Site site;
  site.rewrites.push_back({.match = std::string(pattern), .status = 403});
  std::vector<config::Problem> warnings;
  Rewrites rewrites(RuleSet::compile(site, {}, warnings).value());
  const std::string path = "/" + std::string(static_cast<size_t>(state.range(0)), 'a') + "!";
  std::array<char, Rewrites::expansion_bytes> out;
  Random random(1);
  if ((rewrites.apply({.path = path}, maps(), random, out).rule == 0) != matches)
    state.SkipWithError("another outcome");
  for (auto _ : state) {
    auto rewritten = rewrites.apply({.path = path}, maps(), random, out);
    benchmark::DoNotOptimize(rewritten);
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * static_cast<int64_t>(path.size()));
}

config::Config sites(size_t count, MakeRule make, size_t rule_count) {
  config::Config config;
  for (size_t i = 0; i < count; ++i) {
    config::Site site;
    site.hosts = {i + 1 == count ? "www.example.org" : "site-" + std::to_string(i) + ".example.org"};
    for (size_t rule = 0; rule < rule_count; ++rule) site.rewrites.push_back(make(rule, rule_count));
    config.sites.push_back(std::move(site));
  }
  config.maps.push_back({.name = "old", .file = "", .kind = config::MapKind::txt, .max_size_bytes = 0, .where = ""});
  return config;
}

void site_for(benchmark::State& state) {
  std::vector<config::Problem> warnings;
  const auto count = static_cast<size_t>(state.range(0));
  const auto plan = RouterPlan::build(sites(count, mixed_rule, 0), warnings).value();
  if (plan->site_for("www.example.org") != count - 1) return state.SkipWithError("another site");
  measure(state, [&] { benchmark::DoNotOptimize(plan->site_for("www.example.org")); });
}

/// All of a request's routing: target, host, site, rules, names.
void route(benchmark::State& state, std::string_view path) {
  std::vector<config::Problem> warnings;
  Router router(RouterPlan::build(sites(1, mixed_rule, static_cast<size_t>(state.range(0))), warnings).value(), maps(),
                1);
  const std::string bytes = "GET " + std::string(path) + " HTTP/1.1\r\nHost: www.example.org\r\n\r\n";
  http::RequestParser parser;
  if (parser.parse_head(bytes.data(), bytes.size()) != http::RequestParser::Progress::head_complete) {
    return state.SkipWithError("the request was not accepted");
  }
  std::vector<char> scratch(Router::scratch_bytes(bytes.size()));
  if (router.route(parser.request(), scratch).status != 0) return state.SkipWithError("another outcome");
  measure(state, [&] {
    auto routed = router.route(parser.request(), scratch);
    benchmark::DoNotOptimize(routed);
  });
}

BENCHMARK_CAPTURE(none_match, mixed, mixed_rule)->Arg(0)->Arg(1)->Arg(10)->Arg(100)->Arg(1000);
BENCHMARK_CAPTURE(none_match, similar, similar_rule)->Arg(10)->Arg(100);
BENCHMARK_CAPTURE(none_match, opaque, opaque_rule)->Arg(10)->Arg(100);
BENCHMARK_CAPTURE(last_matches, opaque, opaque_rule)->Arg(10)->Arg(100);
BENCHMARK_CAPTURE(last_matches, mixed, mixed_rule)->Arg(1)->Arg(10)->Arg(100)->Arg(1000);
BENCHMARK_CAPTURE(last_matches, similar, similar_rule)->Arg(10)->Arg(100);
BENCHMARK(near_misses)->Arg(100);
BENCHMARK(threads<true>)->Threads(1)->Threads(2)->UseRealTime();
BENCHMARK(threads<false>)->Threads(1)->Threads(2)->UseRealTime();
BENCHMARK_CAPTURE(expand, path, "/new/$1", "/new/page-417", false);
BENCHMARK_CAPTURE(expand, path_map, "/new/${old:$1|x}", "/new/article/417", false);
BENCHMARK_CAPTURE(expand, location, "/new/$1", "/new/page-417?a=1&b=2", true);
BENCHMARK_CAPTURE(expand, location_host, "https://${host}${path}", "https://www.example.org/legacy/page-417?a=1&b=2",
                  true);
BENCHMARK_CAPTURE(hostile, nested, "(a+)+$", false)->Arg(4096)->Arg(16384);
BENCHMARK_CAPTURE(hostile, alternatives, "^/(a|aa)+$", false)->Arg(4096)->Arg(16384);
BENCHMARK_CAPTURE(hostile, counted, "^(.*a){12}$", false)->Arg(4096)->Arg(16384);
BENCHMARK(site_for)->Arg(1)->Arg(1000);
BENCHMARK_CAPTURE(route, none, missing_path)->Arg(0)->Arg(100);
BENCHMARK_CAPTURE(route, map, mapped_path)->Arg(0)->Arg(100);

}  // namespace
}  // namespace uringd::site

BENCHMARK_MAIN();
