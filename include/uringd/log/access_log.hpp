// access_log: one finished request as one line, in nginx's combined format or as JSON. Pure but for the time zone:
// bytes in, bytes out, no allocation, no descriptor. One formatter a worker: it keeps the text of the second it was
// last in. A request cannot forge a line or end a string: control bytes, quotes, backslashes and (combined) bytes above
// 126 are escaped. Bounds: a line has at most most_line_bytes, or the fewer that its formatter is told; where its
// fields are longer than fits, the longest ones are cut.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "uringd/base/ip_address.hpp"

namespace uringd::log {

/// Views of a request that is answered. Without data (a default string_view): not there. A field that came empty has
/// data and no size: nginx writes "" for it, and "-" for one that did not come.
struct AccessRecord {
  IpAddress remote;                                                           // the client, behind trusted proxies
  std::string_view request_line;                                              // as it came, without its line end
  std::string_view method, target, host, referer, user_agent, authorization;  // as they came
  uint8_t minor_version = 1;                                                  // HTTP/1.x
  int status = 0;
  uint64_t body_bytes = 0;    // sent, without the head
  uint64_t duration_ns = 0;   // from the request's first byte
  uint64_t queue_ns = 0;      // waiting for the disk's turn,
  uint64_t open_ns = 0;       // for the open,
  uint64_t read_ns = 0;       // and for the read
  uint64_t send_ns = 0;       // sending; 0: not known yet
  std::string_view cache;     // "hit", "miss", "stale", "bypass"
  std::string_view encoding;  // Content-Encoding of the answer
};

/// A record whose views are its own: of an answer that lasts longer than its request's bytes.
struct KeptRecord {
  /// Of all its text; longer fields are cut. There may be as many as connections: a quarter of what each may take.
  static constexpr size_t most_bytes = size_t{4} << 10;
  explicit KeptRecord(const AccessRecord& original);
  KeptRecord(const KeptRecord&) = delete;
  KeptRecord& operator=(const KeptRecord&) = delete;

  std::unique_ptr<char[]> text;  // at most most_bytes
  AccessRecord record;
};

enum class AccessFormat : uint8_t { combined, json };

class AccessFormatter {
 public:
  static constexpr size_t most_line_bytes = size_t{16} << 10;

  /// Lines of at most `most_bytes`, from 2 KiB to most_line_bytes: PIPE_BUF where writers share a pipe.
  explicit AccessFormatter(AccessFormat format, size_t most_bytes = most_line_bytes);
  [[nodiscard]] AccessFormat format() const { return format_; }
  [[nodiscard]] size_t most_bytes() const { return most_bytes_; }
  /// The line with its newline, written to the begin of `out` (at least most_bytes, all of which may be written to);
  /// returns its size.
  /// combined: $remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer"
  /// "$http_user_agent", byte for byte as nginx writes it. json: one object (RFC 8259), time in RFC 3339 UTC with
  /// milliseconds; bytes that are no UTF-8 become \ufffd.
  size_t write(const AccessRecord& record, int64_t wall_ns, std::span<char> out);

 private:
  void format_time();

  AccessFormat format_;
  size_t most_bytes_;
  int64_t second_ = INT64_MIN;
  std::array<char, 40> time_{};  // of second_
  size_t time_bytes_ = 0;
};

}  // namespace uringd::log
