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
constexpr std::array<std::string_view, 3> map_kind_words = {"\"txt\"", "\"rnd\"", "\"cdb\""};
constexpr std::array<std::string_view, 2> log_format_words = {"\"combined\"", "\"json\""};
constexpr std::array<std::string_view, 3> admin_read_words = {"\"auto\"", "\"token\"", "\"open\""};
constexpr std::array<std::string_view, 1> auto_word = {"\"auto\""};

constexpr Form count(std::uint64_t least, std::uint64_t most) { return {Kind::count, least, most}; }
constexpr Form size(std::uint64_t least, std::uint64_t most, std::span<const std::string_view> words = {}) {
  return {Kind::size, least, most, words};
}
constexpr Form duration(std::uint64_t least, std::uint64_t most) { return {Kind::duration, least, most}; }
constexpr Form word(std::span<const std::string_view> words) { return {Kind::word, 0, 0, words}; }
constexpr Form codings() { return {Kind::codings, 0, 0, coding_words}; }
constexpr Form form(Kind kind) { return {kind}; }

#define CONFIG(member) [](Config& config, Site&, Map&) -> Slot { return &config.member; }
#define SITE(member) [](Config&, Site& site, Map&) -> Slot { return &site.member; }
#define MAP(member) [](Config&, Site&, Map& map) -> Slot { return &map.member; }

