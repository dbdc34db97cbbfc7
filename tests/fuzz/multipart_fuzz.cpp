// Fuzzes multipart/byteranges: a Range set and a body become the whole message, which a strict reader of RFC 2046 §5.1
// and RFC 9110 §14.6 takes apart again. Properties: every part is where the set says, has its bytes, its type and its
// Content-Range; content_length() is the length of all; nothing stands before the first delimiter or behind the last.
#include <array>
#include <string>

#include "fuzz.hpp"
#include "uringd/http/multipart.hpp"

namespace {

using namespace uringd::http;
using uringd::fuzz::Input;

class StrictReader {
 public:
  explicit StrictReader(const std::string& text) : rest_(text) {}
  void expect(std::string_view text) {
    REQUIRE_THAT(rest_.starts_with(text));
    rest_.remove_prefix(text.size());
  }
  std::string_view take(uint64_t count) {
    REQUIRE_THAT(rest_.size() >= count);
    const std::string_view part = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return part;
  }
  bool ended() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

std::string boundary_of(const Multipart& multipart) {
  const std::string type{multipart.content_type()};
  const std::string start = "multipart/byteranges; boundary=";
  REQUIRE_THAT(type.starts_with(start));
  const std::string boundary = type.substr(start.size());
  REQUIRE_THAT(!boundary.empty() && boundary.size() <= 70);
  for (char c : boundary) {  // a token, so that it needs no quotes
    REQUIRE_THAT((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_');
  }
  return boundary;
}

std::string head_of(const Multipart& multipart, size_t index) {
  std::array<char, Multipart::most_head_bytes> out;
  const size_t size = multipart.write_head(index, out);
  REQUIRE_THAT(size > 0 && size <= out.size());
  return {out.data(), size};
}

/// Sizes that no memory holds: the framing alone.
void check_lengths(const Multipart& multipart) {
  uint64_t length = head_of(multipart, multipart.count()).size();
  for (size_t i = 0; i < multipart.count(); ++i) length += head_of(multipart, i).size() + multipart.range(i).length;
  REQUIRE_THAT(length == multipart.content_length());
}

void check_message(const Multipart& multipart, const std::string& body, const std::string& type) {
  std::string message;
  for (size_t i = 0; i < multipart.count(); ++i) {
    const ByteRange range = multipart.range(i);
    message += head_of(multipart, i) + body.substr(range.first, range.length);
  }
  message += head_of(multipart, multipart.count());
  REQUIRE_THAT(message.size() == multipart.content_length());

  const std::string delimiter = "--" + boundary_of(multipart);
  StrictReader reader{message};
  for (size_t i = 0; i < multipart.count(); ++i) {
    const ByteRange range = multipart.range(i);
    reader.expect((i > 0 ? "\r\n" : "") + delimiter + "\r\n");
    if (!type.empty()) reader.expect("Content-Type: " + type + "\r\n");
    reader.expect("Content-Range: bytes " + std::to_string(range.first) + "-" +
                  std::to_string(range.first + range.length - 1) + "/" + std::to_string(body.size()) + "\r\n\r\n");
    REQUIRE_THAT(reader.take(range.length) == body.substr(range.first, range.length));
  }
  reader.expect("\r\n" + delimiter + "--\r\n");
  REQUIRE_THAT(reader.ended());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 4096) return 0;
  Input input{data, size};
  const uint64_t nonce = input.number();
  const uint64_t large = input.number() >> 1;  // no file is larger than 2^63 - 1
  const std::string text = input.line(), type = input.line(), body = input.rest();
  if (!uringd::fuzz::is_field_value(type) || type.size() > 256) return 0;
  if (const RangeSet set = parse_ranges(text, body.size()); set.ranges().size() >= 2) {
    check_message(Multipart{set, body.size(), type, nonce}, body, type);
  }
  if (const RangeSet set = parse_ranges(text, large); set.ranges().size() >= 2) {
    check_lengths(Multipart{set, large, type, nonce});
  }
  return 0;
}
