// Lines of the error log.
#include "logger_line.hpp"

#include <time.h>

#include <cstdio>

#include "access_log_escape.hpp"

namespace uringd::log {
namespace {

constexpr std::string_view level_name(Level level) {
  constexpr std::string_view names[] = {"error", "warn", "info", "debug"};
  return names[static_cast<size_t>(level)];
}

void append_time(std::string& lines, int64_t wall_ns) {
  const time_t seconds = wall_ns / 1'000'000'000;
  tm parts{};
  gmtime_r(&seconds, &parts);
  char text[96];
  std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900, parts.tm_mon + 1,
                parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, static_cast<int>(wall_ns / 1'000'000 % 1000));
  lines += text;
}

// Bytes above 127 stay: paths are UTF-8 as a rule, and an operator reads them.
void append_escaped(std::string& lines, std::string_view text) {
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte >= 0x20 && byte != 0x7f) {
      lines += character;
    } else {
      char escaped[5];
      std::snprintf(escaped, sizeof escaped, "\\x%02X", byte);
      lines += escaped;
    }
  }
}

void append_json(std::string& lines, std::string_view text) {
  const size_t begin = lines.size();
  lines.resize(begin + text.size() * most_json_growth + escape_slack);
  const char* const end = escape_json(lines.data() + begin, text);
  lines.resize(static_cast<size_t>(end - lines.data()));
}

}  // namespace

void append_line(std::string& lines, Form form, int64_t wall_ns, Level level, std::string_view text) {
  if (form == Form::text) {
    append_time(lines, wall_ns);
    lines += ' ';
    lines += level_name(level);
    lines += ' ';
    append_escaped(lines, text);
    lines += '\n';
    return;
  }
  lines += R"({"time":")";
  append_time(lines, wall_ns);
  lines += R"(","level":")";
  lines += level_name(level);
  lines += R"(","msg":")";
  append_json(lines, text);
  lines += "\"}\n";
}

}  // namespace uringd::log
