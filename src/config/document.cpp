// TOML text to a Document. The only file that includes toml++ (heavy: one translation unit pays for it); what it throws
// ends here. Before the parser sees a text, a small scanner follows strings, comments and brackets for three things
// that toml++ 3.3 does not survive: `a.a.a.a…` (it bounds nested brackets, not dots; a megabyte is half a million
// nested tables), a header that begins with what no key begins with (`[#`: an assertion, or undefined with NDEBUG), and
// some letters beyond ASCII outside strings (U+01E8: its table of letters reaches a place marked unreachable).
#include "document.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <sstream>

// toml++ turns its assertions into assumptions where NDEBUG is set; hostile text reaches some of them. Here they are
// exceptions in every build.
#undef NDEBUG
namespace uringd::config {
struct ParserAssertion {};
}  // namespace uringd::config
#define TOML_ASSERT(condition) ((condition) ? static_cast<void>(0) : throw ::uringd::config::ParserAssertion{})
#define TOML_EXCEPTIONS 1
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 1
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wterminate"  // in its noexcept functions an assertion still ends the process
#endif
#include <toml++/toml.h>
#pragma GCC diagnostic pop

namespace uringd::config {
namespace {

constexpr std::size_t dots_per_statement = 256;

/// Follows TOML's lexical shape far enough to know where statements begin and which dots stand in keys. In step with
/// the parser up to the first syntax error, where the parser stops anyway.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  /// The first place that the parser must not see.
  std::optional<SyntaxError> refuse() {
    while (index_ < text_.size()) {
      const char byte = text_[index_];
      if (at_statement_ && byte == '[') {
        at_statement_ = false;
        if (!header_begins_well()) return SyntaxError{{line_, column()}, "expected a table's name after ["};
      }
      if (byte != ' ' && byte != '\t') at_statement_ = false;
      if (byte == '"' || byte == '\'') {
        skip_string(byte);
        continue;
      }
      if (byte == '#') {
        skip_comment();
        continue;
      }
      if (static_cast<signed char>(byte) < 0) {
        return SyntaxError{{line_, column()}, "only strings and comments may hold letters beyond ASCII"};
      }
      if (byte == '[' || byte == '{') ++brackets_;
      if ((byte == ']' || byte == '}') && brackets_ > 0) --brackets_;
      if (byte == '\n') end_line();
      if (byte == '.' && ++dots_ > dots_per_statement) {
        return SyntaxError{{line_, 1}, "nested too deeply; expected at most 256 dots in one statement"};
      }
      ++index_;
    }
    return std::nullopt;
  }

 private:
  void next_line() {
    ++line_;
    line_start_ = index_ + 1;
  }

  void end_line() {
    next_line();
    if (brackets_ > 0) return;
    dots_ = 0;
    at_statement_ = true;
  }

  /// In code points: continuation bytes (10xxxxxx) do not count.
  [[nodiscard]] std::uint32_t column() const {
    const auto before = text_.substr(line_start_, index_ - line_start_);
    return 1 + static_cast<std::uint32_t>(
                   std::ranges::count_if(before, [](char byte) { return (byte & '\xC0') != '\x80'; }));
  }

  /// From the "[" at index_: whether a name, or a "]" that the parser has words for, follows "[" or "[[".
  [[nodiscard]] bool header_begins_well() const {
    std::size_t next = index_ + 1;
    if (next < text_.size() && text_[next] == '[') ++next;
    while (next < text_.size() && (text_[next] == ' ' || text_[next] == '\t')) ++next;
    if (next == text_.size()) return false;
    return is_bare_key(text_.substr(next, 1)) || text_[next] == '"' || text_[next] == '\'' || text_[next] == ']' ||
           text_[next] == '[';
  }

  void skip_comment() {
    while (index_ < text_.size() && text_[index_] != '\n') ++index_;
  }

  void skip_string(char quote) {
    const std::string triple(3, quote);
    const bool multi_line = text_.substr(index_).starts_with(triple);
    index_ += multi_line ? 3 : 1;
    while (index_ < text_.size()) {
      const char byte = text_[index_];
      if (byte == '\n' && !multi_line) return;  // an error of the parser's to tell
      if (byte == '\n') next_line();
      if (byte == '\\' && quote == '"' && index_ + 1 < text_.size() && text_[index_ + 1] != '\n') {
        index_ += 2;
        continue;
      }
      if (byte == quote && !multi_line) {
        ++index_;
        return;
      }
      if (byte == quote && text_.substr(index_).starts_with(triple)) {
        // Up to two more quotes belong to the string: """a""""" ends in two.
        index_ += 3;
        for (int extra = 0; extra < 2 && index_ < text_.size() && text_[index_] == quote; ++extra) ++index_;
        return;
      }
      ++index_;
    }
  }

