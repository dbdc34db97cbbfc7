// The server runs as it would anywhere: a configuration file, an access log, the admin interface, its sandbox.
#include "round.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <sstream>

#include "changes.hpp"
#include "client.hpp"
#include "fetching.hpp"
#include "process.hpp"
#include "tree.hpp"

namespace {

constexpr std::uint16_t port = 18080;
constexpr std::uint16_t admin_port = 19090;

std::string content_of_file(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

std::string configuration(const Round& round) {
  return "[server]\nlisten = [\"127.0.0.1:" + std::to_string(port) +
         "\"]\nworkers = 2\n"
         "[disk]\nzero_copy = \"" +
         round.zero_copy + "\"\n[log]\naccess = \"" + round.directory +
         "/access.log\"\n[admin]\nlisten = \"127.0.0.1:" + std::to_string(admin_port) + "\"\n[[site]]\nroot = \"" +
         round.directory + "/current\"\nmounts = { \"/live\" = \"" + round.directory + "/live\" }\n";
}

/// What was written is on the disk, and in no page cache: the first reads wait for it.
void forget_pages() {
  sync();
  const int control = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
  if (control < 0) return;  // an ordinary user; in the guest it is root
  [[maybe_unused]] const ssize_t written = write(control, "3\n", 2);
  close(control);
}

bool make_directory(const Round& round) {
  const std::string& top = round.directory;
  return make_tree(top + "/r1", 1) && make_traps(top + "/r1") && make_tree(top + "/r2", 2) &&
         mkdir((top + "/live").c_str(), 0755) == 0 && point_to_release(top, 1) &&
         write_file(top + "/config.toml", configuration(round));
}

void check_health(Count& count, const Round& round, const std::string& when) {
  Check health("uringd --health says that it is well " + when);
  const Ran ran =
      run_program({round.uringd, "--health", "http://127.0.0.1:" + std::to_string(admin_port) + "/healthz"});
  health.that(ran.status == 0, ran.output);
  count.add(health);
}

void check_reload(Count& count, const Server& server, const Round& round, const std::string& log) {
  Check reload("SIGHUP: the configuration is read again, and connections live on");
  Client client(port);
  const File file = tree_files().front();
  reload.that(client.get(file.path).is(200), "no answer before");
  const std::string before = content_of_file(log);
  std::string changed = configuration(round);
  changed += "cache_status = true\n";
  reload.that(write_file(round.directory + "/config.toml", changed), "cannot write config.toml");
  server.send_signal(SIGHUP);
  reload.that(wait_until(20,
                         [&] {
                           const Answer answer = client.get(file.path);
                           return !answer.is(200) || !answer.field("Cache-Status").empty();
                         }),
              "the new configuration never took effect");
  reload.that(client.get(file.path).is(200), "no answer afterwards");
  count.add(reload);
}

/// With a download under way, which must come to its end.
void check_stop(Count& count, Server& server, int release) {
  Check download("SIGTERM: a download under way is finished");
  Check stop("SIGTERM: exit status 0, and nobody listens any more");
  const std::vector<File> files = tree_files();
  const File largest = *std::ranges::max_element(files, {}, &File::size);
  Client client(port);
  download.that(client.send_request("GET", largest.path) && client.read_more(10'000), "it did not begin");
  server.send_signal(SIGTERM);
  stop.that(wait_until(20, [] { return !Client(port).connected(); }), "connections are still taken");
  const Answer answer = client.read_answer();
  download.that(answer.is(200) && answer.body == content_of(largest.path, release, largest.size),
                std::to_string(answer.body.size()) + " bytes came of " + std::to_string(largest.size));
  download.that(client.closed(), "the connection is still open");
  const int status = server.exit_status(60);
  stop.that(status == 0, "it is " + std::to_string(status));
  count.add(download);
  count.add(stop);
}

}  // namespace

void run_round(Count& count, const Round& round) {
  std::printf("guest: round %s\n", round.name.c_str());
  const double begun = seconds_now();
  const std::size_t failed_before = count.failed;
  const std::size_t answers_before = Client::answers();
  const std::string log = round.directory + "/log";
  Check start("the tree is made, and the server starts");
  bool started = start.that(make_directory(round), "cannot make the tree at " + round.directory);
  forget_pages();
  Server server({round.uringd, "--config", round.directory + "/config.toml"}, log);
  started = started && start.that(wait_until(30, [] { return Client(port).connected(); }), "it takes no connection");
  count.add(start);
  if (started) {
    check_fetching(count, port, 1);
    check_changes(count, port, round.directory + "/live");
    check_release_switch(count, port, round.directory, 1, 2);
    check_health(count, round, "after all that");
    check_reload(count, server, round, log);
    check_stop(count, server, 2);
    Check lines("the access log has a line for each answer");
    const std::string access = content_of_file(round.directory + "/access.log");
    const auto written = static_cast<std::size_t>(std::ranges::count(access, '\n'));
    const std::size_t read = Client::answers() - answers_before;
    lines.that(written == read, std::to_string(written) + " lines, " + std::to_string(read) + " answers");
    count.add(lines);
  }
  if (count.failed > failed_before) std::printf("guest: the server's log:\n%s\n", content_of_file(log).c_str());
  std::printf("guest: round %s took %.1f s\n", round.name.c_str(), seconds_now() - begun);
  std::fflush(stdout);
}
