// The fake world's own rules: what it promises to a program under test, and what it must catch.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "uringd/uring/fake.hpp"
#include "uringd/uring/ring.hpp"

using namespace uringd;
using namespace uringd::uring;

namespace {

Tag tag_of(uint32_t number) { return {.kind = Kind::connection, .step = 1, .slot = number, .generation = 7}; }

struct Bench {
  explicit Bench(uint64_t seed = 1, Mischief mischief = Mischief::none(), RingOptions options = {})
      : world(seed, mischief) {
    options.world = &world;
    ring.emplace(std::move(*Ring::create(options)));
    listener = world.listen();
  }
  /// The completion of `number`; others wait their turn.
  Completion wait_for(uint32_t number) {
    for (int turns = 0; turns < 10'000; ++turns) {
      for (auto at = seen.begin(); at != seen.end(); ++at) {
        if (at->tag != tag_of(number)) continue;
        const Completion found = *at;
        seen.erase(at);
        return found;
      }
      for (const Completion& completion : ring->turn(true)) seen.push_back(completion);
      world.check();
    }
    FAIL("no completion of " << number);
    return {};
  }
  int open(const char* path, Resolve resolve = Resolve::symlinks_inside, Walk walk = Walk::in_thread) {
    if (root < 0) root = world.root();
    ring->open_beneath(root, path, resolve, walk, tag_of(900));
    return wait_for(900).result;
  }
  Direct accept(Client*& client) {
    client = &world.connect(listener);
    ring->accept_multishot(listener, tag_of(901));
    const Direct socket{static_cast<uint32_t>(wait_for(901).result)};
    ring->cancel(tag_of(901), tag_of(902));
    wait_for(902);
    wait_for(901);
    return socket;
  }

  /// Lets clients read what there is.
  void settle() {
    for (int turns = 0; turns < 100; ++turns) ring->turn(false);
  }

