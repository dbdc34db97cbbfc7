// Copies: an entry's body in a content coding, made by another thread: first a quick one, then perhaps a better one.
// They come and go with their entry; an answer may come late, or never, and nobody waits for it then.
#include "harness.hpp"

#include <doctest/doctest.h>

using namespace uringd;
using namespace uringd::testing;
using cache::CopyState;
using http::Coding;

namespace {

struct Copying : Bench {
  explicit Copying(const BenchOptions& options = {}) : Bench(options) {
    put("a.txt", std::string(1000, 'a'));
    age();
    entry = entry_of("/a.txt");
  }
  cache::EntryRef entry_of(std::string_view path) {
    const Waiting asking(*this, path);
    run();
    return cache::EntryRef(asking.entry);
  }
  bool ask(Coding coding = Coding::br, disk::Waiter* waiter = nullptr) {
    return disk->make_copy(*entry, coding, waiter);
  }
  [[nodiscard]] std::string copy(Coding coding = Coding::br) const {
    const cache::Entry* copy = entry->copy(coding);
    return copy ? std::string(copy->body().begin(), copy->body().end()) : "none";
  }
  [[nodiscard]] CopyState state(Coding coding = Coding::br) const { return entry->copy_state(coding); }
  cache::EntryRef entry;
};

}  // namespace

TEST_CASE("a copy is ordered with the body, its tag and its coding, quickly, and becomes the entry's copy") {
  Copying bench;
  REQUIRE(bench.ask());
  REQUIRE(bench.door.encodings.size() == 1);
  const disk::EncodeOrder order = bench.door.encodings.front().order;
  CHECK(order.bytes == std::string(1000, 'a'));
  CHECK(order.etag == bench.entry->etag());
  CHECK(order.coding == Coding::br);
  CHECK(order.effort == cache::Effort::quick);
  CHECK(order.text);
  CHECK(bench.state() == CopyState::asked);
  CHECK(bench.ask());  // it is being made
  CHECK(bench.door.encodings.size() == 1);
  bench.answer_encoding("coded");
  CHECK(bench.state() == CopyState::quick);
  CHECK(bench.copy() == "coded");
  const cache::Entry& copy = *bench.entry->copy(Coding::br);
  CHECK(copy.facts().coding == Coding::br);
  CHECK(!copy.facts().compressible);
  CHECK(copy.facts().content_type == bench.entry->facts().content_type);
  CHECK(copy.facts().modified_s == bench.entry->facts().modified_s);
  CHECK(copy.facts().has_modified);
  CHECK(copy.lines() == bench.entry->lines());
  CHECK(copy.etag() != bench.entry->etag());
  CHECK(std::string(copy.head().begin(), copy.head().end()).find("Content-Encoding: br\r\n") != std::string::npos);
  CHECK(bench.state(Coding::gzip) == CopyState::none);
  CHECK(bench.disk->counters().copies_made == 1);
}

TEST_CASE("the better copy is asked for where the quick one is there, and takes its place if it is smaller") {
  for (const char* better : {"cod", "coded", "not smaller"}) {
    CAPTURE(better);
    Copying bench;
    CHECK(bench.ask());
    bench.answer_encoding("coded");
    REQUIRE(bench.ask());
    CHECK(bench.door.encodings.front().order.effort == cache::Effort::best);
    CHECK(bench.state() == CopyState::best_asked);
    CHECK(bench.ask());
    Waiting waiting;
    CHECK(!bench.ask(Coding::br, &waiting));  // a copy is there
    bench.answer_encoding(better);
    CHECK(bench.state() == CopyState::best);
    CHECK(bench.copy() == (std::string_view(better) == "cod" ? "cod" : "coded"));
    CHECK(!bench.ask());
    CHECK(bench.door.encodings.empty());
  }
  Copying bench;
  CHECK(bench.ask());
  bench.answer_encoding("coded");
  CHECK(bench.ask());
  bench.answer_encoding(std::nullopt);
  CHECK(bench.state() == CopyState::best);
  CHECK(bench.copy() == "coded");
}

TEST_CASE("the better copy is not made of more than 1 MiB") {
  for (const size_t bytes : {size_t{1} << 20, (size_t{1} << 20) + 1}) {
    CAPTURE(bytes);
    Copying bench({.disk = {.max_cached_file_bytes = size_t{4} << 20}, .cache = {.capacity_bytes = size_t{64} << 20}});
    bench.put("large.txt", std::string(bytes, 'a'));
    bench.age();
    bench.entry = bench.entry_of("/large.txt");
    REQUIRE(bench.ask());
    bench.answer_encoding("coded");
    CHECK(bench.ask() == (bytes == size_t{1} << 20));
    CHECK(bench.door.encodings.size() == (bytes == size_t{1} << 20 ? 1 : 0));
  }
}

