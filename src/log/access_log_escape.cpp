// Escaping: blocks of 16 bytes without anything to escape are copied as they are; in any other block, and at the end,
// one character after the other is judged. The block test is written with g++'s vector types, which become SSE2 or
// NEON.
#include "access_log_escape.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace uringd::log {
namespace {

using Block = unsigned char __attribute__((vector_size(16)));
static_assert(sizeof(Block) == escape_slack);
using Halves = uint64_t __attribute__((vector_size(16)));

constexpr std::string_view upper_digits = "0123456789ABCDEF", lower_digits = "0123456789abcdef";

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

bool any(Block flags) {
  const auto halves = reinterpret_cast<Halves>(flags);
  return (halves[0] | halves[1]) != 0;
}

// --- what may stand as it is: bytes from 32 to 126 but the quote and the backslash, in both formats
// -------------------

bool plain(unsigned char byte) { return byte >= 0x20 && byte <= 0x7e && byte != '"' && byte != '\\'; }

bool all_plain(Block block) {
  // One comparison for both ends: 32 to 126 become 0 to 94, everything else wraps to above.
  return !any(reinterpret_cast<Block>((block - 0x20 > 0x7e - 0x20) | (block == '"') | (block == '\\')));
}

/// Copies blocks as long as they are plain.
void copy_plain_blocks(const unsigned char*& from, const unsigned char* end, char*& out) {
  while (end - from >= static_cast<ptrdiff_t>(sizeof(Block))) {
    Block block;
    std::memcpy(&block, from, sizeof block);
    if (!all_plain(block)) return;
    std::memcpy(out, &block, sizeof block);
    from += sizeof block;
    out += sizeof block;
  }
}

/// How many characters are judged one by one before blocks are tried again.
const unsigned char* end_of_slow(const unsigned char* from, const unsigned char* end) {
  return end - from < static_cast<ptrdiff_t>(sizeof(Block)) ? end : from + sizeof(Block);
}

char* put(char* out, std::string_view text) {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

// --- UTF-8, RFC 3629 §4 --------------------------------------------------------------------------------------------

bool follows(unsigned char byte) { return (byte & 0xc0) == 0x80; }

/// The size of the character of two to four bytes at `from`; 0 if it is none: cut short, longer than it need be, a
/// surrogate, beyond U+10FFFF.
size_t character_bytes(const unsigned char* from, size_t left) {
  const unsigned char first = from[0];
  if (first < 0xc2 || first > 0xf4 || left < 2) return 0;
  if (first < 0xe0) return follows(from[1]) ? 2 : 0;
  if (first < 0xf0) {
    const unsigned char lowest = first == 0xe0 ? 0xa0 : 0x80, highest = first == 0xed ? 0x9f : 0xbf;
    return left >= 3 && from[1] >= lowest && from[1] <= highest && follows(from[2]) ? 3 : 0;
  }
  const unsigned char lowest = first == 0xf0 ? 0x90 : 0x80, highest = first == 0xf4 ? 0x8f : 0xbf;
  return left >= 4 && from[1] >= lowest && from[1] <= highest && follows(from[2]) && follows(from[3]) ? 4 : 0;
}

// --- JSON: one character and what becomes of it ----------------------------------------------------------------------

struct Character {
  size_t bytes = 1;   // of the text
  size_t cost = 1;    // in the line
  unsigned code = 0;  // of \uXXXX, where cost is 6
};

Character json_character(const unsigned char* from, size_t left) {
  const unsigned char byte = *from;
  if (plain(byte)) return {};
  if (byte == '"' || byte == '\\') return {.cost = 2};
  if (byte < 0x80) return {.cost = most_json_growth, .code = byte};
  const size_t bytes = character_bytes(from, left);
  if (bytes == 0) return {.cost = most_json_growth, .code = 0xfffd};
  if (byte == 0xc2 && from[1] < 0xa0) return {.bytes = 2, .cost = most_json_growth, .code = from[1]};
  return {.bytes = bytes, .cost = bytes};
}

char* put_json(char* out, const unsigned char* from, Character character) {
  if (character.cost == character.bytes) {
    std::memcpy(out, from, character.bytes);
    return out + character.bytes;
  }
  *out++ = '\\';
  if (character.cost == 2) {
    *out++ = static_cast<char>(*from);
    return out;
  }
  *out++ = 'u';
  for (int shift = 12; shift >= 0; shift -= 4) *out++ = lower_digits[character.code >> shift & 0xf];
  return out;
}

}  // namespace

char* escape_combined(char* out, std::string_view text) {
  const unsigned char* from = bytes_of(text);
  const unsigned char* const end = from + text.size();
  while (from != end) {
    copy_plain_blocks(from, end, out);
    for (const unsigned char* const stop = end_of_slow(from, end); from != stop; ++from) {
      if (plain(*from)) {
        *out++ = static_cast<char>(*from);
      } else {
        out = put(out, "\\x");
        *out++ = upper_digits[*from >> 4];
        *out++ = upper_digits[*from & 0xf];
      }
    }
  }
  return out;
}

char* escape_json(char* out, std::string_view text) {
  const unsigned char* from = bytes_of(text);
  const unsigned char* const end = from + text.size();
  while (from != end) {
    copy_plain_blocks(from, end, out);
    for (const unsigned char* const stop = end_of_slow(from, end); from < stop;) {
      if (plain(*from)) {
        *out++ = static_cast<char>(*from++);
        continue;
      }
      const Character character = json_character(from, static_cast<size_t>(end - from));
      out = put_json(out, from, character);
      from += character.bytes;
    }
  }
  return out;
}

Prefix combined_prefix(std::string_view text, size_t budget) {
  Prefix prefix;
  for (; prefix.bytes < text.size(); ++prefix.bytes) {
    const size_t cost = plain(bytes_of(text)[prefix.bytes]) ? 1 : most_combined_growth;
    if (cost > budget - prefix.cost) break;
    prefix.cost += cost;
  }
  return prefix;
}

Prefix json_prefix(std::string_view text, size_t budget) {
  Prefix prefix;
  while (prefix.bytes < text.size()) {
    const Character next = json_character(bytes_of(text) + prefix.bytes, text.size() - prefix.bytes);
    if (next.cost > budget - prefix.cost) break;
    prefix.bytes += next.bytes;
    prefix.cost += next.cost;
  }
  return prefix;
}

Prefix plain_prefix(std::string_view text, size_t budget) {
  const size_t bytes = std::min(text.size(), budget);
  return {.bytes = bytes, .cost = bytes};
}

}  // namespace uringd::log
