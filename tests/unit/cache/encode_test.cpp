// Encode: what comes out is decoded by the libraries' own decoders, and the bytes that RFC 1952 and RFC 8878 promise to
// a client are looked at one by one. Bodies are compared in double parentheses: doctest would print a mebibyte.
#include "uringd/cache/encode.hpp"

#include <brotli/decode.h>
#include <doctest/doctest.h>
#include <libdeflate.h>
#include <sys/resource.h>
#include <zstd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "../death.hpp"
#include "../random.hpp"

namespace uringd::cache {
namespace {

using http::Coding;

constexpr Effort efforts[] = {Effort::quick, Effort::best};
constexpr size_t any_size = size_t{1} << 40;

/// Text as a page has it: few words, in an order that never repeats.
std::string page(size_t size) {
  constexpr std::string_view words[] = {"<div class=\"", "item\">", "</div>\n", "ring ",  "worker ", "connection ",
                                        "<a href=\"/",   "\">",     "</a>, ",   "entry ", "the ",    "of "};
  testing::Random random(size);
  std::string text;
  while (text.size() < size) {
    text += words[random.below(std::size(words))];
    if (random.below(4) == 0) text += std::to_string(random.below(1000));
  }
  text.resize(size);
  return text;
}

std::string noise(size_t size) {
  testing::Random random(size);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.below(256));
  return bytes;
}

/// The body, or what went wrong. `size` is known to the test.
std::string decoded(std::string_view copy, Coding coding, size_t size) {
  std::string body(size + 1, '\0');  // one more: a longer body is seen
  size_t got = 0;
  if (coding == Coding::gzip) {
    const std::unique_ptr<libdeflate_decompressor, void (*)(libdeflate_decompressor*)> decompressor{
        libdeflate_alloc_decompressor(), libdeflate_free_decompressor};
    size_t used = 0;
    const auto result = libdeflate_gzip_decompress_ex(decompressor.get(), copy.data(), copy.size(), body.data(),
                                                      body.size(), &used, &got);
    if (result != LIBDEFLATE_SUCCESS || used != copy.size()) return "not one gzip member";
  } else if (coding == Coding::br) {
    got = body.size();
    const auto result = BrotliDecoderDecompress(copy.size(), reinterpret_cast<const uint8_t*>(copy.data()), &got,
                                                reinterpret_cast<uint8_t*>(body.data()));
    if (result != BROTLI_DECODER_RESULT_SUCCESS) return "not brotli";
  } else {
    if (ZSTD_findFrameCompressedSize(copy.data(), copy.size()) != copy.size()) return "not one zstd frame";
    got = ZSTD_decompress(body.data(), body.size(), copy.data(), copy.size());
    if (ZSTD_isError(got)) return "not zstd";
  }
  body.resize(got);
  return body;
}

unsigned byte(std::string_view bytes, size_t index) { return static_cast<unsigned char>(bytes.at(index)); }

/// What RFC 8878 §3.1.1.1 has in front of a frame.
struct ZstdHeader {
  unsigned magic = 0, descriptor = 0;
  uint64_t window = 0;
};

ZstdHeader zstd_header(std::string_view frame) {
  ZstdHeader header;
  for (size_t i = 0; i < 4; ++i) header.magic |= byte(frame, i) << 8 * i;
  header.descriptor = byte(frame, 4);
  if ((header.descriptor & 0x20) != 0) {  // a single segment: the window is the content
    header.window = ZSTD_getFrameContentSize(frame.data(), frame.size());
  } else {
    const uint64_t base = uint64_t{1} << (10 + (byte(frame, 5) >> 3));
    header.window = base + base / 8 * (byte(frame, 5) & 7);
  }
  return header;
}

TEST_CASE("a copy decodes to the body it was made of, whatever its size (RFC 1952, RFC 7932, RFC 8878)") {
  for (const size_t size : {0, 1, 2, 256, 1024, 16384, 65535, 65536, 65537, 300'000}) {
    for (const Effort effort : efforts) {
      for (const Coding coding : http::real_codings) {
        CAPTURE(size);
        CAPTURE(http::coding_name(coding));
        const std::string body = page(size);
        const auto copy = encode(body, coding, effort, true, any_size);
        REQUIRE(copy);
        CHECK((decoded(*copy, coding, size) == body));
      }
    }
  }
}

TEST_CASE("a copy of bytes that are no text decodes too, with and without the hint") {
  std::string body = noise(5000) + page(5000) + std::string(5000, '\0');
  for (const bool text : {false, true}) {
    for (const Effort effort : efforts) {
      for (const Coding coding : http::real_codings) {
        const auto copy = encode(body, coding, effort, text, body.size());
        REQUIRE(copy);
        CHECK((decoded(*copy, coding, body.size()) == body));
      }
    }
  }
}

TEST_CASE("a body of 1 MiB is encoded at the best effort, a larger one as quickly as others") {
  const std::string body = page((size_t{1} << 20) + 1);
  const std::span<const char> whole_mebibyte = std::span{body}.first(size_t{1} << 20);
  for (const Coding coding : {Coding::gzip, Coding::zstd}) {  // br as well, but it takes seconds under ASan
    const auto best = encode(whole_mebibyte, coding, Effort::best, true, any_size);
    const auto quick = encode(whole_mebibyte, coding, Effort::quick, true, any_size);
    REQUIRE(best);
    REQUIRE(quick);
    CHECK(best->size() < quick->size());
    CHECK((decoded(*best, coding, whole_mebibyte.size()) == std::string_view(body).substr(0, whole_mebibyte.size())));
  }
  for (const Coding coding : http::real_codings) {
    const auto best = encode(body, coding, Effort::best, true, any_size);
    REQUIRE(best);
    CHECK((*best == encode(body, coding, Effort::quick, true, any_size)));
    CHECK((decoded(*best, coding, body.size()) == body));
  }
}

TEST_CASE("text becomes a fraction, and the better effort makes less of it") {
  const std::string body = page(16384);
  for (const Coding coding : http::real_codings) {
    CAPTURE(http::coding_name(coding));
    const auto quick = encode(body, coding, Effort::quick, true, any_size);
    const auto best = encode(body, coding, Effort::best, true, any_size);
    REQUIRE(quick);
    REQUIRE(best);
    CHECK(quick->size() < body.size() / 2);
    CHECK(best->size() < quick->size());
    CHECK(best->capacity() < best->size() + 64);
  }
}

TEST_CASE("what does not become smaller has no copy") {
  for (const size_t size : {1, 256, 16384}) {
    const std::string body = noise(size);
    for (const Effort effort : efforts) {
      for (const Coding coding : http::real_codings) CHECK_FALSE(encode(body, coding, effort, false, size).has_value());
    }
  }
}

TEST_CASE("a copy has most_bytes at most, and is the same whatever that was") {
  const std::string body = page(3000);
  for (const Effort effort : efforts) {
    for (const Coding coding : http::real_codings) {
      const auto copy = encode(body, coding, effort, true, any_size);
      REQUIRE(copy);
      CHECK((encode(body, coding, effort, true, copy->size()) == copy));
      CHECK_FALSE(encode(body, coding, effort, true, copy->size() - 1).has_value());
      CHECK_FALSE(encode(body, coding, effort, true, 0).has_value());
    }
  }
}

TEST_CASE("equal bytes give equal copies, wherever they lie and whatever was encoded before") {
  for (const Effort effort : efforts) {
    for (const Coding coding : http::real_codings) {
      const std::string body = page(20'000);
      const auto first = encode(body, coding, effort, true, any_size);
      CHECK(encode(noise(7000), coding, effort, false, any_size).has_value());
      for (const size_t offset : {1, 7, 64}) {
        std::string elsewhere(offset, 'x');
        elsewhere += body;
        CHECK((encode(std::span{elsewhere}.subspan(offset), coding, effort, true, any_size) == first));
      }
    }
  }
}

TEST_CASE("a gzip header has no name, no date and no extra field (RFC 1952 §2.3)") {
  for (const Effort effort : efforts) {
    const auto copy = encode(page(5000), Coding::gzip, effort, true, any_size);
    REQUIRE(copy);
    CHECK(copy->starts_with("\x1f\x8b\x08"));                                   // the magic, deflate
    CHECK(byte(*copy, 3) == 0);                                                 // FLG
    for (size_t index = 4; index < 8; ++index) CHECK(byte(*copy, index) == 0);  // MTIME
  }
}

TEST_CASE("a zstd frame has its content size and no checksum (RFC 8878 §3.1.1.1)") {
  for (const size_t size : {0, 1, 255, 256, 257, 16384, 65792, 400'000}) {
    CAPTURE(size);
    for (const Effort effort : efforts) {
      const auto copy = encode(page(size), Coding::zstd, effort, true, any_size);
      REQUIRE(copy);
      const ZstdHeader header = zstd_header(*copy);
      CHECK(header.magic == 0xFD2FB528);
      CHECK((header.descriptor & 0x04) == 0);  // the checksum's flag
      CHECK((header.descriptor & 0x03) == 0);  // the dictionary's size
      CHECK(ZSTD_getFrameContentSize(copy->data(), copy->size()) == size);
      CHECK(header.window <= std::max<size_t>(size, 1024));
    }
  }
}

TEST_CASE("a zstd window is 8 MiB at most, for larger bodies too (RFC 9659 §3)") {
  const std::string body = std::string(9 << 20, 'a') + page(1000);
  for (const Effort effort : efforts) {
    const auto copy = encode(body, Coding::zstd, effort, true, any_size);
    REQUIRE(copy);
    CHECK(zstd_header(*copy).window <= size_t{8} << 20);
    CHECK((zstd_header(*copy).descriptor & 0x20) == 0);
    CHECK((decoded(*copy, Coding::zstd, body.size()) == body));
  }
}

#if !defined(__SANITIZE_ADDRESS__)  // its shadow memory is larger than any limit
/// Leaves this process `room_bytes` of memory. In a forked child only.
void live_on(size_t room_bytes) {
  size_t pages = 0;
  FILE* file = fopen("/proc/self/statm", "r");
  if (!file || fscanf(file, "%zu", &pages) != 1) _exit(1);
  rlimit limit{pages * 4096, RLIM_INFINITY};
  if (setrlimit(RLIMIT_AS, &limit) != 0) _exit(2);
  for (void* volatile taken = &limit; taken;) taken = malloc(1 << 15);  // what earlier tests gave back to the heap
  limit.rlim_cur += room_bytes;
  if (setrlimit(RLIMIT_AS, &limit) != 0) _exit(2);
}

TEST_CASE("short of memory there is no copy, and nothing else happens") {
  const std::string body = noise(1 << 20);
  for (const Coding coding : http::real_codings) {
    for (const size_t room_bytes : {0, 1'300'000, 3'000'000}) {  // for nothing; for the buffer; for some of the rest
      CAPTURE(http::coding_name(coding));
      CAPTURE(room_bytes);
      CHECK(testing::death_text([&] {
              live_on(room_bytes);
              if (encode(body, coding, Effort::best, true, any_size)) _exit(3);
            }) == "survived");
    }
    CHECK(testing::death_text([&] {
            live_on(size_t{100} << 20);
            if (!encode(body, coding, Effort::quick, true, any_size)) _exit(4);
          }) == "survived");
  }
}
#endif

TEST_CASE("identity is not a coding to ask for") {
  CHECK(testing::dies_of("coding != http::Coding::identity",
                         [] { encode(page(300), Coding::identity, Effort::quick, true, any_size); }));
}

}  // namespace
}  // namespace uringd::cache