TEST_CASE("a copy that would not be smaller is useless, and not asked for again") {
  for (const bool none : {true, false}) {
    CAPTURE(none);
    Copying bench;
    Waiting waiting;
    CHECK(bench.ask(Coding::br, &waiting));
    bench.answer_encoding(none ? std::nullopt : std::optional(std::string(1000, 'b')));
    CHECK(bench.state() == CopyState::useless);
    CHECK(bench.copy() == "none");
    CHECK(waiting.status == 200);
    CHECK(&*waiting.entry == &*bench.entry);
    CHECK(!bench.ask());
    CHECK(bench.disk->counters().copies_useless == 1);
  }
}

TEST_CASE("who waits for a copy hears of its end with the entry, all of them, and not who left") {
  Copying bench;
  Waiting first;
  Waiting second;
  Waiting left;
  CHECK(bench.ask(Coding::gzip, &first));
  CHECK(bench.ask(Coding::gzip, &second));
  CHECK(bench.ask(Coding::gzip, &left));
  left.unlink();
  CHECK(bench.door.encodings.size() == 1);
  bench.answer_encoding("coded");
  for (const Waiting* waiting : {&first, &second}) {
    CHECK(waiting->told == 1);
    CHECK(waiting->status == 200);
    CHECK(&*waiting->entry == &*bench.entry);
  }
  CHECK(left.told == 0);
  Waiting late;
  bench.put("b.txt", std::string(1000, 'b'));
  CHECK(bench.ask(Coding::gzip, &late));  // the better one
  CHECK(late.told == 0);
  bench.answer_encoding("co");
  CHECK(late.told == 1);
}

TEST_CASE("copies are made of compressible content alone: from 256 bytes, of a type worth it, not of a copy") {
  Copying bench;
  bench.put("short.txt", std::string(255, 'a'));
  bench.put("least.txt", std::string(256, 'a'));
  bench.put("image.png", std::string(1000, 'a'));
  bench.put("sibling.txt.br", std::string(1000, 'a'));
  bench.age();
  Waiting waiting;
  for (const char* path : {"/short.txt", "/image.png", "/sibling.txt//br", "/missing"}) {
    CAPTURE(path);
    const Waiting asking(bench, path);
    bench.run();
    REQUIRE(bench.held(path));
    CHECK(!bench.disk->make_copy(*bench.held(path), Coding::gzip));
    CHECK(!bench.disk->make_copy(*bench.held(path), Coding::gzip, &waiting));
  }
  CHECK(!bench.ask(Coding::identity));
  CHECK(bench.ask());
  bench.answer_encoding(std::string(500, 'c'));
  CHECK(!bench.disk->make_copy(*bench.entry->copy(Coding::br), Coding::gzip));
  CHECK(bench.door.encodings.empty());
  bench.entry = bench.entry_of("/least.txt");
  CHECK(bench.ask());
}

TEST_CASE("of what is not kept a copy is made only for who waits for it") {
  Copying bench;
  bench.put("young.txt", std::string(1000, 'a'));
  bench.entry = bench.entry_of("/young.txt");
  REQUIRE(!bench.entry->in_cache());
  CHECK(!bench.ask());
  Waiting waiting;
  REQUIRE(bench.ask(Coding::br, &waiting));
  bench.answer_encoding("coded");
  CHECK(waiting.status == 200);
  CHECK(bench.copy() == "coded");
}

TEST_CASE("an answer for an entry that was dropped, and that nobody waits for, is not kept") {
  Copying bench;
  CHECK(bench.ask());
  bench.invalidate("/a.txt");
  bench.answer_encoding("coded");
  CHECK(bench.copy() == "none");
  CHECK(bench.disk->counters().copies_made == 0);
  // A connection may hold the entry still, and ask for that copy once more.
  CHECK(bench.state() == CopyState::none);
  Waiting waiting;
  REQUIRE(bench.ask(Coding::br, &waiting));
  bench.answer_encoding("coded");
  CHECK(waiting.status == 200);
}

