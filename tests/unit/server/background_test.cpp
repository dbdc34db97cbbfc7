// The background thread by itself: who comes first, what is made once, what is refused, and its end.
#include "background.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>

#include <mutex>
#include <set>

#include "background_memory.hpp"
#include "helper_world.hpp"

using namespace uringd;
using namespace uringd::server;
using namespace uringd::server::test;
using disk::EncodeOrder;

namespace {

std::string text_of(size_t bytes, char letter = 'a') { return std::string(bytes, letter); }

/// What nothing makes smaller.
std::string noise(size_t bytes) {
  std::string all(bytes, '\0');
  uint32_t state = 1;
  for (char& byte : all) byte = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return all;
}

/// Text that takes long: words in no order.
std::string slow_text(size_t bytes) {
  std::string all;
  uint32_t state = 7;
  while (all.size() < bytes) (all += std::to_string((state = state * 1664525 + 1013904223) >> 20)) += ' ';
  return all;
}

/// Numbers of this process' background threads.
std::vector<int> idle_threads() {
  std::vector<int> threads;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream file(entry.path() / "comm");
    std::string name;
    if (std::getline(file, name) && name == "uringd/idle") threads.push_back(std::stoi(entry.path().filename()));
  }
  return threads;
}

/// Processor time of the one that there is.
uint64_t worked_ns() {
  uint64_t ns = 0;
  for (const int thread : idle_threads()) {
    std::ifstream("/proc/self/task/" + std::to_string(thread) + "/schedstat") >> ns;
  }
  return ns;
}

struct Bench {
  struct Pages {
    uint64_t order;
    std::shared_ptr<const disk::ErrorPages> pages;
    std::vector<std::string> problems;
  };

  Bench() {
    auto described = disk::describe_root(tree.open());
    REQUIRE(described.has_value());
    root = std::make_shared<const disk::Root>(std::move(*described));
  }
  void start() {
    Mailbox* const mailboxes[] = {&hands[0].mailbox, &hands[1].mailbox};
    REQUIRE(background.start(mailboxes));
  }
  disk::ListingOrder listing(const std::string& path = "/") {
    return {.root = root, .directory = tree.open("." + path), .path = path};
  }
  bool answered(size_t copies, size_t listings = 0) {
    return within(60s, [&] {
      for (Hand& hand : hands) hand.take();
      return hands[0].encoded.size() + hands[1].encoded.size() == copies &&
             hands[0].rendered.size() + hands[1].rendered.size() == listings;
    });
  }
  size_t pages_told() {
    const std::lock_guard guard(lock);
    return pages.size();
  }

  RealTree tree;
  std::shared_ptr<const disk::Root> root;
  std::array<Hand, 2> hands;
  std::mutex lock;
  std::vector<Pages> pages;
  Background background{
      [this](uint64_t order, std::shared_ptr<const disk::ErrorPages> next, std::vector<std::string> problems) {
        const std::lock_guard guard(lock);
        pages.push_back({order, std::move(next), std::move(problems)});
      }};
};

}  // namespace

TEST_CASE_FIXTURE(Bench, "a copy comes back to who ordered it, with its ticket; one that is not worth it as nothing") {
  start();
  REQUIRE(background.encode(1, {.bytes = text_of(4096), .etag = "a", .coding = http::Coding::gzip}, 11));
  REQUIRE(background.encode(0, {.bytes = noise(4096), .etag = "b", .coding = http::Coding::gzip}, 12));
  REQUIRE(answered(2));
  REQUIRE(hands[1].encoded.size() == 1);
  CHECK(hands[1].encoded[0].ticket == 11);
  REQUIRE(hands[1].encoded[0].bytes);
  CHECK(hands[1].encoded[0].bytes->starts_with("\x1f\x8b"));
  REQUIRE(hands[0].encoded.size() == 1);
  CHECK(hands[0].encoded[0].ticket == 12);
  CHECK(!hands[0].encoded[0].bytes);
}

