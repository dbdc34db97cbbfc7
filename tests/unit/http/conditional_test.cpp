// Entity-tag lists; the preconditions themselves are in evaluate_test.cpp.
#include "uringd/http/conditional.hpp"

#include <doctest/doctest.h>

namespace uringd::http {
namespace {

TEST_CASE("a list names a tag that it holds, wherever it stands (RFC 9110 §8.8.3)") {
  for (const char* list :
       {"\"a\"", "\"b\", \"a\"", "\"a\",\"b\"", " ,\t, \"a\" ,", "\"b,\",\"a\"", "\"b\" \"a\"", "*", " * "}) {
    CAPTURE(list);
    CHECK(etag_list_matches(list, "\"a\"", true));
  }
  for (const char* list : {"", ",", "a", "\"A\"", "\"a", "a\"", "\"b, \"a\"", "\"a \"", "\"*\"", "'a'", "\"b\", a",
                           "**", "*, \"b\"", "w/\"a\"", "W/ \"a\"", "W/"}) {
    CAPTURE(list);
    CHECK_FALSE(etag_list_matches(list, "\"a\"", false));
  }
}

TEST_CASE("weak tags match weakly, and never strongly (RFC 9110 §8.8.3.2)") {
  CHECK(etag_list_matches("W/\"a\"", "\"a\"", false));
  CHECK(etag_list_matches("\"a\"", "W/\"a\"", false));
  CHECK(etag_list_matches("W/\"a\"", "W/\"a\"", false));
  CHECK_FALSE(etag_list_matches("W/\"a\"", "\"a\"", true));
  CHECK_FALSE(etag_list_matches("\"a\"", "W/\"a\"", true));
  CHECK_FALSE(etag_list_matches("W/\"a\"", "W/\"a\"", true));
  CHECK(etag_list_matches("W/\"a\", \"a\"", "\"a\"", true));
}

TEST_CASE("a representation without a tag matches only the star") {
  CHECK_FALSE(etag_list_matches("\"\"", "", false));
  CHECK_FALSE(etag_list_matches("\"a\"", "", false));
  CHECK(etag_list_matches("*", "", true));
}

}  // namespace
}  // namespace uringd::http
