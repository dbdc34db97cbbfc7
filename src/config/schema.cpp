// The table. Bounds are where a value stops making sense or a pool sized from it stops fitting a machine.
#include "schema.hpp"

#include <array>

namespace uringd::config {
namespace {

using Kind = Form::Kind;
using enum Change;

constexpr std::uint64_t KiB = 1024;
constexpr std::uint64_t MiB = 1024 * KiB;
constexpr std::uint64_t GiB = 1024 * MiB;
constexpr std::uint64_t second = 1000;
constexpr std::uint64_t day = 24 * 3600 * second;
// A timeout below this is spent by the loop itself and would close every connection.
constexpr std::uint64_t shortest = 10;

// In the order of the enumerations they are stored in.
constexpr std::array<std::string_view, 3> pin_words = {"\"auto\"", "true", "false"};
constexpr std::array<std::string_view, 2> symlink_words = {"\"inside\"", "\"never\""};
constexpr std::array<std::string_view, 4> level_words = {"\"error\"", "\"warn\"", "\"info\"", "\"debug\""};
constexpr std::array<std::string_view, 3> zero_copy_words = {"\"safe\"", "\"always\"", "\"never\""};
constexpr std::array<std::string_view, 3> coding_words = {"\"gzip\"", "\"zstd\"", "\"br\""};
constexpr std::array<std::string_view, 1> auto_word = {"\"auto\""};

constexpr Form count(std::uint64_t least, std::uint64_t most) { return {Kind::count, least, most}; }
constexpr Form size(std::uint64_t least, std::uint64_t most, std::span<const std::string_view> words = {}) {
  return {Kind::size, least, most, words};
}
constexpr Form duration(std::uint64_t least, std::uint64_t most) { return {Kind::duration, least, most}; }
constexpr Form word(std::span<const std::string_view> words) { return {Kind::word, 0, 0, words}; }
constexpr Form codings() { return {Kind::codings, 0, 0, coding_words}; }
constexpr Form form(Kind kind) { return {kind}; }

#define CONFIG(member) [](Config& config, Site&) -> Slot { return &config.member; }
#define SITE(member) [](Config&, Site& site) -> Slot { return &site.member; }

// clang-format off
constexpr Key keys[] = {
    {"server.listen", R"(["127.0.0.1:8080"])", form(Kind::listen), reload, R"(["127.0.0.1:8080"])",
     R"(addresses: "127.0.0.1:8080", "[::1]:8080", ":8080" (all, dual-stack), "unix:/run/uringd.sock", )"
     R"(or { address = ":8080", backlog = 4096 })",
     CONFIG(server.listen)},
    {"server.workers", "0", count(0, 1024), restart, as_default,
     "rings, one thread each; 0 = one per CPU this process may run on (cgroup quota too)",
     CONFIG(server.workers)},
    {"server.pin", R"("auto")", word(pin_words), restart, as_default,
     R"(pin worker N to the Nth usable CPU: "auto" = where no CPU quota is set)",
     CONFIG(server.pin)},
    {"server.drain_timeout", R"("30s")", duration(0, day), reload, as_default,
     "how long a stop lets responses in flight finish",
     CONFIG(server.drain_timeout)},

    {"limits.connections", "0", count(0, 10'000'000), reload, as_default,
     "open client connections, all workers; beyond: accepting pauses, the backlog waits. 0 = the smallest of hard "
     "RLIMIT_NOFILE - 64, 65536 and memory limit / 16 KiB",
     CONFIG(limits.connections)},
    {"limits.header_size", R"("16KiB")", size(1 * KiB, 1 * MiB), reload, as_default,
     "request line and headers together; more: 431 (414 for the target alone)",
     CONFIG(limits.header_size_bytes)},
    {"limits.header_timeout", R"("10s")", duration(shortest, day), reload, as_default,
     "from the first byte of a request to its last header: 408 and close",
     CONFIG(limits.header_timeout)},
    {"limits.body_size", R"("64KiB")", size(0, 64 * GiB), reload, as_default,
     "a request body is read and dropped up to this; declared larger: 413 and close",
     CONFIG(limits.body_size_bytes)},
    {"limits.body_timeout", R"("10s")", duration(shortest, day), reload, as_default,
     "for the whole of a request body",
     CONFIG(limits.body_timeout)},
    {"limits.idle_timeout", R"("60s")", duration(shortest, day), reload, as_default,
     "no request in progress (also before the first byte): closed without an answer",
     CONFIG(limits.idle_timeout)},
    {"limits.send_timeout", R"("60s")", duration(shortest, day), reload, as_default,
     "no byte acknowledged by the client for this long: closed",
     CONFIG(limits.send_timeout)},
    {"limits.requests_per_connection", "0", count(0, 1'000'000'000), reload, as_default,
     "the answer to this request closes the connection; 0 = no limit",
     CONFIG(limits.requests_per_connection)},

    {"disk.queue_size", "1024", count(1, 65536), reload, as_default,
     "disk chains in flight, divided evenly over the workers; one more: 503, Retry-After (the next pieces of running "
     "downloads wait instead)",
     CONFIG(disk.queue_size)},
    {"disk.timeout", R"("30s")", duration(shortest, day), reload, as_default,
     "waiting plus reading: then 503 (not started) or the connection ends (already sending)",
     CONFIG(disk.timeout)},
    {"disk.kernel_threads", "0", count(0, 65536), reload, as_default,
     "bound on io-wq workers per ring; 0 = a default that a cold storm cannot blow up",
     CONFIG(disk.kernel_threads)},
    {"disk.stream_size", R"("512KiB")", size(16 * KiB, 64 * MiB), reload, as_default,
     "piece of a large file in flight per connection",
     CONFIG(disk.stream_size_bytes)},
    {"disk.stream_memory", R"("64MiB")", size(1 * MiB, 1024 * GiB), reload, as_default,
     "buffers of all large downloads together; short of it pieces shrink (to 16KiB), and a download whose client "
     "takes nothing gives its buffer back and reads again: none waits for a stalled one",
     CONFIG(disk.stream_memory_bytes)},
    {"disk.zero_copy", R"("safe")", word(zero_copy_words), reload, as_default,
     R"(send file pages by reference: "safe" = only files that cannot change while sent (read-only file system, )"
     R"(immutable flag, fs-verity), "always" (you replace files by rename only), "never")",
     CONFIG(disk.zero_copy)},

    {"cache.size", R"("auto")", size(1 * MiB, 1024 * GiB, auto_word), reload, as_default,
     R"(all workers together, compressed copies, headers and "not found" counted; "auto" = a quarter of the memory )"
     R"(limit (cgroup or machine), 16MiB to 1GiB)",
     CONFIG(cache.size_bytes)},
    {"cache.max_file_size", R"("64KiB")", size(1 * KiB, 64 * MiB), reload, as_default,
     "larger files are streamed",
     CONFIG(cache.max_file_size_bytes)},
    {"cache.stale_after", R"("2s")", duration(0, day), reload, as_default,
     "an entry looked at longer ago is looked at again before use",
     CONFIG(cache.stale_after)},
    {"cache.missing_ttl", R"("2s")", duration(0, day), reload, as_default,
     R"(how long "not found" is remembered; "0s" = until evicted)",
     CONFIG(cache.missing_ttl)},
    {"cache.idle_after", R"("10m")", duration(0, 365 * day), reload, as_default,
     R"(entries nobody asked for are dropped; "0s" = never)",
     CONFIG(cache.idle_after)},
    {"cache.watch", "true", form(Kind::flag), reload, as_default,
     "drop entries at once when inotify reports a change under root",
     CONFIG(cache.watch)},
    {"cache.preload", "[]", form(Kind::globs), reload, as_default,
     R"(files read at start and after a release switch: ["/index.html", "/assets/**", "**/*.css"])",
     CONFIG(cache.preload)},

    {"log.level", R"("info")", word(level_words), reload, as_default,
     "what is written to stderr",
     CONFIG(log.level)},

    {"types", "{}", form(Kind::media_types), reload, as_default,
     R"(additions to the built-in media types: ".foo" = "application/x-foo")",
     CONFIG(types)},

    {"site.hosts", R"(["*"])", form(Kind::hosts), reload, as_default,
     "host names without port; the same host twice is an error",
     SITE(hosts)},
    {"site.root", R"("www")", form(Kind::path), reload, R"("www")",
     "the directory to serve",
     SITE(root)},
    {"site.index", R"(["index.html"])", form(Kind::file_names), reload, as_default,
     "file names that answer for a directory, the first that exists",
     SITE(index)},
    {"site.extensions", "[]", form(Kind::extensions), reload, as_default,
     R"(tried in order where a path is no file: ["html"] makes /about find about.html too)",
     SITE(extensions)},
    {"site.listing", "false", form(Kind::flag), reload, as_default,
     "list directories that have no index (HTML; JSON where Accept asks for it)",
     SITE(listing)},
    {"site.fallback", R"("")", form(Kind::page), reload, as_default,
     R"(file that answers navigations to paths that are not there, with 200: "/index.html" (GET or HEAD, Accept has )"
     R"(text/html, no extension); "" = none)",
     SITE(fallback)},
    {"site.error_pages", "{}", form(Kind::error_pages), reload, R"({ 404 = "/404.html" })",
     R"(files under root for a status or a class, status kept: { 404 = "/404.html", "5xx" = "/oops.html" })",
     SITE(error_pages)},
    {"site.precompressed", R"(["br", "zstd", "gzip"])", codings(), reload, as_default,
     "serve file.br, file.zst, file.gz in place of file, best first: not older than file, and file exists; [] = never",
     SITE(precompressed)},
    {"site.compress", R"(["zstd", "br", "gzip"])", codings(), reload, as_default,
     "compress cacheable text once, into the cache, never on the request's time; best first; [] = never",
     SITE(compress)},
    {"site.symlinks", R"("inside")", word(symlink_words), reload, as_default,
     R"("inside": relative links that stay below root; "never": links are refused)",
     SITE(symlinks)},
    {"site.hidden", "false", form(Kind::flag), reload, as_default,
     "serve names that begin with a dot (/.well-known/ always is)",
     SITE(hidden)},
    {"site.keep_previous", R"("0s")", duration(0, 365 * day), reload, as_default,
     "after a release switch, files gone from the new tree come from the old this long",
     SITE(keep_previous)},
    {"site.cache_control", R"({ "text/html" = "no-cache" })", form(Kind::cache_control), reload, as_default,
     R"(Cache-Control by media type: "text/css", "text/*", or "*" for all that no other entry is nearer to; a plain )"
     R"(string means "*"; {} = none; [[site.headers]] may replace it)",
     SITE(cache_control)},
    {"site.server_timing", "false", form(Kind::flag), reload, as_default,
     "Server-Timing with queue, open, read, send",
     SITE(server_timing)},
    {"site.cache_status", "false", form(Kind::flag), reload, as_default,
     "Cache-Status (RFC 9211): uringd; hit",
     SITE(cache_status)},
    {"site.headers", "[]", form(Kind::header_rules), reload,
     "match = \"/assets/**\"\n"
     "remove = [\"Server\"]\n"
     "set = { Cache-Control = \"public, max-age=31536000, immutable\" }\n",
     R"(fields of answers whose path matches: match = a glob, remove = field names, set = { Name = "value" }; rules )"
     "apply in their order, each removes, then sets; X-Content-Type-Options: nosniff is set before all of them",
     SITE(headers)},
};
// clang-format on

#undef CONFIG
#undef SITE

constexpr SectionNote notes[] = {
    {"site", "One block per site. An exact host beats *.suffix beats \"*\"; no match: the first site."},
};

}  // namespace

std::span<const Key> schema() { return keys; }
std::span<const SectionNote> section_notes() { return notes; }

std::string_view Key::section() const {
  const std::size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? std::string_view{} : path.substr(0, dot);
}

std::string_view Key::name() const {
  const std::size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? path : path.substr(dot + 1);
}

}  // namespace uringd::config
