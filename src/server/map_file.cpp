// The blocking read of a map's file, and the words for what is wrong with one.
#include "map_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <new>
#include <thread>
#include <utility>

#include "uringd/base/fd.hpp"
#include "uringd/base/result.hpp"
#include "uringd/config/quantity.hpp"

namespace uringd::server {
namespace {

constexpr int attempts = 5;
constexpr std::chrono::milliseconds between_attempts{20};
// A file that was written to within a tick of its times' clock can be written to again without their moving.
constexpr int64_t racy_ns = 20'000'000;
constexpr uint64_t largest_map = UINT32_MAX;

std::string in_quotes(std::string text) {
  std::ranges::replace_if(text, [](unsigned char byte) { return byte < 0x20 || byte == 0x7f; }, '?');
  return '"' + text + '"';
}

MapStamp stamp_of(const struct stat& status) {
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .size_bytes = static_cast<uint64_t>(status.st_size),
          .modified_s = status.st_mtim.tv_sec,
          .changed_s = status.st_ctim.tv_sec,
          .modified_ns = static_cast<uint32_t>(status.st_mtim.tv_nsec),
          .changed_ns = static_cast<uint32_t>(status.st_ctim.tv_nsec)};
}

bool racily_young(const MapStamp& stamp) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  const int64_t age_ns = (now.tv_sec - stamp.changed_s) * 1'000'000'000 + now.tv_nsec - stamp.changed_ns;
  return -racy_ns < age_ns && age_ns < racy_ns;
}

struct Bytes {
  std::unique_ptr<char[]> bytes;
  MapStamp stamp;
  bool held_still = false;
  bool racy = false;
};

/// As many bytes as the file said to have, or fewer. The errno.
std::expected<uint64_t, int> read_all(int file, char* into, uint64_t size) {
  uint64_t done = 0;
  while (done < size) {
    const ssize_t count = ::pread(file, into + done, size - done, static_cast<off_t>(done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::unexpected(errno);
    if (count == 0) break;
    done += static_cast<uint64_t>(count);
  }
  return done;
}

/// One attempt; the error says what the file is, after "found "name"".
std::expected<Bytes, std::string> read_once(const config::Map& map) {
  const auto trouble = [](int error) { return std::unexpected(": " + errno_text(error) + "; expected a file"); };
  const Fd file(::open(map.file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  if (!file.open()) return trouble(errno);
  struct stat before{};
  struct stat after{};
  if (::fstat(file.number(), &before) != 0) return trouble(errno);
  if (!S_ISREG(before.st_mode)) {
    return std::unexpected(std::string(S_ISDIR(before.st_mode) ? ": is a directory" : ": is no regular file") +
                           "; expected a file");
  }
  Bytes result{.bytes = nullptr, .stamp = stamp_of(before)};
  const uint64_t size = result.stamp.size_bytes;
  if (size > most_map_bytes(map)) {
    return std::unexpected(" of " + std::to_string(size) + " bytes; expected at most " + most_map_bytes_text(map));
  }
  result.bytes.reset(new (std::nothrow) char[std::max<uint64_t>(size, 1)]);
  if (!result.bytes) return trouble(ENOMEM);
  const auto done = read_all(file.number(), result.bytes.get(), size);
  if (!done) return trouble(done.error());
  if (::fstat(file.number(), &after) != 0) return trouble(errno);
  result.held_still = *done == size && stamp_of(after) == result.stamp;
  result.racy = racily_young(result.stamp);
  return result;
}

}  // namespace

uint64_t most_map_bytes(const config::Map& map) { return std::min(map.max_size_bytes, largest_map); }

std::string most_map_bytes_text(const config::Map& map) {
  if (map.max_size_bytes > largest_map) return std::to_string(largest_map) + " bytes";
  return "maps." + map.name + ".max_size, " + in_quotes(config::format_size(map.max_size_bytes));
}

config::Problem inside_map(const config::Map& map, const site::MapFinding& finding) {
  return {map.file + (finding.line > 0 ? ':' + std::to_string(finding.line) : std::string()), finding.message};
}

std::string map_account(const config::Map& map, const site::MapTable& table) {
  return "maps." + map.name + ": " + std::to_string(table.entries()) +
         (table.entries() == 1 ? " entry from " : " entries from ") + map.file;
}

std::expected<std::unique_ptr<const site::MapTable>, config::Problem> load_map(const config::Map& map,
                                                                               std::vector<config::Problem>& warnings,
                                                                               MapStamp* stamp) {
  const auto of_the_file = [&](const std::string& what) {
    return std::unexpected(
        config::Problem{map.where, "maps." + map.name + ".file: found " + in_quotes(map.file) + what});
  };
  std::expected<Bytes, std::string> read = read_once(map);
  for (int attempt = 1; read && (!read->held_still || read->racy); ++attempt) {
    if (attempt == attempts && read->held_still) break;
    if (attempt == attempts) return of_the_file(": changes all the time; expected a file that can be read whole");
    std::this_thread::sleep_for(between_attempts);
    read = read_once(map);
  }
  if (!read) return of_the_file(read.error());
  site::MapBuilder builder(map.kind, std::move(read->bytes), read->stamp.size_bytes);
  while (builder.step()) continue;
  auto table = builder.finish();
  for (const site::MapFinding& finding : builder.warnings()) warnings.push_back(inside_map(map, finding));
  if (!table && table.error().line == 0) return of_the_file(": " + table.error().message);
  if (!table) return std::unexpected(inside_map(map, table.error()));
  if (stamp && !read->racy) *stamp = read->stamp;
  return std::move(*table);
}

}  // namespace uringd::server
