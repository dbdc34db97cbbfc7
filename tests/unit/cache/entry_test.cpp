// Entry: what seal() writes, to the byte; whose memory it is; when its Date may be patched.
#include "uringd/cache/entry.hpp"

#include <algorithm>
#include <cstdio>
#include <string>

#include "allocations.hpp"
#include "make_entry.hpp"
#include "uringd/cache/cache.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "../death.hpp"

#include <doctest/doctest.h>

using namespace uringd::cache;
using namespace uringd::cache::testing;
using uringd::testing::dies_of;
using uringd::testing::heap;

namespace {

std::string hex_of_hash(std::string_view body) {
  const XXH128_hash_t hash = XXH3_128bits(body.data(), body.size());
  char text[40];
  std::snprintf(text, sizeof text, "\"%016llx%016llx\"", static_cast<unsigned long long>(hash.high64),
                static_cast<unsigned long long>(hash.low64));
  return text;
}

}  // namespace

TEST_CASE("a sealed entry's head is that of a whole 200 on a persistent connection, to the byte") {
  const std::string body = "<p>hello";
  EntryRef entry = sealed(make_key(3, "/a.html", 1), body);
  REQUIRE(entry);
  std::string expected_head =
      "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: uringd\r\n"
      "Content-Type: text/html; charset=utf-8\r\nContent-Length: 8\r\n"
      "ETag: $\r\n"
      "Last-Modified: Sun, 06 Nov 1994 08:36:40 GMT\r\nAccept-Ranges: bytes\r\n\r\n";
  expected_head.replace(expected_head.find('$'), 1, hex_of_hash(body));
  CHECK(text_of(entry->head()) == expected_head);
  CHECK(text_of(entry->body()) == body);
  CHECK(entry->last_modified() == "Sun, 06 Nov 1994 08:36:40 GMT");
}

TEST_CASE("an entry without a trustworthy time says no Last-Modified (RFC 9110 §8.8.2.1)") {
  EntryRef entry = sealed(make_key(0, "/a", 1), "x", facts_of("text/plain", 784'111'000, false));
  REQUIRE(entry);
  CHECK(text_of(entry->head()).find("Last-Modified") == std::string::npos);
  CHECK(entry->last_modified().empty());
  CHECK(text_of(entry->head()).ends_with("Accept-Ranges: bytes\r\n\r\n"));
}

TEST_CASE("the entity tag is the quoted XXH3-128 of the body and of nothing else (RFC 9110 §8.8.3)") {
  for (size_t size : {0, 1, 3, 4, 8, 9, 16, 17, 128, 129, 240, 241, 257, 319, 1024, 1025, 7001, 65535, 65536}) {
    CAPTURE(size);
    std::string body(size, '\0');
    for (size_t place = 0; place < size; ++place) body[place] = static_cast<char>(place * 31 + size);
    EntryRef entry = sealed(make_key(0, "/a", 1), body);
    CHECK(entry->etag() == hex_of_hash(body));
    EntryRef other = sealed(make_key(7, "/other/name", 2), body, facts_of("text/plain", 1, false));
    CHECK(other->etag() == entry->etag());
  }
  CHECK(sealed(make_key(0, "/a", 1), "")->etag() == "\"99aa06d3014798d86001c324468d497f\"");
  CHECK(sealed(make_key(0, "/a", 1), "ab")->etag() != sealed(make_key(0, "/a", 1), "ba")->etag());
}

TEST_CASE("head and body lie against each other, ready for one send") {
  for (size_t size : {0, 1, 4096}) {
    CAPTURE(size);
    EntryRef entry = sealed(make_key(0, "/a", 1), std::string(size, 'b'));
    CHECK(entry->head().data() + entry->head().size() == entry->body().data());
    CHECK(entry->head_and_body().data() == entry->head().data());
    CHECK(entry->head_and_body().size() == entry->head().size() + size);
    CHECK(text_of(entry->head_and_body()) == text_of(entry->head()) + std::string(size, 'b'));
  }
}

