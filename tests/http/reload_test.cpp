// SIGHUP (contract.md, Signals): a good file is in force for the next request, on connections that are open too; a bad
// one changes nothing and says everything that is wrong with it; what needs a restart is named.
#include <doctest/doctest.h>
#include <signal.h>

#include <thread>

#include "daemon.hpp"
#include "hot_client.hpp"
#include "load.hpp"
#include "map_files.hpp"
#include "operation_words.hpp"

using namespace uringd::testing;

namespace {

struct Tree {
  Tree() {
    site.file("a.txt", "a\n");
    site.file("b.foo", "b\n");
    site.file("about.html", "about\n");
    site.file("docs/index.html", "index\n");
    site.file("docs/start.html", "start\n");
    site.file(".secret", "secret\n");
    site.file("404.html", "not here\n");
    site.outside_file("map.txt", "key /from-map\n");
  }
  Site site;
};

std::string header_rule(const std::string& name, const std::string& value) {
  return "[[site.headers]]\nmatch = \"/**\"\nset = { \"" + name + "\" = \"" + value + "\" }\n";
}

Setup marked(const std::string& value, Setup setup = {}) {
  setup.headers += header_rule("X-Config", value);
  return setup;
}

bool says(const std::string& text, std::string_view words) { return text.find(words) != std::string::npos; }

}  // namespace

TEST_CASE_FIXTURE(Tree, "the next request on an old connection is answered by the new rules of its site") {
  Daemon daemon(site, marked("one"));
  Client client = daemon.connect();
  const auto status = [&](const char* target) { return client.get(target).status; };
  CHECK(client.get("/a.txt").field("X-Config") == "one");
  CHECK(client.get("/b.foo").field("Content-Type") == "application/octet-stream");
  CHECK(status("/about") == 404);
  CHECK(client.get("/docs/").body == "index\n");
  CHECK(status("/.secret") == 404);
  CHECK(status("/old/a.txt") == 404);
  CHECK(client.get("/missing").body != "not here\n");
  CHECK(!client.get("/a.txt").has("Server-Timing"));

  const std::string log =
      daemon.reload({.types = "\".foo\" = \"application/x-foo\"",
                     .site = "index = [\"start.html\"]\nextensions = [\"html\"]\nhidden = true\nserver_timing = true\n"
                             "error_pages = { 404 = \"/404.html\" }\ncache_control = \"max-age=7\"\n",
                     .headers = header_rule("X-Config", "two") + rewrite("^/old/(.*)$", "/$1", 0) +
                                rewrite("^/go/(.*)$", "${m:$1|/none}", 302),
                     .more = "[maps.m]\nfile = \"map.txt\"\nkind = \"txt\"\n"});
  INFO(log);
  CHECK(says(log, words::kReloaded));
  const Response plain = client.get("/a.txt");
  CHECK(plain.body == "a\n");
  CHECK(plain.field("X-Config") == "two");
  CHECK(plain.field("Cache-Control") == "max-age=7");
  CHECK(plain.has("Server-Timing"));
  CHECK(client.get("/b.foo").field("Content-Type") == "application/x-foo");
  CHECK(client.get("/about").body == "about\n");
  CHECK(client.get("/docs/").body == "start\n");
  CHECK(client.get("/.secret").body == "secret\n");
  CHECK(client.get("/old/a.txt").body == "a\n");
  CHECK(client.get("/missing").body == "not here\n");
  CHECK(client.get("/go/key").field("Location") == "/from-map");

  daemon.reload(marked("three"));
  CHECK(client.get("/a.txt").field("X-Config") == "three");
  CHECK(!client.get("/a.txt").has("Server-Timing"));
  CHECK(client.get("/b.foo").field("Content-Type") == "application/octet-stream");
  CHECK(client.get("/docs/").body == "index\n");
  CHECK(status("/about") == 404);
  CHECK(status("/.secret") == 404);
  CHECK(status("/go/key") == 404);
  CHECK(client.get("/missing").body != "not here\n");
}

