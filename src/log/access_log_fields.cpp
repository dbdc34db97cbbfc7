// The access log's reading of fields. The user's name is decoded quantum by quantum (RFC 4648 §4), so that no length of
// the field asks for memory.
#include "access_log_fields.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "uringd/base/check.hpp"

namespace uringd::log {
namespace {

constexpr uint8_t no_digit = 0xff;

constexpr std::array<uint8_t, 256> base64_digits = [] {
  std::array<uint8_t, 256> digits{};
  digits.fill(no_digit);
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t value = 0; value < alphabet.size(); ++value) {
    digits[static_cast<unsigned char>(alphabet[value])] = static_cast<uint8_t>(value);
  }
  return digits;
}();

uint8_t digit(char character) { return base64_digits[static_cast<unsigned char>(character)]; }

/// What stands behind the scheme and its spaces; empty if the scheme is another.
std::string_view basic_credentials(std::string_view authorization) {
  constexpr std::string_view scheme = "basic ";
  if (authorization.size() < scheme.size()) return {};
  for (size_t i = 0; i < scheme.size(); ++i) {
    const char character = authorization[i];
    if ((character >= 'A' && character <= 'Z' ? character + ('a' - 'A') : character) != scheme[i]) return {};
  }
  authorization.remove_prefix(std::min(authorization.find_first_not_of(' ', scheme.size()), authorization.size()));
  return authorization;
}

}  // namespace

std::string_view user_of(std::string_view authorization, std::span<char> memory) {
  std::string_view encoded = basic_credentials(authorization);
  encoded = encoded.substr(0, encoded.find('='));
  const bool whole = std::ranges::all_of(encoded, [](char character) { return digit(character) != no_digit; });
  if (!whole || encoded.size() % 4 == 1) return {};
  size_t bytes = 0;
  uint32_t bits = 0;
  for (size_t i = 0; i < encoded.size(); ++i) {
    bits = bits << 6 | digit(encoded[i]);
    if (i % 4 == 0) continue;  // the first digit alone is no byte yet
    const char decoded = static_cast<char>(bits >> (6 - 2 * (i % 4)) & 0xff);
    if (decoded == ':') return {memory.data(), bytes};
    if (bytes < memory.size()) memory[bytes++] = decoded;
  }
  return {};
}

TargetParts parts_of(std::string_view target) {
  std::string_view path = target.substr(0, target.find('?'));
  const std::string_view query = target.substr(std::min(path.size() + 1, target.size()));
  constexpr std::string_view mark = "://";
  const size_t scheme = path.find(mark);
  if (!path.starts_with('/') && scheme != std::string_view::npos) {  // absolute-form
    path.remove_prefix(std::min(path.find('/', scheme + mark.size()), path.size()));
    if (path.empty()) path = "/";
  }
  return {.path = path, .query = query};
}

void cut_to(size_t budget, std::span<std::string_view* const> texts, PrefixOf prefix_of) {
  constexpr size_t most_texts = 12;
  CHECK(texts.size() <= most_texts);
  std::array<std::string_view*, most_texts> left{};
  size_t count = 0;
  for (std::string_view* text : texts) {
    if (!text->empty()) left[count++] = text;
  }
  // Those that fit into an even share keep all, and what they leave of it makes the others' share larger.
  for (bool some_fit = true; some_fit && count > 0;) {
    some_fit = false;
    const size_t share = budget / count;
    size_t kept = 0;
    for (size_t i = 0; i < count; ++i) {
      const Prefix prefix = prefix_of(*left[i], share);
      if (prefix.bytes < left[i]->size()) {
        left[kept++] = left[i];
      } else {
        budget -= prefix.cost;
        some_fit = true;
      }
    }
    count = kept;
  }
  for (size_t i = 0; i < count; ++i) *left[i] = left[i]->substr(0, prefix_of(*left[i], budget / count).bytes);
}

}  // namespace uringd::log