  World world;
  std::optional<Ring> ring;
  int listener = -1;
  int root = -1;
  std::vector<Completion> seen;
};

/// `misuse` stops the process. Its message goes nowhere.
template <typename Misuse>
bool dies(Misuse misuse) {
  const pid_t child = fork();
  if (child == 0) {
    dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
    signal(SIGABRT, SIG_DFL);
    misuse();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

/// An echo server of one connection that survives everything; returns what the client got.
struct Echo {
  explicit Echo(Bench& where, Direct connection) : bench(where), socket(connection) { receive(); }
  void receive() { bench.ring->receive_multishot(socket, tag_of(1)), receiving = true; }
  void send() {
    if (sending || pending.empty() || broken) return;
    lent = pending.substr(0, 100);
    bench.ring->send(socket, lent, tag_of(2));
    sending = true;
  }
  void on(const Completion& completion) {
    if (completion.tag == tag_of(1)) {
      receiving = completion.more;
      if (completion.has_buffer) {
        const auto bytes = bench.ring->bytes_of(completion);
        pending.append(bytes.begin(), bytes.end());
        bench.ring->give_back(completion.buffer);
      }
      if (completion.result == 0) ended = true;
      if (completion.result < 0 && completion.result != -ENOBUFS) broken = true;
      if (!receiving && !ended && !broken) receive();
    } else {
      sending = false;
      lent.assign(lent.size(), '!');  // ours again
      if (completion.result < 0) broken = true;
      if (completion.result > 0) pending.erase(0, static_cast<size_t>(completion.result));
    }
    send();
  }
  [[nodiscard]] bool finished() const { return !receiving && !sending && (broken || (ended && pending.empty())); }

  Bench& bench;
  Direct socket;
  std::string pending, lent;
  bool receiving = false, sending = false, ended = false, broken = false;
};

std::string run_echo(uint64_t seed, std::string& trace) {
  RingOptions options;
  options.receive_buffers = 4;
  options.receive_buffer_bytes = 32;
  Bench bench(seed, Mischief::none(), options);
  Client* client = nullptr;
  const Direct socket = bench.accept(client);
  bench.world.mischief() = Mischief::wild();
  client->set_window(50);
  std::string sent;
  for (int line = 0; line < 40; ++line) {
    const std::string text = "line " + std::to_string(line) + " of seed " + std::to_string(seed) + "\n";
    sent += text;
    bench.world.after(bench.world.random().below(50'000'000), [client, text](World&) { client->send(text); });
  }
  bench.world.after(60'000'000, [client](World&) { client->half_close(); });
  Echo echo(bench, socket);
  for (int turns = 0; turns < 100'000 && !echo.finished(); ++turns) {
    for (const Completion& completion : bench.ring->turn(true)) {
      trace += std::to_string(completion.tag.slot) + ":" + std::to_string(completion.result) + " ";
      echo.on(completion);
    }
    bench.world.check();
  }
  CHECK(echo.finished());
  bench.ring->close(socket, tag_of(3));
  bench.wait_for(3);
  for (int turns = 0; turns < 100 && !client->saw_end(); ++turns) bench.ring->turn(true);
  CHECK(bench.world.held() == "");
  if (echo.broken) return {};
  CHECK(client->received().size() == sent.size());
  return client->received();
}

}  // namespace

TEST_CASE(
    "an echo over short pieces, lost multishots, empty pools and short sends loses and mixes nothing, for 300 seeds") {
  int whole = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    std::string trace;
    const std::string got = run_echo(seed, trace);
    if (got.empty()) continue;  // the connection broke, which Mischief does
    ++whole;
    size_t at = 0;
    std::set<std::string> lines;
    while (at < got.size()) {
      const size_t end = got.find('\n', at);
      REQUIRE(end != std::string::npos);
      CHECK(got.substr(at, end - at).ends_with(" of seed " + std::to_string(seed)));
      lines.insert(got.substr(at, end - at));
      at = end + 1;
    }
    CHECK(lines.size() == 40);
  }
  CHECK(whole > 100);
}

TEST_CASE("the same seed gives the same run, another seed another") {
  std::string first, again, other;
  run_echo(7, first);
  run_echo(7, again);
  run_echo(8, other);
  CHECK(first == again);
  CHECK(first != other);
}

TEST_CASE("a send's memory is read when the bytes move: what is overwritten before its completion goes out wrong") {
  Mischief slow;
  slow.longest_delay_ns = 1'000'000;
  Bench bench(3, slow);
  Client* client = nullptr;
  const Direct socket = bench.accept(client);
  std::string lent = "right";
  bench.ring->send(socket, lent, tag_of(1));
  CHECK(bench.ring->turn(false).empty());
  lent = "wrong";
  CHECK(bench.wait_for(1).result == 5);
  bench.settle();
  CHECK(client->received() == "wrong");
}

TEST_CASE("memory lent for a read is garbage until the completion, and what is written there meanwhile is lost") {
  Mischief slow;
  slow.longest_delay_ns = 1'000'000;
  Bench bench(5, slow);
  bench.world.put_file("a", "content");
  const int file = bench.open("a");
  std::array<char, 9> into{'b', 'e', 'f', 'o', 'r', 'e', '.', '.', '.'};
  bench.ring->read(file, into, 0, tag_of(1));
  CHECK(bench.ring->turn(false).empty());
  CHECK(std::string_view(into.data(), 9) != "before...");
  into.fill('x');
  CHECK(bench.wait_for(1).result == 7);
  CHECK(std::string_view(into.data(), 7) == "content");
  CHECK(std::string_view(into.data() + 7, 2) != "xx");
}

#ifndef __SANITIZE_ADDRESS__  // there, reading it is a report of its own
TEST_CASE("a receive buffer's bytes are gone as soon as it is given back") {
  Bench bench;
  Client* client = nullptr;
  const Direct socket = bench.accept(client);
  bench.ring->receive_multishot(socket, tag_of(1));
  client->send("hello");
  const Completion got = bench.wait_for(1);
  const auto bytes = bench.ring->bytes_of(got);
  CHECK(std::string(bytes.begin(), bytes.end()) == "hello");
  bench.ring->give_back(got.buffer);
  CHECK(std::string(bytes.begin(), bytes.end()) != "hello");
}
#endif

TEST_CASE("a cancel wins or loses, before or after its target's completion, and the target ends exactly once") {
  int won = 0, lost = 0, cancel_first = 0, target_first = 0;
  for (uint64_t seed = 0; seed < 500; ++seed) {
    CAPTURE(seed);
    Mischief mischief;
    mischief.cancel_loses = 500;
    mischief.longest_delay_ns = 100'000;
    Bench bench(seed, mischief);
    bench.world.put_file("a", "bytes");
    const int file = bench.open("a");
    std::array<char, 5> into{};
    bench.ring->read(file, into, 0, tag_of(1));
    bench.ring->cancel(tag_of(1), tag_of(2));
    std::map<uint32_t, int> results;
    std::vector<uint32_t> order;
    for (int turns = 0; turns < 100 && results.size() < 2; ++turns) {
      for (const Completion& completion : bench.ring->turn(true)) {
        CHECK(results.emplace(completion.tag.slot, completion.result).second);
        order.push_back(completion.tag.slot);
      }
    }
    REQUIRE(results.size() == 2);
    (order[0] == 1 ? target_first : cancel_first)++;
    if (results[2] == 0) {
      CHECK(results[1] == -ECANCELED);
      ++won;
    } else {
      CHECK((results[2] == -ENOENT || results[2] == -EALREADY));
      CHECK(results[1] == 5);
      ++lost;
    }
    bench.ring->close_file(file);
    bench.ring->turn(false);
    CHECK(bench.world.held() == "");
  }
  CHECK(won > 50);
  CHECK(lost > 50);
  CHECK(cancel_first > 50);
  CHECK(target_first > 50);
}

TEST_CASE("send_and_close shows the client the bytes and the end, or leaves the socket open where not all went") {
  int closed = 0;
  int open = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    Bench bench(seed);
    Client* client = nullptr;
    const Direct socket = bench.accept(client);
    bench.world.mischief().short_send = 500;
    const std::string bytes(100, 'x');
    bench.ring->send_and_close(socket, bytes, tag_of(1), tag_of(2));
    const int sent = bench.wait_for(1).result;
    const int result = bench.wait_for(2).result;
    CHECK(result == (sent == 100 ? 0 : -ECANCELED));
    (sent == 100 ? closed : open) += 1;
    if (sent < 100) {
      bench.ring->close(socket, tag_of(3));
      CHECK(bench.wait_for(3).result == 0);
    }
    bench.settle();
    CHECK(client->received() == bytes.substr(0, static_cast<size_t>(sent)));
    CHECK(client->saw_end());
    CHECK(bench.world.held() == "");
  }
  CHECK(closed > 50);
  CHECK(open > 50);
}

