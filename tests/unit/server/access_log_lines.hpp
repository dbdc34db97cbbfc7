// What both tests of AccessLog share: numbered records, the lines that they become, a logger whose text can be read.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "access_log.hpp"

namespace uringd::server::test {

constexpr int64_t wall_ns = 1'795'318'877'123'456'789;

/// Record `number`, whose line is longer by about `more` bytes.
struct Numbered {
  Numbered(uint64_t number, size_t more) : agent("n=" + std::to_string(number) + ";"), referer(more, 'r') {
    record.remote = IpAddress::v4({192, 0, 2, 1});
    record.request_line = "GET / HTTP/1.1";
    record.method = "GET";
    record.target = "/";
    record.status = 200;
    record.referer = referer;
    record.user_agent = agent;
  }
  Numbered(const Numbered&) = delete;
  Numbered& operator=(const Numbered&) = delete;

  [[nodiscard]] std::string line(log::AccessFormat format, size_t most_bytes) const {
    log::AccessFormatter formatter(format, most_bytes);
    std::string text(most_bytes, '\0');
    text.resize(formatter.write(record, wall_ns, text));
    return text;
  }

  std::string agent, referer;
  log::AccessRecord record;
};

/// The number of a whole line, or UINT64_MAX: no line of Numbered ends like this one, or begins like it.
inline uint64_t number_of(std::string_view line) {
  const bool begins = line.starts_with("192.0.2.1 - - [") || line.starts_with("{\"time\":\"");
  const bool ends = line.ends_with(";\"") || line.ends_with(";\"}");
  const size_t at = line.rfind("\"n=");
  const bool once = line.find("GET") == line.rfind("GET");
  if (!begins || !ends || !once || at == std::string_view::npos) return UINT64_MAX;
  return std::stoull(std::string(line.substr(at + 3)));
}

inline std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    lines.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

inline std::string all_of(int file) {
  std::string text(static_cast<size_t>(lseek(file, 0, SEEK_END)), '\0');
  const ssize_t got = pread(file, text.data(), text.size(), 0);
  text.resize(got > 0 ? static_cast<size_t>(got) : 0);
  return text;
}

struct Warnings {
  std::vector<std::string> take() {
    logger.drain();
    return lines_of(all_of(output.number()));
  }
  Fd output{memfd_create("warnings", MFD_CLOEXEC)};
  log::Logger logger{log::Level::warn, output.number()};
};

}  // namespace uringd::server::test
