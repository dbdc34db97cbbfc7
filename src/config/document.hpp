// Document: one TOML text as a tree of plain values with positions, so that the rest of the room never sees toml++.
// A parsed tree is owned by whoever asked for it and borrows nothing. Entries keep the order of the file.
// Bounds: nesting (256 brackets, 256 dots in one statement) is checked before parsing, because the parser and the
// tree's destructor recurse and a hostile file must not end the process.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace uringd::config {

/// Line and column from 1, columns in code points; 0 = no position.
struct Position {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  auto operator<=>(const Position&) const = default;
};

struct Value;
struct Entry;
using Array = std::vector<Value>;
using Table = std::vector<Entry>;
/// A date or time: right TOML that no key of ours takes; the text is for messages.
struct Date {
  std::string text;
};

struct Value {
  std::variant<bool, std::int64_t, double, std::string, Array, Table, Date> data;
  Position at;
  bool expanded = false;  // held ${…}: the text may then stand for a number or a truth value too

  template <typename T>
  [[nodiscard]] const T* as() const {
    return std::get_if<T>(&data);
  }
  template <typename T>
  [[nodiscard]] T* as() {
    return std::get_if<T>(&data);
  }
};

struct Entry {
  std::string key;
  Position at;
  Value value;
};

struct SyntaxError {
  Position at;
  std::string message;
};

/// The table of the whole text, or its first syntax error.
std::expected<Table, SyntaxError> parse_document(std::string_view text);

/// For messages, in one line of at most about 80 bytes: "\"two\"", "17", "an array", "a table".
std::string describe(const Value& value);
std::string describe(std::string_view text);

/// `text` as a TOML basic string with its quotes; controls escaped.
std::string in_quotes(std::string_view text);

/// Whether `key` needs no quotes in TOML.
bool is_bare_key(std::string_view key);

}  // namespace uringd::config
