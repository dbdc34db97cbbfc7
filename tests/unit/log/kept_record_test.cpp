// KeptRecord: a record that outlives its request's bytes.
#include <algorithm>
#include <memory>

#include "access_lines.hpp"

using namespace uringd;
using namespace uringd::log;
using namespace uringd::log::testing;

TEST_CASE("a kept record makes the same line when the request's bytes are gone") {
  const std::string_view head = "GET /a?b HTTP/1.1\r\nhost: h.example\r\nreferer:\r\nagent: me\r\nauth: Basic YWw6";
  auto bytes = std::make_unique<std::string>(head);
  const auto part = [&](std::string_view text) {
    return std::string_view(*bytes).substr(bytes->find(text), text.size());
  };
  AccessRecord record{.remote = IpAddress::local(),
                      .request_line = part("GET /a?b HTTP/1.1"),
                      .method = part("GET"),
                      .target = part("/a?b"),
                      .host = part("h.example"),
                      .referer = part("referer:").substr(8),
                      .user_agent = part("me"),
                      .authorization = part("Basic YWw6"),
                      .minor_version = 0,
                      .status = 304,
                      .body_bytes = 5,
                      .duration_ns = 6000,
                      .queue_ns = 7000,
                      .read_ns = 8000,
                      .cache = "stale",
                      .encoding = {}};
  const std::string combined_before = combined(record), json_before = json(record);
  const KeptRecord kept(record);
  std::ranges::fill(*bytes, '?');
  bytes.reset();
  CHECK(combined(kept.record) == combined_before);
  CHECK(combined_before.ends_with(" 304 5 \"\" \"me\"\n"));
  CHECK(json(kept.record) == json_before);
  CHECK(kept.record.encoding.data() == nullptr);
  CHECK(kept.record.cache.data() >= kept.text.get());
}

TEST_CASE("a kept record of a bad request, or of none, keeps what there is") {
  const KeptRecord nothing((AccessRecord{}));
  CHECK(combined(nothing.record) == combined(AccessRecord{}));
  CHECK(nothing.record.user_agent.data() == nullptr);
  AccessRecord record = record_of("\x16\x03", 400, 0);
  record.method = "GET";  // of elsewhere
  const KeptRecord kept(record);
  CHECK(kept.record.request_line == "\x16\x03");
  CHECK(kept.record.method == "GET");
}

TEST_CASE("a kept record takes no more than its bound, and method and target stay within its request line") {
  const std::string request = "GET /" + std::string(30'000, 'a') + " HTTP/1.1", agent(50'000, 'b');
  AccessRecord record = record_of(request, 414, 0);
  record.method = std::string_view(request).substr(0, 3);
  record.target = std::string_view(request).substr(4, 30'001);
  record.user_agent = agent;
  record.host = "short";
  const KeptRecord kept(record);
  const AccessRecord& cut = kept.record;
  CHECK(cut.request_line.size() + cut.user_agent.size() + cut.host.size() <= KeptRecord::most_bytes);
  CHECK(cut.request_line.size() > 1500);
  CHECK(cut.user_agent.size() > 1500);
  CHECK(cut.host == "short");
  CHECK(cut.method == "GET");
  CHECK(cut.target == cut.request_line.substr(4));
  CHECK(cut.target.data() == cut.request_line.data() + 4);
}
