// A log that nobody reads: stderr is a pipe whose reader sleeps, as a stuck log collector does. Lines are lost then,
// answers and signals are not.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "harness.hpp"

using namespace uringd::testing;

namespace {
class Pipe {
 public:
  Pipe() { REQUIRE(::pipe2(ends_, O_CLOEXEC) == 0); }
  ~Pipe() {
    for (const int end : ends_) ::close(end);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  [[nodiscard]] int input() const { return ends_[1]; }
  [[nodiscard]] bool full() const {
    pollfd watched{ends_[1], POLLOUT, 0};
    return ::poll(&watched, 1, 0) == 0;
  }
  // All that is in it now.
  [[nodiscard]] std::string read() const {
    ::fcntl(ends_[0], F_SETFL, O_NONBLOCK);
    std::string text;
    char piece[4096];
    for (ssize_t size = 0; (size = ::read(ends_[0], piece, sizeof piece)) > 0;) {
      text.append(piece, static_cast<std::size_t>(size));
    }
    return text;
  }

 private:
  int ends_[2];
};

int missing_answers(Client& client, int batches) {
  constexpr int kBatch = 100;
  static int asked = 0;  // the log holds equal lines back
  int missing = 0;
  for (int round = 0; round < batches; ++round) {
    std::string batch;
    for (int i = 0; i < kBatch; ++i) batch += get_request("/missing-" + std::to_string(asked++) + std::string(60, 'x'));
    client.send(batch);
    for (int i = 0; i < kBatch; ++i) missing += client.read_response().status == 404;
  }
  return missing;
}

const Setup& talkative() {
  static const Setup setup{.limits = "requests_per_connection = 1000000", .more = "[log]\nlevel = \"debug\""};
  return setup;
}
}  // namespace

TEST_CASE("a log that nobody reads holds up neither answers nor SIGTERM") {
  const Pipe pipe;
  Site site;
  Setup setup = talkative();
  setup.error_output = pipe.input();
  Server server(site, setup);
  {
    Client client = server.connect();
    CHECK(missing_answers(client, 40) == 4000);
    CHECK(wait_until([&] { return pipe.full(); }));
    CHECK(missing_answers(client, 20) == 2000);  // the queue behind the pipe is full now, too
  }
  server.signal(SIGTERM);
  CHECK(server.wait_for_exit(Milliseconds{8000}) == 0);
}

TEST_CASE("a log that is read again goes on, and says how many lines were dropped") {
  const Pipe pipe;
  Site site;
  Setup setup = talkative();
  setup.error_output = pipe.input();
  Server server(site, setup);
  Client client = server.connect();
  CHECK(missing_answers(client, 60) == 6000);
  CHECK(wait_until([&] { return pipe.full(); }));
  std::string text;
  CHECK(wait_until([&] {
    text += pipe.read();
    missing_answers(client, 1);
    return text.find("log lines dropped") != std::string::npos;
  }));
}