TEST_CASE_FIXTURE(Tree, "a reload without a change of the file changes nothing and is said to have been done") {
  Daemon daemon(site, marked("one"));
  Client client = daemon.connect();
  for (int i = 0; i < 3; ++i) {
    CHECK(says(daemon.reload(), words::kReloaded));
    CHECK(daemon.reloaded());
    CHECK(client.get("/a.txt").field("X-Config") == "one");
  }
}

TEST_CASE_FIXTURE(Tree, "new limits hold for the next request of a connection that is open") {
  Daemon daemon(site);
  Client client = daemon.connect();
  const std::string long_field = "X-Long: " + std::string(5000, 'x') + "\r\n";
  CHECK(client.get("/a.txt", long_field).status == 200);
  Client body = daemon.connect();
  const std::string with_body = request("POST", "/a.txt", "Content-Length: 2000\r\n") + std::string(2000, 'b');
  CHECK(body.ask(with_body).status == 405);
  Client few = daemon.connect();
  CHECK(!few.get("/a.txt").connection_says("close"));
  Client slow = daemon.connect();
  CHECK(slow.get("/a.txt").status == 200);

  daemon.reload({.limits = "header_size = \"2KiB\"\nbody_size = \"1KiB\"\nrequests_per_connection = 3\n"
                           "header_timeout = \"300ms\""});
  CHECK(client.get("/a.txt", long_field).status == 431);
  CHECK(body.ask(with_body).status == 413);
  bool closed = false;
  for (int i = 0; i < 3 && !closed; ++i) closed = few.get("/a.txt").connection_says("close");
  CHECK(closed);
  slow.send("GET /a.txt HTTP/1.1\r\n");
  CHECK(slow.read_response().status == 408);
}

TEST_CASE_FIXTURE(Tree,
                  "a shorter idle_timeout ends a connection that makes one request more, a longer one spares it") {
  Daemon daemon(site, {.limits = "idle_timeout = \"30s\""});
  Client client = daemon.connect();
  CHECK(client.get("/a.txt").status == 200);
  daemon.reload({.limits = "idle_timeout = \"400ms\""});
  CHECK(client.get("/a.txt").status == 200);
  CHECK(client.wait_for_end(Milliseconds{8000}) == Ending::closed);
  Client other = daemon.connect();
  daemon.reload({.limits = "idle_timeout = \"30s\""});
  CHECK(other.get("/a.txt").status == 200);
  std::this_thread::sleep_for(Milliseconds{1200});
  CHECK(other.get("/a.txt").status == 200);
}

TEST_CASE_FIXTURE(Tree, "log.level changes at once, both ways") {
  Daemon daemon(site, {.more = "[log]\nlevel = \"info\"\n"});
  const auto debug_lines = [&](std::size_t from) { return count_of(daemon.log_since(from), " debug "); };
  Client client = daemon.connect();
  CHECK(client.get("/missing-1").status == 404);
  CHECK(debug_lines(0) == 0);
  daemon.reload({.more = "[log]\nlevel = \"debug\"\n"});
  std::size_t mark = daemon.mark();
  for (int i = 0; i < 5; ++i) CHECK(client.get("/missing-2" + std::to_string(i)).status == 404);
  CHECK(wait_until([&] { return debug_lines(mark) > 0; }, Milliseconds{3000}));
  daemon.configure({.more = "[log]\nlevel = \"error\"\n"});
  mark = daemon.mark();
  daemon.signal(SIGHUP);
  std::this_thread::sleep_for(Milliseconds{1000});  // whether it says so on level info any more is its own business
  mark = daemon.mark();
  for (int i = 0; i < 5; ++i) CHECK(client.get("/missing-3" + std::to_string(i)).status == 404);
  std::this_thread::sleep_for(Milliseconds{300});
  CHECK(daemon.log_since(mark) == "");
}