TEST_CASE("a media type too long for the head's room is refused, one that just fits is not") {
  const EntryRef plain = sealed(make_key(0, "/a", 1), "x", facts_of("t/p", 784'111'000, true));
  const size_t longest = 3 + Entry::head_room_bytes - plain->head().size();
  const std::string fits(longest, 't');
  const std::string too_long(longest + 1, 't');
  EntryRef full = sealed(make_key(0, "/a", 1), "x", facts_of(fits, 784'111'000, true));
  REQUIRE(full);
  CHECK(full->head().size() == Entry::head_room_bytes);
  CHECK(full->key().path == "/a");
  CHECK_FALSE(sealed(make_key(0, "/a", 1), "x", facts_of(too_long, 784'111'000, true)));
}

TEST_CASE("an entry is sealed once") {
  CHECK(dies_of("head_bytes_ == 0", [] {
    EntryRef entry = sealed(make_key(0, "/a", 1), "x");
    static_cast<void>(entry->seal(html_facts, "", sealed_s));
  }));
}

TEST_CASE("an entry keeps its own copy of its key and its facts, and what its last look saw") {
  std::string path = "/some/path";
  const Key key = make_key(9, path, 5);
  EntryRef entry = sealed(key, "x");
  path.assign(path.size(), '#');
  CHECK(entry->key().path == "/some/path");
  CHECK(entry->key().site == 9);
  CHECK(entry->key().hash == key.hash);
  CHECK(entry->facts().modified_s == 784'111'000);
  CHECK(entry->facts().has_modified);
  CHECK(entry->looked_at_ms() == 0);
  entry->looked(1000, 7, {11, 13});
  CHECK(entry->looked_at_ms() == 1000);
  CHECK(entry->generation() == 7);
  CHECK(entry->stamp() == Stamp{11, 13});
  CHECK(entry->look() == Entry::Look::none);
  entry->set_look(Entry::Look::overdue);
  CHECK(entry->look() == Entry::Look::overdue);
}

TEST_CASE("a verdict is its status and its key, and takes no head's room") {
  EntryRef verdict = Entry::make_verdict(make_key(2, "/no/such/file", 1), 404);
  CHECK(verdict->kind() == Kind::verdict);
  CHECK(verdict->status() == 404);
  CHECK(verdict->key().path == "/no/such/file");
  CHECK(verdict->key().site == 2);
  CHECK(verdict->head_and_body().empty());
  CHECK(verdict->payload() == nullptr);
  CHECK(verdict->charge() == sizeof(Entry) + std::string_view("/no/such/file").size() + 1);
}

TEST_CASE("a holder charges what its payload takes, and the payload dies with the last reference") {
  int alive = 0;
  size_t account = 0;
  for (const Kind kind : {Kind::file, Kind::names}) {
    EntryRef holder =
        Entry::make_holder(make_key(0, "/a", 1), "/a", kind, std::make_unique<Counted>(&alive), 1500, &account);
    CHECK(holder->kind() == kind);
    CHECK(holder->charge() == sizeof(Entry) + 3 + 1500);
    CHECK(account == holder->charge());
    CHECK(holder->payload() != nullptr);
    EntryRef pin = holder;
    holder.reset();
    CHECK(alive == 1);
    pin.reset();
    CHECK(alive == 0);
    CHECK(account == 0);
  }
}

TEST_CASE("only content is sealed, and a holder holds a file or names") {
  CHECK(dies_of("kind_ == Kind::content", [] {
    EntryRef verdict = Entry::make_verdict(make_key(0, "/a", 1), 404);
    static_cast<void>(verdict->seal(html_facts, "", sealed_s));
  }));
  CHECK(dies_of("kind == Kind::file || kind == Kind::names",
                [] { EntryRef holder = Entry::make_holder(make_key(0, "/a", 1), "/a", Kind::content, nullptr, 0); }));
}

