// Cases and what its rows ask: see cases_support.hpp. One thread.
#include "cases_support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <iterator>

#include "failed_checks.hpp"

namespace uringd::testing {

void Cases::operator()(const std::string& section, const std::string& name, const std::function<void()>& row) {
  const int before = failed_checks();
  const std::string words = section + ": " + name;
  INFO(words);
  // A row that was copied and not renamed would be reported as the other one.
  if (!names_.insert(name).second) FAIL_CHECK("two rows are called: ", name);
  try {
    row();
  } catch (...) {
    // doctest's own exceptions were reported before they were thrown.
    if (failed_checks() == before) FAIL_CHECK("the row threw: ", name);
  }
  if (failed_checks() == before) {
    ++passed_;
    return;
  }
  ++failed_;
  std::string line = title_ + ": " + words;
  std::replace_if(line.begin(), line.end(), [](char c) { return c == '\r' || c == '\n'; }, ' ');
  std::printf("failed: %s\n", line.c_str());
}

Cases::~Cases() {
  std::printf("%s: cases: %d passed, %d failed\n", title_.c_str(), passed_, failed_);
  std::fflush(stdout);
}

Response answer_to(const Server& server, std::string_view bytes, std::string_view method, std::string_view probe) {
  Client client = server.connect();
  Response response = client.ask(bytes, method);
  INFO("answer: ", response.head);
  if (response.connection_says("close")) {
    CHECK(client.wait_for_end() == Ending::closed);
    return response;
  }
  CHECK(client.get(probe).status == 200);
  client.half_close();
  CHECK(client.wait_for_end() == Ending::closed);
  return response;
}

Response get(const Server& server, std::string_view target, std::string_view fields) {
  return answer_to(server, get_request(target, fields));
}

Response head(const Server& server, std::string_view target, std::string_view fields) {
  return answer_to(server, request("HEAD", target, fields), "HEAD");
}

Response check_head_agrees(const Server& server, std::string_view target, std::string_view fields) {
  const Response got = get(server, target, fields);
  const Response only_head = head(server, target, fields);
  INFO("GET: ", got.head, "HEAD: ", only_head.head);
  CHECK(only_head.status == got.status);
  CHECK(only_head.fields.size() == got.fields.size());
  for (const auto& [name, value] : got.fields) {
    if (name != "Date" && name != "Server-Timing" && name != "Cache-Status") CHECK(only_head.field(name) == value);
  }
  return got;
}

bool lists(const Response& response, std::string_view field, std::string_view member) {
  std::string list;
  const std::string value = response.field(field);
  std::copy_if(value.begin(), value.end(), std::back_inserter(list), [](char c) { return c != ' '; });
  return ("," + lower(list) + ",").find("," + lower(member) + ",") != std::string::npos;
}

bool same(const std::string& one, const std::string& other) { return one == other; }

Response get_until(const Server& server, std::string_view target, std::string_view fields,
                   const std::function<bool(const Response&)>& good, Milliseconds patience) {
  Response response;
  Client client = server.connect();
  wait_until(
      [&] {
        response = client.get(target, fields);
        if (response.connection_says("close")) client = server.connect();
        return good(response);
      },
      patience);
  return response;
}

std::string accept_encoding(std::string_view value) { return "Accept-Encoding: " + std::string(value) + "\r\n"; }

std::string accept(std::string_view value) { return "Accept: " + std::string(value) + "\r\n"; }

}  // namespace uringd::testing
