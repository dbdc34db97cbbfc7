// Lists are read from their right end, a quoted string too: each proxy appends, so that what is read first was written
// by the nearest one, and no client can open a quote or a comment in front that swallows it.
#include "uringd/http/forwarded.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include "characters.hpp"
#include "uringd/base/check.hpp"

namespace uringd::http {
namespace {

constexpr size_t most_hops = 64;
constexpr size_t most_node_bytes = 127;  // an address and a port take 53; an obfuscated port has no bound
constexpr std::string_view forwarded_proto = "x-forwarded-proto";

/// A part of a Forwarded element's value as it was sent: a quoted string's inside, with its backslashes.
struct Element {
  std::optional<std::string_view> node, proto;  // for=, proto=
};

/// The last lines of a list field that have an element; more than one hop each, so that no earlier one matters.
class LastLines {
 public:
  LastLines(const Request& request, Field field) {
    for (auto line = request.field(field); line; line = request.next_line(field, *line)) {
      if (line->find_first_not_of(", \t") != std::string_view::npos) lines_[count_++ % most_hops] = *line;
      if (!request.repeated(field)) break;
    }
  }
  /// The `index`th from the end, while there is one.
  std::optional<std::string_view> from_end(size_t index) const {
    if (index >= std::min(count_, most_hops)) return std::nullopt;
    return lines_[(count_ - 1 - index) % most_hops];
  }

 private:
  std::array<std::string_view, most_hops> lines_;
  size_t count_ = 0;
};

/// Where the last comma outside quoted strings is. A quote with an odd number of backslashes before it is one of the
/// string's characters: what stands before the string's first quote is never a backslash.
size_t last_comma(std::string_view list) {
  bool inside = false;
  for (size_t at = list.size(); at-- > 0;) {
    if (list[at] == '"') {
      size_t before = at;
      while (before > 0 && list[before - 1] == '\\') --before;
      if ((at - before) % 2 == 0) inside = !inside;
    } else if (list[at] == ',' && !inside) {
      return at;
    }
  }
  return std::string_view::npos;
}

/// Cuts the last element off, trimmed; "" where two commas stand together (RFC 9110 §5.6.1.2). X-Forwarded-For has no
/// strings, but neither has it an address with a quote.
std::string_view take_last(std::string_view& list) {
  const size_t comma = last_comma(list);
  if (comma == std::string_view::npos) return trim(std::exchange(list, {}));
  const std::string_view element = trim(list.substr(comma + 1));
  list = list.substr(0, comma);
  return element;
}

/// RFC 7239 §6.2: 1 to 5 digits, or "_" and the characters of an obfuscated one.
bool is_node_port(std::string_view text) {
  if (!text.starts_with('_')) return !text.empty() && text.size() <= 5 && std::ranges::all_of(text, is_digit);
  text.remove_prefix(1);
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || c == '.' || c == '_' || c == '-';
  });
}

/// "192.0.2.1", "192.0.2.1:80", "[2001:db8::1]", "[2001:db8::1]:80" (RFC 7239 §6), and a bare "2001:db8::1", as
/// X-Forwarded-For has it; nullopt: anything else, such as "unknown" and "_hidden".
std::optional<IpAddress> parse_node(std::string_view text) {
  if (text.size() > most_node_bytes) return std::nullopt;
  std::string_view address = text, rest;
  const bool bracketed = text.starts_with('[');
  if (bracketed) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    address = text.substr(1, end - 1);
    rest = text.substr(end + 1);
  } else if (const size_t colon = text.find(':'); colon != std::string_view::npos && colon == text.rfind(':')) {
    address = text.substr(0, colon);
    rest = text.substr(colon);
  }
  if (!rest.empty() && (rest[0] != ':' || !is_node_port(rest.substr(1)))) return std::nullopt;
  if (bracketed && !address.contains(':')) return std::nullopt;
  return IpAddress::parse(address);
}

/// The same of the inside of a quoted string, whose backslashes each stand before a character that is meant.
std::optional<IpAddress> parse_quoted_node(std::string_view text) {
  if (!text.contains('\\')) return parse_node(text);
  std::array<char, most_node_bytes + 1> plain;
  size_t size = 0;
  for (size_t at = 0; at < text.size() && size < plain.size(); ++at) {
    if (text[at] == '\\') ++at;
    CHECK(at < text.size());  // or the string would not have ended there
    plain[size++] = text[at];
  }
  return parse_node({plain.data(), size});
}

