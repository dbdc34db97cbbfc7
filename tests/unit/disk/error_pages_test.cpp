// A site's own error pages, of real files: which are read, which are not, and when they are others.
#include "uringd/disk/error_pages.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include "real_tree.hpp"

using namespace uringd;
using namespace uringd::disk;
using namespace uringd::disk::test;
using namespace std::chrono_literals;

namespace {

constexpr auto settles = 30ms;  // a page younger than 20 ms is read once more

struct Site : RealTree {
  Site() {
    auto described = describe_root(open());
    REQUIRE(described.has_value());
    root = std::move(*described);
  }
  ErrorPages read(const std::vector<http::Coding>& compress = {}) {
    problems.clear();
    return read_error_pages(root, rules, compress, problems);
  }
  ErrorPages settled() {
    std::this_thread::sleep_for(settles);
    return read();
  }
  [[nodiscard]] bool changed(const ErrorPages& pages) const { return error_pages_changed(root, rules, pages); }

  Root root;
  std::vector<ErrorPageRule> rules = {{"404", "/404.html", "text/html; charset=utf-8"}};
  std::vector<std::string> problems;
};

}  // namespace

TEST_CASE_FIXTURE(Site, "a page is found for its status, before that of its class, and for no other one") {
  write("404.html", "not here");
  write("oops.html", "oops");
  write("503.json", "{}");
  rules = {
      {"5xx", "/oops.html", "text/html"}, {"503", "/503.json", "application/json"}, {"404", "/404.html", "text/html"}};
  const ErrorPages pages = read();
  CHECK(problems.empty());
  REQUIRE(pages.find(404));
  CHECK(pages.find(404)->body == "not here");
  REQUIRE(pages.find(503));
  CHECK(pages.find(503)->body == "{}");
  CHECK(pages.find(503)->content_type == "application/json");
  REQUIRE(pages.find(500));
  CHECK(pages.find(500)->body == "oops");
  CHECK(pages.find(599) == pages.find(500));
  CHECK(pages.find(403) == nullptr);
  CHECK(pages.find(400) == nullptr);
  CHECK(ErrorPages{}.find(404) == nullptr);
}

TEST_CASE_FIXTURE(Site, "an empty file is a page") {
  write("404.html", "");
  const ErrorPages pages = read();
  REQUIRE(pages.find(404));
  CHECK(pages.find(404)->body.empty());
}

TEST_CASE_FIXTURE(Site, "what is missing, no file, too large or outside is a problem, said with its name") {
  directory("dir");
  REQUIRE(mkfifo(at("fifo").c_str(), 0600) == 0);
  link("/etc/passwd", "absolute");
  link("../../etc/passwd", "outside");
  write("large", std::string(ErrorPages::most_page_bytes + 1, 'x'));
  write("just", std::string(ErrorPages::most_page_bytes, 'x'));
  rules = {{"400", "/missing", "text/html"},  {"401", "/dir", "text/html"},     {"403", "/fifo", "text/html"},
           {"404", "/absolute", "text/html"}, {"405", "/outside", "text/html"}, {"410", "/large", "text/html"},
           {"411", "/", "text/html"},         {"412", "/just", "image/png"}};
  const ErrorPages pages = read();
  REQUIRE(pages.pages.size() == 1);
  CHECK(pages.pages[0].first == "412");
  REQUIRE(problems.size() == 7);
  CHECK(problems[0] == "error page 400 = /missing: No such file or directory; the built-in page is used");
  CHECK(problems[1] == "error page 401 = /dir: not a regular file; the built-in page is used");
  CHECK(problems[2] == "error page 403 = /fifo: not a regular file; the built-in page is used");
  CHECK(problems[3] == "error page 404 = /absolute: Invalid cross-device link; the built-in page is used");
  CHECK(problems[4] == "error page 405 = /outside: Invalid cross-device link; the built-in page is used");
  CHECK(problems[5] == "error page 410 = /large: larger than 1MiB; the built-in page is used");
  CHECK(problems[6] == "error page 411 = /: not a regular file; the built-in page is used");
  CHECK(pages.stamps.size() == rules.size());
}

TEST_CASE_FIXTURE(Site, "pages are others when a file was rewritten, replaced, removed or made, and not before") {
  write("404.html", "one");
  const ErrorPages first = settled();
  CHECK(!changed(first));
  write("404.html", "two");  // in place, of the same size
  CHECK(changed(first));
  const ErrorPages second = settled();
  CHECK(second.find(404)->body == "two");
  CHECK(!changed(second));
  write("new", "two");
  rename("new", "404.html");
  CHECK(changed(second));
  const ErrorPages third = settled();
  remove("404.html");
  CHECK(changed(third));
  const ErrorPages none = read();
  CHECK(none.find(404) == nullptr);
  CHECK(!changed(none));
  write("404.html", "back");
  CHECK(changed(none));
}

TEST_CASE_FIXTURE(Site, "a page that cannot be used is looked at again when it changes, not every time") {
  write("404.html", std::string(ErrorPages::most_page_bytes + 1, 'x'));
  const ErrorPages large = settled();
  CHECK(large.find(404) == nullptr);
  CHECK(!changed(large));
  write("404.html", "small");
  CHECK(changed(large));
}

TEST_CASE_FIXTURE(Site, "a page written this very moment is read once more, since the next write may not show") {
  write("404.html", "one");
  const timespec now_times[] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
  REQUIRE(utimensat(AT_FDCWD, at("404.html").c_str(), now_times, 0) == 0);
  const ErrorPages young = read();
  CHECK(young.find(404)->body == "one");
  CHECK(changed(young));
  remove("404.html");
  CHECK(changed(young));
  write("404.html", "one");
  CHECK(!changed(settled()));
}

TEST_CASE_FIXTURE(Site, "pages of nothing are others than those that the rules ask for") {
  CHECK(changed(ErrorPages{}));
  rules.clear();
  CHECK(!changed(ErrorPages{}));
}

TEST_CASE_FIXTURE(Site, "text of 256 bytes has a smaller copy in each coding asked for, and nothing else has") {
  const std::vector<http::Coding> both = {http::Coding::br, http::Coding::gzip};
  write("long.html", std::string(256, 'a'));
  write("short.html", std::string(255, 'a'));
  std::string noise;
  for (uint32_t state = 1, at = 0; at < 4096; ++at)
    noise += static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  write("noise.html", noise);
  rules = {{"400", "/long.html", "text/html"},
           {"403", "/short.html", "text/html"},
           {"404", "/long.html", "image/png"},
           {"410", "/noise.html", "text/html"}};
  const ErrorPages pages = read(both);
  const ErrorPage& text = *pages.find(400);
  CHECK(text.negotiated);
  for (const http::Coding coding : both) {
    const std::string& copy = text.coded[static_cast<size_t>(coding)];
    CHECK(!copy.empty());
    CHECK(copy.size() <= 240);
  }
  CHECK(text.coded[static_cast<size_t>(http::Coding::zstd)].empty());
  CHECK(text.coded[static_cast<size_t>(http::Coding::identity)].empty());
  for (const int status : {403, 404, 410}) {
    CAPTURE(status);
    CHECK(!pages.find(status)->negotiated);
    CHECK(std::ranges::all_of(pages.find(status)->coded, &std::string::empty));
  }
  CHECK(!read({}).find(400)->negotiated);
}
