// Proactive negotiation: lists of names with weights. Each field is read element by element, over all its lines; an
// element that is not what the grammar says is dropped and the rest stands. What was named first stays, so a client
// cannot be made to say two things. Accept is cut outside quoted strings, Accept-Encoding has none. Nothing allocates.
#include "uringd/http/negotiate.hpp"

#include <algorithm>
#include <optional>

#include "characters.hpp"

namespace uringd::http {
namespace {

constexpr uint16_t full = 1000;  // the quality of what comes without a weight (RFC 9110 §12.4.2)

/// Calls `read` with each line of the field, as one list (RFC 9110 §5.3).
template <typename Read>
void for_each_line(const Request& request, Field field, Read read) {
  std::optional<std::string_view> line = request.field(field);
  while (line) {
    read(*line);
    line = request.repeated(field) ? request.next_line(field, *line) : std::nullopt;
  }
}

/// A qvalue in thousandths: 0 or 1, with up to three decimals, those of 1 being zeros (RFC 9110 §12.4.2).
std::optional<uint16_t> parse_qvalue(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return std::nullopt;
  if (text.size() > 1 && text[1] != '.') return std::nullopt;
  unsigned thousandths = text[0] == '1' ? full : 0;
  unsigned place = 100;
  for (const char digit : text.substr(std::min<size_t>(2, text.size()))) {
    if (!is_digit(digit)) return std::nullopt;
    thousandths += static_cast<unsigned>(digit - '0') * place;
    place /= 10;
  }
  if (thousandths > full) return std::nullopt;
  return static_cast<uint16_t>(thousandths);
}

/// "q=0.5"; no white space belongs inside, and names of parameters have no case (RFC 9110 §5.6.6).
std::optional<uint16_t> parse_weight(std::string_view parameter) {
  if (parameter.size() < 2 || lower(parameter[0]) != 'q' || parameter[1] != '=') return std::nullopt;
  return parse_qvalue(parameter.substr(2));
}

// --- Accept-Encoding ---

constexpr size_t wildcard = coding_count, unknown_coding = coding_count + 1;

/// The index of a coding, `wildcard`, or `unknown_coding`.
size_t find_coding(std::string_view name) {
  if (name == "*") return wildcard;
  if (equals_folded(name, "gzip") || equals_folded(name, "x-gzip")) return static_cast<size_t>(Coding::gzip);
  if (equals_folded(name, "br")) return static_cast<size_t>(Coding::br);
  if (equals_folded(name, "zstd")) return static_cast<size_t>(Coding::zstd);
  if (equals_folded(name, "identity")) return static_cast<size_t>(Coding::identity);
  return unknown_coding;
}

/// What the elements read so far said, by coding and of "*".
class NamedCodings {
 public:
  void read(std::string_view line) {
    while (!line.empty()) read_element(take_element(line));
  }

  [[nodiscard]] AcceptedCodings accepted() const {
    AcceptedCodings result;
    for (const Coding coding : real_codings) {
      const auto index = static_cast<size_t>(coding);
      result.quality[index] = named_[index].value_or(named_[wildcard].value_or(0));
    }
    // "*" above 0 says nothing of identity, which is acceptable anyway (RFC 9110 §12.5.3): it stays the last resort.
    const uint16_t unnamed = named_[wildcard] == uint16_t{0} ? 0 : 1;
    result.quality[0] = named_[0].value_or(unnamed);
    return result;
  }

 private:
  void read_element(std::string_view element) {
    const size_t semicolon = element.find(';');
    const size_t coding = find_coding(trim(element.substr(0, semicolon)));
    if (coding == unknown_coding || named_[coding]) return;
    if (semicolon == std::string_view::npos) {
      named_[coding] = full;
    } else {
      named_[coding] = parse_weight(trim(element.substr(semicolon + 1)));
    }
  }

  std::array<std::optional<uint16_t>, coding_count + 1> named_;
};

// --- Accept ---

/// Cuts what stands before the next `separator` outside quoted strings (RFC 9110 §5.6.4) off `text`, trimmed. A quote
/// that is never closed reaches to the end.
std::string_view take_unquoted(std::string_view& text, char separator) {
  bool quoted = false;
  size_t end = 0;
  for (; end < text.size() && (quoted || text[end] != separator); ++end) {
    if (text[end] == '"') quoted = !quoted;
    if (quoted && text[end] == '\\') ++end;  // the next character stands for itself
  }
  const std::string_view part = trim(text.substr(0, end));
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return is_class(c, token_char); });
}