// In the sandbox only the directories that it was started with can be written to.
TEST_CASE_FIXTURE(Tree, "the access log is turned on, moved to another file, to stdout, and off") {
  const std::string open = "sandbox = false";
  Daemon daemon(site, {.server = open});
  Client client = daemon.connect();
  const std::string first = site.outside("first.log");
  const std::string second = site.outside("second.log");
  const auto ask = [&](const std::string& name) { CHECK(client.get("/" + name).status == 404); };
  ask("zero");
  daemon.reload({.server = open, .more = access_log_table(first)});
  ask("one");
  CHECK(wait_until([&] { return says(file_bytes(first), "GET /one "); }));
  daemon.reload({.server = open, .more = access_log_table(second)});
  ask("two");
  CHECK(wait_until([&] { return says(file_bytes(second), "GET /two "); }));
  daemon.reload({.server = open, .more = access_log_table("stdout")});
  ask("three");
  CHECK(wait_until([&] { return says(daemon.output(), "GET /three "); }));
  daemon.reload({.server = open});
  ask("four");
  daemon.stop();
  CHECK(lines_of(file_bytes(first)).size() == 1);
  CHECK(lines_of(file_bytes(second)).size() == 1);
  CHECK(lines_of(daemon.output()).size() == 1);
}

TEST_CASE_FIXTURE(Tree,
                  "a listener more is served at once; one that goes is refused, and who came by it is served on") {
  const int second = free_port();
  const std::string address = "127.0.0.1:" + std::to_string(second);
  const std::string socket = site.outside("more.sock");
  const std::string server = "workers = 2\nsandbox = false";  // a socket in a directory that had none
  Daemon daemon(site, {.server = server});
  CHECK(!Client::try_tcp(second).connected());
  for (int round = 0; round < 3; ++round) {
    INFO("round " << round);
    daemon.reload({.server = server, .listen = {address, "unix:" + socket}});
    std::vector<Client> clients;
    for (int i = 0; i < 6; ++i) clients.push_back(Client::tcp(second));
    clients.push_back(Client::unix_socket(socket));
    clients.push_back(daemon.connect());
    for (Client& client : clients) CHECK(client.get("/a.txt").status == 200);
    daemon.reload({.server = server});
    CHECK(wait_until([&] { return !Client::try_tcp(second).connected(); }, Milliseconds{3000}));
    CHECK(::access(socket.c_str(), F_OK) != 0);
    for (Client& client : clients) CHECK(client.get("/a.txt").status == 200);
    // Somebody else may have it now.
    Daemon other(site, with_listen(configuration(site, {}, second), "[\"" + address + "\"]"), second);
    CHECK(other.get("/a.txt").status == 200);
  }
}

TEST_CASE_FIXTURE(Tree,
                  "what waits in a listener's backlog when it goes is answered or turned away, the others are not") {
  const int second = free_port();
  Setup both{.server = "workers = 2", .listen = {"127.0.0.1:" + std::to_string(second)}};
  Daemon daemon(site, both);
  Load load(daemon.port(), {.connections = 8, .requests = {get_request("/a.txt")}});
  for (int i = 0; i < 5; ++i) {
    daemon.reload({.server = "workers = 2"});
    daemon.reload(both);
    Client client = Client::tcp(second);
    CHECK(client.get("/a.txt").status == 200);
  }
  load.stop();
  INFO(load.figures());
  CHECK(load.failures() == 0);
  CHECK(load.renewed() == 0);
}

TEST_CASE_FIXTURE(Tree, "a bad file changes nothing, and the log has every problem as --check prints it") {
  Daemon daemon(site, marked("good"));
  Client client = daemon.connect();
  const std::string bad_files[] = {
      configuration(site,
                    marked("bad", {.server = "workers = \"many\"\nwrokers = 3\ndrain_timeout = \"soon\"",
                                   .limits = "header_size = \"1\"\n"}),
                    daemon.port()),
      configuration(site, marked("bad", {.root = "/nonexistent/anywhere"}), daemon.port()),
      configuration(site, marked("bad", {.headers = rewrite("^/(x", "/y", 0)}), daemon.port()),
      configuration(site, marked("bad", {.more = "[maps.m]\nfile = \"no-such-map.txt\"\nkind = \"txt\"\n"}),
                    daemon.port()),
      "[server\nlisten = [",
      "",
  };
  for (const std::string& text : bad_files) {
    INFO("configuration:\n" << text);
    if (text.empty()) {
      std::filesystem::remove(daemon.configuration_path());
    } else {
      daemon.configure_text(text);
    }
    const Finished check = run_to_end({"--check", "--config", daemon.configuration_path()});
    CHECK(check.exit_code == 2);
    const std::string log = daemon.reload();
    INFO("log:\n" << log << "\n--check:\n" << check.err);
    CHECK(!daemon.reloaded());
    for (const std::string& line : lines_of(check.err)) {
      const bool prefixed = line.starts_with("uringd: ");
      CHECK(says(log, prefixed ? line.substr(8) : line));
    }
    CHECK(client.get("/a.txt").field("X-Config") == "good");
  }
  daemon.reload(marked("better"));
  CHECK(client.get("/a.txt").field("X-Config") == "better");
}

