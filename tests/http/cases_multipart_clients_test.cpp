// Several ranges and difficult clients: pipelined before and behind other requests, slow readers, clients that vanish,
// many at once. The answers must be whole and in their order, and the server must go on.
#include <doctest/doctest.h>

#include <thread>

#include "cases_support.hpp"
#include "multipart_reader.hpp"

using namespace uringd::testing;

namespace {

struct Tree {
  Tree() {
    site.file("probe.txt", "probe\n");
    site.file("small.txt", small);
    site.file("large.bin", large);
  }
  const std::string small = pattern(1000, 5);
  const std::string large = pattern(3 * 1024 * 1024 + 7, 6);
  Site site;
  Server server{site};
};

constexpr const char* kText = "text/plain; charset=utf-8";
constexpr const char* kBytes = "application/octet-stream";
const std::string kTwo = "Range: bytes=0-9,20-29\r\n";
const std::string kTwoLong = "Range: bytes=0-999999,1500000-2499999\r\n";

}  // namespace

TEST_CASE_FIXTURE(Tree, "multipart answers among pipelined ones") {
  Cases row("multipart, pipelined");
  const std::string small_parts = get_request("/small.txt", kTwo);
  const std::string long_parts = get_request("/large.bin", kTwoLong);
  const std::string probe = get_request("/probe.txt");
  const auto check_small = [&](Client& client) {
    check_parts(client.read_response(), small, kText, {{0, 9}, {20, 29}});
  };
  const auto check_long = [&](Client& client) {
    check_parts(client.read_response(), large, kBytes, {{0, 999999}, {1500000, 2499999}});
  };
  const auto check_probe = [](Client& client) { CHECK(client.read_response().body == "probe\n"); };

  row("RFC 9112 §9.3.2", "parts of a held file between two others", [&] {
    Client client = server.connect();
    client.send(probe + small_parts + probe);
    check_probe(client);
    check_small(client);
    check_probe(client);
  });
  row("RFC 9112 §9.3.2", "parts of a streamed file between two others", [&] {
    Client client = server.connect();
    client.send(probe + long_parts + probe);
    check_probe(client);
    check_long(client);
    check_probe(client);
  });
  row("RFC 9112 §9.3.2", "a stream, parts of it, a stream again", [&] {
    Client client = server.connect();
    client.send(get_request("/large.bin") + long_parts + get_request("/large.bin"));
    CHECK(same(client.read_response().body, large));
    check_long(client);
    CHECK(same(client.read_response().body, large));
  });
  row("RFC 9112 §9.3.2", "fifty multipart answers of a held file in one piece", [&] {
    Client client = server.connect();
    std::string all;
    for (int i = 0; i < 50; ++i) all += small_parts;
    client.send(all + probe);
    for (int i = 0; i < 50; ++i) check_small(client);
    check_probe(client);
  });
  row("RFC 9112 §9.3.2", "errors and 304 between multipart answers", [&] {
    const std::string tag = get(server, "/small.txt").field("ETag");
    Client client = server.connect();
    client.send(small_parts + get_request("/missing", kTwo) + long_parts +
                get_request("/small.txt", kTwo + "If-None-Match: " + tag + "\r\n") +
                get_request("/small.txt", "Range: bytes=5000-,6000-\r\n") + small_parts);
    check_small(client);
    CHECK(client.read_response().status == 404);
    check_long(client);
    CHECK(client.read_response().status == 304);
    CHECK(client.read_response().status == 416);
    check_small(client);
  });
  row("RFC 9112 §9.6", "parts and a close: all of them, then the end", [&] {
    Client client = server.connect();
    client.send(get_request("/large.bin", kTwoLong + "Connection: close\r\n"));
    check_long(client);
    CHECK(client.wait_for_end() == Ending::closed);
  });
  row("RFC 9112 §9.6", "more small parts than one send takes and a close: all of them, then the end", [&] {
    std::string set = "Range: bytes=";
    std::vector<Span> parts;
    for (std::uint64_t first = 0; first < 64 * 15; first += 15) {
      set += (first == 0 ? "" : ",") + std::to_string(first) + "-" + std::to_string(first);
      parts.push_back({first, first});
    }
    Client client = server.connect();
    client.send(get_request("/small.txt", set + "\r\nConnection: close\r\n"));
    check_parts(client.read_response(), small, kText, parts);
    CHECK(client.wait_for_end() == Ending::closed);
  });
  row("RFC 9112 §9.6", "parts to a client that has shut its side down", [&] {
    Client client = server.connect();
    client.send(small_parts + long_parts);
    client.half_close();
    check_small(client);
    check_long(client);
    CHECK(client.wait_for_end() == Ending::closed);
  });
}