TEST_CASE("poll_readable comes with bytes and with the end, and receive_once takes one piece") {
  Bench bench;
  Client* client = nullptr;
  const Direct socket = bench.accept(client);
  bench.ring->poll_readable(socket, tag_of(1));
  bench.ring->turn(false);
  client->send("bytes");
  CHECK(bench.wait_for(1).result > 0);
  bench.ring->receive_once(socket, tag_of(2));
  const Completion got = bench.wait_for(2);
  CHECK(got.result == 5);
  CHECK_FALSE(got.more);
  bench.ring->give_back(got.buffer);
  client->close();
  bench.ring->poll_readable(socket, tag_of(3));
  CHECK(bench.wait_for(3).result > 0);
}

TEST_CASE("cancel_and_close ends an armed receive and shows the client the end, whoever wins") {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    Bench bench(seed);
    Client* client = nullptr;
    const Direct socket = bench.accept(client);
    bench.world.mischief().cancel_loses = 500;
    bench.world.mischief().longest_delay_ns = 100'000;
    bench.ring->receive_multishot(socket, tag_of(1));
    bench.ring->turn(false);
    if (seed % 2 == 0) client->send("late");
    bench.ring->cancel_and_close(tag_of(1), tag_of(2), socket, tag_of(3));
    bench.wait_for(2);
    CHECK(bench.wait_for(3).result == 0);
    for (;;) {
      const Completion received = bench.wait_for(1);
      if (received.has_buffer) bench.ring->give_back(received.buffer);
      if (!received.more) break;
    }
    bench.ring->turn(false);
    CHECK((client->saw_end() || client->was_reset()));
    CHECK(bench.world.held() == "");
  }
}

TEST_CASE("an empty pool ends the multishot with ENOBUFS, and a buffer given back lets the next one go on") {
  RingOptions options;
  options.receive_buffers = 2;
  options.receive_buffer_bytes = 16;
  Bench bench(1, Mischief::none(), options);
  Client* client = nullptr;
  const Direct socket = bench.accept(client);
  client->send(std::string(48, 'x'));
  bench.ring->receive_multishot(socket, tag_of(1));
  const Completion first = bench.wait_for(1);
  const Completion second = bench.wait_for(1);
  const Completion third = bench.wait_for(1);
  CHECK(third.result == -ENOBUFS);
  CHECK_FALSE(third.more);
  CHECK(bench.world.lent_buffers() == 2);
  bench.ring->give_back(first.buffer);
  bench.ring->give_back(second.buffer);
  bench.ring->receive_multishot(socket, tag_of(2));
  CHECK(bench.wait_for(2).result == 16);
}

TEST_CASE("accept answers ENFILE when all direct slots are taken, and a closed one is used again") {
  RingOptions options;
  options.direct_slots = 2;
  Bench bench(1, Mischief::none(), options);
  for (int number = 0; number < 3; ++number) bench.world.connect(bench.listener);
  bench.ring->accept_multishot(bench.listener, tag_of(1));
  const int first = bench.wait_for(1).result;
  const int second = bench.wait_for(1).result;
  CHECK(first != second);
  CHECK(bench.wait_for(1).result == -ENFILE);
  bench.ring->close({static_cast<uint32_t>(first)}, tag_of(2));
  CHECK(bench.wait_for(2).result == 0);
  bench.ring->accept_multishot(bench.listener, tag_of(3));
  CHECK(bench.wait_for(3).result == first);
}

