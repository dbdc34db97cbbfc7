// Case tables: what the server must answer, as data. A row is a request (or a short dialogue) and the answers it must
// get; run_table sends every row over a connection of its own to a server that the test has started, and reports each
// row by section and name. Every row is one case in the counts of ./dev test (tests/count.awk reads the closing line).
// Client checks the form of every answer, so every row is a test of that as well. One thread; tables own their strings.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness.hpp"

namespace uringd::testing {

/// What a field of an answer must be. Made by the functions below, not by hand.
struct FieldRule {
  enum class Kind : std::uint8_t { equals, present, absent, satisfies };
  Kind kind;
  std::string name;
  std::string value;                           // for equals
  std::function<bool(std::string_view)> test;  // for satisfies: false for what is wrong
};

/// One answer. The default is any body, no word about fields, and a connection that stays open behind it.
struct Answer {
  int status = 200;
  std::vector<FieldRule> fields;
  std::optional<std::string> content;
  bool closes = false;   // says `Connection: close`, and the connection ends behind it
  bool to_head = false;  // it has no body (set for a request that begins with "HEAD ")

  /// Exactly these bytes; "" for none.
  [[nodiscard]] Answer body(std::string bytes) const;
  [[nodiscard]] Answer field(std::string name, std::string value) const;
  [[nodiscard]] Answer has(std::string name) const;
  [[nodiscard]] Answer lacks(std::string name) const;
  [[nodiscard]] Answer field_where(std::string name, std::function<bool(std::string_view)> test) const;
  /// The field is a list with that member, in any case: Allow, Vary, Connection.
  [[nodiscard]] Answer lists(std::string name, std::string member) const;
  /// Behind this answer the connection ends, cleanly, and the answer has said so.
  [[nodiscard]] Answer closing() const;
  /// To a HEAD request that is not the first of the bytes sent.
  [[nodiscard]] Answer without_body() const;
};

[[nodiscard]] Answer answer(int status);
/// 200 with that body.
[[nodiscard]] Answer ok(std::string body);
/// An error that ends the connection.
[[nodiscard]] Answer refused(int status);
/// 206 with `length` bytes of `whole` from `first` on, and the Content-Range that says so (RFC 9110 §14.4).
[[nodiscard]] Answer part(const std::string& whole, std::uint64_t first, std::uint64_t length);

/// The answers to what one step sends, in order; written as one Answer or as {a, b, …}. The last one's `closes` tells
/// what becomes of the connection; after an answer that leaves it open a plain GET of the probe is answered on it.
struct Answers {
  std::vector<Answer> list;
  Answers(Answer one) : list{std::move(one)} {}  // NOLINT(google-explicit-constructor): rows are read, not built
  Answers() = default;                           // the step is not answered yet
  Answers(std::initializer_list<Answer> several) : list(several) {}
};

struct Step {
  std::string bytes;
  Answers answers;
};

struct Case {
  std::string section;  // "RFC 9112 §3.2"
  std::string name;     // a sentence that can be false; no two rows of a table share one
  std::string bytes;    // sent verbatim: request(), get_request(), or by hand
  Answers answers;
  std::vector<Step> then{};  // sent on the same connection, each step after the answers to the one before
  bool half_close = false;   // the client's side is shut down after the last step: answers, then a clean end
};

/// How often and in what shapes a table's rows are sent, besides as they are.
struct TableOptions {
  bool cut = false;       // once more byte by byte (long ones: at seeded places); the same answers
  bool trap = false;      // rows that end the connection: once more with a GET behind them, which nobody may answer
  bool head_too = false;  // rows of one GET: once more as HEAD; status and fields of the GET, and no body
  std::string probe = "/probe.txt";  // a file whose content is kProbe
};

constexpr const char* kProbe = "probe\n";

/// Runs all rows and prints "cases: N passed, N failed"; a failed row fails the test case but does not stop the table.
void run_table(const Server& server, const std::string& title, const std::vector<Case>& rows,
               const TableOptions& options = {});

}  // namespace uringd::testing
