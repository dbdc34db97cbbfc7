// Cases: rows of a table whose answers need more than a comparison: a multipart body that is read, a coded body that is
// decoded, a file that changes while the row runs. Each row is a sentence and a block; it passes when nothing in the
// block fails, and the table goes on behind one that fails. Prints the line that tests/count.awk counts rows by.
// Beside it: what such rows ask of an answer. One thread.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness.hpp"

namespace uringd::testing {

class Cases {
 public:
  explicit Cases(std::string title) : title_(std::move(title)) {}
  /// Prints "cases: N passed, N failed".
  ~Cases();
  Cases(const Cases&) = delete;
  Cases& operator=(const Cases&) = delete;

  /// `section`: what decides ("RFC 9110 §14.2", "contract [[site]]"). No two rows of a table share a name.
  void operator()(const std::string& section, const std::string& name, const std::function<void()>& row);

 private:
  std::string title_;
  std::set<std::string> names_;
  int passed_ = 0;
  int failed_ = 0;
};

/// One answer on a connection of its own that stays open: a plain GET of `probe` is answered on it behind this, and
/// nothing else comes (RFC 9112 §9.3.2: a byte too many would be read as the next answer).
Response answer_to(const Server& server, std::string_view bytes, std::string_view method = "GET",
                   std::string_view probe = "/probe.txt");
/// The same for a GET. `fields`: each ended by CRLF.
Response get(const Server& server, std::string_view target, std::string_view fields = "");
Response head(const Server& server, std::string_view target, std::string_view fields = "");

/// RFC 9110 §9.3.2: HEAD has every field of GET with its value (but for the time and what it
/// took), the same status, and no body. Returns
/// what GET got.
Response check_head_agrees(const Server& server, std::string_view target, std::string_view fields = "");

/// A list field has that member, in any case.
[[nodiscard]] bool lists(const Response& response, std::string_view field, std::string_view member);
/// Bodies are compared without being printed: they are long and binary.
[[nodiscard]] bool same(const std::string& one, const std::string& other);

/// Repeats GET until `good` says so, `patience` at most; the last answer.
Response get_until(const Server& server, std::string_view target, std::string_view fields,
                   const std::function<bool(const Response&)>& good, Milliseconds patience = Milliseconds{3000});

[[nodiscard]] std::string accept_encoding(std::string_view value);
[[nodiscard]] std::string accept(std::string_view value);

/// The body in that coding ("br", "zstd", "gzip"; "" for identity), decoded to its end with no byte left over; nothing
/// where it is not in that coding.
[[nodiscard]] std::optional<std::string> decoded(std::string_view coding, const std::string& body);

/// One JSON text (RFC 8259) and nothing behind it, in valid UTF-8.
[[nodiscard]] bool is_json(std::string_view text);

}  // namespace uringd::testing