TEST_CASE("an entry is one allocation, which it charges whole and frees with its last reference") {
  const Key key = make_key(0, "/a/long/enough/path", 1);
  const size_t taken = heap().taken;
  const size_t freed = heap().freed;
  EntryRef first = Entry::make(key, key.path, 0, 1000);
  CHECK(heap().taken == taken + 1);
  CHECK(first->charge() >= sizeof(Entry) + key.path.size() + Entry::head_room_bytes + 1000);
  CHECK(first->charge() <= sizeof(Entry) + key.path.size() + Entry::head_room_bytes + 1000 + 16);
  EntryRef second = first;
  CHECK(first->pins() == 2);
  EntryRef third = std::move(second);
  CHECK(first->pins() == 2);
  first.reset();
  CHECK(third->pins() == 1);
  CHECK(heap().freed == freed);
  third.reset();
  CHECK(heap().freed == freed + 1);
}

TEST_CASE("in the second of its Date an entry needs no patch, pinned or not") {
  EntryRef entry = sealed(make_key(0, "/a", 1), "x");
  CHECK(entry->date_current(sealed_s, "never read: 29 bytes of it...."));
  CHECK(text_of(entry->head()).find(sealed_date) != std::string::npos);
}

TEST_CASE("the Date of an entry that nobody sends is patched in place, and nothing else of its bytes") {
  Cache cache({.capacity_bytes = 1 << 20});
  const Key key = make_key(0, "/a", 1);
  cache.insert(sealed(key, "body"), 0);
  Entry* entry = cache.find(key, 0);
  REQUIRE(entry);
  std::string expected = text_of(entry->head_and_body());
  REQUIRE(entry->pins() == 0);
  CHECK(entry->date_current(sealed_s + 1, next_date));
  expected.replace(expected.find(sealed_date), sealed_date.size(), next_date);
  CHECK(text_of(entry->head_and_body()) == expected);
}

TEST_CASE("the Date of an entry that is being sent stays, and is patched once the send is done") {
  Cache cache({.capacity_bytes = 1 << 20});
  const Key key = make_key(0, "/a", 1);
  cache.insert(sealed(key, "body"), 0);
  Entry* entry = cache.find(key, 0);
  const std::string before = text_of(entry->head_and_body());
  EntryRef pin(entry);
  CHECK_FALSE(entry->date_current(sealed_s + 1, next_date));
  CHECK(text_of(entry->head_and_body()) == before);
  pin.reset();
  CHECK(entry->date_current(sealed_s + 1, next_date));
  CHECK(text_of(entry->head()).find(next_date) != std::string::npos);
}

TEST_CASE("a clock set back is a different second, and is patched too") {
  Cache cache({.capacity_bytes = 1 << 20});
  const Key key = make_key(0, "/a", 1);
  cache.insert(sealed(key, "body"), 0);
  Entry* entry = cache.find(key, 0);
  CHECK(entry->date_current(sealed_s + 1, next_date));
  CHECK(entry->date_current(sealed_s, sealed_date));
  CHECK(text_of(entry->head()).find(sealed_date) != std::string::npos);
}

TEST_CASE("the hash of a key depends on path, site and seed") {
  const uint64_t hash = make_key(1, "/a", 7).hash;
  CHECK(make_key(1, "/a", 7).hash == hash);
  CHECK(make_key(1, "/b", 7).hash != hash);
  CHECK(make_key(2, "/a", 7).hash != hash);
  CHECK(make_key(1, "/a", 99).hash != hash);
}

TEST_CASE("further lines lie behind all other fields of a head, and are found there") {
  const std::string lines = "X-One: 1\r\nVary: Accept-Encoding\r\n";
  const EntryRef entry = sealed(make_key(0, "/a", 1), "body", html_facts, lines);
  REQUIRE(entry);
  const EntryRef plain = sealed(make_key(0, "/a", 1), "body");
  const std::string head = text_of(plain->head());
  CHECK(text_of(entry->head()) == head.substr(0, head.size() - 2) + lines + "\r\n");
  CHECK(entry->lines() == lines);
  CHECK(plain->lines().empty());
  CHECK(text_of(entry->body()) == "body");
}

