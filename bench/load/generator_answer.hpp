// One connection's answers, read piece by piece as they come: status, how long the body is, and whether the connection
// goes on. Owned by the connection; the rules and the memory of the last head are shared by all. Minimal by intention:
// an answer with a body must say Content-Length (206 included) or be chunked; 204 and 304 have none (RFC 9112 section
// 6.3); answers that end with the connection, and interim answers are broken.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "generator_chunks.hpp"

namespace uringd::load {

struct Head {
  int status = 0;
  uint64_t length = 0;   // of the body, where it is said
  bool chunked = false;  // it is not, but that of each piece is
  bool close = false;    // the server closes after this answer
};

/// The head without its blank line; false where it cannot be understood.
bool parse_head(std::string_view text, Head& head);

/// What is wanted of every answer, and the head that was parsed last: servers send the same bytes again for a second,
/// and comparing them costs a tenth of parsing them.
struct Rules {
  std::vector<int> statuses;              // those expected
  const std::string* expected = nullptr;  // every body, where given
  std::string last_text;                  // with its blank line; empty: none yet
  Head last_head;

  [[nodiscard]] bool expects(int status) const;
};

class AnswerReader {
 public:
  enum class Progress { more, whole, broken };

  /// Reads from `bytes` to the end of one answer at most, and removes what it read; adds to `body_bytes` those of the
  /// body. After `whole` the next call begins the next answer, while head() and right() still tell of this one.
  Progress take(std::string_view& bytes, Rules& rules, uint64_t& body_bytes);

  /// So many bytes of the body, at most body_left(), came and were dropped.
  Progress drop(uint64_t size);

  /// Of the body, or of this chunk of it.
  [[nodiscard]] uint64_t body_left() const { return left_; }
  [[nodiscard]] const Head& head() const { return head_; }
  [[nodiscard]] bool right() const { return right_; }
  void forget() { *this = AnswerReader{}; }

 private:
  enum class Part { head, body };

  Progress take_head(std::string_view& bytes, Rules& rules);
  Progress take_body(std::string_view& bytes, const Rules& rules);
  Progress take_chunks(std::string_view& bytes, const Rules& rules);

  Part part_ = Part::head;
  bool right_ = true;  // status and body, as far as seen
  uint64_t left_ = 0;
  uint64_t read_ = 0;  // of this body
  Chunks chunks_;
  Head head_;
  std::string begun_;  // of a head that came in pieces
};

}  // namespace uringd::load
