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

namespace uringd::config {

using Duration = std::chrono::milliseconds;

enum class Pin { automatic, yes, no };
enum class Symlinks { inside, never };
enum class LogLevel { error, warn, info, debug };
enum class ZeroCopy { safe, always, never };
enum class Coding { gzip, zstd, br };

/// One address to listen on, ready for bind(2).
struct ListenAddress {
  enum class Kind { tcp, unix_path };
  Kind kind = Kind::tcp;
  std::string text;  // as written; a relative unix path is already resolved against the file
  sockaddr_storage address{};
  socklen_t address_size = 0;
  bool dual_stack = false;  // ":8080": the address is [::] and IPV6_V6ONLY must be off
  int backlog = 0;
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

struct Site {
  std::vector<std::string> hosts;  // lower case, without port: a name, "*.suffix" or "*"
  std::string root;                // absolute or relative to the working directory, resolved against the file
  std::vector<std::string> index;  // plain names, tried in order
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
  bool server_timing = false;
  bool cache_status = false;
  std::string where;  // file:line:column, for messages
};

struct Config {
  struct Server {
    std::vector<ListenAddress> listen;  // at least one, no two the same
    std::uint32_t workers = 0;          // 0 = one per usable CPU
    Pin pin = Pin::automatic;
    Duration drain_timeout{};
  } server;

  struct Limits {
    std::uint32_t connections = 0;  // 0 = derived from descriptors and memory
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
  } log;

  std::vector<std::pair<std::string, std::string>> types;  // {".foo" in lower case, media type}
  std::vector<Site> sites;                                 // at least one; the first answers unknown hosts
};

}  // namespace uringd::config
