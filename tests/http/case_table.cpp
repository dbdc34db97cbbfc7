// Case tables: see case_table.hpp. A row fails when anything fails while it runs, in Client's own checks too: a doctest
// listener counts that. What ends a row early (FAIL, REQUIRE) ends that row alone. One thread.
#include "case_table.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <random>
#include <set>
#include <sstream>

#include "failed_checks.hpp"

namespace uringd::testing {
namespace {

// So long a silence is worth a look at the server's threads, even if an answer comes then.
constexpr Milliseconds kSilence{3000};
// Above this a request is cut at a few places instead of everywhere: it is long because of one long part.
constexpr std::size_t kMostPieces = 1024;
constexpr unsigned kSeed = 9112;

enum class Shape : std::uint8_t { whole, cut, trapped, head };

const char* words_for(Shape shape) {
  switch (shape) {
    case Shape::whole: return "as it is";
    case Shape::cut: return "cut into pieces";
    case Shape::trapped: return "with a GET behind it";
    case Shape::head: return "as HEAD";
  }
  return "";
}

// Bytes for a message: line ends, controls and what is not ASCII visible, the length bounded.
std::string shown(std::string_view bytes) {
  std::ostringstream text;
  for (const char c : bytes.substr(0, 400)) {
    if (c == '\r') {
      text << "\\r";
    } else if (c == '\n') {
      text << "\\n\n";
    } else if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) {
      text << "\\x" << std::hex << static_cast<unsigned>(static_cast<unsigned char>(c)) << std::dec;
    } else {
      text << c;
    }
  }
  if (bytes.size() > 400) text << "… (" << bytes.size() << " bytes)";
  return text.str();
}

bool has_member(std::string_view list, std::string_view member) {
  const std::string haystack = "," + lower(list) + ",";
  std::string tight;
  std::copy_if(haystack.begin(), haystack.end(), std::back_inserter(tight), [](char c) { return c != ' '; });
  return tight.find("," + lower(member) + ",") != std::string::npos;
}

void check_field(const Response& response, const FieldRule& rule) {
  INFO("field " << rule.name << ": " << response.field(rule.name));
  switch (rule.kind) {
    case FieldRule::Kind::equals:
      CHECK(response.has(rule.name));
      CHECK(response.field(rule.name) == rule.value);
      break;
    case FieldRule::Kind::present: CHECK(response.has(rule.name)); break;
    case FieldRule::Kind::absent: CHECK(!response.has(rule.name)); break;
    case FieldRule::Kind::satisfies:
      CHECK(response.has(rule.name));
      CHECK(rule.test(response.field(rule.name)));
      break;
  }
}

void check_body(const Response& response, const std::string& expected) {
  const auto differ = std::mismatch(response.body.begin(), response.body.end(), expected.begin(), expected.end());
  INFO("body of " << response.body.size() << " bytes, expected " << expected.size() << "; they differ from byte "
                  << differ.first - response.body.begin()
                  << " on: " << shown(std::string(differ.first, response.body.end())));
  const bool same = response.body == expected;
  CHECK(same);
}

void check_answer(const Response& response, const Answer& expected) {
  INFO("answer: " << shown(response.head));
  CHECK(response.status == expected.status);
  CHECK(response.complete);
  if (expected.status >= 200) CHECK(response.connection_says("close") == expected.closes);
  for (const FieldRule& rule : expected.fields) check_field(response, rule);
  if (expected.content && !expected.to_head) check_body(response, *expected.content);
}

void send_in_pieces(Client& client, std::string_view bytes, std::mt19937& random) {
  const std::size_t most = bytes.size() <= kMostPieces ? 1 : bytes.size() / 8;
  while (!bytes.empty()) {
    const std::size_t count = std::min<std::size_t>(bytes.size(), 1 + random() % most);
    // The answer may come, and the connection end, before the last piece: that is no failure of sending.
    if (!client.send(bytes.substr(0, count))) return;
    bytes.remove_prefix(count);
  }
}

class Row {
 public:
  Row(const Server& server, const Case& row, const TableOptions& options)
      : server_(server), row_(row), options_(options) {}

  void run() {
    REQUIRE(!row_.answers.list.empty());
    if (!row_.then.empty()) REQUIRE(!row_.then.back().answers.list.empty());
    one(Shape::whole);
    if (options_.cut) one(Shape::cut);
    const Answer& last = row_.then.empty() ? row_.answers.list.back() : row_.then.back().answers.list.back();
    if (options_.trap && last.closes && !row_.half_close) one(Shape::trapped);
    const bool single = row_.then.empty() && row_.answers.list.size() == 1 && !row_.half_close;
    if (options_.head_too && single && row_.bytes.starts_with("GET ")) one(Shape::head);
  }

 private:
  void one(Shape shape) {
    INFO(row_.section << ": " << shown(row_.name) << " [" << words_for(shape) << "]");
    INFO("request: " << shown(row_.bytes));
    Client client = server_.connect();
    std::vector<Step> steps{{row_.bytes, row_.answers}};
    steps.insert(steps.end(), row_.then.begin(), row_.then.end());
    if (shape == Shape::head) {
      steps[0].bytes = "HEAD" + steps[0].bytes.substr(3);
      steps[0].answers.list[0].to_head = true;
    }
    if (shape == Shape::trapped) steps.back().bytes += get_request(options_.probe);
    for (std::size_t i = 0; i < steps.size(); ++i) take(client, steps[i], shape, i + 1 == steps.size());
    check_end(client, steps.back().answers.list.back());
  }