TEST_CASE("lines may wait in the entry until it is sealed, whole or fewer of them, without touching its body") {
  const std::string lines = "X-One: 1\r\n";
  for (const bool in_place : {true, false}) {
    CAPTURE(in_place);
    EntryRef entry = Entry::make(make_key(0, "/a", 1), "/a", 100, 4);
    REQUIRE(entry->lines_memory().size() == 100);
    std::ranges::copy(std::string_view("body"), entry->body_memory().begin());
    std::ranges::copy(lines, entry->lines_memory().begin());
    const std::string_view given = in_place ? entry->lines().substr(0, lines.size()) : std::string_view(lines);
    REQUIRE(entry->seal(html_facts, given, sealed_s));
    CHECK(entry->lines() == lines);
    CHECK(text_of(entry->head()).ends_with("Accept-Ranges: bytes\r\n" + lines + "\r\n"));
    CHECK(text_of(entry->body()) == "body");
  }
  CHECK(dies_of("lines.size() <= lines_bytes_", [&] {
    EntryRef entry = Entry::make(make_key(0, "/a", 1), "/a", lines.size() - 1, 4);
    static_cast<void>(entry->seal(html_facts, lines, sealed_s));
  }));
}

TEST_CASE("long lines take room of their own: a head of 512 bytes and 10 KiB of lines fit") {
  const EntryRef plain = sealed(make_key(0, "/a", 1), "x", facts_of("t/p", 784'111'000, true));
  const std::string type(3 + Entry::head_room_bytes - plain->head().size(), 't');
  const std::string lines = "X: " + std::string(10'000, 'y') + "\r\n";
  const EntryRef full = sealed(make_key(0, "/a", 1), "x", facts_of(type, 784'111'000, true), lines);
  REQUIRE(full);
  CHECK(full->head().size() == Entry::head_room_bytes + lines.size());
  CHECK(full->lines() == lines);
  CHECK(full->name() == "/a");
}

TEST_CASE("Server, ETag and Accept-Ranges are left out one by one; the tag is known all the same") {
  EntryFacts facts = html_facts;
  const auto head_of = [&] { return text_of(sealed(make_key(0, "/a", 1), "x", facts)->head()); };
  const std::string whole = head_of();
  const auto without = [&](std::string_view name) {
    const size_t at = whole.find("\r\n" + std::string(name) + ": ") + 2;
    return whole.substr(0, at) + whole.substr(whole.find("\r\n", at) + 2);
  };
  facts.server = false;
  CHECK(head_of() == without("Server"));
  facts.server = true;
  facts.tagged = false;
  CHECK(head_of() == without("ETag"));
  CHECK(sealed(make_key(0, "/a", 1), "x", facts)->etag() == hex_of_hash("x"));
  facts.tagged = true;
  facts.ranged = false;
  CHECK(head_of() == without("Accept-Ranges"));
}

TEST_CASE("a coded representation says its coding before its length (RFC 9110 §8.4)") {
  for (const auto coding : uringd::http::real_codings) {
    EntryFacts facts = html_facts;
    facts.coding = coding;
    const std::string head = text_of(sealed(make_key(0, "/a", 1), "x", facts)->head());
    const std::string field = "Content-Encoding: " + std::string(uringd::http::coding_name(coding)) + "\r\n";
    CHECK(head.find(field) != std::string::npos);
  }
  CHECK(text_of(sealed(make_key(0, "/a", 1), "x")->head()).find("Content-Encoding") == std::string::npos);
}

TEST_CASE("an entry's name is its path, its path with more behind it, or another one altogether") {
  for (const std::string name : {"/d/", "/d/index.html", "/e.js.br"}) {
    CAPTURE(name);
    EntryRef entry = Entry::make(make_key(0, "/d/", 1), name, 0, 4);
    CHECK(entry->key().path == "/d/");
    CHECK(entry->name() == name);
    std::ranges::copy(std::string_view("body"), entry->body_memory().begin());
    REQUIRE(entry->seal(html_facts, "", sealed_s));
    CHECK(entry->name() == name);
    CHECK(Entry::make_holder(make_key(0, "/d/", 1), name, Kind::file, nullptr, 0)->name() == name);
  }
  CHECK(Entry::make_verdict(make_key(0, "/d", 1), 301)->name() == "/d");
}

TEST_CASE("what is known of missing siblings holds for those codings, and until then") {
  EntryRef entry = sealed(make_key(0, "/a", 1), "x");
  using uringd::http::Coding;
  uringd::http::CodingSet codings;
  codings.add(Coding::br);
  codings.add(Coding::gzip);
  CHECK(!entry->has_no_sibling(Coding::br, 0));
  entry->no_siblings(codings, 100);
  CHECK(entry->has_no_sibling(Coding::br, 99));
  CHECK(entry->has_no_sibling(Coding::gzip, 99));
  CHECK(!entry->has_no_sibling(Coding::zstd, 99));
  CHECK(!entry->has_no_sibling(Coding::br, 100));
}

TEST_CASE("who keeps an entry without sending from it is no pin") {
  Cache cache({.capacity_bytes = 1 << 20});
  const Key key = make_key(0, "/a", 1);
  cache.insert(sealed(key, "body"), 0);
  EntryRef kept(cache.find(key, 0));
  CHECK(kept->pins() == 1);
  kept->keep();
  CHECK(kept->pins() == 0);
  CHECK(kept->date_current(sealed_s + 1, next_date));
  const EntryRef sent = kept;
  CHECK(kept->pins() == 1);
  kept->unkeep();
  CHECK(kept->pins() == 2);
  CHECK(dies_of("keepers_ > 0", [&] { kept->unkeep(); }));
}

TEST_CASE("a body of 32 KiB lies in pages of its own, with everything else as ever, and they go with the entry") {
  const auto pages = uringd::PageMemory::create(size_t{1} << 20);
  REQUIRE(pages);
  size_t account = 0;
  {
    const size_t size = Entry::worth_paging_bytes + 1;
    const std::string body = std::string(size - 1, 'p') + "!";
    const Key key = make_key(3, "/a.html", 1);
    const std::string_view lines = "X-One: 1\r\n";
    const EntryRef entry =
        filled(Entry::make(key, "/a.html", 20, size, &account, pages.get()), body, html_facts, lines);
    const EntryRef plain = filled(Entry::make(key, "/a.html", 20, size), body, html_facts, lines);
    REQUIRE(entry);
    CHECK(entry->paged());
    CHECK(pages->has(entry->body().data()));
    CHECK(pages->offset_of(entry->body().data()) % 4096 == 0);
    CHECK(!plain->paged());
    CHECK(text_of(entry->head()) == text_of(plain->head()));
    CHECK(text_of(entry->body()) == body);
    CHECK(entry->lines() == lines);
    CHECK(entry->last_modified() == plain->last_modified());
    CHECK(entry->charge() >= 36864 + entry->head().size());  // whole pages
    CHECK(account == entry->charge());
    CHECK(dies_of("!pages_", [&] { static_cast<void>(entry->head_and_body()); }));
  }
  CHECK(account == 0);
}  // the pages' own CHECK: all came back

TEST_CASE("a smaller body, and a larger one where the pages have no room, lie beside their head") {
  const auto pages = uringd::PageMemory::create(Entry::worth_paging_bytes);
  const Key key = make_key(3, "/a.html", 1);
  EntryRef small = Entry::make(key, "/a.html", 0, Entry::worth_paging_bytes - 1, nullptr, pages.get());
  CHECK(!small->paged());
  EntryRef first = Entry::make(key, "/a.html", 0, Entry::worth_paging_bytes, nullptr, pages.get());
  CHECK(first->paged());
  EntryRef second = Entry::make(key, "/a.html", 0, Entry::worth_paging_bytes, nullptr, pages.get());
  CHECK(second);
  CHECK(!second->paged());
}
