// Who the client is (server.trusted_proxies): X-Forwarded-For, Forwarded (RFC 7239) and PROXY headers of versions 1 and
// 2 count where a trusted proxy says them, and nowhere else. Seen in the access log and in `when.scheme` rules.
#include <doctest/doctest.h>

#include <array>
#include <filesystem>
#include <thread>

#include "daemon.hpp"
#include "peer.hpp"
#include "rule_rows.hpp"

using namespace uringd::testing;

namespace {

const std::string kTrusted = "trusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\", \"2001:db8:1::/48\", \"unix:\"]\n";

struct Tree {
  Tree() { site.file("a.txt", "a\n"); }
  [[nodiscard]] std::string file() const { return site.outside("access.log"); }
  // Plain http is sent to https, as behind a load balancer.
  [[nodiscard]] Setup setup(const std::string& server = kTrusted) const {
    return {.server = "workers = 1\n" + server,
            .headers = rewrite("^/only-https$", "https://test.example/moved", 301, "when = { scheme = \"^http$\" }\n"),
            .more = access_log_table(file())};
  }
  // The addresses that the log names, in order, when it has `count` lines.
  [[nodiscard]] std::vector<std::string> addresses(std::size_t count) const {
    wait_until([&] { return std::filesystem::exists(file()) && lines_of(file_bytes(file())).size() >= count; },
               Milliseconds{5000});
    std::vector<std::string> result;
    for (const std::string& line : lines_of(file_bytes(file()))) result.push_back(line.substr(0, line.find(' ')));
    return result;
  }
  Site site;
};

std::string asking(const std::string& target, const std::string& fields) {
  return "GET " + target + " HTTP/1.1\r\nHost: test.example\r\n" + fields + "\r\n";
}

struct Row {
  std::string fields;
  std::string address;
};

const std::vector<Row> kRows = {
    {"", "127.0.0.1"},
    {"X-Forwarded-For: 192.0.2.7\r\n", "192.0.2.7"},
    {"X-Forwarded-For: 203.0.113.9, 192.0.2.7\r\n", "192.0.2.7"},            // the first was said by an untrusted hop
    {"X-Forwarded-For: 203.0.113.9, 192.0.2.7, 10.1.2.3\r\n", "192.0.2.7"},  // through a trusted one
    {"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 192.0.2.7\r\n", "192.0.2.7"},
    {"X-Forwarded-For: 10.9.9.9, 10.1.2.3\r\n", "10.9.9.9"},  // all trusted: the farthest
    {"X-Forwarded-For: 2001:db8::5\r\n", "2001:db8::5"},
    {"X-Forwarded-For: 2001:db8:1::5, 2001:db8:1::6\r\n", "2001:db8:1::5"},
    {"X-Forwarded-For: 192.0.2.7, garbage\r\n", "127.0.0.1"},
    {"X-Forwarded-For: unknown\r\n", "127.0.0.1"},
    {"X-Forwarded-For: \r\n", "127.0.0.1"},
    {"Forwarded: for=192.0.2.60;proto=http;by=203.0.113.43\r\n", "192.0.2.60"},
    {"Forwarded: for=198.51.100.1, for=192.0.2.43, for=10.0.0.3\r\n", "192.0.2.43"},
    {"Forwarded: For=\"[2001:db8:cafe::17]:4711\"\r\n", "2001:db8:cafe::17"},
    {"Forwarded: for=\"192.0.2.43:47011\"\r\n", "192.0.2.43"},
    {"Forwarded: for=_hidden\r\n", "127.0.0.1"},
    {"Forwarded: for=unknown, for=10.0.0.3\r\n", "10.0.0.3"},
    {"Forwarded: for=192.0.2.60\r\nX-Forwarded-For: 203.0.113.1\r\n", "127.0.0.1"},
    {"Forwarded: for=192.0.2.60\r\nX-Forwarded-For: 192.0.2.60\r\n", "192.0.2.60"},
};

std::string proxy_v2(const std::array<unsigned char, 4>& source, unsigned char command = 1,
                     const std::string& extra = "") {
  std::string text("\r\n\r\n\0\r\nQUIT\n", 12);
  text += static_cast<char>(0x20 | command);
  text += '\x11';  // TCP over IPv4
  const std::size_t size = 12 + extra.size();
  text += static_cast<char>(size >> 8);
  text += static_cast<char>(size & 0xff);
  text.append(reinterpret_cast<const char*>(source.data()), 4);
  text += std::string("\x7f\0\0\x01", 4);
  text += std::string("\x30\x39\x00\x50", 4);
  return text + extra;
}

std::string proxy_v2_six() {
  std::string text("\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24", 16);
  const std::array<unsigned char, 16> source = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x42};
  text.append(reinterpret_cast<const char*>(source.data()), 16);
  text.append(reinterpret_cast<const char*>(source.data()), 16);
  return text + std::string("\x30\x39\x00\x50", 4);
}

