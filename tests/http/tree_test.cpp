// A whole real tree: every regular file of /usr/share/doc (or URINGD_TREE) is fetched over several keep-alive
// connections and compared with the disk, byte for byte; curl, where it is installed, fetches a sample as a client
// that we did not write. URINGD_TREE_FILES bounds the number of files (3000).
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <filesystem>

#include "harness.hpp"

using namespace uringd::testing;
namespace fs = std::filesystem;

namespace {
std::string setting(const char* name, const char* fallback) {
  const char* value = std::getenv(name);
  return value && *value ? value : fallback;
}

const std::string& tree() {
  static const std::string path = setting("URINGD_TREE", "/usr/share/doc");
  return path;
}

bool hidden(const fs::path& relative) {
  return std::any_of(relative.begin(), relative.end(), [](const fs::path& p) { return p.string().starts_with("."); });
}

// Names below the tree, links aside, spread over all of it when there are more than wanted.
std::vector<std::string> regular_files() {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::recursive_directory_iterator it(tree(), fs::directory_options::skip_permission_denied, error), end;
       it != end; it.increment(error)) {
    const fs::path relative = fs::relative(it->path(), tree(), error);
    if (it->is_symlink(error) || !it->is_regular_file(error) || hidden(relative)) continue;
    if (fs::file_size(it->path(), error) > (256U << 20)) continue;
    names.push_back(relative.string());
  }
  std::sort(names.begin(), names.end());
  const std::size_t wanted = static_cast<std::size_t>(std::stoul(setting("URINGD_TREE_FILES", "3000")));
  std::vector<std::string> chosen;
  const std::size_t step = std::max<std::size_t>(1, names.size() / std::max<std::size_t>(1, wanted));
  for (std::size_t i = 0; i < names.size() && chosen.size() < wanted; i += step) chosen.push_back(names[i]);
  return chosen;
}

std::unique_ptr<Server> serve_tree(const Site& site) {
  const int port = free_port();
  return std::make_unique<Server>(
      site, std::vector<std::string>{tree(), "--listen", "127.0.0.1:" + std::to_string(port)}, port);
}

std::string problem_with(const Response& response, const std::string& name) {
  const std::string path = tree() + "/" + name;
  if (response.status != 200) return "status " + std::to_string(response.status);
  if (!response.complete) return "the answer ended early";
  if (response.field("Content-Type").empty()) return "no type";
  if (response.field("ETag").empty()) return "no ETag";
  if (response.content_length() != fs::file_size(path)) return "wrong length";
  if (response.body != file_bytes(path)) return "wrong bytes";
  struct stat attributes{};
  if (::stat(path.c_str(), &attributes) == 0 && attributes.st_mtime > 1 &&
      attributes.st_mtime < std::time(nullptr) - 10 &&
      response.field("Last-Modified") != http_date(attributes.st_mtime)) {
    return "wrong Last-Modified";
  }
  return "";
}
}  // namespace

TEST_CASE("every file of a real tree comes with the bytes, length and a type, over several keep-alive connections") {
  Site site;
  const std::vector<std::string> names = regular_files();
  MESSAGE(names.size() << " files below " << tree());
  REQUIRE(!names.empty());
  const std::unique_ptr<Server> server = serve_tree(site);
  std::vector<Client> clients;
  for (int i = 0; i < 6; ++i) clients.push_back(server->connect());
  std::size_t wrong = 0;
  // Six in flight: each client has one, answers are taken in turn.
  for (std::size_t at = 0; at < names.size(); at += clients.size()) {
    const std::size_t count = std::min(clients.size(), names.size() - at);
    for (std::size_t i = 0; i < count; ++i) clients[i].send(get_request("/" + percent_encoded(names[at + i])));
    for (std::size_t i = 0; i < count; ++i) {
      const std::string problem = problem_with(clients[i].read_response_or_end(), names[at + i]);
      if (problem.empty()) continue;
      ++wrong;
      if (wrong <= 10) MESSAGE(names[at + i] << ": " << problem);
      clients[i] = server->connect();
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("curl fetches a thousand files of the tree over one connection and gets the same bytes") {
  if (std::system("command -v curl >/dev/null 2>&1") != 0) {
    MESSAGE("curl is not installed: skipped");
    return;
  }
  Site site;
  const std::vector<std::string> names = regular_files();
  REQUIRE(!names.empty());
  const std::unique_ptr<Server> server = serve_tree(site);
  std::string options = "fail\nsilent\nshow-error\nmax-time = 30\n";
  constexpr std::size_t curl_files = 1000;
  std::vector<std::string> sample;
  for (std::size_t i = 0; i < names.size() && sample.size() < curl_files; i += 1 + names.size() / curl_files)
    sample.push_back(names[i]);
  for (std::size_t i = 0; i < sample.size(); ++i) {
    options += "url = \"http://127.0.0.1:" + std::to_string(server->port()) + "/" + percent_encoded(sample[i]) + "\"\n";
    options += "output = \"" + site.outside("curl-" + std::to_string(i)) + "\"\n";
  }
  site.outside_file("curl.conf", options);
  CHECK(std::system(("curl --noproxy '*' --config '" + site.outside("curl.conf") + "'").c_str()) == 0);
  for (std::size_t i = 0; i < sample.size(); ++i) {
    INFO(sample[i]);
    // curl writes no file for an empty body.
    const bool empty = fs::file_size(tree() + "/" + sample[i]) == 0;
    const bool same =
        empty || file_bytes(site.outside("curl-" + std::to_string(i))) == file_bytes(tree() + "/" + sample[i]);
    CHECK(same);
  }
}
