// read_chunked: the framing of a chunked body (RFC 9112 §7.1), byte by byte; runs of data bytes are passed over at
// once. By the grammar and no more: hex digits alone are a size, white space stands only around ';' and '=' of an
// extension (bad white space that a recipient must read), lines end in CRLF. Extensions and trailers are checked and
// dropped: a length or a coding among the trailers frames nothing. The state is RequestParser's. Private to http/.
//     size ──► (extension)* ──► data ──► size …     size 0 ──► trailers ──► done
// Bounds: data within body_size; extensions, surplus zeros of sizes and trailers together within header_size.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "characters.hpp"
#include "uringd/base/check.hpp"
#include "uringd/http/request_parser.hpp"

namespace uringd::http {

class ChunkedReader {
 public:
  using State = RequestParser::Chunked;
  using Step = State::Step;
  struct Result {
    size_t used;
    int status;  // 0, or that of a rejection
  };
  struct Piece {
    size_t used;
    int status;
    size_t data_at, data_size;  // a run of data bytes, which is where it stopped; or none
  };

  ChunkedReader(State& state, const RequestParser::Limits& limits) : state_(state), limits_(limits) {}

  Result read(const char* data, size_t size) {
    size_t used = 0;
    while (used < size && state_.step != Step::done) {
      const Piece piece = read_piece(data + used, size - used);
      used += piece.used;
      if (piece.status != 0) return {used, piece.status};
    }
    return {used, 0};
  }

  /// To the end of the first run of data bytes.
  Piece read_piece(const char* data, size_t size) {
    size_t used = 0;
    while (used < size && state_.step != Step::done) {
      if (state_.step == Step::data) {
        const auto run = static_cast<size_t>(std::min<uint64_t>(size - used, state_.left));
        state_.left -= run;
        if (state_.left == 0) state_.step = Step::data_cr;
        return {used + run, 0, used, run};
      }
      if (const int status = take(data[used]); status != 0) return {used, status, 0, 0};
      ++used;
    }
    return {used, 0, 0, 0};
  }

 private:
  int take(char c) {
    if (state_.step <= Step::size_lf) return take_size(c);
    if (state_.step <= Step::value_gap) return take_extension(c);
    if (state_.step <= Step::data_lf) return take_data_end(c);
    return take_trailer(c);
  }

  static bool is_space(char c) { return c == ' ' || c == '\t'; }
  static bool is_text(char c) { return c == '\t' || (c >= ' ' && c != 0x7f) || c < 0; }  // field-content, quoted text

  int go(Step next) {
    state_.step = next;
    return 0;
  }
  int expect(char c, char wanted, Step next) { return c == wanted ? go(next) : 400; }
  int count(int status) { return ++state_.extra <= limits_.header_size ? 0 : status; }

  int take_size(char c) {
    if (state_.step == Step::size_lf) return c == '\n' ? end_size() : 400;
    const int digit = hex_value(c);
    if (digit < 0) return state_.step == Step::size_start ? 400 : take_behind(c, false);
    state_.step = Step::size;
    if (state_.left >> 60 != 0) return 400;                             // one digit more does not fit
    if (state_.left == 0 && digit == 0 && count(413) != 0) return 413;  // zeros without end
    state_.left = state_.left << 4 | static_cast<unsigned>(digit);
    return 0;
  }

  int end_size() {
    if (state_.left == 0) return go(Step::trailer_start);
    if (state_.left > limits_.body_size - state_.decoded) return 413;
    state_.decoded += state_.left;
    return go(Step::data);
  }

  // What may stand behind a size, or behind an extension's name or value: white space only before the next ';' or '='.
  int take_behind(char c, bool after_name) {
    if (c == ';') return go(Step::name_start);
    if (c == '=' && after_name) return go(Step::value_start);
    if (is_space(c)) return go(after_name ? Step::name_gap : Step::value_gap);
    return c == '\r' ? go(Step::size_lf) : 400;
  }

  int take_extension(char c) {
    if (const int status = count(413); status != 0) return status;
    switch (state_.step) {
      case Step::name_start:
        if (is_space(c)) return 0;
        return is_class(c, token_char) ? go(Step::name) : 400;
      case Step::name: return is_class(c, token_char) ? 0 : take_behind(c, true);
      case Step::name_gap: return c == '\r' ? 400 : take_behind(c, true);
      case Step::value_start:
        if (is_space(c)) return 0;
        if (c == '"') return go(Step::quoted);
        return is_class(c, token_char) ? go(Step::value) : 400;
      case Step::value: return is_class(c, token_char) ? 0 : take_behind(c, false);
      case Step::quoted:
        if (c == '\\') return go(Step::escaped);
        if (c == '"') return go(Step::value_end);
        return is_text(c) ? 0 : 400;
      case Step::escaped: return is_text(c) ? go(Step::quoted) : 400;
      case Step::value_end: return take_behind(c, false);
      default: CHECK(state_.step == Step::value_gap); return c == '\r' ? 400 : take_behind(c, false);
    }
  }

  int take_data_end(char c) {
    if (state_.step == Step::data_cr) return expect(c, '\r', Step::data_lf);
    return expect(c, '\n', Step::size_start);
  }

  int take_trailer(char c) {
    if (state_.step == Step::last_lf) return expect(c, '\n', Step::done);
    if (state_.step == Step::trailer_start && c == '\r') return go(Step::last_lf);
    if (const int status = count(431); status != 0) return status;
    switch (state_.step) {
      case Step::trailer_start: return is_class(c, token_char) ? go(Step::trailer_name) : 400;  // no folding (§5.2)
      case Step::trailer_name:
        if (c == ':') return go(Step::trailer_value);
        return is_class(c, token_char) ? 0 : 400;
      case Step::trailer_value:
        if (c == '\r') return go(Step::trailer_lf);
        return is_text(c) ? 0 : 400;
      default: CHECK(state_.step == Step::trailer_lf); return expect(c, '\n', Step::trailer_start);
    }
  }

  State& state_;
  const RequestParser::Limits& limits_;
};

}  // namespace uringd::http
