// The table of overlays: found by site and path, replaced as a whole, sums of what it holds; bodies outlive it.
#include "uringd/server/overlays.hpp"

#include <doctest/doctest.h>

using namespace uringd;
using server::Overlay;
using server::Overlays;

namespace {

std::shared_ptr<Overlay> overlay(uint32_t site, const std::string& path, const std::string& body) {
  auto made = std::make_shared<Overlay>();
  made->site = site;
  made->path = path;
  const auto held = std::make_shared<const std::string>(body);
  made->bodies[0] = server::OverlayBody(held, {held->data(), held->size()});
  made->hits = std::make_shared<server::OverlayHits>(2);
  return made;
}

std::string body_at(const Overlays& table, uint32_t site, const std::string& path) {
  const Overlay* found = table.find(site, path);
  return found ? std::string(found->body().bytes.data(), found->body().bytes.size()) : "none";
}

}  // namespace

TEST_CASE("an overlay is found by its site and path, and by no other") {
  const auto none = std::make_shared<const Overlays>(7);
  CHECK(none->find(0, "/a") == nullptr);
  const auto table = none->with(overlay(0, "/a", "1"))->with(overlay(1, "/a", "2"))->with(overlay(0, "/a/", "3"));
  CHECK(body_at(*table, 0, "/a") == "1");
  CHECK(body_at(*table, 1, "/a") == "2");
  CHECK(body_at(*table, 0, "/a/") == "3");
  CHECK(body_at(*table, 2, "/a") == "none");
  CHECK(body_at(*table, 0, "/A") == "none");
  CHECK(none->count() == 0);
}

TEST_CASE("a table never changes: the next one shares what stayed") {
  const auto first = std::make_shared<const Overlays>(7)->with(overlay(0, "/a", "one"))->with(overlay(0, "/b", "b"));
  const auto second = first->with(overlay(0, "/a", "another"));
  const auto third = second->without([](const Overlay& one) { return one.path == "/b"; });
  CHECK(body_at(*first, 0, "/a") == "one");
  CHECK(body_at(*second, 0, "/a") == "another");
  CHECK(body_at(*third, 0, "/b") == "none");
  CHECK(first->find(0, "/b") == second->find(0, "/b"));
  CHECK(first->body_bytes() == 4);
  CHECK(second->body_bytes() == 8);
  CHECK(third->body_bytes() == 7);
  CHECK(third->count() == 1);
}

TEST_CASE("copies count beside the bodies, and a body lives for whoever sends it") {
  auto coded = overlay(0, "/a", "body");
  const auto copy = std::make_shared<const std::string>("br");
  coded->bodies[static_cast<size_t>(http::Coding::br)] = server::OverlayBody(copy, {copy->data(), copy->size()});
  auto table = std::make_shared<const Overlays>(7)->with(coded);
  coded.reset();
  CHECK(table->body_bytes() == 4);
  CHECK(table->bytes() == 6);
  const server::OverlayBody sent = table->find(0, "/a")->body();
  const std::weak_ptr<const void> watched = sent.owner;
  table = table->without([](const Overlay&) { return true; });
  CHECK(table->bytes() == 0);
  CHECK(std::string_view(sent.bytes.data(), sent.bytes.size()) == "body");
  CHECK(watched.use_count() == 1);
}

TEST_CASE("entity tags are of the bytes, and hits are summed over workers") {
  const auto one = overlay(0, "/a", "same"), other = overlay(1, "/b", "same"), third = overlay(0, "/c", "not");
  CHECK(one->body().etag() == other->body().etag());
  CHECK(one->body().etag() != third->body().etag());
  CHECK(one->body().etag().size() == 34);
  one->hits->count(0);
  one->hits->count(1);
  one->hits->count(1);
  CHECK(one->hits->sum() == 3);
}