  std::string_view text_;
  std::size_t index_ = 0;
  std::size_t line_start_ = 0;
  std::uint32_t line_ = 1;
  bool at_statement_ = true;  // nothing but spaces since the line began, outside brackets
  std::size_t brackets_ = 0;
  std::size_t dots_ = 0;
};

Position position_of(const toml::source_region& region) {
  return {static_cast<std::uint32_t>(region.begin.line), static_cast<std::uint32_t>(region.begin.column)};
}

template <typename Node>
std::string text_of(const Node& node) {
  std::ostringstream out;
  out.imbue(std::locale::classic());
  out << node;
  return out.str();
}

Value convert(const toml::node& node);

Table convert(const toml::table& table) {
  Table entries;
  entries.reserve(table.size());
  for (const auto& [key, node] : table) {
    Value value = convert(node);
    Position at = position_of(key.source());
    if (at.line == 0) at = value.at;
    entries.push_back({std::string(key.str()), at, std::move(value)});
  }
  std::ranges::stable_sort(entries, {}, &Entry::at);  // toml++ keeps a map; people read from top to bottom
  return entries;
}

Value convert(const toml::node& node) {
  Value value;
  value.at = position_of(node.source());
  if (const auto* table = node.as_table()) {
    value.data = convert(*table);
  } else if (const auto* array = node.as_array()) {
    Array elements;
    elements.reserve(array->size());
    for (const toml::node& element : *array) elements.push_back(convert(element));
    value.data = std::move(elements);
  } else if (const auto* string = node.as_string()) {
    value.data = string->get();
  } else if (const auto* integer = node.as_integer()) {
    value.data = integer->get();
  } else if (const auto* number = node.as_floating_point()) {
    value.data = number->get();
  } else if (const auto* boolean = node.as_boolean()) {
    value.data = boolean->get();
  } else if (const auto* date = node.as_date()) {
    value.data = Date{text_of(date->get())};
  } else if (const auto* time = node.as_time()) {
    value.data = Date{text_of(time->get())};
  } else if (const auto* date_time = node.as_date_time()) {
    value.data = Date{text_of(date_time->get())};
  }
  return value;
}

std::string one_line(std::string_view text) {
  std::string line(text);
  for (char& byte : line) {
    if (static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f) byte = ' ';
  }
  return line;
}

std::string number_text(double number) {
  char buffer[64];
  const auto [end, error] = std::to_chars(std::begin(buffer), std::end(buffer), number);
  return error == std::errc{} ? std::string(buffer, end) : "a number";
}

}  // namespace

std::expected<Table, SyntaxError> parse_document(std::string_view text) {
  if (const std::size_t nul = text.find('\0'); nul != text.npos) {
    const auto line = static_cast<std::uint32_t>(1 + std::ranges::count(text.substr(0, nul), '\n'));
    return std::unexpected(SyntaxError{{line, 1}, "a NUL byte; expected a TOML text file"});
  }
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  if (auto refused = Scanner(text).refuse()) return std::unexpected(std::move(*refused));
  try {
    return convert(toml::parse(text));
  } catch (const toml::parse_error& error) {
    return std::unexpected(SyntaxError{position_of(error.source()), one_line(error.description())});
  } catch (const ParserAssertion&) {
    return std::unexpected(SyntaxError{{}, "text that the TOML parser cannot place"});
  }
}

std::string in_quotes(std::string_view text) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string out = "\"";
  for (const char byte : text) {
    const auto code = static_cast<unsigned char>(byte);
    if (byte == '"' || byte == '\\') {
      out += '\\';
      out += byte;
    } else if (code < 0x20 || code == 0x7f) {
      out += "\\u00";
      out += hex[code >> 4];
      out += hex[code & 15];
    } else {
      out += byte;
    }
  }
  return out + '"';
}

std::string describe(std::string_view text) {
  constexpr std::size_t shown = 60;
  if (text.size() <= shown) return in_quotes(text);
  std::size_t cut = shown;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;  // never half a code point
  return in_quotes(text.substr(0, cut)) + "… (" + std::to_string(text.size()) + " bytes)";
}

std::string describe(const Value& value) {
  if (const auto* text = value.as<std::string>()) return describe(std::string_view(*text));
  if (const auto* integer = value.as<std::int64_t>()) return std::to_string(*integer);
  if (const auto* number = value.as<double>()) return number_text(*number);
  if (const auto* boolean = value.as<bool>()) return *boolean ? "true" : "false";
  if (const auto* date = value.as<Date>()) return "the date " + date->text;
  return value.as<Array>() ? "an array" : "a table";
}

bool is_bare_key(std::string_view key) {
  return !key.empty() && std::ranges::all_of(key, [](char byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           byte == '_' || byte == '-';
  });
}

}  // namespace uringd::config