TEST_CASE_FIXTURE(Bench, "a copy that saves less than a sixteenth is not worth it") {
  start();
  // Gzip makes about 3 % of text_of() smaller than nothing, and nothing of noise: the share of each decides.
  const std::string little = noise(15'800) + text_of(584);   // saves 3.5 %
  const std::string enough = noise(14'384) + text_of(2000);  // saves 12 %
  REQUIRE(background.encode(0, {.bytes = little, .etag = "a"}, 1));
  REQUIRE(background.encode(0, {.bytes = enough, .etag = "b"}, 2));
  REQUIRE(answered(2));
  CHECK(!hands[0].encoded[0].bytes);
  CHECK(hands[0].encoded[1].bytes);
}

TEST_CASE_FIXTURE(Bench, "equal orders of several workers are carried out once and share their bytes") {
  for (uint64_t ticket = 0; ticket < 20; ++ticket) {
    REQUIRE(background.encode(ticket % 2, {.bytes = text_of(5000), .etag = "a"}, ticket));
    REQUIRE(background.encode(ticket % 2, {.bytes = noise(5000), .etag = "n"}, 100 + ticket));
  }
  start();
  REQUIRE(answered(40));
  CHECK(background.copies_made() == 2);
  std::set<const std::string*> copies;
  for (const Hand& hand : hands) {
    for (const disk::Encoded& one : hand.encoded) copies.insert(one.bytes.get());
  }
  CHECK(copies.size() == 2);  // nullptr is one

  REQUIRE(background.encode(1, {.bytes = text_of(5000), .etag = "a"}, 200));  // later too
  REQUIRE(answered(41));
  CHECK(background.copies_made() == 2);
}

TEST_CASE_FIXTURE(Bench, "orders of another etag, coding or effort, or of no etag, are other copies") {
  start();
  const std::vector<EncodeOrder> orders = {
      {.bytes = text_of(5000), .etag = "a"},
      {.bytes = text_of(5000, 'b'), .etag = "b"},
      {.bytes = text_of(5000), .etag = "a", .coding = http::Coding::zstd},
      {.bytes = text_of(5000), .etag = "a", .effort = cache::Effort::best},
      {.bytes = text_of(5000), .etag = ""},
      {.bytes = text_of(5000, 'b'), .etag = ""},
  };
  for (size_t index = 0; index < orders.size(); ++index) REQUIRE(background.encode(0, orders[index], index));
  REQUIRE(answered(orders.size()));
  CHECK(background.copies_made() == orders.size());
}

TEST_CASE_FIXTURE(Bench, "listings come first, then quick copies, then best ones, in the order in which they came") {
  tree.write("file");
  using cache::Effort;
  REQUIRE(background.encode(0, {.bytes = text_of(300), .etag = "1", .effort = Effort::best}, 1));
  REQUIRE(background.encode(0, {.bytes = text_of(300), .etag = "2", .effort = Effort::quick}, 2));
  REQUIRE(background.encode(0, {.bytes = text_of(300), .etag = "3", .effort = Effort::best}, 3));
  REQUIRE(background.encode(0, {.bytes = text_of(300), .etag = "4", .effort = Effort::quick}, 4));
  REQUIRE(background.list(0, listing(), 5));
  std::vector<uint64_t> order;
  start();
  REQUIRE(within(60s, [&] {
    for (disk::Notice& notice : hands[0].mailbox.take_notices()) {
      if (auto* one = std::get_if<disk::Encoded>(&notice)) order.push_back(one->ticket);
      if (auto* one = std::get_if<disk::Rendered>(&notice)) order.push_back(one->ticket);
    }
    return order.size() == 5;
  }));
  CHECK(order == std::vector<uint64_t>{5, 2, 4, 1, 3});
}

TEST_CASE_FIXTURE(Bench, "a listing that is ordered while copies are made waits for one of them, not for all") {
  const std::string body = slow_text(100'000);
  for (uint64_t ticket = 0; ticket < 30; ++ticket) {
    REQUIRE(background.encode(
        0, {.bytes = body, .etag = std::to_string(ticket), .coding = http::Coding::br, .effort = cache::Effort::best},
        ticket));
  }
  start();
  REQUIRE(within(60s, [&] { return background.copies_made() >= 1; }));
  REQUIRE(background.list(1, listing(), 1));
  const uint64_t before = background.copies_made();
  REQUIRE(within(60s, [&] {
    hands[1].take();
    return hands[1].rendered.size() == 1;
  }));
  CHECK(background.copies_made() <= before + 2);
}

TEST_CASE_FIXTURE(Bench, "a listing is a page or JSON of what is there, and nothing of what cannot be read") {
  tree.write("a b");
  start();
  disk::ListingOrder json = listing();
  json.form.format = http::ListingForm::Format::json;
  disk::ListingOrder unreadable = listing();
  unreadable.directory = Fd(::open(tree.at("a b").c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(background.list(0, listing(), 1));
  REQUIRE(background.list(0, std::move(json), 2));
  REQUIRE(background.list(0, std::move(unreadable), 3));
  REQUIRE(answered(0, 3));
  CHECK(hands[0].rendered[0].body.value().find("<a href=\"a%20b\">") != std::string::npos);
  CHECK(hands[0].rendered[1].body.value().starts_with("{\"path\":\"/\""));
  CHECK(hands[0].rendered[2].ticket == 3);
  CHECK(!hands[0].rendered[2].body);
}

TEST_CASE_FIXTURE(Bench, "beyond 256 listings, 256 copies or 16 MiB of them an order is refused, until some are done") {
  for (uint64_t ticket = 0; ticket < 256; ++ticket) {
    REQUIRE(background.list(0, listing(), ticket));
    REQUIRE(background.encode(0, {.bytes = text_of(300), .etag = "a"}, ticket));
  }
  CHECK(!background.list(0, listing(), 256));
  CHECK(!background.encode(0, {.bytes = "", .etag = "a"}, 256));
  start();
  REQUIRE(answered(256, 256));
  REQUIRE(background.list(0, listing(), 257));
  REQUIRE(background.encode(0, {.bytes = text_of(300), .etag = "a"}, 257));
  REQUIRE(answered(257, 257));

  CHECK(!background.encode(0, {.bytes = std::string((size_t{16} << 20) + 1, 'a'), .etag = "b"}, 258));
  REQUIRE(background.encode(0, {.bytes = std::string(size_t{16} << 20, 'a'), .etag = "b"}, 259));
  REQUIRE(answered(258, 257));
}

TEST_CASE_FIXTURE(Bench, "16 MiB of bodies that wait are all") {
  const std::string half(size_t{8} << 20, 'a');
  REQUIRE(background.encode(0, {.bytes = half, .etag = "a"}, 1));
  REQUIRE(background.encode(1, {.bytes = half, .etag = "a"}, 2));
  for (int tries = 0; tries < 300; ++tries) CHECK(!background.encode(0, {.bytes = "x", .etag = "b"}, 3));
  CHECK(background.encode(0, {.bytes = "", .etag = "c"}, 4));  // what was refused is not counted
  start();
  CHECK(answered(3));
  CHECK(background.encode(0, {.bytes = "x", .etag = "b"}, 5));
}

TEST_CASE_FIXTURE(Bench, "an order of pages is answered once, with pages only where they are others") {
  const std::vector<disk::ErrorPageRule> rules = {{"404", "/404.html", "text/html"}, {"403", "/none", "text/html"}};
  tree.write("404.html", "one");
  std::this_thread::sleep_for(30ms);
  start();
  background.read_pages(
      {.number = 3, .root = root, .rules = rules, .current = std::make_shared<const disk::ErrorPages>()});
  REQUIRE(within(60s, [&] { return pages_told() == 1; }));
  CHECK(pages[0].order == 3);
  REQUIRE(pages[0].pages);
  CHECK(pages[0].pages->find(404)->body == "one");
  CHECK(pages[0].problems.size() == 1);
  background.read_pages({.number = 4, .root = root, .rules = rules, .current = pages[0].pages});
  REQUIRE(within(60s, [&] { return pages_told() == 2; }));
  CHECK(pages[1].order == 4);
  CHECK(!pages[1].pages);
}

TEST_CASE_FIXTURE(Bench,
                  "its end waits for the copy that is being made, not for those that wait, and then nothing comes") {
  const std::string body = slow_text(60'000);
  for (uint64_t ticket = 0; ticket < 100; ++ticket) {
    REQUIRE(background.encode(
        0, {.bytes = body, .etag = std::to_string(ticket), .coding = http::Coding::br, .effort = cache::Effort::best},
        ticket));
  }
  start();
  REQUIRE(within(60s, [&] { return background.copies_made() >= 1; }));
  CHECK(background.stop(60s));
  const size_t told = hands[0].mailbox.pending();
  CHECK(told < 100);
  CHECK(background.encode(0, {.bytes = body, .etag = "late"}, 200));
  std::this_thread::sleep_for(50ms);
  CHECK(hands[0].mailbox.pending() == told);
  CHECK(background.stop(0ms));
}

TEST_CASE("one that is deep in a copy is left behind when patience ends, and posts nothing when it is through") {
  Mailbox mailbox;
  {
    Background background([](uint64_t, const auto&, const auto&) {});
    Mailbox* const mailboxes[] = {&mailbox};
    const std::string body = slow_text(size_t{3} << 19);  // 0.2 s of work
    REQUIRE(background.encode(0, {.bytes = body, .etag = "a", .coding = http::Coding::br}, 1));
    REQUIRE(background.start(mailboxes));
    REQUIRE(within(60s, [] { return worked_ns() > 20'000'000; }));
    const auto begin = Clock::now();
    CHECK(!background.stop(10ms));
    CHECK(Clock::now() - begin >= 10ms);
    CHECK(!background.stop(10ms));
  }
  REQUIRE(within(100s, [] { return idle_threads().empty(); }));
  CHECK(mailbox.pending() == 0);
}

TEST_CASE_FIXTURE(Bench, "one that rests ends at once, however busy the machine is, and what it had ends with it") {
  start();
  const std::weak_ptr<const disk::Root> weak = root;
  REQUIRE(background.list(0, listing(), 1));
  REQUIRE(answered(0, 1));
  std::this_thread::sleep_for(10ms);
  CHECK(background.stop(50ms));
  CHECK(background.stop(0ms));
  root.reset();
  CHECK(within(60s, [&] { return weak.expired(); }));
}

TEST_CASE("one that was never started ends at once, with orders in it") {
  Background background([](uint64_t, const auto&, const auto&) {});
  REQUIRE(background.encode(0, {.bytes = text_of(300), .etag = "a"}, 1));
  CHECK(background.stop(0ms));
}

TEST_CASE_FIXTURE(Bench, "it runs at a low priority under its name, and takes no signal") {
  start();
  REQUIRE(within(60s, [] { return idle_threads().size() == 1; }));
  const int thread = idle_threads()[0];
  CHECK(within(60s, [&] { return getpriority(PRIO_PROCESS, static_cast<id_t>(thread)) == 10; }));
  CHECK(sched_getscheduler(thread) == SCHED_OTHER);  // else it may not be run for seconds
  std::ifstream status("/proc/self/task/" + std::to_string(thread) + "/status");
  std::string line;
  while (std::getline(status, line) && !line.starts_with("SigBlk:")) {
  }
  REQUIRE(line.size() > 7);
  const uint64_t blocked = std::stoull(line.substr(7), nullptr, 16);
  CHECK((blocked >> (SIGTERM - 1) & 1) == 1);
  CHECK((blocked >> (SIGINT - 1) & 1) == 1);
}

TEST_CASE_FIXTURE(Bench, "orders from several threads at once are each answered once") {
  start();
  {
    std::vector<std::jthread> threads;
    for (uint32_t worker = 0; worker < 2; ++worker) {
      threads.emplace_back([this, worker] {
        for (uint64_t ticket = 0; ticket < 500; ++ticket) {
          const EncodeOrder order{.bytes = text_of(400), .etag = std::to_string(ticket % 7)};
          while (!background.encode(worker, order, ticket)) std::this_thread::yield();
        }
      });
    }
  }
  REQUIRE(answered(1000));
  for (Hand& hand : hands) {
    std::set<uint64_t> tickets;
    for (const disk::Encoded& one : hand.encoded) tickets.insert(one.ticket);
    CHECK(tickets.size() == 500);
  }
  CHECK(background.copies_made() == 7);
}

TEST_CASE("the memory of copies is bounded, oldest out first, and one that is too large is not kept") {
  RememberedCopies memory(10'000);
  const auto order = [](int number) { return EncodeOrder{.etag = std::to_string(number)}; };
  const auto copy = [](size_t bytes) { return std::make_shared<const std::string>(bytes, 'x'); };
  memory.remember(order(0), copy(20'000));
  CHECK(!memory.find(order(0)));
  for (int number = 1; number <= 20; ++number) {
    memory.remember(order(number), copy(1000));
    CHECK(memory.bytes() <= 10'000);
    CHECK(memory.find(order(number)));
  }
  CHECK(!memory.find(order(1)));
  CHECK(!memory.find(order(13)));
  CHECK(memory.find(order(14)));
  const size_t bytes = memory.bytes();
  memory.remember(order(20), copy(1000));
  CHECK(memory.bytes() == bytes);
  for (int number = 100; number < 1000; ++number) memory.remember(order(number), nullptr);  // they cost something too
  CHECK(!memory.find(order(20)));
  CHECK(memory.bytes() <= 10'000);
}

TEST_CASE_FIXTURE(Bench, "a copy for somebody else is given to a function, and never after the end") {
  start();
  std::vector<std::shared_ptr<const std::string>> given;
  const auto done = [&](std::shared_ptr<const std::string> bytes) {
    const std::lock_guard guard(lock);
    given.push_back(std::move(bytes));
  };
  const auto count = [&] {
    const std::lock_guard guard(lock);
    return given.size();
  };
  REQUIRE(background.encode({.bytes = text_of(4096), .etag = "a", .coding = http::Coding::br}, done));
  REQUIRE(background.encode({.bytes = noise(4096), .etag = "b", .coding = http::Coding::br}, done));
  REQUIRE(within(60s, [&] { return count() == 2; }));
  CHECK(given[0]->size() < 100);
  CHECK(given[1] == nullptr);
  REQUIRE(background.stop(10s));
  static_cast<void>(background.encode({.bytes = text_of(4096), .etag = "c", .coding = http::Coding::br}, done));
  CHECK(count() == 2);
}