TEST_CASE_FIXTURE(Tree, "a listener or a log file that cannot be opened makes the reload fail as a whole") {
  Daemon daemon(site, marked("good"));
  Site other_site;
  Daemon other(other_site);
  Client client = daemon.connect();
  Setup taken = marked("bad");
  const int free = free_port();
  taken.listen = {"127.0.0.1:" + std::to_string(free), "127.0.0.1:" + std::to_string(other.port())};
  std::string log = daemon.reload(taken);
  INFO(log);
  CHECK(!daemon.reloaded());
  CHECK(says(log, std::to_string(other.port())));
  CHECK(client.get("/a.txt").field("X-Config") == "good");
  CHECK(!Client::try_tcp(free).connected());
  log = daemon.reload(marked("bad", {.more = access_log_table("/nonexistent/directory/access.log")}));
  INFO(log);
  CHECK(!daemon.reloaded());
  CHECK(says(log, "/nonexistent/directory/access.log"));
  CHECK(client.get("/a.txt").field("X-Config") == "good");
}

TEST_CASE_FIXTURE(Tree, "keys that need a restart are named in a warning when they change, and only then") {
  const struct {
    const char* key;
    Setup setup;
  } rows[] = {
      {"server.workers", {.server = "workers = 1"}},
      {"server.pin", {.server = "workers = 2\npin = true"}},
      {"server.user", {.server = "workers = 2\nuser = \"65534\""}},
      {"server.sandbox", {.server = "workers = 2\nsandbox = false"}},
      {"disk.stream_memory", {.server = "workers = 2", .disk = "stream_memory = \"32MiB\""}},
  };
  Daemon daemon(site, marked("first", {.server = "workers = 2"}));
  Client client = daemon.connect();
  int number = 0;
  for (const auto& row : rows) {
    INFO(row.key);
    const std::string value = "value-" + std::to_string(++number);
    const std::string log = daemon.reload(marked(value, row.setup));
    INFO(log);
    CHECK(says(log, " warn "));
    CHECK(says(log, "restart"));
    for (const auto& other : rows) CHECK(says(log, other.key) == (other.key == row.key));
    CHECK(client.get("/a.txt").field("X-Config") == value);  // the rest holds
    CHECK(daemon.threads().contains("uringd/1"));
    const std::string back = daemon.reload(marked("first", {.server = "workers = 2"}));
    INFO(back);
    CHECK(!says(back, " warn "));
  }
}

TEST_CASE_FIXTURE(Tree,
                  "a SIGHUP while a reload is under way is not lost: the last file written is in force at the end") {
  Daemon daemon(site, marked("0"));
  Client client = daemon.connect();
  // A map of some size makes each reload last.
  site.outside_file("map.txt", many_lines(100000, "x"));
  const Setup heavy{
      .more = "[maps.m]\nfile = \"map.txt\"\nkind = \"txt\"\n",
  };
  for (int i = 1; i <= 20; ++i) {
    for (const char* half : {"a", "b", "c"}) {
      daemon.configure(marked(std::to_string(i) + half, heavy));
      daemon.signal(SIGHUP);
      std::this_thread::sleep_for(Milliseconds{i % 7 * 5});
    }
    const std::string last = std::to_string(i) + "c";
    CHECK(wait_until([&] { return client.get("/a.txt").field("X-Config") == last; }));
  }
}
