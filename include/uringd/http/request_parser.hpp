// RequestParser: bytes of one connection, in any pieces, become a Request or a status. One per connection with a
// request under way, on its worker; `reset` makes it ready for the next request. A head that is whole and ordinary is
// read in one go (src/http/simple_head.cpp); any other llhttp reads (strictly; only the minor version is left to us),
// which lives behind this door; the framing rules that it leaves open (Host, one coding,
// the version, one space) and chunked bodies are added here.
//     head ──► head_complete ──► body ──► complete        any of them ──► rejected (status(); answer it and close)
// Bounds: the head, leading empty lines included, within header_size; the decoded body within body_size; extensions and
// trailers of a chunked body within header_size. No byte is looked at more than twice by llhttp, and nothing is
// allocated. The outcome does not depend on how the bytes were cut.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "uringd/http/request.hpp"

namespace uringd::http {

class RequestParser {
 public:
  struct Limits {
    uint32_t header_size = 16384;
    uint64_t body_size = 65536;
  };
  enum class Progress : uint8_t { need_more, head_complete, rejected };
  enum class BodyProgress : uint8_t { need_more, complete, rejected };
  struct BodyResult {
    BodyProgress progress;
    size_t used;  ///< bytes of this piece that belong to the body; those behind it belong to the next request
  };

  RequestParser() : RequestParser(Limits{}) {}
  explicit RequestParser(Limits limits) : limits_(limits) { reset(); }

  /// Forgets the request: the next parse_head begins a new one. The limits stay.
  void reset();
  void set_limits(Limits limits) { limits_ = limits; }

  /// Reads on in the request that begins at `base`; `size` counts all its bytes received so far, contiguous, at least
  /// as many as in the call before. `base` may differ from call to call. At head_complete the head is [base, base +
  /// head_size()); bytes behind it are not looked at. After head_complete or rejected: only after reset().
  Progress parse_head(const char* base, size_t size);
  size_t head_size() const { return request_.head_size_; }
  /// No byte of a request has arrived since reset, except for empty lines: the connection is idle, not slow.
  bool idle() const { return stage_ == Stage::empty_lines; }

  /// Whole only at head_complete (in `rejected` it has what was understood till then: good enough for a log line).
  const Request& request() const { return request_; }
  Request& request() { return request_; }

  /// Reads over body bytes, each given once, in order. {complete, 0} where the request has no body.
  BodyResult parse_body(const char* data, size_t size);

  /// After head_complete: from now on this is the body's bound. False: its Content-Length is above it.
  [[nodiscard]] bool bound_body(uint64_t bytes);
  /// As parse_body, but for whoever wants the body: returns behind each run of data bytes, `data`; call again with the
  /// bytes behind `used` until all were used, or the body is complete or rejected.
  struct BodyPiece {
    BodyProgress progress;
    size_t used;
    std::span<const char> data;  ///< in the bytes given; decoded
  };
  BodyPiece parse_body_piece(const char* data, size_t size);

  /// After `rejected`: 400, 413, 414, 417, 431 (trailers too), 501 (transfer coding; or a method name without end),
  /// 505.
  int status() const { return status_; }

 private:
  friend struct ParserEvents;  // the functions that llhttp calls
  friend class ChunkedReader;
  enum class Stage : uint8_t { empty_lines, method, fields, body, done, rejected };
  static constexpr size_t engine_size = 104, engine_align = 8;
  struct Chunked {  // where ChunkedReader is
    enum class Step : uint8_t {
      size_start,
      size,
      size_lf,
      name_start,
      name,
      name_gap,
      value_start,
      value,
      quoted,
      escaped,
      value_end,
      value_gap,  // of an extension
      data,
      data_cr,
      data_lf,
      trailer_start,
      trailer_name,
      trailer_value,
      trailer_lf,
      last_lf,
      done
    };
    uint64_t left = 0;     // of the chunk; while its size is read, the size so far
    uint64_t decoded = 0;  // data bytes of all chunks announced so far
    uint64_t extra = 0;    // bytes of extensions, trailers and surplus zeros
    Step step = Step::size_start;
  };

  /// False: nothing is known yet, and everything is as reset() left it but for what reset() clears.
  bool read_simple_head(const char* base, uint32_t size);
  const char* read_simple_fields(const char* at, const char* end);
  void end_head();

  // Each answers 0 or the status of a rejection.
  int skip_empty_lines(const char* base, uint32_t size);
  int read_method(const char* base, uint32_t size);
  int read_head(const char* base, uint32_t size);
  int read_fields(const char* base, uint32_t size);
  int read_again(const char* base, uint32_t size);
  int execute(const char* base, uint32_t size);
  int feed(const char* base, uint32_t end);
  int execute_trimmed(const char* base, uint32_t size);
  int add_field(Slice name, Slice value);
  int add_known(size_t known, std::string_view value);
  void add_connection(std::string_view value);
  int add_content_length(std::string_view value);
  int add_transfer_encoding(std::string_view value);
  void add_expect(std::string_view value);
  int finish_head();
  int check_head();
  int check_target();
  int overflow_status() const;
  bool lacks_version(uint32_t from, uint32_t to) const;
  BodyResult parse_chunked(const char* data, size_t size);
  BodyResult after_chunks(size_t used, int status);

  alignas(engine_align) unsigned char engine_[engine_size];  // an llhttp_t, made when a request's first byte is for it
  Limits limits_;
  uint32_t parsed_ = 0;     // bytes of the head that were read, and
  uint32_t fed_ = 0;        // those of them that llhttp had
  uint64_t body_left_ = 0;  // Content-Length, less what was received
  Chunked chunked_body_;
  Slice name_, value_;  // the field line being read
  uint16_t status_ = 0;
  Stage stage_ = Stage::empty_lines;
  uint8_t empty_lines_ = 0;
  bool in_name_ = false;  // the line's name was seen, its value not yet
  bool target_complete_ = false;
  bool trim_tabs_ = false;  // see read_again
  bool has_content_length_ = false, has_transfer_encoding_ = false;
  bool chunked_ = false, other_coding_ = false;            // what Transfer-Encoding named
  bool close_ = false, persist_ = false;                   // what Connection named
  bool expects_continue_ = false, expects_other_ = false;  // what Expect named
  Request request_;
};

}  // namespace uringd::http
