// One connection per check, so that what follows an answer is read where it belongs; threads and many connections
// where much is asked for at once.
#include "fetching.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <thread>
#include <vector>

#include "client.hpp"
#include "tree.hpp"

namespace {

bool has_content(const Answer& answer, const File& file, int release) {
  return answer.is(200) && answer.body == content_of(file.path, release, file.size);
}

std::string told(const std::string& what, const Answer& answer) {
  return what + ": status " + std::to_string(answer.status) + ", " + std::to_string(answer.body.size()) + " bytes" +
         (answer.complete ? "" : ", cut short");
}

void check_heads(Count& count, std::uint16_t port) {
  Check lengths("HEAD has the length and the tag of GET, and no body");
  Check unchanged("If-None-Match: 304 for the file's own tag, 200 for another");
  Client client(port);
  for (const File& file : tree_files()) {
    const Answer head = client.ask("HEAD", file.path);
    const std::string tag = head.field("ETag");
    lengths.that(head.is(200) && head.field("Content-Length") == std::to_string(file.size) && !tag.empty(),
                 told(file.path, head));
    const Answer same = client.get(file.path, {"If-None-Match: " + tag});
    unchanged.that(same.is(304) && same.field("ETag") == tag, told(file.path, same));
    const Answer other = client.ask("HEAD", file.path, {"If-None-Match: \"other\""});
    unchanged.that(other.is(200), told(file.path, other));
  }
  count.add(lengths);
  count.add(unchanged);
}

void check_ranges(Count& count, std::uint16_t port, int release) {
  Check parts("ranges: the first, the last and bytes in between, and 416 beyond the end");
  Client client(port);
  for (const File& file : tree_files()) {
    if (file.size < 2) continue;
    const std::string content = content_of(file.path, release, file.size);
    const auto expect = [&](const std::string& range, std::size_t first, std::size_t last) {
      const Answer answer = client.get(file.path, {"Range: bytes=" + range});
      const std::string place =
          "bytes " + std::to_string(first) + "-" + std::to_string(last) + "/" + std::to_string(file.size);
      parts.that(answer.is(206) && answer.field("Content-Range") == place &&
                     answer.body == content.substr(first, last - first + 1),
                 told(file.path + " " + range, answer));
    };
    const std::size_t middle = file.size / 3;
    const std::size_t most = std::min(file.size - 1, middle + 70'000);
    expect("0-0", 0, 0);
    expect(std::to_string(middle) + "-" + std::to_string(most), middle, most);
    expect("-2", file.size - 2, file.size - 1);
    const std::size_t late = file.size - std::min<std::size_t>(file.size, 999);
    expect(std::to_string(late) + "-", late, file.size - 1);
    const Answer beyond = client.get(file.path, {"Range: bytes=" + std::to_string(file.size) + "-"});
    parts.that(beyond.is(416), told(file.path + " beyond", beyond));
  }
  count.add(parts);
}

void check_siblings(Count& count, std::uint16_t port, int release) {
  Check coded("who accepts br gets the file beside");
  Client client(port);
  for (const File& file : tree_files()) {
    if (!file.has_sibling) continue;
    const Answer answer = client.get(file.path, {"Accept-Encoding: br"});
    coded.that(answer.is(200) && answer.field("Content-Encoding") == "br" &&
                   answer.body == content_of(file.path + ".br", release, sibling_size(file)),
               told(file.path, answer));
  }
  count.add(coded);
}

void check_pipeline(Count& count, std::uint16_t port, int release) {
  Check order("32 requests sent ahead are answered in their order");
  constexpr std::size_t ahead = 32;
  const std::vector<File> files = tree_files();
  Client client(port);
  for (std::size_t start = 0; start + ahead <= files.size(); start += 2 * ahead) {
    for (std::size_t index = start; index < start + ahead; ++index) client.send_request("GET", files[index].path);
    for (std::size_t index = start; index < start + ahead; ++index) {
      const Answer answer = client.read_answer();
      order.that(has_content(answer, files[index], release), told(files[index].path, answer));
    }
  }
  count.add(order);
}

void check_crowd(Count& count, std::uint16_t port, int release) {
  const std::vector<File> files = tree_files();
  Check busy("six clients at once, each with every file");
  constexpr std::size_t clients = 6;
  std::vector<std::jthread> threads;
  for (std::size_t number = 0; number < clients; ++number) {
    threads.emplace_back([&, number] {
      Client client(port);
      for (std::size_t index = 0; index < files.size(); ++index) {
        const File& file = files[(index + number * files.size() / clients) % files.size()];
        const Answer answer = client.get(file.path);
        busy.that(has_content(answer, file, release), told(file.path, answer));
      }
    });
  }
  threads.clear();  // joins
  count.add(busy);

  Check many("250 connections, one request each, before the first answer is read");
  constexpr std::size_t connections = 250;
  std::vector<std::unique_ptr<Client>> crowd;
  for (std::size_t number = 0; number < connections; ++number) {
    crowd.push_back(std::make_unique<Client>(port));
    crowd.back()->send_request("GET", files[number % files.size()].path);
  }
  for (std::size_t number = 0; number < connections; ++number) {
    const File& file = files[number % files.size()];
    const Answer answer = crowd[number]->read_answer();
    many.that(has_content(answer, file, release), told(file.path, answer));
  }
  count.add(many);
}

void check_refusals(Count& count, std::uint16_t port) {
  struct Row {
    const char* path;
    int status;
  };
  constexpr Row rows[] = {{"/", 200},
                          {"/d1", 301},
                          {"/d1/", 200},
                          {"/d2/", 403},
                          {"/nothing", 404},
                          {"/d1/no/way", 404},
                          {"/index.html/", 404},
                          {"/out", 403},
                          {"/fifo", 403},
                          {"/.hidden", 404},
                          {"/../../config.toml", 404},
                          {"/%00", 400}};  // the last one closes the connection
  Check statuses("what is no file, or must not be served");
  Client client(port);
  for (const Row& row : rows) {
    const Answer answer = client.get(row.path);
    statuses.that(answer.is(row.status), told(row.path, answer));
  }
  count.add(statuses);
}

}  // namespace

bool make_traps(const std::string& root) {
  return symlink("../config.toml", (root + "/out").c_str()) == 0 && mkfifo((root + "/fifo").c_str(), 0644) == 0 &&
         write_file(root + "/.hidden", "hidden");
}

void check_all_files(Count& count, std::uint16_t port, int release, const std::string& name) {
  Check bytes(name);
  Client client(port);
  for (const File& file : tree_files()) {
    const Answer answer = client.get(file.path);
    bytes.that(has_content(answer, file, release), told(file.path, answer));
  }
  count.add(bytes);
}

void check_fetching(Count& count, std::uint16_t port, int release) {
  check_all_files(count, port, release, "GET: every file, byte by byte, not asked for before");
  check_all_files(count, port, release, "GET: every file again");
  check_heads(count, port);
  check_ranges(count, port, release);
  check_siblings(count, port, release);
  check_pipeline(count, port, release);
  check_crowd(count, port, release);
  check_refusals(count, port);
}