  void take(Client& client, const Step& step, Shape shape, bool last) {
    if (shape == Shape::cut) {
      send_in_pieces(client, step.bytes, random_);
    } else {
      client.send(step.bytes);
    }
    if (last && row_.half_close) client.half_close();
    bool first = true;
    for (Answer expected : step.answers.list) {
      if (first && step.bytes.starts_with("HEAD ")) expected.to_head = true;
      first = false;
      if (!client.anything_within(kSilence)) MESSAGE("silent for 3 s: " << server_.where_it_waits());
      const Response response = client.read_response_or_end(expected.to_head ? "HEAD" : "GET");
      if (response.status == 0) FAIL("no answer; expected " << expected.status << "; " << server_.where_it_waits());
      check_answer(response, expected);
      if (shape == Shape::head) check_same_head(response);
    }
  }

  // RFC 9110 §9.3.2: the head that GET gets, but for the time.
  void check_same_head(const Response& head) {
    Client client = server_.connect();
    client.send(row_.bytes);
    const Response get = client.read_response_or_end("GET");
    INFO("GET: " << shown(get.head) << "HEAD: " << shown(head.head));
    CHECK(head.status == get.status);
    CHECK(head.fields.size() == get.fields.size());
    for (const auto& [name, value] : get.fields) {
      if (name != "Date") CHECK(head.field(name) == value);
    }
  }

  void check_end(Client& client, const Answer& last) {
    if (last.closes || row_.half_close) {
      CHECK(client.wait_for_end() == Ending::closed);
      return;
    }
    if (last.status < 200) return;
    client.send(get_request(options_.probe));
    const Response response = client.read_response_or_end("GET");
    INFO("the request behind it got: " << shown(response.head) << shown(response.body));
    CHECK(response.status == 200);
    CHECK(response.body == kProbe);
    // RFC 9112 §9.3.2: an answer too many would be read as the answer to the next request.
    client.half_close();
    CHECK(client.wait_for_end() == Ending::closed);
  }

  const Server& server_;
  const Case& row_;
  const TableOptions& options_;
  std::mt19937 random_{kSeed};
};

}  // namespace

Answer answer(int status) {
  Answer result;
  result.status = status;
  return result;
}

Answer ok(std::string body) { return answer(200).body(std::move(body)); }

Answer refused(int status) { return answer(status).closing(); }

Answer part(const std::string& whole, std::uint64_t first, std::uint64_t length) {
  const std::string range = std::to_string(first) + "-" + std::to_string(first + length - 1);
  return answer(206)
      .body(whole.substr(first, length))
      .field("Content-Range", "bytes " + range + "/" + std::to_string(whole.size()));
}

Answer Answer::body(std::string bytes) const {
  Answer result = *this;
  result.content = std::move(bytes);
  return result;
}

Answer Answer::field(std::string name, std::string value) const {
  Answer result = *this;
  result.fields.push_back({FieldRule::Kind::equals, std::move(name), std::move(value), nullptr});
  return result;
}

Answer Answer::has(std::string name) const {
  Answer result = *this;
  result.fields.push_back({FieldRule::Kind::present, std::move(name), "", nullptr});
  return result;
}

Answer Answer::lacks(std::string name) const {
  Answer result = *this;
  result.fields.push_back({FieldRule::Kind::absent, std::move(name), "", nullptr});
  return result;
}

Answer Answer::field_where(std::string name, std::function<bool(std::string_view)> test) const {
  Answer result = *this;
  result.fields.push_back({FieldRule::Kind::satisfies, std::move(name), "", std::move(test)});
  return result;
}

Answer Answer::lists(std::string name, std::string member) const {
  return field_where(std::move(name),
                     [member = std::move(member)](std::string_view value) { return has_member(value, member); });
}

Answer Answer::closing() const {
  Answer result = *this;
  result.closes = true;
  return result;
}

Answer Answer::without_body() const {
  Answer result = *this;
  result.to_head = true;
  return result;
}

void run_table(const Server& server, const std::string& title, const std::vector<Case>& rows,
               const TableOptions& options) {
  int failed = 0;
  std::set<std::string> names;
  for (const Case& row : rows) {
    const int before = failed_checks();
    // A row that was copied and not renamed would be reported as the other one.
    if (!names.insert(row.name).second) FAIL_CHECK("two rows are called: " << shown(row.name));
    try {
      Row(server, row, options).run();
    } catch (...) {
      // doctest's own exceptions were reported before they were thrown.
      if (failed_checks() == before) FAIL_CHECK("the row threw: " << shown(row.name));
    }
    if (failed_checks() != before) {
      ++failed;
      std::printf("failed: %s: %s: %s\n", title.c_str(), row.section.c_str(), shown(row.name).c_str());
    }
  }
  std::printf("%s: cases: %d passed, %d failed\n", title.c_str(), static_cast<int>(rows.size()) - failed, failed);
  std::fflush(stdout);
}

}  // namespace uringd::testing
