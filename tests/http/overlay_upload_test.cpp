// Uploads of overlays, and what happens to overlays meanwhile: sizes, chunks, conditions, clients that leave, the
// budget; a slow client that has the old body, a reload, a file that changes below.
#include <doctest/doctest.h>

#include <csignal>
#include <thread>

#include "overlay_client.hpp"

using namespace uringd::testing;

namespace {

struct Place : OverlayPlace {
  Place() { site.file("a.txt", "disk"); }
  [[nodiscard]] Response put_chunked(std::string_view target, std::string_view body, size_t chunk_bytes) const {
    Client client = connect();
    client.send(admin_request("PUT", "/cache" + std::string(target), kBearer + "Transfer-Encoding: chunked\r\n"));
    client.send(chunked(body, chunk_bytes));
    return client.read_response("PUT");
  }
};

}  // namespace

TEST_CASE_FIXTURE(Place, "a body of any size comes whole, with its length known or in chunks") {
  Server server(site, {.server = "workers = 2", .more = table()});
  for (const size_t size : {1UL, 4095UL, 4096UL, 70'000UL, 3'000'000UL}) {
    CAPTURE(size);
    const std::string body = pattern(size, static_cast<uint32_t>(size));
    CHECK(put("/known", body).status == (size == 1 ? 201 : 204));
    CHECK(server.get("/known").body == body);
    CHECK(put_chunked("/chunked", body, size / 3 + 1).status == (size == 1 ? 201 : 204));
    CHECK(server.get("/chunked").body == body);
  }
  CHECK(put("/a.txt", "").status == 201);
  const Response empty = server.get("/a.txt");
  CHECK(empty.status == 200);
  CHECK(empty.content_length() == 0);
}

TEST_CASE_FIXTURE(Place, "beyond admin.overlay_size, all overlays together, it is 413, and nothing changes") {
  Server server(site, {.more = table("overlay_size = \"100KiB\"\n")});
  const std::string most = pattern(102'400);
  CHECK(put("/a.txt", most).status == 201);
  CHECK(put("/a.txt", most).status == 204);  // what is replaced makes room
  const Response refused = put("/b.txt", "x");
  CHECK(refused.status == 413);
  CHECK(is_error(refused));
  CHECK(put("/a.txt", pattern(102'401)).status == 413);
  CHECK(put_chunked("/a.txt", pattern(102'401), 1000).status == 413);
  CHECK(server.get("/a.txt").body == most);
  CHECK(put("/a.txt", pattern(50'000)).status == 204);
  CHECK(put("/b.txt", pattern(52'400)).status == 201);
  CHECK(put("/c.txt", "x").status == 413);
  CHECK(remove("/b.txt").status == 200);
  CHECK(put("/c.txt", "x").status == 201);
}

TEST_CASE_FIXTURE(Place, "413 reaches a client that goes on sending") {
  Server server(site, {.more = table("overlay_size = \"64KiB\"\n")});
  for (const bool in_chunks : {false, true}) {
    CAPTURE(in_chunks);
    const std::string body(20'000'000, 'x');
    Client client = connect();
    const std::string how = in_chunks ? "Transfer-Encoding: chunked\r\n" : "Content-Length: 20000000\r\n";
    client.send(admin_request("PUT", "/cache/a.txt", kBearer + how));
    client.send(in_chunks ? chunked(body, 1'000'000) : body);
    const Response response = client.read_response_or_end("PUT");
    CHECK(response.status == 413);
    CHECK(response.connection_says("close"));
  }
  CHECK(server.get("/a.txt").body == "disk");
}

TEST_CASE_FIXTURE(Place, "an upload that breaks off changes nothing, and gives its memory back") {
  Server server(site, {.more = table("overlay_size = \"1MiB\"\n")});
  for (int round = 0; round < 6; ++round) {
    Client client = connect();
    client.send(admin_request("PUT", "/cache/a.txt", kBearer + "Content-Length: 900000\r\n"));
    client.send(std::string(800'000, 'x'));
    if (round % 2 == 0) client.reset();
  }
  CHECK(server.get("/a.txt").body == "disk");
  CHECK(get("/cache").body.contains("\"state\":\"fresh\""));
  CHECK(wait_until([&] { return put("/a.txt", std::string(1 << 20, 'y')).status == 201; }));
}

TEST_CASE_FIXTURE(Place, "PUT needs the token before its body is read, and a body") {
  Server server(site, {.more = table()});
  Client client = connect();
  client.send(admin_request("PUT", "/cache/a.txt", "Content-Length: 5\r\nExpect: 100-continue\r\n"));
  CHECK(client.read_response("PUT").status == 401);
  CHECK(ask("PUT", "/cache/a.txt", kBearer).status == 411);
  CHECK(ask("PUT", "/cache", kBearer + "Content-Length: 0\r\n").status == 405);
  CHECK(put("/a.txt", "x", "Content-Encoding: gzip\r\n").status == 415);
  CHECK(put("/a.txt", "x", "Content-Range: bytes 0-0/2\r\n").status == 400);
  CHECK(put("/a.txt", "x", "Content-Type: " + std::string(2000, 't') + "\r\n").status == 400);
  CHECK(put("/a.txt", "x", "Origin: http://evil.example\r\n").status == 403);
  CHECK(server.get("/a.txt").body == "disk");
  Client patient = connect();
  patient.send(admin_request("PUT", "/cache/a.txt", kBearer + "Content-Length: 5\r\nExpect: 100-continue\r\n"));
  CHECK(patient.read_response("PUT").status == 100);
  patient.send("later");
  CHECK(patient.read_response("PUT").status == 201);
  CHECK(server.get("/a.txt").body == "later");
}

TEST_CASE_FIXTURE(Place, "conditions of a PUT are about the overlay that is there (RFC 9110 §13)") {
  Server server(site, {.more = table()});
  CHECK(put("/a.txt", "0", "If-Match: *\r\n").status == 412);
  const Response first = put("/a.txt", "1", "If-None-Match: *\r\n");
  CHECK(first.status == 201);
  CHECK(put("/a.txt", "2", "If-None-Match: *\r\n").status == 412);
  CHECK(put("/a.txt", "2", "If-Match: \"other\"\r\n").status == 412);
  CHECK(server.get("/a.txt").body == "1");
  CHECK(put("/a.txt", "2", "If-Match: \"x\", " + first.field("ETag") + "\r\n").status == 204);
  CHECK(server.get("/a.txt").body == "2");
}

TEST_CASE_FIXTURE(Place, "a slow client gets the old body whole, while another takes its place and goes") {
  Server server(site, {.more = table()});
  const std::string old_body = pattern(8'000'000, 1), new_body = pattern(8'000'000, 2);
  CHECK(put("/big", old_body).status == 201);
  Client slow = server.connect(4096);
  slow.send(get_request("/big"));
  const Response head = slow.read_head();
  CHECK(head.content_length() == old_body.size());
  CHECK(put("/big", new_body).status == 204);
  CHECK(server.get("/big").body == new_body);
  CHECK(remove("/big").status == 200);
  CHECK(server.get("/big").status == 404);
  std::string body;
  slow.read_body(old_body.size(), [&](std::string_view piece) { body += piece; });
  CHECK(body == old_body);
}

TEST_CASE_FIXTURE(Place, "it survives a reload that keeps its site, whatever else changes, and goes with its site") {
  site.outside_file("other/a.txt", "other disk");
  const std::string second = "[[site]]\nhosts = [\"two.example\", \"zwei.example\"]\nroot = \"";
  Setup setup{.server = "workers = 2", .site = "hosts = [\"*\"]", .more = second + site.root() + "\"\n" + table()};
  Server server(site, setup);
  CHECK(put("/a.txt", "first").status == 201);
  CHECK(put("/a.txt?site=two.example", "second").status == 201);
  const auto reload = [&](const Setup& next) {
    const std::string name = "config-" + std::to_string(server.port()) + ".toml";
    site.outside_file(name, configuration(site, next, server.port()));
    CHECK(ask("POST", "/reload", kBearer).status == 200);
  };
  const auto body_of = [&](const std::string& host) {
    Client client = server.connect();
    return client.ask("GET /a.txt HTTP/1.1\r\nHost: " + host + "\r\n\r\n").body;
  };
  setup.root = site.outside("other");
  setup.site = "hosts = [\"*\"]\nlisting = true";
  setup.more = "[[site]]\nhosts = [\"three.example\"]\nroot = \"" + site.root() +
               "\"\n[[site]]\nhosts = [\"zwei.example\", \"two.example\"]\nroot = \"" + site.outside("other") + "\"\n" +
               table();
  reload(setup);
  CHECK(body_of("any.example") == "first");
  CHECK(body_of("two.example") == "second");
  CHECK(body_of("three.example") == "disk");
  setup.more = table();
  reload(setup);
  CHECK(body_of("two.example") == "first");
  setup.more = second + site.root() + "\"\n" + table();
  reload(setup);
  CHECK(body_of("two.example") == "disk");
  CHECK(body_of("any.example") == "first");
  CHECK(server.errors().contains("1 overlay"));
}

TEST_CASE_FIXTURE(Place, "files that change, go and come below it change nothing; idleness and a full cache neither") {
  Server server(site, {.cache = "size = \"1MiB\"\nidle_after = \"1s\"", .more = table()});
  CHECK(put("/a.txt", "over").status == 201);
  site.replace("a.txt", "disk again");
  CHECK(server.get("/a.txt").body == "over");
  site.remove("a.txt");
  CHECK(server.get("/a.txt").body == "over");
  for (int count = 0; count < 60; ++count) {
    site.file("f" + std::to_string(count), pattern(60'000));
    CHECK(server.get("/f" + std::to_string(count)).status == 200);
  }
  std::this_thread::sleep_for(Milliseconds{1500});
  CHECK(server.get("/a.txt").body == "over");
  site.file("a.txt", "new");
  CHECK(remove("/a.txt").status == 200);
  CHECK(server.get("/a.txt").body == "new");
}

TEST_CASE_FIXTURE(Place, "bodies that change all the time are always whole, and a client sees no older one again") {
  Server server(site, {.server = "workers = 2", .more = table()});
  const auto body = [](int number) { return std::to_string(number) + " " + std::string(20'000, 'x'); };
  CHECK(put("/a.txt", body(0)).status == 201);
  Client client = server.connect();
  for (int number = 1; number < 60; ++number) {
    std::string pipelined;
    for (int count = 0; count < 5; ++count) pipelined += get_request("/a.txt");
    client.send(pipelined);
    CHECK(put("/a.txt", body(number)).status == 204);
    for (int count = 0; count < 5; ++count) {
      const std::string got = client.read_response().body;
      CHECK((got == body(number - 1) || got == body(number)));
    }
    CHECK(client.get("/a.txt").body == body(number));
  }
}
