// A line of the access log. A record whose fields could be too long for the line, were every byte escaped, is cut
// first; what is written after that needs no look at the end of its memory. Times of a second are made once a second.
#include "uringd/log/access_log.hpp"

#include <time.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <functional>

#include "access_log_escape.hpp"
#include "access_log_fields.hpp"
#include "uringd/base/check.hpp"

namespace uringd::log {
namespace {

constexpr int64_t ns_per_s = 1'000'000'000, ns_per_ms = 1'000'000;
constexpr size_t fewest_line_bytes = 2048;
constexpr size_t most_user_bytes = 1024;  // beyond it a user's name is cut; nobody's is as long
// All of a line that is not a request's own bytes: names, numbers, times, the address.
constexpr size_t combined_frame_bytes = 256, json_frame_bytes = 768;
constexpr size_t most_word_bytes = 32;  // of `cache` and `encoding`, which are ours

struct Writer {
  char* at;

  void put(char character) { *at++ = character; }
  template <size_t size>
  void put(const char (&text)[size]) {  // a literal: the copy is a few moves
    std::memcpy(at, text, size - 1);
    at += size - 1;
  }
  void put(std::string_view text) {
    std::memcpy(at, text.data(), text.size());
    at += text.size();
  }
  void number(uint64_t value) { at = std::to_chars(at, at + 20, value).ptr; }
  /// The last `digits` digits, with zeros in front.
  void padded(uint64_t value, int digits) {
    for (int i = digits; i-- > 0; value /= 10) at[i] = static_cast<char>('0' + value % 10);
    at += digits;
  }
  void status(int value) {
    if (value >= 0 && value < 1000) return padded(static_cast<uint64_t>(value), 3);
    number(static_cast<uint64_t>(value));
  }
  void seconds(uint64_t ns) {
    const uint64_t microseconds = ns / 1000;
    number(microseconds / 1'000'000);
    put('.');
    padded(microseconds % 1'000'000, 6);
  }
  void address(const IpAddress& address) {
    std::array<char, IpAddress::most_text_bytes> text;
    put(address.text(text));
  }
};

/// The last field of a line ends this far before the line's own bound.
size_t budget_of(size_t most_bytes, size_t frame_bytes) { return most_bytes - frame_bytes - escape_slack; }

/// Cuts the texts where they might not fit.
template <size_t count>
void fit(size_t budget, size_t most_growth, std::string_view* const (&texts)[count], PrefixOf prefix_of) {
  size_t bytes = 0;
  for (const std::string_view* text : texts) bytes += text->size();
  if (bytes > budget / most_growth) cut_to(budget, texts, prefix_of);
}

// --- combined --------------------------------------------------------------------------------------------------------

void put_variable(Writer& line, std::string_view value) {
  if (value.data() == nullptr) return line.put('-');
  line.at = escape_combined(line.at, value);
}

size_t write_combined(const AccessRecord& record, std::string_view user, std::string_view time, size_t most_bytes,
                      char* out) {
  std::string_view request = record.request_line, referer = record.referer, agent = record.user_agent;
  fit(budget_of(most_bytes, combined_frame_bytes), most_combined_growth, {&user, &request, &referer, &agent},
      combined_prefix);
  Writer line{out};
  line.address(record.remote);
  line.put(" - ");
  put_variable(line, user);
  line.put(" [");
  line.put(time);
  line.put("] \"");
  put_variable(line, request.empty() ? std::string_view{} : request);
  line.put("\" ");
  line.status(record.status);
  line.put(' ');
  line.number(record.body_bytes);
  line.put(" \"");
  put_variable(line, referer);
  line.put("\" \"");
  put_variable(line, agent);
  line.put("\"\n");
  return static_cast<size_t>(line.at - out);
}

// --- json ------------------------------------------------------------------------------------------------------------

template <size_t size>
void put_member(Writer& line, const char (&name)[size], std::string_view value) {
  line.put(name);
  line.at = escape_json(line.at, value);
  line.put('"');
}

template <size_t size>
void put_if_any(Writer& line, const char (&name)[size], std::string_view value) {
  if (!value.empty()) put_member(line, name, value);
}

template <size_t size>
void put_time_if_any(Writer& line, const char (&name)[size], uint64_t ns) {
  if (ns == 0) return;
  line.put(name);
  line.seconds(ns);
}

size_t write_json(const AccessRecord& record, std::string_view user, std::string_view time, int64_t wall_ns,
                  size_t most_bytes, char* out) {
  std::string_view method = record.method, host = record.host, referer = record.referer, agent = record.user_agent;
  auto [path, query] = parts_of(record.target);
  // What could not be read as a request is told as it came.
  std::string_view request = method.empty() ? record.request_line : std::string_view{};
  fit(budget_of(most_bytes, json_frame_bytes + 2 * most_word_bytes * most_json_growth), most_json_growth,
      {&user, &request, &method, &host, &path, &query, &referer, &agent}, json_prefix);
  Writer line{out};
  line.put("{\"time\":\"");
  line.put(time);
  line.padded(static_cast<uint64_t>((wall_ns % ns_per_s + ns_per_s) % ns_per_s / ns_per_ms), 3);
  line.put("Z\",\"level\":\"info\",\"msg\":\"request\",\"remote\":\"");
  line.address(record.remote);
  line.put('"');
  put_if_any(line, ",\"user\":\"", user);
  if (method.empty()) {
    put_if_any(line, ",\"request\":\"", request);
  } else {
    put_member(line, ",\"method\":\"", method);
    put_member(line, ",\"host\":\"", host);
    put_member(line, ",\"path\":\"", path);
    put_if_any(line, ",\"query\":\"", query);
    line.put(",\"proto\":\"HTTP/1.");
    line.number(record.minor_version);
    line.put('"');
  }
  line.put(",\"status\":");
  line.number(static_cast<uint64_t>(record.status));
  line.put(",\"bytes\":");
  line.number(record.body_bytes);
  line.put(",\"duration_s\":");
  line.seconds(record.duration_ns);
  put_if_any(line, ",\"cache\":\"", record.cache.substr(0, most_word_bytes));
  put_if_any(line, ",\"encoding\":\"", record.encoding.substr(0, most_word_bytes));
  line.put(",\"queue_s\":");
  line.seconds(record.queue_ns);
  line.put(",\"disk_s\":");
  line.seconds(record.open_ns + record.read_ns);
  put_time_if_any(line, ",\"open_s\":", record.open_ns);
  put_time_if_any(line, ",\"read_s\":", record.read_ns);
  put_time_if_any(line, ",\"send_s\":", record.send_ns);
  put_if_any(line, ",\"referer\":\"", referer);
  put_if_any(line, ",\"user_agent\":\"", agent);
  line.put("}\n");
  return static_cast<size_t>(line.at - out);
}

bool lies_in(std::string_view part, std::string_view whole) {
  const std::less_equal<> not_after;  // of pointers into different arrays too
  return !part.empty() && not_after(whole.data(), part.data()) &&
         not_after(part.data() + part.size(), whole.data() + whole.size());
}

}  // namespace

// --- AccessFormatter -------------------------------------------------------------------------------------------------

AccessFormatter::AccessFormatter(AccessFormat format, size_t most_bytes) : format_(format), most_bytes_(most_bytes) {
  CHECK(most_bytes >= fewest_line_bytes);
  CHECK(most_bytes <= most_line_bytes);
}

void AccessFormatter::format_time() {
  const time_t seconds = second_;
  tm parts{};
  int written = 0;
  if (format_ == AccessFormat::json) {
    gmtime_r(&seconds, &parts);
    written = std::snprintf(time_.data(), time_.size(), "%04d-%02d-%02dT%02d:%02d:%02d.", parts.tm_year + 1900,
                            parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
  } else {
    constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    localtime_r(&seconds, &parts);
    const long minutes = parts.tm_gmtoff / 60, distance = minutes < 0 ? -minutes : minutes;
    written = std::snprintf(time_.data(), time_.size(), "%02d/%s/%d:%02d:%02d:%02d %c%02ld%02ld", parts.tm_mday,
                            months[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec,
                            minutes < 0 ? '-' : '+', distance / 60, distance % 60);
  }
  CHECK(written > 0);
  CHECK(static_cast<size_t>(written) < time_.size());
  time_bytes_ = static_cast<size_t>(written);
}

size_t AccessFormatter::write(const AccessRecord& record, int64_t wall_ns, std::span<char> out) {
  CHECK(out.size() >= most_bytes_);
  const int64_t second = wall_ns / ns_per_s - (wall_ns % ns_per_s < 0 ? 1 : 0);
  if (second != second_) {
    second_ = second;
    format_time();
  }
  std::array<char, most_user_bytes> memory;
  std::string_view user;
  if (!record.authorization.empty()) user = user_of(record.authorization, memory);
  if (user.empty()) user = {};
  const std::string_view time(time_.data(), time_bytes_);
  const size_t bytes = format_ == AccessFormat::json ? write_json(record, user, time, wall_ns, most_bytes_, out.data())
                                                     : write_combined(record, user, time, most_bytes_, out.data());
  CHECK(bytes <= most_bytes_);
  return bytes;
}

// --- KeptRecord ------------------------------------------------------------------------------------------------------

KeptRecord::KeptRecord(const AccessRecord& original) : record(original) {
  // Method and target are parts of the request line, if it is one: they are copied with it.
  std::string_view* const parts[] = {&record.method, &record.target};
  std::string_view* const all[] = {&record.request_line,  &record.method,  &record.target,
                                   &record.host,          &record.referer, &record.user_agent,
                                   &record.authorization, &record.cache,   &record.encoding};
  std::array<std::string_view*, std::size(all)> copied{};
  size_t count = 0, bytes = 0;
  for (std::string_view* view : all) {
    const bool within = (view == parts[0] || view == parts[1]) && lies_in(*view, original.request_line);
    if (!within) copied[count++] = view;
  }
  cut_to(KeptRecord::most_bytes, std::span(copied).first(count), plain_prefix);
  for (size_t i = 0; i < count; ++i) bytes += copied[i]->size();
  text = std::make_unique_for_overwrite<char[]>(bytes + 1);
  char* at = text.get();
  for (size_t i = 0; i < count; ++i) {
    std::string_view& view = *copied[i];
    if (view.data() == nullptr) continue;  // what was not there is not there
    std::memcpy(at, view.data(), view.size());
    view = {at, view.size()};
    at += view.size();
  }
  for (std::string_view* part : parts) {
    if (!lies_in(*part, original.request_line)) continue;
    const auto offset = static_cast<size_t>(part->data() - original.request_line.data());
    *part = record.request_line.substr(std::min(offset, record.request_line.size()), part->size());
  }
}

}  // namespace uringd::log
