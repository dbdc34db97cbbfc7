// Figures of a real worker on the kernel's ring, gathered by another thread while it serves.
#include "uringd/server/figures.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "uringd/config/load.hpp"
#include "uringd/server/figures_source.hpp"
#include "uringd/server/worker.hpp"
// After the room's headers: its CHECK is doctest's from here on.
#include "../disk/real_tree.hpp"

using namespace uringd;
using namespace uringd::server;
using namespace std::chrono_literals;
using disk::test::LogFile;
using disk::test::RealTree;

namespace {

size_t place_of(uint16_t status) { return status_places[status]; }

void send_all(const Fd& client, const std::string& bytes) {
  REQUIRE(::send(client.number(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
}

/// Until `count` heads have come.
std::string receive_answers(const Fd& client, size_t count) {
  std::string all;
  std::vector<char> some(65536);
  const auto heads = [&] {
    size_t found = 0;
    for (size_t at = all.find("HTTP/1.1 "); at != all.npos; at = all.find("HTTP/1.1 ", at + 1)) ++found;
    return found;
  };
  while (heads() < count || !all.contains("\r\n\r\n")) {
    const ssize_t got = ::recv(client.number(), some.data(), some.size(), 0);
    if (got <= 0) break;
    all.append(some.data(), static_cast<size_t>(got));
  }
  return all;
}

std::string get(const std::string& path, const std::string& method = "GET") {
  return method + " " + path + " HTTP/1.1\r\nHost: a\r\n\r\n";
}

/// One worker on a thread of its own, and its listener.
class Served {
 public:
  explicit Served(const std::string& site = "") {
    const std::string text = "[[site]]\nroot = '" + tree.path.string() + "'\n" + site;
    const auto loaded = config::load_text(text, tree.at("config.toml").string());
    REQUIRE(loaded);
    std::vector<config::Problem> warnings;
    auto built = Snapshot::build(loaded->config, 1, warnings);
    REQUIRE(built);
    listen();
    std::promise<const Worker*> made;
    auto there = made.get_future();
    thread_ = std::thread([this, snapshot = *built, &made] { run(snapshot, made); });
    worker = there.get();
    REQUIRE(worker);
  }
  ~Served() {
    mailbox_.post(Command::abort);
    thread_.join();
  }

  [[nodiscard]] Fd connect() const {
    Fd client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::connect(client.number(), reinterpret_cast<const sockaddr*>(&address_), sizeof address_) == 0);
    return client;
  }
  [[nodiscard]] Figures figures() const { return gather(*worker); }
  /// Counting comes a moment after the answer.
  [[nodiscard]] bool comes(const std::function<bool(const Figures&)>& holds) const {
    for (int look = 0; look < 2000; ++look) {
      if (holds(figures())) return true;
      std::this_thread::sleep_for(1ms);
    }
    return false;
  }
  /// Asks until the cache has it: a file that is too young is read anew each time.
  void hold(const Fd& client, const std::string& path) const {
    const uint64_t hits = figures().cache.hits;
    CHECK(comes([&](const Figures&) {
      send_all(client, get(path));
      static_cast<void>(receive_answers(client, 1));
      return figures().cache.hits > hits;
    }));
    std::this_thread::sleep_for(5ms);  // what was counted last is there
  }

  RealTree tree;
  const Worker* worker = nullptr;

 private:
  void listen() {
    listener_ = Fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address_;
    REQUIRE(bind(listener_.number(), reinterpret_cast<const sockaddr*>(&address_), size) == 0);
    REQUIRE(::listen(listener_.number(), 64) == 0);
    REQUIRE(getsockname(listener_.number(), reinterpret_cast<sockaddr*>(&address_), &size) == 0);
  }
  void run(const std::shared_ptr<const Snapshot>& snapshot, std::promise<const Worker*>& made) {
    WorkerOptions options;
    options.populate = false;
    options.connection_slots = 64;
    options.ring.direct_slots = 128;
    options.parked_limit = 8;
    auto created = Worker::create(options, snapshot, shared_, mailbox_, nullptr, logger_);
    if (!created) return made.set_value(nullptr);
    std::vector<Listener> listeners(1);
    listeners.front() = {.descriptor = std::move(listener_), .only_ours = true, .peer_size = sizeof(sockaddr_in)};
    (*created)->listen(std::move(listeners));
    made.set_value(created->get());
    (*created)->run();
  }

  LogFile log_;
  log::Logger logger_{log::Level::error, log_.file.number()};
  Shared shared_;
  Mailbox mailbox_;
  Fd listener_;
  sockaddr_in address_{};
  std::thread thread_;
};

uint64_t answers(const Figures& figures, size_t method, uint16_t status) {
  return figures.answers[method][place_of(status)];
}

}  // namespace

TEST_CASE("answers are counted by method and status, unknown methods as one") {
  Served served;
  served.tree.write("a.txt", "bytes");
  Fd client = served.connect();
  for (const char* method : {"GET", "HEAD", "OPTIONS", "POST", "DELETE", "PATCH", "BREW", "get"}) {
    send_all(client, get("/a.txt", method));
    static_cast<void>(receive_answers(client, 1));
  }
  send_all(client, get("/missing"));
  static_cast<void>(receive_answers(client, 1));
  send_all(client, "nonsense\r\n\r\n");
  static_cast<void>(receive_answers(client, 1));
  CHECK(served.comes([](const Figures& now) { return now.requests() == 10; }));
  const Figures figures = served.figures();
  const auto method = [](std::string_view name) {
    return static_cast<size_t>(std::ranges::find(counted_methods, name) - counted_methods.begin());
  };
  CHECK(answers(figures, method("GET"), 200) == 1);
  CHECK(answers(figures, method("GET"), 404) == 1);
  CHECK(answers(figures, method("HEAD"), 200) == 1);
  CHECK(answers(figures, method("OPTIONS"), 204) == 1);
  for (const char* name : {"POST", "DELETE", "PATCH"}) CHECK(answers(figures, method(name), 405) == 1);
  CHECK(answers(figures, method("other"), 501) == 2);
  CHECK(answers(figures, method("other"), 400) == 1);
  CHECK(figures.by_status(place_of(501)) == 2);
  CHECK(figures.by_method(method("GET")) == 2);
}

TEST_CASE("each of the answers that share a send is timed, as a request and as sent") {
  Served served;
  served.tree.write("a.txt", "bytes");
  Fd client = served.connect();
  served.hold(client, "/a.txt");
  const Figures before = served.figures();
  std::string sixteen;
  for (int i = 0; i < 16; ++i) sixteen += get("/a.txt");
  send_all(client, sixteen);
  static_cast<void>(receive_answers(client, 16));
  CHECK(served.comes(
      [&](const Figures& now) { return now.of(Phase::send).count() == before.of(Phase::send).count() + 16; }));
  const Figures figures = served.figures();
  CHECK(figures.of(Phase::request).count() == before.of(Phase::request).count() + 16);
  CHECK(figures.of(Phase::request).sum_ns() >= figures.of(Phase::send).sum_ns());
  CHECK(figures.cache.cold >= 1);  // the disk was asked for the first ones, until it was old enough to be kept
  CHECK(figures.of(Phase::open).count() == figures.cache.cold);
  CHECK(figures.of(Phase::read).count() == figures.cache.cold);
  CHECK(figures.of(Phase::queue).count() == figures.cache.cold);
  CHECK(figures.cache.hits == before.cache.hits + 16);
}

TEST_CASE("a request takes from its first byte on, its sending from its answer on") {
  Served served;
  served.tree.write("a.txt", "bytes");
  Fd client = served.connect();
  send_all(client, get("/a.txt"));
  static_cast<void>(receive_answers(client, 1));
  const Figures before = served.figures();
  const std::string request = get("/a.txt");
  send_all(client, request.substr(0, 10));
  std::this_thread::sleep_for(50ms);
  send_all(client, request.substr(10));
  static_cast<void>(receive_answers(client, 1));
  CHECK(served.comes([](const Figures& now) { return now.of(Phase::send).count() == 2; }));
  Figures figures = served.figures();
  stats::Distribution whole = figures.of(Phase::request);
  stats::Distribution sending = figures.of(Phase::send);
  whole -= before.of(Phase::request);
  sending -= before.of(Phase::send);
  CHECK(whole.sum_ns() >= 45'000'000);
  CHECK(sending.sum_ns() < whole.sum_ns() - 40'000'000);
}

TEST_CASE("a download is counted when it ends, with the bytes that were taken and the state that it is in") {
  Served served;
  served.tree.write("big.bin", std::string(size_t{24} << 20, 'x'));
  Fd client = served.connect();
  send_all(client, get("/big.bin"));
  CHECK(served.comes([](const Figures& now) { return now.connections.sending == 1 && now.response_bytes > 65536; }));
  CHECK(served.figures().requests() == 0);
  CHECK(served.figures().of(Phase::send).count() == 0);
  size_t received = 0;
  std::vector<char> some(size_t{1} << 20);
  while (received < size_t{24} << 20) {
    const ssize_t got = ::recv(client.number(), some.data(), some.size(), 0);
    REQUIRE(got > 0);
    received += static_cast<size_t>(got);
  }
  CHECK(served.comes([](const Figures& now) { return now.requests() == 1; }));
  const Figures figures = served.figures();
  CHECK(answers(figures, 0, 200) == 1);
  CHECK(figures.of(Phase::read).count() == 1);
  CHECK(figures.of(Phase::send).count() == 1);
  CHECK(figures.response_bytes >= size_t{24} << 20);
}

TEST_CASE("a download that its client breaks off is counted once, and not as sent") {
  Served served;
  served.tree.write("big.bin", std::string(size_t{24} << 20, 'x'));
  {
    Fd client = served.connect();
    send_all(client, get("/big.bin"));
    CHECK(served.comes([](const Figures& now) { return now.connections.sending == 1; }));
  }
  CHECK(served.comes([](const Figures& now) { return now.closed == 1; }));
  const Figures figures = served.figures();
  CHECK(answers(figures, 0, 200) == 1);
  CHECK(figures.of(Phase::send).count() == 0);
  CHECK(figures.aborted == 1);
}

TEST_CASE("connections are idle, reading a request, or gone") {
  Served served;
  served.tree.write("a.txt", "bytes");
  std::vector<Fd> idle;
  for (int i = 0; i < 3; ++i) {
    idle.push_back(served.connect());
    send_all(idle.back(), get("/a.txt"));
    static_cast<void>(receive_answers(idle.back(), 1));
  }
  Fd half = served.connect();
  send_all(half, "GET /a.t");
  CHECK(served.comes([](const Figures& now) { return now.connections.idle == 3 && now.connections.reading == 1; }));
  const Figures figures = served.figures();
  CHECK(figures.connections.open == 4);
  CHECK(figures.accepted == 4);
  half = {};
  idle.clear();
  CHECK(served.comes([](const Figures& now) { return now.connections.open == 0 && now.closed == 4; }));
}

TEST_CASE("figures of two workers add up") {
  Served served;
  served.tree.write("a.txt", "bytes");
  Fd client = served.connect();
  send_all(client, get("/a.txt") + get("/a.txt"));
  static_cast<void>(receive_answers(client, 2));
  CHECK(served.comes([](const Figures& now) { return now.of(Phase::request).count() == 2; }));
  const Figures one = served.figures();
  Figures sum = one;
  sum += one;
  CHECK(sum.requests() == 4);
  CHECK(sum.accepted == 2);
  CHECK(sum.connections.open == 2);
  CHECK(sum.cache.entries == 2 * one.cache.entries);
  CHECK(sum.cache.content_bytes == 2 * one.cache.content_bytes);
  CHECK(sum.cache.capacity_bytes == 2 * one.cache.capacity_bytes);
  CHECK(sum.disk.queue_size == 2 * one.disk.queue_size);
  CHECK(sum.ring.enters == 2 * one.ring.enters);
  CHECK(sum.of(Phase::request).count() == 4);
}

TEST_CASE("what is gathered while a worker serves balances at any moment") {
  Served served;
  served.tree.write("a.txt", "bytes");
  std::atomic<bool> done = false;
  std::thread asking([&] {
    for (int round = 0; round < 40; ++round) {
      Fd client = served.connect();
      std::string sixteen;
      for (int i = 0; i < 16; ++i) sixteen += get(i % 5 == 4 ? "/missing" : "/a.txt");
      send_all(client, sixteen);
      static_cast<void>(receive_answers(client, 16));
    }
    done = true;
  });
  uint64_t before = 0;
  while (!done) {
    const Figures now = served.figures();
    uint64_t by_status = 0;
    for (size_t status = 0; status < counted_statuses.size(); ++status) by_status += now.by_status(status);
    CHECK(now.requests() == by_status);
    CHECK(now.requests() >= before);
    CHECK(now.connections.open == now.accepted - now.closed);
    const Figures::Connections& in = now.connections;
    CHECK(in.open == in.idle + in.reading + in.waiting + in.sending + in.closing);
    before = now.requests();
  }
  asking.join();
  CHECK(served.comes([](const Figures& now) { return now.requests() == 640 && now.closed == 40; }));
}

TEST_CASE("a source has what its worker counts, what it had counted when it ended, and nothing before it began") {
  FiguresSource source;
  CHECK(source.read().accepted == 0);
  {
    Served served;
    served.tree.write("a.txt", "bytes");
    source.begin(*served.worker);
    Fd client = served.connect();
    send_all(client, get("/a.txt"));
    static_cast<void>(receive_answers(client, 1));
    CHECK(served.comes([&](const Figures&) { return source.read().requests() == 1; }));
    CHECK(source.read().connections.open == 1);
    source.end();
    send_all(client, get("/a.txt"));
    static_cast<void>(receive_answers(client, 1));
    CHECK(served.comes([](const Figures& now) { return now.requests() == 2; }));
  }
  CHECK(source.read().requests() == 1);
  source.end();  // once more is nothing
  CHECK(source.read().requests() == 1);
}
