// Fuzzes Accept-Encoding and Accept. Properties, by RFC 9110 §12: a list means the same in one line and in several, in
// any case and with any white space around its commas; a well-formed list is read as a second reader reads it; the
// codings preferred are offered ones, accepted, each once, the best first; qualities are at most 1000.
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "fuzz.hpp"
#include "uringd/http/negotiate.hpp"

namespace {

using namespace uringd::http;
using uringd::fuzz::Input;
using uringd::fuzz::MadeRequest;

std::string lowered(std::string text) {
  for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return text;
}
std::string raised(std::string text) {
  for (char& c : text) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  return text;
}
std::string stripped(std::string text) {
  text.erase(0, text.find_first_not_of(" \t"));
  text.erase(text.find_last_not_of(" \t") + 1);
  return text;
}

/// A qvalue (§12.4.2), in thousandths.
std::optional<unsigned> weight(const std::string& text) {
  const std::string whole = text.substr(0, 1), rest = text.substr(std::min<size_t>(1, text.size()));
  if ((whole != "0" && whole != "1") || rest.size() > 4 || (!rest.empty() && rest[0] != '.')) return std::nullopt;
  std::string decimals = rest.empty() ? "" : rest.substr(1);
  if (decimals.find_first_not_of(whole == "1" ? "0" : "0123456789") != std::string::npos) return std::nullopt;
  decimals.resize(3, '0');
  return whole == "1" ? 1000u : static_cast<unsigned>(std::stoi(decimals));
}

/// Accept-Encoding by the letter; nullopt where an element is not of the grammar.
std::optional<AcceptedCodings> strict_codings(const std::string& text) {
  constexpr std::array<const char*, 5> known = {"identity", "gzip", "zstd", "br", "*"};
  std::array<std::optional<unsigned>, 5> named;
  std::string element;
  for (char c : text + ",") {
    if (c != ',') {
      element += c;
      continue;
    }
    const std::string whole = lowered(stripped(element));
    element.clear();
    if (whole.empty()) continue;
    const size_t semicolon = whole.find(';');
    std::string name = stripped(whole.substr(0, semicolon));
    for (char letter : name) {
      if (!std::isalnum(static_cast<unsigned char>(letter)) && letter != '-' && letter != '*') return std::nullopt;
    }
    if (name.empty()) return std::nullopt;
    std::optional<unsigned> quality = 1000;
    if (semicolon != std::string::npos) {
      const std::string parameter = stripped(whole.substr(semicolon + 1));
      if (!parameter.starts_with("q=")) return std::nullopt;
      quality = weight(parameter.substr(2));
      if (!quality) return std::nullopt;
    }
    if (name == "x-gzip") name = "gzip";
    const auto at = static_cast<size_t>(std::ranges::find(known, name) - known.begin());
    if (at < known.size() && !named[at]) named[at] = quality;
  }
  AcceptedCodings result;
  for (size_t i = 1; i < coding_count; ++i) {
    result.quality[i] = static_cast<uint16_t>(named[i].value_or(named[4].value_or(0)));
  }
  result.quality[0] = static_cast<uint16_t>(named[0].value_or(named[4] == 0u ? 0 : 1));
  return result;
}

AcceptedCodings from_lines(const std::string& lines) {
  const MadeRequest request{"GET", lines};
  return accepted_codings(request.get());
}

void check_order(const AcceptedCodings& accepted, uint8_t seed) {
  std::vector<Coding> offered;
  for (int i = 0; i < seed % 5; ++i) offered.push_back(static_cast<Coding>((seed >> (i + 1)) % 4));
  const CodingOrder order = preferred_codings(accepted, offered);
  REQUIRE_THAT(order.count <= 3);
  auto quality = [&](Coding coding) { return accepted.quality[static_cast<size_t>(coding)]; };
  size_t welcome = 0;
  for (Coding coding : real_codings) {
    const bool wanted = quality(coding) > 0 && quality(coding) >= quality(Coding::identity);
    welcome += wanted && std::ranges::find(offered, coding) != offered.end() ? 1 : 0;
  }
  REQUIRE_THAT(order.count == welcome);
  for (size_t i = 0; i < order.count; ++i) {
    const Coding coding = order.codings[i];
    REQUIRE_THAT(coding != Coding::identity && std::ranges::find(offered, coding) != offered.end());
    REQUIRE_THAT(accepted.accepts(coding) && quality(coding) >= quality(Coding::identity));
    for (size_t j = 0; j < i; ++j) {
      REQUIRE_THAT(order.codings[j] != coding && quality(order.codings[j]) >= quality(coding));
      if (quality(order.codings[j]) != quality(coding)) continue;  // equal: in the order in which they were offered
      REQUIRE_THAT(std::ranges::find(offered, order.codings[j]) < std::ranges::find(offered, coding));
    }
  }
}

void check_codings(const std::string& text, uint8_t seed) {
  const AcceptedCodings accepted = accepted_codings(text);
  for (uint16_t quality : accepted.quality) REQUIRE_THAT(quality <= 1000);
  REQUIRE_THAT(accepted_codings(raised(text)).quality == accepted.quality);
  REQUIRE_THAT(accepted_codings(" ,\t" + text + " , ").quality == accepted.quality);
  if (const auto expected = strict_codings(text)) REQUIRE_THAT(expected->quality == accepted.quality);
  REQUIRE_THAT(from_lines("Accept-Encoding: " + text + "\r\n").quality == accepted.quality);
  if (const size_t comma = text.find(','); comma != std::string::npos) {
    const std::string lines =
        "Accept-Encoding: " + text.substr(0, comma) + "\r\nAccept-Encoding: " + text.substr(comma + 1) + "\r\n";
    REQUIRE_THAT(from_lines(lines).quality == accepted.quality);
  }
  check_order(accepted, seed);
}

void check_types(const std::string& text) {
  const MadeRequest one{"GET", "Accept: " + text + "\r\n"};
  const MadeRequest loud{"GET", "Accept: " + raised(text) + "\r\n"};
  for (const char* type : {"text/html", "application/json", "image/png"}) {
    const uint16_t quality = accepted_quality(one.get(), type);
    REQUIRE_THAT(quality <= 1000);
    if (text.find('"') == std::string::npos) REQUIRE_THAT(accepted_quality(loud.get(), type) == quality);
    const MadeRequest spaced{"GET", "Accept: , " + text + "\r\n"};
    REQUIRE_THAT(accepted_quality(spaced.get(), type) == quality);
    const MadeRequest first{"GET", "Accept: " + std::string{type} + ";q=0.125\r\nAccept: " + text + "\r\n"};
    REQUIRE_THAT(accepted_quality(first.get(), type) == 125);  // the most specific range, and named first
  }
  if (accepts_page(one.get())) REQUIRE_THAT(accepted_quality(one.get(), "text/html") > 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 1024) return 0;
  Input input{data, size};
  const uint8_t seed = input.byte();
  const std::string text = input.rest();
  if (!uringd::fuzz::is_field_value(text)) return 0;
  check_codings(text, seed);
  check_types(text);
  return 0;
}