// Another listener, whose connections begin with a PROXY header.
struct Proxied : Tree {
  std::string text(const std::string& server = kTrusted) const {
    return with_listen(configuration(site, setup(server), plain),
                       "[\"127.0.0.1:" + std::to_string(plain) + "\", { address = \"127.0.0.1:" + std::to_string(port) +
                           "\", proxy_protocol = true }]");
  }
  const int plain = free_port();
  const int port = free_port();
};

}  // namespace

TEST_CASE_FIXTURE(Tree, "behind a trusted proxy: the nearest address that is not a trusted proxy's is the client's") {
  Daemon daemon(site, setup());
  std::vector<std::string> expected;
  for (const Row& row : kRows) {
    Peer peer("127.0.0.1", daemon.port());
    peer.send(asking("/a.txt", row.fields));
    CHECK(peer.status() == 200);
    expected.push_back(row.address);
    const std::vector<std::string> seen = addresses(expected.size());
    INFO(row.fields);
    REQUIRE(seen.size() == expected.size());
    CHECK(seen.back() == row.address);
  }
}

TEST_CASE_FIXTURE(Tree, "each request of a connection has its own client; a refused one has the connection's") {
  Daemon daemon(site, setup());
  Peer peer("127.0.0.1", daemon.port());
  peer.send(asking("/a.txt", "X-Forwarded-For: 192.0.2.1\r\n") + asking("/a.txt", "X-Forwarded-For: 192.0.2.2\r\n") +
            asking("/a.txt", "") + asking("/a.txt", "X-Forwarded-For: 192.0.2.3\r\n"));
  for (int i = 0; i < 4; ++i) CHECK(peer.status() == 200);
  CHECK(addresses(4) == std::vector<std::string>{"192.0.2.1", "192.0.2.2", "127.0.0.1", "192.0.2.3"});
}

TEST_CASE_FIXTURE(Tree, "what an untrusted peer says of itself is ignored, all of it") {
  Daemon daemon(site, setup());
  std::size_t count = 0;
  for (const Row& row : kRows) {
    Peer peer("127.0.0.2", daemon.port());
    peer.send(asking("/a.txt", row.fields + "X-Forwarded-Proto: https\r\n"));
    CHECK(peer.status() == 200);
    Peer other("127.0.0.2", daemon.port());
    other.send(
        asking("/only-https", row.fields + "X-Forwarded-Proto: https\r\nForwarded: for=1.2.3.4;proto=https\r\n"));
    CHECK(other.status() == 301);  // it came by plain http, whatever it says
    count += 2;
  }
  for (const std::string& address : addresses(count)) CHECK(address == "127.0.0.2");
}

TEST_CASE_FIXTURE(Tree, "without trusted_proxies nobody is believed, on loopback neither") {
  Daemon daemon(site, setup(""));
  for (const Row& row : kRows) {
    Peer peer("127.0.0.1", daemon.port());
    peer.send(asking("/a.txt", row.fields));
    CHECK(peer.status() == 200);
  }
  for (const std::string& address : addresses(kRows.size())) CHECK(address == "127.0.0.1");
}

