// Bodies read by means of our own: decoded with the codings' libraries (not the server's own wrappers), and JSON
// checked by its grammar. See cases_support.hpp. Pure.
#include <brotli/decode.h>
#include <libdeflate.h>
#include <zstd.h>

#include <algorithm>
#include <cstdint>
#include <memory>

#include "cases_support.hpp"

namespace uringd::testing {
namespace {

constexpr std::size_t kMostDecoded = std::size_t{8} << 20;

std::optional<std::string> brotli(const std::string& body) {
  std::string out(kMostDecoded, '\0');
  const std::unique_ptr<BrotliDecoderState, void (*)(BrotliDecoderState*)> state(
      BrotliDecoderCreateInstance(nullptr, nullptr, nullptr), BrotliDecoderDestroyInstance);
  std::size_t in_left = body.size();
  std::size_t out_left = out.size();
  const auto* in = reinterpret_cast<const std::uint8_t*>(body.data());
  auto* to = reinterpret_cast<std::uint8_t*>(out.data());
  if (BrotliDecoderDecompressStream(state.get(), &in_left, &in, &out_left, &to, nullptr) !=
      BROTLI_DECODER_RESULT_SUCCESS) {
    return {};
  }
  if (in_left != 0) return {};
  out.resize(out.size() - out_left);
  return out;
}

std::optional<std::string> gzip(const std::string& body) {
  std::string out(kMostDecoded, '\0');
  const std::unique_ptr<libdeflate_decompressor, void (*)(libdeflate_decompressor*)> reader(
      libdeflate_alloc_decompressor(), libdeflate_free_decompressor);
  std::size_t taken = 0;
  std::size_t size = 0;
  if (libdeflate_gzip_decompress_ex(reader.get(), body.data(), body.size(), out.data(), out.size(), &taken, &size) !=
      LIBDEFLATE_SUCCESS) {
    return {};
  }
  if (taken != body.size()) return {};
  out.resize(size);
  return out;
}

std::optional<std::string> zstd(const std::string& body) {
  if (ZSTD_findFrameCompressedSize(body.data(), body.size()) != body.size()) return {};
  std::string out(kMostDecoded, '\0');
  const std::size_t size = ZSTD_decompress(out.data(), out.size(), body.data(), body.size());
  if (ZSTD_isError(size)) return {};
  out.resize(size);
  return out;
}

// RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF.
bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t at) -> unsigned { return static_cast<unsigned char>(text[at]); };
    const unsigned lead = byte(i);
    const std::size_t length = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : lead >> 3 == 30 ? 4 : 0;
    if (length == 0 || i + length > text.size()) return false;
    std::uint32_t point = length == 1 ? lead : lead & (0xffU >> (length + 1));
    for (std::size_t k = 1; k < length; ++k) {
      if (byte(i + k) >> 6 != 2) return false;
      point = point << 6 | (byte(i + k) & 0x3f);
    }
    constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
    if (point < kLeast[length] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return false;
    i += length;
  }
  return true;
}

class Json {
 public:
  explicit Json(std::string_view text) : rest_(text) {}
  bool whole() { return value() && (space(), rest_.empty()); }

 private:
  void space() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size())); }
  bool take(std::string_view token) {
    space();
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }
  bool value() {
    space();
    if (rest_.empty()) return false;
    if (take("{")) return members('}', [this] { return string() && take(":") && value(); });
    if (take("[")) return members(']', [this] { return value(); });
    if (rest_.front() == '"') return string();
    return take("true") || take("false") || take("null") || number();
  }
  template <typename One>
  bool members(char end, const One& one) {
    const std::string_view last(&end, 1);
    if (take(last)) return true;
    do {
      if (!one()) return false;
    } while (take(","));
    return take(last);
  }
  bool number() {
    const std::size_t end = std::min(rest_.find_first_not_of("-0123456789"), rest_.size());
    const std::string_view digits = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return !digits.empty() && digits.find('-', 1) == digits.npos && digits != "-" &&
           (digits == "0" || !digits.starts_with("0"));
  }
  bool string() {
    if (!take("\"")) return false;
    for (; !rest_.empty(); rest_.remove_prefix(1)) {
      const char c = rest_.front();
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c == '"') return rest_.remove_prefix(1), true;
      if (c != '\\') continue;
      rest_.remove_prefix(1);
      if (rest_.starts_with('u')) {
        if (rest_.size() < 5 || rest_.substr(1, 4).find_first_not_of("0123456789abcdefABCDEF") != rest_.npos) {
          return false;
        }
        rest_.remove_prefix(4);
      } else if (rest_.empty() || std::string_view("\"\\/bfnrt").find(rest_.front()) == std::string_view::npos) {
        return false;
      }
    }
    return false;
  }

  std::string_view rest_;
};

}  // namespace

std::optional<std::string> decoded(std::string_view coding, const std::string& body) {
  if (coding.empty()) return body;
  if (coding == "br") return brotli(body);
  if (coding == "gzip") return gzip(body);
  if (coding == "zstd") return zstd(body);
  return {};
}

bool is_json(std::string_view text) { return is_utf8(text) && Json(text).whole(); }

}  // namespace uringd::testing
