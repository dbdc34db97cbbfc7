// Config: everything a configuration says, checked and in the program's own units. One Config is built at start and
// one per reload; from then on it never changes and every thread may read it (shared_ptr<const Config>).
// Names here follow the keys of the file (server.drain_timeout is server.drain_timeout); sizes carry `_bytes`,
// durations are milliseconds by type. Default values live in one place only, the table in src/config/schema.cpp:
// a Config{} made by hand is all zeros, default_config() (load.hpp) is what an empty file gives.
#pragma once

#include <sys/socket.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "uringd/base/ip_address.hpp"

namespace uringd::config {

using Duration = std::chrono::milliseconds;

enum class Pin { automatic, yes, no };
enum class Symlinks { inside, never };
enum class LogLevel { error, warn, info, debug };
enum class ZeroCopy { safe, always, never };
enum class Coding { gzip, zstd, br };
enum class MapKind { txt, rnd, cdb };
enum class LogFormat { combined, json };
enum class AdminRead { automatic, token, open };

/// One address to listen on, ready for bind(2).
struct ListenAddress {
  enum class Kind { tcp, unix_path, passed };  // passed: systemd hands it over under a name; there is no address here
  Kind kind = Kind::tcp;
  std::string text;  // as written; a relative unix path is already resolved against the file; "fd:NAME" of passed
  sockaddr_storage address{};
  socklen_t address_size = 0;
  bool dual_stack = false;  // ":8080": the address is [::] and IPV6_V6ONLY must be off
  int backlog = 0;
  bool proxy_protocol = false;        // connections begin with a PROXY header (version 1 or 2)
  std::optional<std::uint32_t> mode;  // of a unix socket's file (0660); nothing: as the umask says
};

/// What cache_control, all [[site.headers]] of a site and default_field_line may say together: heads are composed into
/// bounded memory, and a client takes no more of them than a few times this.
inline constexpr std::size_t site_fields_most_bytes = 8192;
/// What a site's answers carry unless a rule takes it away: no browser guesses a media type.
inline constexpr std::string_view default_field_line = "X-Content-Type-Options: nosniff\r\n";

/// [[site.headers]]: fields of answers whose path matches.
struct HeaderRule {
  std::string match;                                     // a glob (base/glob) on the decoded path, begins with '/'
  std::vector<std::string> remove;                       // field names, lower case
  std::vector<std::pair<std::string, std::string>> set;  // names as written; values are one line each
  std::string where;                                     // file:line:column, for messages
};

/// Of a prefix in site.mounts: paths with it are put together in bounded memory.
inline constexpr std::size_t mount_prefix_most_bytes = 1024;

/// [maps.NAME]: a lookup table for rewrites.
struct Map {
  std::string name;
  std::string file;  // resolved against the file it was written in
  MapKind kind = MapKind::txt;
  std::uint64_t max_size_bytes = 0;
  std::string where;  // file:line:column, for messages
};

/// [[site.rewrites]]: what the paths that match mean instead. Patterns are RE2's, not compiled here.
struct Rewrite {
  struct When {
    std::string host, query, scheme;                           // patterns; empty: no condition
    std::vector<std::pair<std::string, std::string>> headers;  // {field name as written, pattern}
  };
  std::string match;
  std::string to;  // empty for 403, 404, 410
  int status = 0;  // 0 = internal; 301, 302, 307, 308; 403, 404, 410
  When when;
  std::string where, match_where, to_where, when_where;  // file:line:column, for messages
};

struct Site {
  std::vector<std::string> hosts;  // lower case, without port: a name, "*.suffix" or "*"
  std::string root;                // absolute or relative to the working directory, resolved against the file
  std::vector<std::pair<std::string, std::string>> mounts;  // {"/prefix", directory as root is}; no slash at the end
  std::vector<std::string> index;                           // plain names, tried in order
  bool hidden = false;
  Symlinks symlinks = Symlinks::inside;
  Duration keep_previous{};
  std::vector<std::pair<std::string, std::string>> error_pages;  // {"404" or "5xx", "/path below root"}
  std::vector<std::string> extensions;                           // without their dot, tried in order
  bool listing = false;
  std::string fallback;                                            // "/path below root", or empty
  std::vector<Coding> precompressed;                               // sibling files to look for, best first
  std::vector<Coding> compress;                                    // copies to make, best first
  std::vector<std::pair<std::string, std::string>> cache_control;  // {media type, "text/*" or "*" in lower case, value}
  std::vector<HeaderRule> headers;
  std::vector<Rewrite> rewrites;
  bool server_timing = false;
  bool cache_status = false;
  std::string where;  // file:line:column, for messages
};

struct Config {
  struct Server {
    std::vector<ListenAddress> listen;  // at least one, no two the same
    std::uint32_t workers = 0;          // 0 = one per usable CPU
    Pin pin = Pin::automatic;
    std::string user;  // a name or a number, or "name:group"; empty: stay who we are
    Duration shutdown_delay{};
    Duration drain_timeout{};
    CidrSet trusted_proxies;
    bool sandbox = false;
  } server;

  struct Limits {
    std::uint32_t connections = 0;         // 0 = derived from descriptors and memory
    std::uint32_t connections_per_ip = 0;  // 0 = no limit; IPv6: per /64
    std::uint64_t header_size_bytes = 0;
    Duration header_timeout{};
    std::uint64_t body_size_bytes = 0;
    Duration body_timeout{};
    Duration idle_timeout{};
    Duration send_timeout{};
    std::uint64_t requests_per_connection = 0;  // 0 = no limit
  } limits;

  struct Disk {
    std::uint32_t queue_size = 0;
    Duration timeout{};
    std::uint32_t kernel_threads = 0;  // 0 = the program chooses
    std::uint64_t stream_size_bytes = 0;
    std::uint64_t stream_memory_bytes = 0;
    ZeroCopy zero_copy = ZeroCopy::safe;
  } disk;

  struct Cache {
    std::optional<std::uint64_t> size_bytes;  // nothing = "auto"
    std::uint64_t max_file_size_bytes = 0;
    Duration stale_after{};
    Duration missing_ttl{};  // 0 = until evicted
    Duration idle_after{};   // 0 = never
    bool watch = false;
    std::vector<std::string> preload;  // globs below each root
  } cache;

  struct Log {
    LogLevel level = LogLevel::error;
    std::string access;  // "" = off, "stdout", or a file's path, resolved against the file it was written in
    LogFormat format = LogFormat::combined;
  } log;

  struct Admin {
    std::optional<ListenAddress> listen;  // nothing = off
    std::string token_file;               // resolved; empty = none
    std::string token;                    // what it holds: no key of its own, so nothing prints it
    AdminRead read = AdminRead::automatic;
    std::uint64_t overlay_size_bytes = 0;
  } admin;

  std::vector<Map> maps;                                   // in the order of their names
  std::vector<std::pair<std::string, std::string>> types;  // {".foo" in lower case, media type}
  std::vector<Site> sites;                                 // at least one; the first answers unknown hosts
};

}  // namespace uringd::config