// clang-format off
constexpr Key keys[] = {
    {"server.listen", R"(["127.0.0.1:8080"])", form(Kind::listen), reload, R"(["127.0.0.1:8080"])",
     R"(addresses: "127.0.0.1:8080", "[::1]:8080", ":8080" (all, dual-stack), "unix:/run/uringd.sock", "fd:NAME" )"
     R"((the socket that systemd passes under that name), or { address = ":8080", proxy_protocol = true, )"
     R"(backlog = 4096 }; of a unix socket also mode = "0660")",
     CONFIG(server.listen)},
    {"server.workers", "0", count(0, 1024), restart, as_default,
     "rings, one thread each; 0 = one per CPU this process may run on (cgroup quota too)",
     CONFIG(server.workers)},
    {"server.pin", R"("auto")", word(pin_words), restart, as_default,
     R"(pin worker N to the Nth usable CPU: "auto" = where no CPU quota is set)",
     CONFIG(server.pin)},
    {"server.user", R"("")", form(Kind::user), restart, as_default,
     R"(drop to this user (and its group) once the sockets are open: "www-data", "33" or "www-data:adm"; "" = stay)",
     CONFIG(server.user)},
    {"server.shutdown_delay", R"("0s")", duration(0, day), reload, as_default,
     "after SIGTERM: not ready, still serving, this long; then drain_timeout begins",
     CONFIG(server.shutdown_delay)},
    {"server.drain_timeout", R"("30s")", duration(0, day), reload, as_default,
     "how long a stop, an upgrade or a reload lets responses in flight finish",
     CONFIG(server.drain_timeout)},
    {"server.trusted_proxies", "[]", form(Kind::address_blocks), reload, as_default,
     R"(whose X-Forwarded-For, Forwarded and PROXY header name the client: "192.0.2.1", "10.0.0.0/8", )"
     R"("2001:db8::/32", or "unix:" for all peers of unix sockets)",
     CONFIG(server.trusted_proxies)},
    {"server.sandbox", "true", form(Kind::flag), restart, as_default,
     "where the kernel can: Landlock against writing, creating and executing; a ring takes only the operations that "
     "serving needs",
     CONFIG(server.sandbox)},

    {"limits.connections", "0", count(0, 10'000'000), reload, as_default,
     "open client connections, all workers; beyond: accepting pauses, the backlog waits. 0 = the smallest of hard "
     "RLIMIT_NOFILE - 64, 65536 and memory limit / 16 KiB; more than at the start needs a restart",
     CONFIG(limits.connections)},
    {"limits.connections_per_ip", "0", count(0, 10'000'000), reload, as_default,
     "open connections of one client address (IPv6: of one /64), all workers; one more is closed; 0 = no limit",
     CONFIG(limits.connections_per_ip)},
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
    // Registered with the kernel when a ring is made.
    {"disk.stream_memory", R"("64MiB")", size(1 * MiB, 1024 * GiB), restart, as_default,
     "buffers of all large downloads together; short of it pieces shrink (to 16KiB), and a download whose client "
     "takes nothing gives its buffer back and reads again: none waits for a stalled one",
     CONFIG(disk.stream_memory_bytes)},
    {"disk.zero_copy", R"("safe")", word(zero_copy_words), reload, as_default,
     R"(send file pages by reference: "safe" = only files that cannot change while sent (read-only file system, )"
     R"(immutable flag, fs-verity), "always" (you replace files by rename only), "never")",
     CONFIG(disk.zero_copy)},

    {"cache.size", R"("auto")", size(1 * MiB, 1024 * GiB, auto_word), reload, as_default,
     R"(all workers together, compressed copies, headers, "not found" and overlays counted; "auto" = a quarter of the )"
     R"(memory limit (cgroup or machine), 16MiB to 1GiB)",
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
     R"(entries nobody asked for are dropped; overlays stay; "0s" = never)",
     CONFIG(cache.idle_after)},
    {"cache.watch", "true", form(Kind::flag), reload, as_default,
     "drop entries at once when inotify reports a change under root",
     CONFIG(cache.watch)},
    {"cache.preload", "[]", form(Kind::globs), reload, as_default,
     R"(files read at start and after a release switch: ["/index.html", "/assets/**", "**/*.css"])",
     CONFIG(cache.preload)},

    {"log.level", R"("info")", word(level_words), reload, as_default,
     "what is told on stderr: each level includes those before it",
     CONFIG(log.level)},
    {"log.access", R"("off")", form(Kind::log_target), reload, as_default,
     R"(one line a request: "off", "stdout", or a file, which SIGUSR1 opens anew)",
     CONFIG(log.access)},
    {"log.format", R"("combined")", word(log_format_words), reload, as_default,
     R"(of the access log: "combined", as nginx writes it, or "json", which makes the error log JSON too)",
     CONFIG(log.format)},

    {"admin.listen", R"("")", form(Kind::one_listen), reload, as_default,
     R"(address of the admin interface: "127.0.0.1:9090" or "unix:/run/uringd-admin.sock"; "" = off)",
     CONFIG(admin.listen)},
    {"admin.token_file", R"("")", form(Kind::optional_path), reload, as_default,
     "holds the token that changing anything takes, nobody else may read it; required off loopback and unix sockets",
     CONFIG(admin.token_file)},
    {"admin.read", R"("auto")", word(admin_read_words), reload, as_default,
     R"(who may GET: "auto" (no token on loopback and unix sockets), "token", "open"; health: all)",
     CONFIG(admin.read)},
    {"admin.overlay_size", R"("16MiB")", size(0, 1024 * GiB), reload, as_default,
     "all overlays together; beyond: 413",
     CONFIG(admin.overlay_size_bytes)},

    {"types", "{}", form(Kind::media_types), reload, as_default,
     R"(additions to the built-in media types: ".foo" = "application/x-foo")",
     CONFIG(types)},

    {"maps.NAME.file", "", form(Kind::path), reload, R"("maps/legacy.txt")",
     "the table: read in full before the first request, and again when it changes",
     MAP(file)},
    {"maps.NAME.kind", R"("txt")", word(map_kind_words), reload, as_default,
     R"("txt": a line each, key, white space, value; "rnd": the same with values a|b|c, one picked at random; "cdb": )"
     "a constant database",
     MAP(kind)},
    // Below the 4 GiB that a table can number.
    {"maps.NAME.max_size", R"("256MiB")", size(1 * KiB, 4095 * MiB), reload, as_default,
     "a larger file is an error; all kinds are held in memory",
     MAP(max_size_bytes)},

    {"site.hosts", R"(["*"])", form(Kind::hosts), reload, as_default,
     "host names without port; the same host twice is an error",
     SITE(hosts)},
    {"site.root", R"("www")", form(Kind::path), reload, R"("www")",
     "the directory to serve",
     SITE(root)},
    {"site.mounts", "{}", form(Kind::mounts), reload, as_default,
     R"(other directories below a prefix, each confined to itself: { "/uploads" = "/srv/shared/uploads" })",
     SITE(mounts)},
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
    {"site.rewrites", "[]", form(Kind::rewrites), reload,
     "match = \"^/old/(.*)$\"\n"
     "to = \"/new/$1\"\n"
     "status = 301\n"
     "when = { host = \"^www[.]\" }\n",
     "what a path means instead: match = an RE2 pattern on the decoded path; to = text with $0 to $9, ${host}, "
     "${path}, ${query}, ${scheme}, ${map:key|default}, $$; status = 0 (internal, the default), 301, 302, 307, 308 "
     R"((redirects), 403, 404, 410 (without to); when = further patterns { host = "…", query = "…", scheme = "…", )"
     R"(header = { Name = "…" } }; the first rule that matches decides, once; the query is kept unless to has one)",
     SITE(rewrites)},
};
// clang-format on

#undef CONFIG
#undef SITE
#undef MAP

constexpr SectionNote notes[] = {
    {map_section,
     R"(Look-up tables for rewrites, one table per name: ${legacy:key|default} in a rewrite's "to" asks this one.)"},
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