struct MediaRange {
  std::string_view type, subtype;  // "*" too
  uint16_t quality = full;
  bool with_parameters = false;  // others than the weight
};

/// One element of Accept; nullopt: it is none. A weight counts wherever it stands among the parameters, and a parameter
/// may be empty (RFC 9110 §12.5.1, §5.6.6).
std::optional<MediaRange> parse_media_range(std::string_view element) {
  MediaRange range;
  const std::string_view name = take_unquoted(element, ';');
  const size_t slash = name.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  range.type = name.substr(0, slash);
  range.subtype = name.substr(slash + 1);
  if (!is_token(range.type) || !is_token(range.subtype)) return std::nullopt;
  if (range.type == "*" && range.subtype != "*") return std::nullopt;
  bool weighted = false;
  while (!element.empty()) {
    const std::string_view parameter = take_unquoted(element, ';');
    if (parameter.empty()) continue;
    if (!equals_folded(parameter.substr(0, 2), "q=")) {
      range.with_parameters = true;
      continue;
    }
    const std::optional<uint16_t> quality = parse_weight(parameter);
    if (!quality || weighted) return std::nullopt;
    range.quality = *quality;
    weighted = true;
  }
  return range;
}

/// What Accept says of one media type: by its name, by its type, and of everything.
class NamedRanges {
 public:
  explicit NamedRanges(std::string_view media_type)
      : type_(media_type.substr(0, media_type.find('/'))),
        subtype_(media_type.substr(std::min(type_.size() + 1, media_type.size()))) {}

  void read(std::string_view line) {
    while (!line.empty()) {
      const std::optional<MediaRange> range = parse_media_range(take_unquoted(line, ','));
      if (range) add(*range);
    }
  }

  [[nodiscard]] std::optional<uint16_t> by_name() const { return exact_; }
  [[nodiscard]] uint16_t quality() const {
    if (!understood_) return full;  // as without the field: nothing was said
    if (exact_) return *exact_;
    return whole_type_ ? *whole_type_ : everything_.value_or(0);
  }

 private:
  void add(const MediaRange& range) {
    understood_ = true;
    if (range.with_parameters) return;
    std::optional<uint16_t>* slot = &everything_;
    if (range.type != "*") {
      if (!same(range.type, type_)) return;
      slot = range.subtype == "*" ? &whole_type_ : &exact_;
      if (slot == &exact_ && !same(range.subtype, subtype_)) return;
    }
    if (!*slot) *slot = range.quality;
  }

  static bool same(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, {}, lower, lower);  // RFC 9110 §8.3.1: names without case
  }

  std::string_view type_, subtype_;
  std::optional<uint16_t> exact_, whole_type_, everything_;
  bool understood_ = false;
};

}  // namespace

AcceptedCodings accepted_codings(const Request& request) {
  NamedCodings named;
  for_each_line(request, Field::accept_encoding, [&named](std::string_view line) { named.read(line); });
  return named.accepted();
}

AcceptedCodings accepted_codings(std::string_view value) {
  NamedCodings named;
  named.read(value);
  return named.accepted();
}

CodingOrder preferred_codings(const AcceptedCodings& accepted, std::span<const Coding> offered) {
  const auto quality = [&accepted](Coding coding) { return accepted.quality[static_cast<size_t>(coding)]; };
  CodingOrder order;
  CodingSet taken;
  for (const Coding coding : offered) {
    if (coding == Coding::identity || taken.has(coding)) continue;
    if (!accepted.accepts(coding) || quality(coding) < quality(Coding::identity)) continue;
    taken.add(coding);
    size_t place = order.count++;
    for (; place > 0 && quality(order.codings[place - 1]) < quality(coding); --place) {
      order.codings[place] = order.codings[place - 1];
    }
    order.codings[place] = coding;
  }
  return order;
}

uint16_t accepted_quality(const Request& request, std::string_view media_type) {
  NamedRanges named(media_type);
  for_each_line(request, Field::accept, [&named](std::string_view line) { named.read(line); });
  return named.quality();
}

bool accepts_page(const Request& request) {
  NamedRanges named("text/html");
  for_each_line(request, Field::accept, [&named](std::string_view line) { named.read(line); });
  return named.by_name().value_or(0) > 0;
}

}  // namespace uringd::http