TEST_CASE("at most 64 copies are asked for at a time, and none where nobody takes the order") {
  Copying bench;
  std::vector<cache::EntryRef> entries;
  for (int number = 0; number < 65; ++number) bench.put(std::to_string(number) + ".txt", std::string(300, 'a'));
  bench.age();
  for (int number = 0; number < 65; ++number) entries.push_back(bench.entry_of("/" + std::to_string(number) + ".txt"));
  for (int number = 0; number < 64; ++number) CHECK(bench.disk->make_copy(*entries[number], Coding::br));
  CHECK(!bench.disk->make_copy(*entries[64], Coding::br));
  CHECK(entries[64]->copy_state(Coding::br) == CopyState::none);
  CHECK(bench.disk->counters().copies_refused == 1);
  bench.answer_encoding("coded");
  CHECK(bench.disk->make_copy(*entries[64], Coding::br));
  Copying busy;
  busy.door.busy = true;
  CHECK(!busy.ask());
  CHECK(busy.state() == CopyState::none);
  busy.door.busy = false;
  CHECK(busy.ask());
  Copying alone({.helped = false});
  CHECK(!alone.ask());
}

TEST_CASE("better copies leave half of the places to those that there are none of") {
  Copying bench;
  REQUIRE(bench.ask());
  bench.answer_encoding("coded");
  std::vector<cache::EntryRef> others;
  for (int number = 0; number < 32; ++number) {
    const std::string name = std::to_string(number) + ".txt";
    bench.put(name, std::string(1000, 'a'));
    bench.age();
    others.push_back(bench.entry_of("/" + name));
    REQUIRE(bench.disk->make_copy(*others.back(), Coding::br));
  }
  CHECK(!bench.ask());
  CHECK(bench.state() == CopyState::quick);
  bench.answer_encoding("coded");
  CHECK(bench.ask());
  CHECK(bench.state() == CopyState::best_asked);
}

TEST_CASE("where there is no room for a copy its waiters hear 503, and it may be asked for again") {
  Copying bench;
  Waiting waiting;
  CHECK(bench.ask(Coding::br, &waiting));
  const cache::EntryRef held = bench.cache.make(Bench::key("/held"), "/held", 0, size_t{8} << 20);
  bench.answer_encoding("coded");
  CHECK(waiting.status == 503);
  CHECK(!waiting.entry);
  CHECK(bench.state() == CopyState::none);
  CHECK(bench.copy() == "none");
}

TEST_CASE("while a copy is made the entry's Date goes on, and the entry lives on if it is dropped") {
  Copying bench;
  CHECK(bench.ask());
  cache::Entry* base = bench.held("/a.txt");
  bench.entry.reset();
  CHECK(base->pins() == 0);
  CHECK(base->date_current(1, "Thu, 01 Jan 1970 00:00:01 GMT"));
  bench.invalidate("/a.txt");
  CHECK(base->key().path == "/a.txt");
  bench.answer_encoding("coded");
}

TEST_CASE("a worker that stops waits for no copy; its waiters hear 503, and a late answer is of nobody") {
  Copying bench;
  Waiting waiting;
  CHECK(bench.ask(Coding::br, &waiting));
  CHECK(bench.disk->idle());
  bench.disk->let_go();
  CHECK(waiting.status == 503);
  CHECK(bench.state() == CopyState::none);
  CHECK(!bench.ask());
  bench.answer_encoding("coded");
  CHECK(bench.copy() == "none");
  CHECK(waiting.told == 1);
}

TEST_CASE("a copy is charged with its entry, and goes with it") {
  Copying bench;
  const size_t before = bench.cache.bytes();
  CHECK(bench.ask());
  bench.answer_encoding(std::string(600, 'c'));
  const size_t copy_bytes = bench.entry->copy(Coding::br)->charge();
  CHECK(copy_bytes > 600);
  CHECK(bench.cache.bytes() == before + copy_bytes);
  bench.invalidate("/a.txt");
  CHECK(bench.cache.bytes() == before - (bench.entry->charge() - copy_bytes));
}

TEST_CASE("a look that finds the file unchanged keeps its copies; a file that changed has none") {
  Copying bench;
  CHECK(bench.ask());
  bench.answer_encoding("coded");
  bench.pass(2100);
  {
    const Waiting asking(bench, "/a.txt");
    bench.run();
    CHECK(asking.unchanged);
    CHECK(asking.entry->copy(Coding::br) != nullptr);
  }
  bench.put("a.txt", std::string(1000, 'b'));
  bench.pass(2100);
  const Waiting asking(bench, "/a.txt");
  bench.run();
  CHECK(asking.entry->copy(Coding::br) == nullptr);
  CHECK(asking.entry->copy_state(Coding::br) == CopyState::none);
}