TEST_CASE("peer_name is the client's address, and asking for more than it has is EINVAL as in the kernel") {
  Bench bench;
  Client* client = nullptr;
  const Direct socket = bench.accept(client);
  PeerAddress peer;
  peer.size = sizeof(sockaddr_in);
  bench.ring->peer_name(socket, peer, tag_of(1));
  CHECK(bench.wait_for(1).result == sizeof(sockaddr_in));
  CHECK(std::memcmp(&peer.address, &client->address(), sizeof(sockaddr_in)) == 0);
  peer.size = sizeof peer.address;
  bench.ring->peer_name(socket, peer, tag_of(2));
  CHECK(bench.wait_for(2).result == -EINVAL);
}

TEST_CASE("nothing outside a root opens, in the words of openat2") {
  Bench bench;
  World& world = bench.world;
  world.put_file("secret", "s");
  world.put_file("root/a", "a");
  world.put_file("root/dir/b", "b");
  world.put_symlink("root/absolute", "/etc/passwd");
  world.put_symlink("root/upward", "../secret");
  world.put_symlink("root/fine", "dir/../a");
  world.put_symlink("root/loop", "loop");
  world.put_other("root/fifo");
  world.fail_open("root/dir/b", EACCES);
  bench.root = world.root("root");
  CHECK(bench.open("../secret") == -EXDEV);
  CHECK(bench.open("dir/../../secret") == -EXDEV);
  CHECK(bench.open("/secret") == -EXDEV);
  CHECK(bench.open("absolute") == -EXDEV);
  CHECK(bench.open("upward") == -EXDEV);
  CHECK(bench.open("loop") == -ELOOP);
  CHECK(bench.open("missing") == -ENOENT);
  CHECK(bench.open("") == -ENOENT);
  CHECK(bench.open("a/") == -ENOTDIR);
  CHECK(bench.open("a/b") == -ENOTDIR);
  CHECK(bench.open("dir/b") == -EACCES);
  CHECK(bench.open(std::string(256, 'n').c_str()) == -ENAMETOOLONG);
  CHECK(bench.open("fine", Resolve::no_symlinks) == -ELOOP);
  CHECK(bench.world.open_files() == 0);
  CHECK(bench.ring->attributes_of(bench.open("fine"))->size_bytes == 1);
  CHECK(bench.ring->attributes_of(bench.open("dir/"))->type == FileType::directory);
  CHECK(bench.ring->attributes_of(bench.open("."))->type == FileType::directory);
  CHECK(bench.ring->attributes_of(bench.open("fifo"))->type == FileType::other);
}