TEST_CASE_FIXTURE(Tree, "a trusted proxy's word of the scheme is what when.scheme sees") {
  Daemon daemon(site, setup());
  const struct {
    const char* fields;
    int status;
  } rows[] = {
      {"X-Forwarded-Proto: http\r\nX-Forwarded-For: 192.0.2.7\r\n", 301},
      {"X-Forwarded-Proto: https\r\nX-Forwarded-For: 192.0.2.7\r\n", 404},
      {"Forwarded: for=192.0.2.7;proto=http\r\n", 301},
      {"Forwarded: for=192.0.2.7;proto=https\r\n", 404},
      {"", 301},  // nobody says: what the connection speaks
  };
  for (const auto& row : rows) {
    INFO(row.fields);
    Peer peer("127.0.0.1", daemon.port());
    peer.send(asking("/only-https", row.fields));
    CHECK(peer.status() == row.status);
  }
}

TEST_CASE_FIXTURE(Tree, "the peers of a unix socket are trusted where unix: is written, and logged as unix: else") {
  const std::string socket = site.outside("uringd.sock");
  for (const bool trusted : {true, false}) {
    Setup with_socket = setup(trusted ? kTrusted : "");
    with_socket.listen = {"unix:" + socket};
    std::filesystem::remove(file());
    Daemon daemon(site, with_socket);
    Client client = Client::unix_socket(socket);
    CHECK(client.ask(asking("/a.txt", "X-Forwarded-For: 192.0.2.7\r\n")).status == 200);
    CHECK(client.ask(asking("/a.txt", "")).status == 200);
    CHECK(addresses(2) == std::vector<std::string>{trusted ? "192.0.2.7" : "unix:", "unix:"});
  }
}

TEST_CASE_FIXTURE(Tree, "trusted_proxies change with a reload, for connections that are open too") {
  Daemon daemon(site, setup(""));
  Client client = daemon.connect();
  const std::string bytes = asking("/a.txt", "X-Forwarded-For: 192.0.2.7\r\n");
  CHECK(client.ask(bytes).status == 200);
  daemon.reload(setup());
  CHECK(client.ask(bytes).status == 200);
  daemon.reload(setup("trusted_proxies = [\"192.0.2.0/24\"]\n"));
  CHECK(client.ask(bytes).status == 200);
  CHECK(addresses(3) == std::vector<std::string>{"127.0.0.1", "192.0.2.7", "127.0.0.1"});
}

TEST_CASE_FIXTURE(Proxied,
                  "PROXY headers of both versions name the client of a connection, and its fields go on from there") {
  Daemon daemon(site, text(), plain);
  const struct {
    std::string header;
    std::string fields;
    std::string address;
  } rows[] = {
      {"PROXY TCP4 192.0.2.11 127.0.0.1 40000 80\r\n", "", "192.0.2.11"},
      {"PROXY TCP6 2001:db8::11 ::1 40000 80\r\n", "", "2001:db8::11"},
      {"PROXY UNKNOWN\r\n", "", "127.0.0.1"},
      {"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", "", "127.0.0.1"},
      {proxy_v2({192, 0, 2, 12}), "", "192.0.2.12"},
      {proxy_v2({192, 0, 2, 13}, 1, std::string("\x04\0\x03xyz", 6)), "", "192.0.2.13"},  // with a TLV
      {proxy_v2({192, 0, 2, 14}, 0), "", "127.0.0.1"},                                    // LOCAL
      {proxy_v2_six(), "", "2001:db8::42"},
      {"PROXY TCP4 192.0.2.15 127.0.0.1 40000 80\r\n", "X-Forwarded-For: 203.0.113.9\r\n", "192.0.2.15"},
      {"PROXY TCP4 10.0.0.9 127.0.0.1 40000 80\r\n", "X-Forwarded-For: 203.0.113.9\r\n", "203.0.113.9"},
  };
  std::size_t count = 0;
  for (const auto& row : rows) {
    INFO(row.header);
    for (const bool in_pieces : {false, true}) {
      Peer peer("127.0.0.1", port);
      const std::string bytes = row.header + asking("/a.txt", row.fields) + asking("/a.txt", row.fields);
      if (in_pieces) {
        for (std::size_t at = 0; at < bytes.size(); at += 7) {
          peer.send(std::string_view(bytes).substr(at, 7));
          if (at < row.header.size() + 20) std::this_thread::sleep_for(Milliseconds{2});
        }
      } else {
        peer.send(bytes);
      }
      CHECK(peer.status() == 200);
      CHECK(peer.status() == 200);
      count += 2;
      const std::vector<std::string> seen = addresses(count);
      REQUIRE(seen.size() == count);
      CHECK(seen[count - 1] == row.address);
      CHECK(seen[count - 2] == row.address);
    }
  }
}

