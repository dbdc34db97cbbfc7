// HandledWorker: a worker on the kernel's ring with a handler that the test plays, and clients of it, all on the test's
// thread: each wait turns the worker once more. Owns a temporary root, the listener and the worker. doctest comes last:
// both it and the program have a CHECK.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "uringd/config/load.hpp"
#include "uringd/server/errand.hpp"
#include "uringd/server/worker.hpp"

#include <doctest/doctest.h>

namespace uringd::testing {

/// What the test says in the place of a handler.
struct PlayedHandler final : server::Handler {
  void attach(server::Replies& given) override { replies = &given; }
  std::variant<server::BodyPlan, server::Answer> on_body(const server::Asked& asked) override { return plan(asked); }
  server::Handling handle(const server::Asked& asked, std::unique_ptr<server::BodySink> body) override {
    ++handled;
    last = asked.ticket;
    return answer(asked, body.get());
  }
  server::Answer refusal(int status) override {
    return server::Answer::of(status, "application/json", "{\"refused\":" + std::to_string(status) + "}");
  }
  void on_call() override { ++calls; }
  void on_turn(uint64_t now_ms) override { turned_ms = now_ms; }
  [[nodiscard]] uint64_t next_ms() const override { return never_ms; }

  std::function<std::variant<server::BodyPlan, server::Answer>(const server::Asked&)> plan = [](const server::Asked&) {
    return server::BodyPlan{.limit_bytes = 1024, .sink = nullptr};
  };
  std::function<server::Handling(const server::Asked&, server::BodySink*)> answer = [](const server::Asked& asked,
                                                                                       server::BodySink*) {
    return server::Answer::of(200, "text/plain", "you asked for " + std::string(asked.request.target()));
  };
  server::Replies* replies = nullptr;
  server::Ticket last;
  int handled = 0, calls = 0;
  uint64_t turned_ms = 0;
};

/// Keeps what it is given, and refuses at `refuse_at` bytes with 507.
struct KeepingSink final : server::BodySink {
  explicit KeepingSink(std::shared_ptr<std::string> into, size_t refuse_at = SIZE_MAX)
      : kept(std::move(into)), most(refuse_at) {}
  int take(std::span<const char> bytes) override {
    kept->append(bytes.data(), bytes.size());
    return kept->size() > most ? 507 : 0;
  }
  std::shared_ptr<std::string> kept;
  size_t most;
};

class HandledWorker {
 public:
  explicit HandledWorker(const std::string& limits = "") {
    std::string path = (std::filesystem::temp_directory_path() / "handler-XXXXXX").string();
    REQUIRE(mkdtemp(path.data()));
    root_ = path;
    const auto loaded =
        config::load_text("[limits]\n" + limits + "\n[[site]]\nroot = '.'\n", (root_ / "config.toml").string());
    REQUIRE(loaded);
    std::vector<config::Problem> warnings;
    const auto snapshot = server::Snapshot::build(loaded->config, 1, warnings);
    REQUIRE(snapshot);
    server::WorkerOptions options;
    options.ring = {.submission_entries = 64, .completion_entries = 256, .direct_slots = 64, .receive_buffers = 32};
    options.connection_slots = 32;
    options.parked_limit = 4;
    options.cache_bytes = 1 << 20;
    options.stream_memory_bytes = 64 << 10;
    options.output_blocks = 4;
    options.populate = false;
    auto made = server::Worker::create(options, *snapshot, shared, mailbox, nullptr, logger, &handler);
    REQUIRE(made);
    worker = std::move(*made);
    listen();
  }
  ~HandledWorker() {
    mailbox.post(server::Command::abort);
    REQUIRE(until([this] { return worker->drained(); }));
    worker.reset();
    std::filesystem::remove_all(root_);
  }

  /// Turns the worker until `done`, for 10 s at most.
  bool until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!done()) {
      if (std::chrono::steady_clock::now() > end) return false;
      worker->turn(false);
    }
    return true;
  }
  void for_ms(int ms) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
    while (std::chrono::steady_clock::now() < end) worker->turn(false);
  }
  [[nodiscard]] Fd connect(int receive_buffer = 0) {
    Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (receive_buffer > 0) {
      setsockopt(client.number(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    REQUIRE((::connect(client.number(), reinterpret_cast<sockaddr*>(&address_), sizeof address_) == 0 ||
             errno == EINPROGRESS));
    return client;
  }
  void send(const Fd& client, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(client.number(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent > 0) bytes.remove_prefix(static_cast<size_t>(sent));
      if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) return;
      worker->turn(false);
    }
  }
  /// What comes until `end` is in it, or the connection ends (`closed`).
  std::string receive(const Fd& client, std::string_view end, bool* closed = nullptr) {
    std::string text;
    static_cast<void>(until([&] {
      char bytes[4096];
      const ssize_t got = ::recv(client.number(), bytes, sizeof bytes, 0);
      if (got > 0) text.append(bytes, static_cast<size_t>(got));
      const bool over = got == 0 || (got < 0 && errno == ECONNRESET);
      if (closed) *closed = over;
      return over || (!end.empty() && text.ends_with(end));
    }));
    return text;
  }

  PlayedHandler handler;
  server::Shared shared;
  server::Mailbox mailbox;
  log::Logger logger{log::Level::error, STDERR_FILENO};
  std::unique_ptr<server::Worker> worker;

 private:
  void listen() {
    Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(listener.number(), reinterpret_cast<sockaddr*>(&address_), sizeof address_) == 0);
    REQUIRE(::listen(listener.number(), 16) == 0);
    socklen_t size = sizeof address_;
    getsockname(listener.number(), reinterpret_cast<sockaddr*>(&address_), &size);
    std::vector<server::Listener> listeners(1);
    listeners[0].descriptor = std::move(listener);
    listeners[0].only_ours = true;
    listeners[0].peer_size = sizeof(sockaddr_in);
    worker->listen(std::move(listeners));
  }

  std::filesystem::path root_;
  sockaddr_in address_{};
};

}  // namespace uringd::testing
