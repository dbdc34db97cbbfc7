// Which site a request means (contract [[site]] hosts): an exact name beats *.suffix beats "*", in any case, whatever
// the port; no match: the first site. RFC 9112 §3.2, §3.2.2; RFC 9110 §4.2.3, §7.2.
#include <doctest/doctest.h>

#include "cases_support.hpp"
#include "hot_client.hpp"
#include "rule_rows.hpp"

using namespace uringd::testing;

namespace {

// A site's directory holds one file that says which it is, and the probe.
struct Sites {
  explicit Sites(const std::vector<std::pair<std::string, std::string>>& names_and_hosts) {
    for (const auto& [name, hosts] : names_and_hosts) {
      site.outside_file(name + "/who.txt", name + "\n");
      site.outside_file(name + "/probe.txt", kProbe);
      if (setup.root.empty()) {
        setup.root = name;
        setup.site = "hosts = [" + hosts + "]\n";
      } else {
        setup.more += "[[site]]\nroot = \"" + name + "\"\nhosts = [" + hosts + "]\n\n";
      }
    }
  }
  Site site;
  Setup setup;
};

Case means(const std::string& host, const std::string& site) {
  return {.section = "contract [[site]] hosts",
          .name = "Host: " + host.substr(0, 60) + (host.size() > 60 ? "… of " + std::to_string(host.size()) : ""),
          .bytes = host_request(host, "/who.txt"),
          .answers = ok(site + "\n")};
}

Case asked(std::string name, std::string bytes, const std::string& site) {
  return {.section = "RFC 9112 §3.2.2", .name = std::move(name), .bytes = std::move(bytes), .answers = ok(site + "\n")};
}

}  // namespace