TEST_CASE("every change of a file changes its attributes; a rename leaves open descriptors with the old file") {
  Bench bench;
  bench.world.put_file("a", "one");
  const int file = bench.open("a");
  const Attributes first = *bench.ring->attributes_of(file);
  bench.world.put_file("a", "two");
  const Attributes second = *bench.ring->attributes_of(file);
  CHECK(second != first);
  CHECK(second.inode == first.inode);
  bench.world.resize("a", 10);
  CHECK(bench.ring->attributes_of(file)->size_bytes == 10);
  bench.world.replace_file("a", "three");
  CHECK(bench.ring->attributes_of(file)->size_bytes == 10);
  CHECK(bench.ring->attributes_of(bench.open("a"))->inode != first.inode);
  bench.world.set_timestamp_granularity(1'000'000'000);
  bench.world.put_file("a", "fours");
  const Attributes before = *bench.ring->attributes_of(bench.open("a"));
  bench.world.put_file("a", "fives");
  CHECK(before == *bench.ring->attributes_of(bench.open("a")));  // the tick that real clocks have
}

TEST_CASE("a torn read can hold two versions, and the attributes then tell") {
  bool mixed = false;
  for (uint64_t seed = 0; seed < 50 && !mixed; ++seed) {
    Mischief mischief;
    mischief.torn_read = 1000;
    mischief.longest_delay_ns = 1'000'000;
    Bench bench(seed, mischief);
    bench.world.put_file("a", std::string(100, '1'));
    const int file = bench.open("a");
    const Attributes before = *bench.ring->attributes_of(file);
    std::array<char, 100> into{};
    bench.ring->read(file, into, 0, tag_of(1));
    bench.world.after(700'000, [](World& world) { world.put_file("a", std::string(100, '2')); });
    CHECK(bench.wait_for(1).result == 100);
    mixed = into.front() == '1' && into.back() == '2';
    if (mixed) CHECK(*bench.ring->attributes_of(file) != before);
  }
  CHECK(mixed);
}

TEST_CASE("a generated file's bytes are the same however it is read") {
  Bench bench;
  bench.world.put_generated("big", 5'000'000'000, 3);
  const int file = bench.open("big");
  std::array<char, 1000> into{};
  for (const uint64_t offset : {0ULL, 1ULL, 13ULL, 4'999'999'500ULL}) {
    bench.ring->read(file, into, offset, tag_of(1));
    const int count = bench.wait_for(1).result;
    CHECK(count == (offset > 4'000'000'000 ? 500 : 1000));
    for (int at = 0; at < count; ++at)
      REQUIRE(into[static_cast<size_t>(at)] == World::generated_byte(3, offset + static_cast<uint64_t>(at)));
  }
  CHECK(World::generated_byte(3, 77) != World::generated_byte(4, 77));
}

TEST_CASE(
    "a turn that waits jumps to the timeout, not before other things have happened, and gives up when nothing will") {
  Bench bench;
  CHECK(bench.ring->turn(true).empty());
  const uint64_t due = bench.ring->monotonic_ns() + 10'000'000'000;
  bench.ring->timeout_at(due, tag_of(1));
  uint64_t acted = 0;
  bench.world.after(1'000'000, [&](World& world) { acted = world.now_ns(); });
  const auto completions = bench.ring->turn(true);
  REQUIRE(completions.size() == 1);
  CHECK(completions[0].result == -ETIME);
  CHECK(bench.ring->monotonic_ns() >= due);
  CHECK(acted < due);
  CHECK(acted > 0);
}

TEST_CASE("the wall clock steps while the monotonic clock goes on") {
  Bench bench;
  const int64_t wall = bench.ring->wall_ns();
  const uint64_t monotonic = bench.ring->monotonic_ns();
  bench.world.step_wall_clock(-3'600'000'000'000);
  CHECK(bench.ring->wall_ns() == wall - 3'600'000'000'000);
  CHECK(bench.ring->monotonic_ns() == monotonic);
}

TEST_CASE("a client that does not read holds a send back until it reads or goes") {
  Bench bench;
  Client* client = nullptr;
  const Direct socket = bench.accept(client);
  client->set_window(10);
  client->set_reading(false);
  bench.ring->send(socket, std::string_view("0123456789abcdef"), tag_of(1));
  CHECK(bench.wait_for(1).result == 10);
  bench.ring->unacknowledged(socket, tag_of(2));
  CHECK(bench.wait_for(2).result == 10);
  bench.ring->send(socket, std::string_view("more"), tag_of(3));
  CHECK(bench.ring->turn(true).empty());
  client->set_reading(true);
  CHECK(bench.wait_for(3).result == 4);
  client->set_reading(false);
  client->reset();
  bench.ring->send(socket, std::string_view("more"), tag_of(4));
  CHECK(bench.wait_for(4).result < 0);
}

TEST_CASE(
    "closing over unread bytes resets the client; after shutdown_write and reading to the end it sees a clean end") {
  Bench bench;
  Client* client = nullptr;
  Direct socket = bench.accept(client);
  client->send("unread");
  bench.ring->close(socket, tag_of(1));
  bench.wait_for(1);
  CHECK(client->was_reset());

  socket = bench.accept(client);
  client->send("read");
  bench.ring->shutdown_write(socket, tag_of(2));
  CHECK(bench.wait_for(2).result == 0);
  bench.ring->receive_multishot(socket, tag_of(3));
  bench.ring->give_back(bench.wait_for(3).buffer);
  client->half_close();
  CHECK(bench.wait_for(3).result == 0);
  bench.ring->close(socket, tag_of(4));
  bench.wait_for(4);
  bench.settle();
  CHECK(client->saw_end());
  CHECK_FALSE(client->was_reset());
}

TEST_CASE("a submission queue of 4 entries is submitted when full and loses nothing, chains among it") {
  RingOptions options;
  options.submission_entries = 4;
  Bench bench(1, Mischief::none(), options);
  bench.world.put_file("a", "0123456789");
  const int file = bench.open("a");
  std::array<std::array<char, 10>, 200> into{};
  for (uint32_t number = 0; number < 200; ++number) bench.ring->read(file, into[number], 0, tag_of(number));
  for (uint32_t number = 0; number < 200; ++number) CHECK(bench.wait_for(number).result == 10);
  for (uint32_t before = 0; before <= 4; ++before) {  // a chain from every place of the queue
    Client* client = nullptr;
    const Direct socket = bench.accept(client);
    bench.ring->receive_multishot(socket, tag_of(100));
    bench.ring->turn(false);
    const uint64_t submitted = bench.ring->counters().submissions;
    for (uint32_t number = 0; number < before; ++number) bench.ring->read(file, into[number], 0, tag_of(number));
    bench.ring->cancel_and_close(tag_of(100), tag_of(101), socket, tag_of(102));
    // What would not have left room for both went first: the chain travels whole.
    CHECK(bench.ring->counters().submissions - submitted == (before < 3 ? 0 : before));
    CHECK(bench.wait_for(100).result == -ECANCELED);
    CHECK(bench.wait_for(101).result == 0);
    CHECK(bench.wait_for(102).result == 0);
    for (uint32_t number = 0; number < before; ++number) CHECK(bench.wait_for(number).result == 10);
  }
}

TEST_CASE("unacknowledged answers EOPNOTSUPP where Mischief says so, as a unix socket does") {
  Bench bench;
  Client* client = nullptr;
  const Direct socket = bench.accept(client);
  bench.world.mischief().no_unacknowledged = 1000;
  bench.ring->unacknowledged(socket, tag_of(1));
  CHECK(bench.wait_for(1).result == -EOPNOTSUPP);
  CHECK(Mischief::wild().no_unacknowledged > 0);
}

TEST_CASE("held() names everything that is open or under way") {
  Bench bench;
  bench.world.put_file("a", "a");
  const int file = bench.open("a");
  Client* client = nullptr;
  const Direct socket = bench.accept(client);
  bench.ring->receive_multishot(socket, tag_of(1));
  client->send("x");
  const Completion got = bench.wait_for(1);
  const std::string held = bench.world.held();
  for (const char* part :
       {"operation of kind 2 step 1 slot 1 ", "descriptor ", "socket in direct slot ", "1 receive buffers"})
    CHECK(held.find(part) != std::string::npos);
  bench.ring->give_back(got.buffer);
  bench.ring->close_file(file);
  bench.ring->cancel_and_close(tag_of(1), tag_of(2), socket, tag_of(3));
  bench.wait_for(1);
  bench.wait_for(2);
  bench.wait_for(3);
  CHECK(bench.world.held() == "");
}

TEST_CASE("broken loans stop the process: each of these would corrupt someone's bytes with a real kernel") {
  const auto with_socket = [](auto misuse) {
    return dies([&] {
      Bench bench;
      Client* client = nullptr;
      const Direct socket = bench.accept(client);
      misuse(bench, *client, socket);
      bench.ring->turn(false);
    });
  };
  const auto with_file = [](auto misuse) {
    return dies([&] {
      Bench bench;
      bench.world.put_file("a", "a");
      const int file = bench.open("a");
      misuse(bench, file);
      bench.ring->turn(false);
    });
  };
  static std::array<char, 8> memory{};
  CHECK_FALSE(with_socket([](Bench& bench, Client&, Direct s) { bench.ring->receive_multishot(s, tag_of(1)); }));
  CHECK_FALSE(with_file([](Bench& bench, int file) { bench.ring->close_file(file); }));

  CHECK(with_socket([](Bench& bench, Client& client, Direct s) {  // a buffer given back twice
    bench.ring->receive_multishot(s, tag_of(1));
    client.send("x");
    const Completion got = bench.wait_for(1);
    bench.ring->give_back(got.buffer);
    bench.ring->give_back(got.buffer);
  }));
  CHECK(with_socket([](Bench& bench, Client& client, Direct s) {  // two sends on one socket
    client.set_window(1);
    bench.ring->send(s, memory, tag_of(1));
    bench.ring->send(s, memory, tag_of(2));
  }));
  CHECK(with_socket([](Bench& bench, Client&, Direct s) {  // two receives on one socket
    bench.ring->receive_multishot(s, tag_of(1));
    bench.ring->receive_multishot(s, tag_of(2));
  }));
  CHECK(with_socket([](Bench& bench, Client&, Direct s) {  // a tag used twice at once
    bench.ring->receive_multishot(s, tag_of(1));
    bench.ring->poll_writable(s, tag_of(1));
  }));
  CHECK(with_socket([](Bench& bench, Client&, Direct s) {  // closed with a receive armed
    bench.ring->receive_multishot(s, tag_of(1));
    bench.ring->close(s, tag_of(2));
  }));
  CHECK(with_socket([](Bench& bench, Client&, Direct s) {  // used after its close
    bench.ring->close(s, tag_of(1));
    bench.wait_for(1);
    bench.ring->send(s, memory, tag_of(2));
  }));
  CHECK(with_socket([](Bench& bench, Client&, Direct) {  // a slot that nobody accepted
    bench.ring->close({4000}, tag_of(1));
  }));
  CHECK(with_socket([](Bench& bench, Client&, Direct) {  // two timeouts
    bench.ring->timeout_at(UINT64_MAX, tag_of(1));
    bench.ring->timeout_at(UINT64_MAX, tag_of(2));
  }));
  CHECK(with_file([](Bench& bench, int file) {  // closed twice
    bench.ring->close_file(file);
    bench.ring->close_file(file);
  }));
  CHECK(with_file([](Bench& bench, int file) {  // read after its close
    bench.ring->close_file(file);
    bench.ring->read(file, memory, 0, tag_of(1));
  }));
  CHECK(with_file([](Bench& bench, int file) {  // closed while being read
    bench.world.mischief().longest_delay_ns = 1'000'000'000;
    bench.ring->read(file, memory, 0, tag_of(1));
    bench.ring->close_file(file);
  }));
  CHECK(with_file([](Bench& bench, int) {  // a FIFO read
    bench.world.put_other("fifo");
    bench.ring->read(bench.open("fifo"), memory, 0, tag_of(1));
  }));
  CHECK(with_file([](Bench& bench, int file) {  // attributes after its close
    bench.ring->close_file(file);
    bench.ring->turn(false);
    (void)bench.ring->attributes_of(file);
  }));
}

TEST_CASE("a cached walk answers at once as the full walk would, or EAGAIN by chance, whatever the delay of others") {
  Mischief slow;
  slow.longest_delay_ns = 1'000'000'000;
  Bench bench(1, slow);
  bench.world.put_file("a", "a");
  const uint64_t before = bench.world.now_ns();
  const int file = bench.open("a", Resolve::symlinks_inside, Walk::cached);
  CHECK(file >= 0);
  CHECK(bench.open("missing", Resolve::symlinks_inside, Walk::cached) == -ENOENT);
  CHECK(bench.world.now_ns() - before < 1'000'000);
  bench.ring->close_file(file);
  bench.world.mischief().uncached = 1000;
  CHECK(bench.open("a", Resolve::symlinks_inside, Walk::cached) == -EAGAIN);
  CHECK(bench.open("missing", Resolve::symlinks_inside, Walk::cached) == -EAGAIN);
  CHECK(bench.open("missing") == -ENOENT);
}

TEST_CASE("a file opens by its own name from the tree's top, with a slash before it or without") {
  Bench bench;
  bench.world.put_file("maps/..data_1/legacy.txt", "a b");
  bench.world.put_symlink("maps/..data", "..data_1");
  bench.world.put_symlink("maps/legacy.txt", "..data/legacy.txt");
  for (const char* const path : {"maps/legacy.txt", "/maps/legacy.txt"}) {
    bench.ring->open_file(path, tag_of(1));
    const int file = bench.wait_for(1).result;
    REQUIRE(file >= 0);
    CHECK(bench.ring->attributes_of(file)->size_bytes == 3);
    bench.ring->close_file(file);
  }
  bench.ring->open_file("maps/missing", tag_of(1));
  CHECK(bench.wait_for(1).result == -ENOENT);
  bench.ring->turn(false);
  CHECK(bench.world.held() == "");
}

TEST_CASE("a look brings the attributes of its completion's time, and garbage until then") {
  Mischief slow;
  slow.longest_delay_ns = 1'000'000'000;
  Bench bench(3, slow);
  bench.world.put_file("a", "one");
  const int file = bench.open("a");
  const Attributes old = bench.ring->attributes_of(file).value();
  StatusBuffer status;
  std::memcpy(status.bytes, &old, sizeof old);
  bench.ring->look(file, status, tag_of(1));
  bench.ring->turn(false);
  CHECK(std::memcmp(status.bytes, &old, sizeof old) != 0);
  CHECK(bench.world.held().find("operation") != std::string::npos);
  bench.world.put_file("a", "three");
  REQUIRE(bench.wait_for(1).result == 0);
  CHECK(Ring::attributes_from(status).size_bytes == 5);
  CHECK(Ring::attributes_from(status) == bench.ring->attributes_of(file).value());
  bench.world.mischief().read_error = 1000;
  bench.ring->look(file, status, tag_of(2));
  CHECK(bench.wait_for(2).result == -EIO);
  CHECK(dies([&] {
    bench.ring->look(file, status, tag_of(3));
    bench.ring->turn(false);
    bench.ring->close_file(file);
    bench.ring->turn(false);
  }));
}

TEST_CASE("a file that lost its name has no links and another change time; an immutable one cannot be changed") {
  Bench bench;
  bench.world.put_file("d/a", "one");
  bench.world.put_file("d/b", "one");
  const int removed = bench.open("d/a");
  const int replaced = bench.open("d/b");
  const Attributes before = bench.ring->attributes_of(removed).value();
  CHECK(before.link_count == 1);
  bench.world.replace_file("d/b", "two");
  CHECK(bench.ring->attributes_of(replaced)->link_count == 0);
  bench.world.remove("d");
  const Attributes after = bench.ring->attributes_of(removed).value();
  CHECK(after.link_count == 0);
  CHECK(after.modified_ns == before.modified_ns);
  CHECK_FALSE(after == before);
  bench.world.put_file("c", "one");
  bench.world.set_immutable("c", true);
  CHECK(bench.ring->attributes_of(bench.open("c"))->immutable);
  CHECK(dies([&] { bench.world.put_file("c", "two"); }));
}

TEST_CASE("an installed descriptor counts as held and keeps its socket open after the direct one is closed") {
  Bench bench;
  Client* client = nullptr;
  const Direct socket = bench.accept(client);
  bench.ring->install(socket, tag_of(1));
  const int descriptor = bench.wait_for(1).result;
  REQUIRE(descriptor >= 0);
  CHECK(bench.world.open_files() == 1);
  bench.ring->close(socket, tag_of(2));
  bench.wait_for(2);
  bench.settle();
  CHECK_FALSE(client->saw_end());
  CHECK(bench.world.held().find("of the socket") != std::string::npos);
  bench.ring->close_file(descriptor);
  bench.settle();
  CHECK(client->saw_end());
  CHECK(bench.world.held().empty());
  CHECK(dies([&] {
    bench.ring->close_file(descriptor);
    bench.ring->turn(false);
  }));
}

TEST_CASE("a directory's times change with the names in it, and the names are told as they are at that moment") {
  Bench bench;
  bench.world.put_file("d/b", "one");
  bench.world.put_file("d/a", "one");
  const int directory = bench.open("d");
  CHECK(bench.world.names(directory) == std::vector<std::string>{"a", "b"});
  const auto attributes = [&] { return bench.ring->attributes_of(directory).value(); };
  const Attributes before = attributes();
  CHECK(before.type == FileType::directory);
  bench.world.put_file("d/a", "two");  // no name comes or goes
  CHECK(attributes() == before);
  bench.world.put_file("d/c", "one");
  const Attributes grown = attributes();
  CHECK_FALSE(grown == before);
  bench.world.remove("d/b");
  CHECK_FALSE(attributes() == grown);
  CHECK(bench.world.names(directory) == std::vector<std::string>{"a", "c"});
}

TEST_CASE("a remote file's attributes are those of the last open or look, whatever happened since") {
  Bench bench;
  bench.world.set_remote(true);
  bench.world.put_file("a", "one");
  const int file = bench.open("a");
  bench.world.put_file("a", "three");
  CHECK(bench.ring->attributes_of(file)->size_bytes == 3);
  StatusBuffer status;
  bench.ring->look(file, status, tag_of(1));
  REQUIRE(bench.wait_for(1).result == 0);
  CHECK(Ring::attributes_from(status).size_bytes == 5);
  CHECK(bench.ring->attributes_of(file)->size_bytes == 5);
}

TEST_CASE("what completes late took place before: a change in between is not seen") {
  Mischief late;
  late.late = 1000;
  late.latest_ns = 1'000'000'000;
  Bench bench(5, late);
  if (bench.root < 0) bench.root = bench.world.root();
  bench.ring->open_beneath(bench.root, "a", Resolve::symlinks_inside, Walk::in_thread, tag_of(1));
  bench.ring->turn(false);
  bench.world.put_file("a", "one");
  CHECK(bench.wait_for(1).result == -ENOENT);
  CHECK(bench.world.held().empty());
  const int file = bench.open("a");
  std::array<char, 8> bytes{};
  bench.ring->read(file, bytes, 0, Walk::in_thread, tag_of(2));
  bench.ring->turn(false);
  bench.world.put_file("a", "three");
  CHECK(bench.wait_for(2).result == 3);
  CHECK(std::string_view(bytes.data(), 3) == "one");
}

TEST_CASE("a slow open, read or look takes up to its time; what is cached does not") {
  Mischief slow;
  slow.slow = 1000;
  slow.slowest_ns = 3'000'000'000;
  Bench bench(6, slow);
  bench.world.put_file("a", "one");
  uint64_t before = bench.world.now_ns();
  const int file = bench.open("a");
  CHECK(bench.world.now_ns() - before > 10'000'000);
  before = bench.world.now_ns();
  bench.open("a", Resolve::symlinks_inside, Walk::cached);
  CHECK(bench.world.now_ns() - before < 1'000'000);
  StatusBuffer status;
  bench.ring->look(file, status, tag_of(1));
  bench.wait_for(1);
  CHECK(bench.world.now_ns() - before > 10'000'000);
}

TEST_CASE("an interrupted turn returns with nothing, at the time of the interruption") {
  Bench bench;
  bench.ring->timeout_at(bench.world.now_ns() + 9'000'000, tag_of(1));
  bench.world.after(2'000'000, [](World& world) { world.interrupt(); });
  const uint64_t before = bench.world.now_ns();
  CHECK(bench.ring->turn(true).empty());
  CHECK(bench.world.now_ns() - before < 3'000'000);
  CHECK(bench.wait_for(1).result == -ETIME);
}

TEST_CASE("a closed root stops the process that opens beneath it, also when the open is under way") {
  Bench bench;
  const int root = bench.world.root();
  bench.world.close_root(root);
  CHECK(dies([&] {
    bench.ring->open_beneath(root, "a", Resolve::symlinks_inside, Walk::in_thread, tag_of(1));
    bench.ring->turn(false);
  }));
  CHECK(dies([&] {
    Mischief slow;
    slow.longest_delay_ns = 1'000'000'000;
    Bench other(7, slow);
    const int own = other.world.root();
    other.ring->open_beneath(own, "a", Resolve::symlinks_inside, Walk::in_thread, tag_of(1));
    other.ring->turn(false);
    other.world.close_root(own);
    other.world.check();
  }));
}
