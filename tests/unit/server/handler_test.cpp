// A worker whose requests go to a handler: answers now and later, endless ones, bodies in pieces, and what the handler
// cannot see: pipelining, HEAD, 304, limits. On the kernel's ring, on one thread.
#include "uringd/server/handler.hpp"

#include "handled_worker.hpp"

#include <doctest/doctest.h>

using namespace uringd;
using testing::HandledWorker;
using testing::KeepingSink;

namespace {

std::string request(std::string_view method, std::string_view target, std::string_view fields = "") {
  return std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: h\r\n" + std::string(fields) + "\r\n";
}

}  // namespace

TEST_CASE("requests go to the handler, in order, and the connection stays") {
  HandledWorker world;
  const Fd client = world.connect();
  world.send(client, request("GET", "/a") + request("PUT", "/b"));
  const std::string both = world.receive(client, "you asked for /b");
  CHECK(both.contains("Content-Length: 16\r\n"));
  CHECK(both.find("you asked for /a") < both.find("you asked for /b"));
  world.send(client, request("GET", "/c", "Connection: close\r\n"));
  bool closed = false;
  CHECK(world.receive(client, "", &closed).ends_with("you asked for /c"));
  CHECK(closed);
  CHECK(world.handler.handled == 3);
}

TEST_CASE("HEAD has the head that GET would get, and If-None-Match gets 304") {
  HandledWorker world;
  world.handler.answer = [](const server::Asked&, server::BodySink*) {
    server::Answer answer = server::Answer::of(200, "text/css", "body");
    answer.etag = "\"1\"";
    return answer;
  };
  const Fd client = world.connect();
  world.send(client, request("HEAD", "/"));
  const std::string head = world.receive(client, "\r\n\r\n");
  CHECK(head.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(head.contains("Content-Length: 4\r\n"));
  world.send(client, request("GET", "/", "If-None-Match: \"1\"\r\n"));
  const std::string unchanged = world.receive(client, "\r\n\r\n");
  CHECK(unchanged.starts_with("HTTP/1.1 304 "));
  CHECK(!unchanged.contains("Content-Length"));
  world.send(client, request("GET", "/", "If-None-Match: \"2\"\r\n"));
  CHECK(world.receive(client, "body").starts_with("HTTP/1.1 200 "));
}

TEST_CASE("a body larger than any buffer goes out whole, from where it lies") {
  HandledWorker world;
  const auto big = std::make_shared<const std::string>(3'000'000, 'x');
  world.handler.answer = [&](const server::Asked&, server::BodySink*) {
    server::Answer answer{.content_type = "text/plain"};
    answer.body = {big->data(), big->size()};
    answer.owner = big;
    return answer;
  };
  const Fd client = world.connect();
  world.send(client, request("GET", "/", "Connection: close\r\n"));
  const std::string all = world.receive(client, "");
  CHECK(all.size() - all.find("\r\n\r\n") - 4 == big->size());
  CHECK(world.until([&] { return big.use_count() == 1; }));
}

TEST_CASE("an answer may come later, and requests behind it wait for it") {
  HandledWorker world;
  world.handler.answer = [&](const server::Asked& asked, server::BodySink*) -> server::Handling {
    if (asked.request.target() == "/later") return server::Later{};
    return server::Answer::of(200, "text/plain", "at once");
  };
  const Fd client = world.connect();
  world.send(client, request("POST", "/later") + request("GET", "/now"));
  REQUIRE(world.until([&] { return world.handler.handled == 1; }));
  world.for_ms(20);
  CHECK(world.handler.handled == 1);
  const server::Ticket ticket = world.handler.last;
  CHECK(world.handler.replies->answer(ticket, server::Answer::of(422, "text/plain", "slow")));
  CHECK(!world.handler.replies->answer(ticket, server::Answer::of(200, "text/plain", "twice")));
  const std::string both = world.receive(client, "at once");
  CHECK(both.starts_with("HTTP/1.1 422 "));
  CHECK(both.contains("slow"));
}

TEST_CASE("a client that has left is not found by its ticket, nor is who came after it") {
  HandledWorker world;
  world.handler.answer = [](const server::Asked&, server::BodySink*) { return server::Later{}; };
  Fd client = world.connect();
  world.send(client, request("GET", "/"));
  REQUIRE(world.until([&] { return world.handler.handled == 1; }));
  const server::Ticket first = world.handler.last;
  const linger reset{1, 0};
  setsockopt(client.number(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  client = Fd();
  REQUIRE(world.until([&] { return world.worker->connections() == 0; }));
  CHECK(!world.handler.replies->answer(first, server::Answer::of(200, "text/plain", "hello?")));
  const Fd next = world.connect();
  world.send(next, request("GET", "/"));
  REQUIRE(world.until([&] { return world.handler.handled == 2; }));
  CHECK(!world.handler.replies->answer(first, server::Answer::of(200, "text/plain", "hello?")));
  CHECK(world.handler.replies->answer(world.handler.last, server::Answer::of(200, "text/plain", "hello")));
  CHECK(world.receive(next, "hello").starts_with("HTTP/1.1 200 "));
}

TEST_CASE("an endless answer goes out piece by piece and ends when its client leaves or the handler says so") {
  HandledWorker world;
  world.handler.answer = [](const server::Asked&, server::BodySink*) {
    return server::Endless{.content_type = "text/event-stream", .fields = ""};
  };
  const auto piece = std::make_shared<const std::string>("data: 1\n\n");
  const auto push = [&](const server::Ticket& ticket) {
    return world.handler.replies->push(ticket, {piece->data(), piece->size()}, piece);
  };
  using enum server::Replies::Pushed;
  Fd client = world.connect();
  world.send(client, request("GET", "/stream"));
  const std::string head = world.receive(client, "\r\n\r\n");
  CHECK(head.contains("Connection: close\r\n"));
  CHECK(!head.contains("Content-Length"));
  const server::Ticket first = world.handler.last;
  for (int count = 0; count < 3; ++count) {
    REQUIRE(world.until([&] { return push(first) == taken; }));
    CHECK(world.receive(client, "\n\n") == *piece);
  }
  client = Fd();
  CHECK(world.until([&] { return push(first) == gone; }));
  CHECK(world.until([&] { return world.worker->connections() == 0; }));

  const Fd other = world.connect();
  world.send(other, request("GET", "/stream"));
  world.receive(other, "\r\n\r\n");
  REQUIRE(world.until([&] { return push(world.handler.last) == taken; }));
  world.handler.replies->end(world.handler.last);
  bool closed = false;
  CHECK(world.receive(other, "", &closed) == *piece);
  CHECK(closed);
  CHECK(piece.use_count() == 1);
}

TEST_CASE("a client that reads nothing holds one piece, and is closed after limits.send_timeout") {
  HandledWorker world("send_timeout = '300ms'");
  world.handler.answer = [](const server::Asked&, server::BodySink*) {
    return server::Endless{.content_type = "text/event-stream", .fields = ""};
  };
  const Fd client = world.connect(4096);
  world.send(client, request("GET", "/stream"));
  world.receive(client, "\r\n\r\n");
  const auto piece = std::make_shared<const std::string>(1 << 20, 'x');
  using enum server::Replies::Pushed;
  long most = 0;
  bool was_busy = false;
  CHECK(world.until([&] {
    const auto pushed = world.handler.replies->push(world.handler.last, {piece->data(), piece->size()}, piece);
    was_busy = was_busy || pushed == busy;
    most = std::max(most, piece.use_count());
    return pushed == gone;
  }));
  CHECK(was_busy);
  CHECK(most == 2);
  CHECK(world.until([&] { return piece.use_count() == 1; }));
}

TEST_CASE("a quiet stream is no idle connection") {
  HandledWorker world("idle_timeout = '50ms'\nheader_timeout = '50ms'");
  world.handler.answer = [](const server::Asked&, server::BodySink*) {
    return server::Endless{.content_type = "text/event-stream", .fields = ""};
  };
  const Fd client = world.connect();
  world.send(client, request("GET", "/stream"));
  world.receive(client, "\r\n\r\n");
  world.for_ms(300);
  const auto piece = std::make_shared<const std::string>("data: 1\n\n");
  CHECK(world.handler.replies->push(world.handler.last, {piece->data(), piece->size()}, piece) ==
        server::Replies::Pushed::taken);
  CHECK(world.receive(client, "\n\n") == *piece);
}

TEST_CASE("a body reaches its sink in pieces, by length or chunked, and the next request is found behind it") {
  HandledWorker world;
  const auto kept = std::make_shared<std::string>();
  world.handler.plan = [&](const server::Asked&) {
    kept->clear();
    return server::BodyPlan{.limit_bytes = 1 << 20, .sink = std::make_unique<KeepingSink>(kept)};
  };
  world.handler.answer = [&](const server::Asked&, server::BodySink* body) {
    return server::Answer::of(200, "text/plain", std::to_string(body ? kept->size() : 0) + " bytes.");
  };
  const Fd client = world.connect();
  const std::string large(200'000, 'l');
  world.send(client, request("PUT", "/", "Content-Length: 200000\r\n") + large + request("GET", "/"));
  CHECK(world.receive(client, "0 bytes.").contains("200000 bytes."));
  CHECK(*kept == large);
  CHECK(world.receive(client, "0 bytes.").ends_with("0 bytes."));
  world.send(client, request("PUT", "/", "Transfer-Encoding: chunked\r\n"));
  for (const char* part : {"3;x=y\r\na", "bc\r\n", "1\r\nd\r\n0\r", "\nTrailer: t\r\n\r\n"}) {
    world.send(client, part);
    world.for_ms(2);
  }
  CHECK(world.receive(client, "4 bytes.").ends_with("4 bytes."));
  CHECK(*kept == "abcd");
}

TEST_CASE("a body above its limit gets 413 as soon as that is known, and the connection ends") {
  HandledWorker world;
  const auto kept = std::make_shared<std::string>();
  world.handler.plan = [&](const server::Asked&) {
    return server::BodyPlan{.limit_bytes = 10, .sink = std::make_unique<KeepingSink>(kept)};
  };
  for (const std::string framing : {"Content-Length: 11\r\n", "Transfer-Encoding: chunked\r\n"}) {
    INFO(framing);
    const Fd client = world.connect();
    world.send(client, request("PUT", "/", framing));
    if (framing.starts_with("T")) world.send(client, "8\r\n12345678\r\n3\r\n");  // the third byte never comes
    bool closed = false;
    const std::string answer = world.receive(client, "{\"refused\":413}", &closed);
    CHECK(answer.starts_with("HTTP/1.1 413 "));
    CHECK(answer.contains("Connection: close\r\n"));
  }
  CHECK(world.handler.handled == 0);
}

TEST_CASE("a sink may refuse, and a handler may answer without reading a body") {
  HandledWorker world;
  const auto kept = std::make_shared<std::string>();
  world.handler.plan = [&](const server::Asked& asked) -> std::variant<server::BodyPlan, server::Answer> {
    if (asked.request.target() == "/no") return server::Answer::of(401, "text/plain", "no.");
    return server::BodyPlan{.limit_bytes = 1 << 20, .sink = std::make_unique<KeepingSink>(kept, 5)};
  };
  const Fd client = world.connect();
  world.send(client, request("PUT", "/", "Content-Length: 100\r\n") + "123456");
  CHECK(world.receive(client, "507}").starts_with("HTTP/1.1 507 "));
  const Fd other = world.connect();
  world.send(other, request("PUT", "/no", "Content-Length: 100\r\nExpect: 100-continue\r\n"));
  const std::string refused = world.receive(other, "no.");
  CHECK(refused.starts_with("HTTP/1.1 401 "));
  CHECK(refused.contains("Connection: close\r\n"));
  CHECK(world.handler.handled == 0);
}

TEST_CASE("what the connection itself refuses is said in the handler's words") {
  HandledWorker world("header_size = '1KiB'\nbody_timeout = '100ms'");
  for (const auto& [bytes, status] : {std::pair<std::string, int>{"GET / HTTP/1.1\r\n\r\n", 400},
                                      {"GET /" + std::string(2000, 'x') + " HTTP/1.1\r\n", 414},
                                      {"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505},
                                      {request("PUT", "/", "Content-Length: 10\r\n") + "12", 408}}) {
    INFO(status);
    const Fd client = world.connect();
    world.send(client, bytes);
    const std::string words = "{\"refused\":" + std::to_string(status) + "}";
    CHECK(world.receive(client, words).starts_with("HTTP/1.1 " + std::to_string(status) + " "));
  }
}

TEST_CASE("a drain ends streams and lets answers under way come") {
  HandledWorker world;
  world.handler.answer = [](const server::Asked& asked, server::BodySink*) -> server::Handling {
    if (asked.request.target() == "/later") return server::Later{};
    return server::Endless{.content_type = "text/event-stream", .fields = ""};
  };
  const Fd stream = world.connect();
  world.send(stream, request("GET", "/stream"));
  world.receive(stream, "\r\n\r\n");
  const Fd later = world.connect();
  world.send(later, request("GET", "/later"));
  REQUIRE(world.until([&] { return world.handler.handled == 2; }));
  world.mailbox.post(server::Command::drain);
  bool closed = false;
  world.receive(stream, "", &closed);
  CHECK(closed);
  CHECK(world.handler.replies->answer(world.handler.last, server::Answer::of(200, "text/plain", "done")));
  CHECK(world.receive(later, "done").ends_with("done"));
}

TEST_CASE("a call reaches the handler, and an errand goes home after its last slice, one slice a turn") {
  struct Counting final : server::Errand {
    bool work(const server::Workplace& place) override { return place.now_ms > 0 && ++slices == 3; }
    void go_home(std::shared_ptr<server::Errand> self) override { home = std::move(self); }
    int slices = 0;
    std::shared_ptr<server::Errand> home;
  };
  HandledWorker world;
  const auto errand = std::make_shared<Counting>();
  world.mailbox.post(server::Command::call);
  world.mailbox.post(errand);
  REQUIRE(world.until([&] { return errand->home != nullptr; }));
  CHECK(errand->slices == 3);
  CHECK(world.handler.calls == 1);
  CHECK(world.handler.turned_ms > 0);
  errand->home.reset();
  CHECK(errand.use_count() == 1);
}

TEST_CASE("a quick errand waits for no long one, and long ones go on by turns") {
  struct Working final : server::Errand {
    Working(int slices, bool is_quick, std::string& into, char its_name)
        : left(slices), fast(is_quick), order(into), name(its_name) {}
    bool work(const server::Workplace&) override { return --left <= 0; }
    void go_home(std::shared_ptr<server::Errand> self) override {
      order += name;
      home = std::move(self);
    }
    [[nodiscard]] bool quick() const override { return fast; }
    int left;
    bool fast;
    std::string& order;
    char name;
    std::shared_ptr<server::Errand> home;
  };
  HandledWorker world;
  std::string order;
  const std::shared_ptr<Working> errands[] = {
      std::make_shared<Working>(100, false, order, 'l'), std::make_shared<Working>(3, false, order, 's'),
      std::make_shared<Working>(1, true, order, 'p'), std::make_shared<Working>(1, true, order, 'q')};
  for (const auto& errand : errands) world.mailbox.post(errand);
  REQUIRE(world.until([&] { return order.size() == 4; }));
  CHECK(order == "pqsl");
  for (const auto& errand : errands) errand->home.reset();
}