TEST_CASE_FIXTURE(Proxied, "an untrusted peer's PROXY header is taken away and not believed") {
  Daemon daemon(site, text(), plain);
  for (const std::string& header :
       {std::string("PROXY TCP4 192.0.2.11 127.0.0.1 40000 80\r\n"), proxy_v2({192, 0, 2, 12})}) {
    Peer peer("127.0.0.3", port);
    peer.send(header + asking("/a.txt", "X-Forwarded-For: 192.0.2.99\r\n"));
    CHECK(peer.status() == 200);
  }
  CHECK(addresses(2) == std::vector<std::string>{"127.0.0.3", "127.0.0.3"});
}

TEST_CASE_FIXTURE(Proxied, "what is no PROXY header is closed without an answer, on that listener only") {
  Setup quick = setup();
  quick.limits = "header_timeout = \"500ms\"";
  Daemon daemon(site,
                with_listen(configuration(site, quick, plain),
                            "[\"127.0.0.1:" + std::to_string(plain) +
                                "\", { address = \"127.0.0.1:" + std::to_string(port) + "\", proxy_protocol = true }]"),
                plain);
  const std::string get = asking("/a.txt", "");
  for (const std::string& bytes :
       {get, std::string("PROXY TCP4 nonsense\r\n") + get, std::string("PROXY TCP4 1.2.3.4 1.2.3.4 80\r\n") + get,
        std::string("PROXY ") + std::string(200, '1') + "\r\n" + get,
        std::string("\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c", 16) + std::string(12, '1') + get, std::string("PRO"),
        std::string("\r\n\r\n\0\r\nQU", 9)}) {
    INFO(bytes);
    Peer peer("127.0.0.1", port);
    peer.send(bytes);
    CHECK(peer.ended_within(Milliseconds{5000}));
  }
  Peer header_on_plain("127.0.0.1", plain);
  header_on_plain.send("PROXY TCP4 192.0.2.11 127.0.0.1 40000 80\r\n" + get);
  CHECK(header_on_plain.status() == 400);
  Peer good("127.0.0.1", port);
  good.send("PROXY TCP4 192.0.2.11 127.0.0.1 40000 80\r\n" + get);
  CHECK(good.status() == 200);
}

TEST_CASE_FIXTURE(Proxied, "proxy_protocol changes with a reload: the socket stays, new connections begin otherwise") {
  Daemon daemon(site, text(), plain);
  const std::string header = "PROXY TCP4 192.0.2.11 127.0.0.1 40000 80\r\n";
  Peer old("127.0.0.1", port);
  old.send(header + asking("/a.txt", ""));
  CHECK(old.status() == 200);
  daemon.configure_text(
      with_listen(text(), "[\"127.0.0.1:" + std::to_string(plain) + "\", \"127.0.0.1:" + std::to_string(port) + "\"]"));
  daemon.reload();
  Peer without("127.0.0.1", port);
  without.send(asking("/a.txt", ""));
  CHECK(without.status() == 200);
  old.send(asking("/a.txt", ""));
  CHECK(old.status() == 200);
  daemon.configure_text(text());
  daemon.reload();
  Peer with("127.0.0.1", port);
  with.send(header + asking("/a.txt", ""));
  CHECK(with.status() == 200);
  CHECK(addresses(4) == std::vector<std::string>{"192.0.2.11", "127.0.0.1", "192.0.2.11", "192.0.2.11"});
}