/// Cuts a token or the inside of a quoted string off the front. An unquoted value may have the colons and brackets that
/// RFC 7239 §6 wants quoted: they are seen.
std::optional<std::string_view> take_value(std::string_view& text) {
  size_t end = 0;
  if (text.starts_with('"')) {
    for (end = 1; end < text.size() && text[end] != '"'; ++end) end += text[end] == '\\' ? 1 : 0;
    if (end >= text.size()) return std::nullopt;
    const std::string_view inside = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
    return inside;
  }
  while (end < text.size() && (is_class(text[end], token_char) || std::string_view(":[]").contains(text[end]))) ++end;
  const std::string_view value = text.substr(0, end);
  text.remove_prefix(end);
  if (value.empty()) return std::nullopt;
  return value;
}

/// RFC 7239 §4: pairs with ";" between them, white space around it is let pass. An element that is not so, or that has
/// a parameter twice, says nothing.
Element parse_element(std::string_view text) {
  Element element;
  while (!(text = trim(text)).empty()) {
    if (text.front() == ';') {
      text.remove_prefix(1);
      continue;
    }
    size_t end = 0;
    while (end < text.size() && is_class(text[end], token_char)) ++end;
    const std::string_view name = text.substr(0, end);
    if (name.empty() || end == text.size() || text[end] != '=') return {};
    text.remove_prefix(end + 1);
    const auto value = take_value(text);
    text = trim(text);
    if (!value || !(text.empty() || text.front() == ';')) return {};
    for (auto [known, part] : {std::pair{std::string_view{"for"}, &element.node}, {"proto", &element.proto}}) {
      if (!equals_folded(name, known)) continue;
      if (*part) return {};
      *part = value;
    }
  }
  return element;
}

Scheme scheme_of(std::string_view text) {
  if (equals_folded(text, "https")) return Scheme::https;
  if (equals_folded(text, "http")) return Scheme::http;
  return Scheme::unknown;
}

/// What X-Forwarded-Proto says last.
Scheme forwarded_scheme(const Request& request) {
  std::string_view said;
  for (auto line = request.find(forwarded_proto); line; line = request.find_next(forwarded_proto, *line)) {
    for (std::string_view rest = *line; !rest.empty();) {
      const std::string_view value = take_last(rest);
      if (value.empty()) continue;
      said = value;
      break;
    }
  }
  return scheme_of(said);
}

/// Goes from hop to hop, to the first that is not trusted or that names nobody. `elements`: of Forwarded; else bare
/// nodes.
Client walk(const LastLines& lines, bool elements, const IpAddress& peer, const CidrSet& trusted) {
  Client client{.address = peer, .scheme = Scheme::unknown};
  size_t hops = 0;
  for (size_t index = 0; const auto line = lines.from_end(index); ++index) {
    for (std::string_view rest = *line; !rest.empty();) {
      const std::string_view text = take_last(rest);
      if (text.empty()) continue;
      const Element element = elements ? parse_element(text) : Element{.node = text, .proto = {}};
      if (hops == 0 && element.proto) client.scheme = scheme_of(*element.proto);
      const auto address =
          element.node ? elements ? parse_quoted_node(*element.node) : parse_node(*element.node) : std::nullopt;
      if (!address) return client;
      client.address = *address;
      if (++hops == most_hops || !trusted.contains(*address)) return client;
    }
  }
  return client;
}

}  // namespace

Client client_of(const Request& request, const IpAddress& peer, const CidrSet& trusted) {
  if (!trusted.contains(peer)) return {.address = peer, .scheme = Scheme::unknown};
  const bool listed = request.field(Field::x_forwarded_for).has_value();
  Client bare = walk({request, Field::x_forwarded_for}, false, peer, trusted);
  bare.scheme = forwarded_scheme(request);
  if (!request.field(Field::forwarded)) return bare;
  Client client = walk({request, Field::forwarded}, true, peer, trusted);
  if (listed && client.address != bare.address) client.address = peer;
  if (client.scheme == Scheme::unknown) {
    client.scheme = bare.scheme;
  } else if (bare.scheme != Scheme::unknown && bare.scheme != client.scheme) {
    client.scheme = Scheme::unknown;
  }
  return client;
}

}  // namespace uringd::http