TEST_CASE_FIXTURE(Tree, "multipart answers to slow, vanishing and many clients") {
  Cases row("multipart, difficult clients");
  row("RFC 9110 §15.3.7.2", "a client that reads slowly gets every byte of streamed parts", [&] {
    Client client = server.connect(16 * 1024);
    client.send(get_request("/large.bin", kTwoLong) + get_request("/probe.txt"));
    Response response = client.read_head();
    const std::uint64_t length = response.content_length();
    while (response.body.size() < length) {
      const std::string piece = client.read_some(std::min<std::uint64_t>(64 * 1024, length - response.body.size()));
      if (piece.empty()) break;
      response.body += piece;
      if (response.body.size() < 600 * 1024) std::this_thread::sleep_for(Milliseconds{10});
    }
    response.complete = response.body.size() == length;
    check_parts(response, large, kBytes, {{0, 999999}, {1500000, 2499999}});
    CHECK(client.read_response().body == "probe\n");
  });
  row("RFC 9110 §15.3.7.2", "a client that reads slowly gets every byte of parts of a held file", [&] {
    Client client = server.connect(4096);
    std::string all;
    for (int i = 0; i < 200; ++i) all += get_request("/small.txt", kTwo);
    client.send_without_reading(all, Milliseconds{200});
    std::this_thread::sleep_for(Milliseconds{100});
    for (int i = 0; i < 200; ++i) check_parts(client.read_response(), small, kText, {{0, 9}, {20, 29}});
  });
  row("contract: one client's end is its own", "clients that vanish within streamed parts harm nobody", [&] {
    for (int i = 0; i < 24; ++i) {
      Client client = server.connect(16 * 1024);
      client.send(get_request("/large.bin", kTwoLong) + get_request("/small.txt", kTwo));
      static_cast<void>(client.read_some(static_cast<std::size_t>(1 + i * 3000)));
      client.reset();
    }
    check_parts(get(server, "/large.bin", kTwoLong), large, kBytes, {{0, 999999}, {1500000, 2499999}});
  });
  row("contract: one client's end is its own", "clients that vanish before they read harm nobody", [&] {
    for (int i = 0; i < 24; ++i) {
      Client client = server.connect();
      client.send(get_request("/small.txt", kTwo) + get_request("/large.bin", kTwo));
      client.reset();
    }
    check_parts(get(server, "/small.txt", kTwo), small, kText, {{0, 9}, {20, 29}});
  });
  row("contract: many clients", "thirty-two at once get their own parts", [&] {
    std::vector<Client> clients;
    for (std::uint64_t i = 0; i < 32; ++i) {
      clients.push_back(server.connect());
      const std::string first = std::to_string(i * 1000);
      const std::string second = std::to_string(2000000 + i);
      clients.back().send(get_request("/large.bin", "Range: bytes=" + first + "-" + std::to_string(i * 1000 + 99999) +
                                                        "," + second + "-" + second + "\r\n"));
    }
    for (std::uint64_t i = 0; i < 32; ++i) {
      check_parts(clients[i].read_response(), large, kBytes,
                  {{i * 1000, i * 1000 + 99999}, {2000000 + i, 2000000 + i}});
    }
  });
  row("contract: a file that shrinks", "a file that shrinks while its parts are sent never makes a whole answer", [&] {
    site.sparse_file("shrinks.bin", 64 << 20);  // more than the sockets' buffers hold
    Client client = server.connect(16 * 1024);
    client.send(get_request("/shrinks.bin", "Range: bytes=0-9,1000000-60000000\r\n"));
    Response response = client.read_head();
    CHECK(response.status == 206);
    site.truncate("shrinks.bin", 100000);
    const std::uint64_t got = client.read_body(response.content_length(), [](std::string_view) {});
    CHECK(got < response.content_length());
    CHECK(client.ending() != Ending::open);
    CHECK(get(server, "/probe.txt").status == 200);
  });
  row("contract: resident memory", "a thousand multipart requests leave nothing behind", [&] {
    Client client = server.connect();
    const auto rounds = [&](int count) {
      for (int i = 0; i < count; ++i) static_cast<void>(client.get("/large.bin", kTwo));
    };
    rounds(200);
    const std::uint64_t before = server.resident_kib();
    rounds(1000);
    if (!sanitized()) CHECK(server.resident_kib() < before + 2048);
  });
}
