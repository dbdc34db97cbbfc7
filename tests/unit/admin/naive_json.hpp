// NaiveJson: a text of JSON taken apart, strictly: what RFC 8259 does not allow is no value. For tests.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace uringd::testing {

struct JsonValue {
  enum class Kind { null, boolean, number, string, list, object };
  Kind kind = Kind::null;
  double number = 0;  // of a boolean: 0 or 1
  std::string text;
  std::vector<JsonValue> list;
  std::vector<std::pair<std::string, JsonValue>> members;  // in their order

  /// The member, or one that is null.
  const JsonValue& operator[](std::string_view name) const {
    static const JsonValue none;
    for (const auto& [key, value] : members) {
      if (key == name) return value;
    }
    return none;
  }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& [key, value] : members) found.push_back(key);
    return found;
  }
};

class NaiveJson {
 public:
  /// Nothing: it is none.
  static std::optional<JsonValue> parse(std::string_view text) {
    NaiveJson parser(text);
    JsonValue value;
    if (!parser.value(value)) return {};
    parser.space();
    if (!parser.rest_.empty()) return {};
    return value;
  }

 private:
  explicit NaiveJson(std::string_view text) : rest_(text) {}
  void space() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size())); }
  bool take(std::string_view token) {
    space();
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }
  bool value(JsonValue& out) {
    using enum JsonValue::Kind;
    space();
    if (take("null")) return true;
    if (rest_.starts_with("true") || rest_.starts_with("false")) {
      out = {.kind = boolean, .number = rest_.front() == 't' ? 1.0 : 0.0};
      return take(rest_.front() == 't' ? "true" : "false");
    }
    if (rest_.starts_with('"')) {
      out.kind = string;
      return text(out.text);
    }
    if (take("[")) return elements(out);
    if (take("{")) return members(out);
    out.kind = number;
    return digits(out.number);
  }
  bool elements(JsonValue& out) {
    out.kind = JsonValue::Kind::list;
    if (take("]")) return true;
    do {
      if (!value(out.list.emplace_back())) return false;
    } while (take(","));
    return take("]");
  }
  bool members(JsonValue& out) {
    out.kind = JsonValue::Kind::object;
    if (take("}")) return true;
    do {
      space();
      std::string name;
      if (!text(name) || !take(":")) return false;
      if (out[name].kind != JsonValue::Kind::null) return false;  // twice
      JsonValue member;
      if (!value(member)) return false;
      out.members.emplace_back(std::move(name), std::move(member));
    } while (take(","));
    return take("}");
  }
  bool text(std::string& out) {
    if (!take("\"")) return false;
    while (!rest_.empty() && rest_.front() != '"') {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c == '\\' && !escape(out)) return false;
      if (c != '\\') out += c;
    }
    return take("\"");
  }
  bool escape(std::string& out) {
    constexpr std::string_view from = "\"\\/bfnrt", to = "\"\\/\b\f\n\r\t";
    if (rest_.empty()) return false;
    const size_t plain = from.find(rest_.front());
    if (plain != from.npos) {
      out += to[plain];
      rest_.remove_prefix(1);
      return true;
    }
    if (!rest_.starts_with("u00") || rest_.size() < 5) return false;  // ours are of one byte
    out += static_cast<char>(std::strtol(std::string(rest_.substr(3, 2)).c_str(), nullptr, 16));
    rest_.remove_prefix(5);
    return true;
  }
  bool digits(double& out) {
    const size_t size = std::min(rest_.find_first_not_of("+-.0123456789eE"), rest_.size());
    const std::string token(rest_.substr(0, size));
    const size_t first = token.starts_with('-') ? 1 : 0;
    if (token.size() == first || token[first] < '0' || token[first] > '9') return false;
    char* end = nullptr;
    out = std::strtod(token.c_str(), &end);
    rest_.remove_prefix(size);
    return *end == '\0';
  }

  std::string_view rest_;
};

}  // namespace uringd::testing