TEST_CASE("hosts: exact, suffix, any, and the order in which they stand does not count") {
  const Sites sites({{"first", "\"first.example\""},
                     {"any", "\"*\""},
                     {"suffix", "\"*.example.com\", \"*.example.org\""},
                     {"nearer", "\"*.eu.example.com\""},
                     {"exact", "\"www.example.com\", \"example.com\", \"xn--bcher-kva.example\""},
                     {"deep", "\"a.b.eu.example.com\""},
                     {"v4", "\"192.0.2.7\""},
                     {"v6", "\"[2001:db8::1]\""},
                     {"single", "\"localhost\""}});
  const Server server(sites.site, sites.setup);
  std::string label(63, 'l');
  run_table(server, "hosts",
            {
                means("first.example", "first"),
                means("www.example.com", "exact"),
                means("WWW.Example.COM", "exact"),
                means("www.example.com:80", "exact"),
                means("www.example.com:65535", "exact"),
                means("www.example.com:", "exact"),
                means("www.example.com.", "exact"),
                means("www.example.com.:8080", "exact"),
                means("example.com", "exact"),
                means("shop.example.com", "suffix"),
                means("Shop.Example.Com:443", "suffix"),
                means("a.b.c.example.com", "suffix"),
                means("x.example.org.", "suffix"),
                means("example.org", "any"),
                means("notexample.com", "any"),
                means("example.com.evil.example", "any"),
                means("x.eu.example.com", "nearer"),
                means("a.b.eu.example.com", "deep"),
                means("b.eu.example.com", "nearer"),
                means("z.a.b.eu.example.com", "nearer"),
                means("eu.example.com", "suffix"),
                means("xn--bcher-kva.example", "exact"),
                means("unknown.example", "any"),
                means("192.0.2.7", "v4"),
                means("192.0.2.7:8080", "v4"),
                means("192.0.2.8", "any"),
                means("[2001:db8::1]", "v6"),
                means("[2001:DB8::1]", "v6"),
                means("[2001:db8::1]:8080", "v6"),
                means("[2001:db8::2]", "any"),
                means("localhost", "single"),
                means("localhost:8080", "single"),
                means("LOCALHOST.", "single"),
                means("a_b.example.com", "suffix"),
                means(label + "." + label + "." + label + ".example.com", "suffix"),
                means("*.example.com", "suffix"),
                asked("the authority of an absolute form beats Host",
                      "GET http://www.example.com/who.txt HTTP/1.1\r\nHost: first.example\r\n\r\n", "exact"),
                asked("in any case and with a port",
                      "GET HTTP://Shop.EXAMPLE.com:81/who.txt HTTP/1.1\r\nHost: first.example\r\n\r\n", "suffix"),
                asked("an IPv6 literal in an absolute form",
                      "GET http://[2001:db8::1]:80/who.txt HTTP/1.1\r\nHost: first.example\r\n\r\n", "v6"),
                asked("an absolute form that nobody knows is not Host's",
                      "GET http://unknown.example/who.txt HTTP/1.1\r\nHost: www.example.com\r\n\r\n", "any"),
                asked("HTTP/1.0 without Host is the first site's",
                      "GET /who.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "first"),
                asked("HTTP/1.0 with Host",
                      "GET /who.txt HTTP/1.0\r\nHost: www.example.com\r\nConnection: keep-alive\r\n\r\n", "exact"),
                asked("the first by its name", "GET /who.txt HTTP/1.1\r\nHost: first.example\r\n\r\n", "first"),
            },
            {.cut = true, .head_too = true});
  Cases row("hosts of one connection");
  row("contract: pipelining", "each request of a connection has its own site", [&] {
    Client client = server.connect();
    std::string all;
    const std::vector<std::pair<std::string, std::string>> turns = {{"www.example.com", "exact\n"},
                                                                    {"x.example.org", "suffix\n"},
                                                                    {"nobody", "any\n"},
                                                                    {"first.example", "first\n"}};
    for (int i = 0; i < 40; ++i) all += host_request(turns[static_cast<std::size_t>(i) % 4].first, "/who.txt");
    client.send(all);
    for (int i = 0; i < 40; ++i) CHECK(client.read_response().body == turns[static_cast<std::size_t>(i) % 4].second);
  });
  row("RFC 9112 §3.2", "no Host, two, or one that is none is 400", [&] {
    for (const char* fields : {"", "Host: a.example\r\nHost: a.example\r\n", "Host: a b\r\n", "Host: a/b\r\n",
                               "Host: a@b\r\n", "Host: [::1\r\n", "Host: a:b\r\n"}) {
      INFO(fields);
      CHECK(answer_to(server, "GET /who.txt HTTP/1.1\r\n" + std::string(fields) + "\r\n").status == 400);
    }
  });
}

TEST_CASE("hosts: without \"*\" a stranger gets the first site, also where that one has a name") {
  const Sites sites({{"first", "\"first.example\", \"*.first.example\""}, {"second", "\"second.example\""}});
  const Server server(sites.site, sites.setup);
  run_table(server, "no match",
            {means("second.example", "second"), means("a.first.example", "first"), means("stranger.example", "first"),
             means("a.second.example", "first"), means("127.0.0.1", "first"), means("[::1]:8080", "first")});
}

TEST_CASE("hosts: sites of included files stand behind those of the file that takes them in") {
  Site site;
  for (const char* name : {"main", "a", "b"}) {
    site.outside_file(std::string(name) + "/who.txt", std::string(name) + "\n");
    site.outside_file(std::string(name) + "/probe.txt", kProbe);
    site.outside_file("sites/" + std::string(name) + "-root/who.txt", "beside " + std::string(name) + "\n");
    site.outside_file("sites/" + std::string(name) + "-root/probe.txt", kProbe);
  }
  // Relative to the file that says it.
  site.outside_file("sites/a.toml",
                    "[[site]]\nhosts = [\"a.example\"]\nroot = \"a-root\"\nmounts = { \"/m\" = \"../b\" }\n" +
                        rewrite("^/w$", "/${who:$0|none}") + map_table("who", "who.txt"));
  site.outside_file("sites/who.txt", "/w who.txt\n");
  site.outside_file("sites/b.toml",
                    "[[site]]\nhosts = [\"b.example\"]\nroot = \"../b\"\n" + rewrite("^/w$", "/${who:$0|none}"));
  const int port = free_port();
  site.outside_file("config.toml", "include = [\"sites/*.toml\"]\n[server]\nlisten = [\"127.0.0.1:" +
                                       std::to_string(port) + "\"]\n[[site]]\nroot = \"main\"\nhosts = [\"*\"]\n");
  const Server server(site, {"--config", site.outside("config.toml")}, port);
  const auto who = [](const std::string& name, const std::string& host, const std::string& target, Answer expected) {
    return Case{.section = "contract include", .name = name, .bytes = host_request(host, target), .answers = expected};
  };
  run_table(server, "included sites",
            {means("a.example", "beside a"), means("b.example", "b"), means("other.example", "main"),
             who("a mount's directory is relative to the included file", "a.example", "/m/who.txt", ok("b\n")),
             who("a map's file is relative to the included file", "a.example", "/w", ok("beside a\n")),
             who("a map of one included file serves another", "b.example", "/w", ok("b\n"))});
}

TEST_CASE("hosts: a thousand sites, each found by its name") {
  Site site;
  site.file("probe.txt", kProbe);
  Setup setup;
  for (int i = 0; i < 8; ++i) {
    site.outside_file("s" + std::to_string(i) + "/who.txt", "s" + std::to_string(i) + "\n");
    site.outside_file("s" + std::to_string(i) + "/probe.txt", kProbe);
  }
  for (int i = 0; i < 1000; ++i) {
    const std::string n = std::to_string(i);
    setup.more += "[[site]]\nroot = \"s" + std::to_string(i % 8) + "\"\nhosts = [\"h" + n + ".example\", \"*.w" + n +
                  ".example\"]\n";
  }
  const Server server(site, setup);
  Client client = server.connect();
  int wrong = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string n = std::to_string(i);
    const std::string expected = "s" + std::to_string(i % 8) + "\n";
    wrong += client.ask(host_request("h" + n + ".example", "/who.txt")).body != expected;
    wrong += client.ask(host_request("x.w" + n + ".example", "/who.txt")).body != expected;
  }
  CHECK(wrong == 0);
  CHECK(client.ask(host_request("h1000.example", "/probe.txt")).body == kProbe);
}
