// Cases of what a target leads to: the forms of RFC 9112 §3.2, redirects to directories (never to another host),
// symbolic links in both settings, and what is no file. Rows are asked as GET and as HEAD.
#include <doctest/doctest.h>

#include "case_table.hpp"

using namespace uringd::testing;

namespace {
using Rows = std::vector<Case>;

Case row(const std::string& section, const std::string& target, const Answer& expected, const std::string& claim) {
  return {section, target + ": " + claim, get_request(target), expected};
}
Answer moved(const std::string& location) { return answer(301).field("Location", location).lacks("ETag"); }

Rows forms() {
  Rows rows;
  const Answer file = ok("a\n"), root = ok("root index\n");
  for (const char* target :
       {"http://a/a.txt", "HTTP://a/a.txt", "hTTp://A.Example/a.txt", "http://a:80/a.txt", "http://a:/a.txt",
        "http://127.0.0.1:8080/a.txt", "http://[::1]/a.txt", "http://[::1]:8080/a.txt", "http://a/a.txt?q",
        "http://a/./a.txt", "http://a/../a.txt", "http://a//a.txt", "http://a/%61.txt", "http://a/dir/../a.txt",
        "http://a%2eb/a.txt", "http://017700000001/a.txt", "http://%3127.0.0.1/a.txt",
        "http://[4712::abcd]:8000/a.txt"}) {
    rows.push_back(row("RFC 9112 §3.2.2", target, file, "an absolute form"));
  }
  for (const char* target : {"http://a", "http://a/", "http://a?q", "http://a:80", "http://a?/a.txt", "http://a/?q"}) {
    rows.push_back(row("RFC 9110 §4.2.3", target, root, "an empty path is /"));
  }
  for (const char* target : {"http:///a.txt",
                             "http://",
                             "http:/a.txt",
                             "http:a.txt",
                             "http//a/a.txt",
                             "://a/a.txt",
                             "http://:80/a.txt",
                             "http://u@a/a.txt",
                             "http://a::80/a.txt",
                             "http://4713::abcd:80/a.txt",
                             "http://[4712::abcd::]/a.txt",
                             "http://u:p@a/a.txt",
                             "http://a:x/a.txt",
                             "http://a:99999/a.txt",
                             "http://a:80:80/a.txt",
                             "http://[::1/a.txt",
                             "http://[]/a.txt",
                             "http://a\\b/a.txt",
                             "http://a%zz/a.txt",
                             "http://a/%zz",
                             "http://a/%00",
                             "http://a/%2fa.txt",
                             "http://a#top",
                             "http://a/#top",
                             "ftp://a/a.txt",
                             "file:///etc/passwd",
                             "ws://a/a.txt",
                             "urn:a",
                             "mailto:a@b",
                             "a:80",
                             "a",
                             "a/a.txt",
                             "..",
                             "../secret.txt",
                             "./a.txt",
                             "?q",
                             "%2fa.txt",
                             "*a",
                             "/*/../%"}) {
    rows.push_back(row("RFC 9112 §3.2", target, refused(400), "no form of a target that GET may have"));
  }
  rows.push_back(row("RFC 9112 §3.2.1", "/http://a/a.txt", answer(404), "a path, however it looks"));
  rows.push_back(row("RFC 9112 §3.2.1", "//a/a.txt", answer(404), "a path, not an authority"));
  rows.push_back(row("RFC 9112 §3.2.1", "/*", answer(404), "a file of that name is not there"));
  rows.push_back({"RFC 9112 §3.2.2", "an absolute form in HTTP/1.0 is understood",
                  "GET http://a/a.txt HTTP/1.0\r\n\r\n", file.closing()});
  return rows;
}

Rows redirects() {
  Rows rows;
  for (const auto& [target, location] :
       std::vector<std::pair<std::string, std::string>>{{"/dir", "/dir/"},
                                                        {"/dir/sub", "/dir/sub/"},
                                                        {"/bare", "/bare/"},
                                                        {"/dir?", "/dir/?"},
                                                        {"/dir??", "/dir/??"},
                                                        {"/dir?a=b", "/dir/?a=b"},
                                                        {"/dir?a=b&c=%20d", "/dir/?a=b&c=%20d"},
                                                        {"/dir?%zz%00", "/dir/?%zz%00"},
                                                        {"/dir?next=//evil.example/", "/dir/?next=//evil.example/"},
                                                        {"/dir?q=a/../b", "/dir/?q=a/../b"},
                                                        {"/dir?a?b", "/dir/?a?b"},
                                                        {"/%64ir", "/dir/"},
                                                        {"/./dir", "/dir/"},
                                                        {"/x/../dir", "/dir/"},
                                                        {"/dir/../bare", "/bare/"},
                                                        {"/../dir", "/dir/"},
                                                        {"//dir", "/dir/"},
                                                        {"///dir", "/dir/"},
                                                        {"/dir//sub", "/dir/sub/"},
                                                        {"//evil.example", "/evil.example/"},
                                                        {"///evil.example", "/evil.example/"},
                                                        {"/.//evil.example", "/evil.example/"},
                                                        {"/x/..//evil.example", "/evil.example/"},
                                                        {"//evil.example/sub", "/evil.example/sub/"},
                                                        {"/%5Cevil.example", "/%5Cevil.example/"},
                                                        {"/%5c%5cevil.example", "/%5C%5Cevil.example/"},
                                                        {"/a%20b", "/a%20b/"},
                                                        {"/q%3fx", "/q%3Fx/"},
                                                        {"/q%3fx?y", "/q%3Fx/?y"},
                                                        {"/h%23x", "/h%23x/"},
                                                        {"/p%2541", "/p%2541/"},
                                                        {"/%c3%a4", "/%C3%A4/"},
                                                        {"/a%0d%0aX-Evil:%20b", "/a%0D%0AX-Evil:%20b/"},
                                                        {"/%22%3e%3cscript%3e", "/%22%3E%3Cscript%3E/"},
                                                        {"http://a/dir", "/dir/"},
                                                        {"http://a/dir?q", "/dir/?q"}}) {
    rows.push_back(row("RFC 9110 §15.4.2", target, moved(location).lacks("X-Evil"), "moves to " + location));
  }
  for (const char* target : {"/javascript:alert(1)", "/http:/evil.example"}) {
    rows.push_back(row("RFC 9110 §10.2.2", target, moved(std::string(target) + "/"), "moves below this host"));
  }
  rows.push_back({"RFC 9110 §15.4.2", "HTTP/1.0 without a Host is moved as well", "GET /dir HTTP/1.0\r\n\r\n",
                  moved("/dir/").closing()});
  rows.push_back({"RFC 9110 §13.2.1", "a condition does not matter to a redirect",
                  get_request("/dir", "If-Match: \"x\"\r\nIf-None-Match: *\r\n"), moved("/dir/")});
  rows.push_back({"RFC 9110 §14.2", "Range does not matter to a redirect", get_request("/dir", "Range: bytes=0-0\r\n"),
                  moved("/dir/")});
  rows.push_back({"RFC 9110 §13.2.1", "a condition does not matter to what is missing",
                  get_request("/missing", "If-Match: \"x\"\r\nIf-None-Match: *\r\n"), answer(404)});
  rows.push_back({"RFC 9110 §13.2.1", "a condition does not matter to what is refused",
                  get_request("/bare/", "If-Match: \"x\"\r\nIf-None-Match: *\r\n"), answer(403)});
  rows.push_back({"RFC 9110 §14.2", "Range does not matter to what is missing",
                  get_request("/missing", "Range: bytes=0-0\r\n"), answer(404).lacks("Content-Range")});
  return rows;
}

Rows links_inside() {
  Rows rows;
  for (const char* target : {"/to-file", "/dir/up", "/to-link", "/to-dir/../a.txt", "/%74o-file", "/to-long"}) {
    rows.push_back(row("contract, symlinks = inside", target, ok("a\n"), "a link that stays below root"));
  }
  rows.push_back(row("contract, symlinks = inside", "/to-dir/b.txt", ok("b\n"), "a file below a linked directory"));
  rows.push_back(row("contract, symlinks = inside", "/to-dir/", ok("index\n"), "the index of a linked directory"));
  rows.push_back(row("contract, symlinks = inside", "/to-dir", moved("/to-dir/"), "a linked directory"));
  rows.push_back(row("contract, symlinks = inside", "/round/", ok("index\n"), "a linked index"));
  rows.push_back(
      row("contract, hidden = false", "/to-hidden", ok("a\n"), "a target that is hidden, below a name that is not"));
  for (const char* target :
       {"/out-file", "/out-dir/a.txt", "/out-dir/", "/out-dir", "/out-and-in", "/absolute-in", "/absolute-out",
        "/passwd", "/self", "/loop", "/loop/x", "/ring-1", "/escape-index/", "/to-out-link"}) {
    rows.push_back(
        row("contract, symlinks = inside", target, answer(403), "a link that leaves root or leads nowhere at all"));
  }
  for (const char* target : {"/dangling", "/dangling/x", "/to-file/", "/to-file/x", "/to-dir/missing"}) {
    rows.push_back(row("contract, symlinks = inside", target, answer(404), "nothing is there"));
  }
  return rows;
}

Rows links_never() {
  Rows rows;
  for (const char* target :
       {"/to-file", "/dir/up", "/to-link", "/to-dir/b.txt", "/to-dir/", "/to-dir", "/round/", "/out-file",
        "/out-dir/a.txt", "/absolute-in", "/loop", "/ring-1", "/escape-index/", "/dangling", "/to-hidden"}) {
    rows.push_back(row("contract, symlinks = never", target, answer(403), "a link"));
  }
  rows.push_back(row("contract, symlinks = never", "/a.txt", ok("a\n"), "a file"));
  rows.push_back(row("contract, symlinks = never", "/dir/b.txt", ok("b\n"), "a file below a directory"));
  rows.push_back(row("contract, symlinks = never", "/dir/", ok("index\n"), "an index"));
  rows.push_back(row("contract, symlinks = never", "/missing", answer(404), "nothing"));
  return rows;
}

Rows no_files(bool device) {
  Rows rows;
  for (const char* target : {"/fifo", "/socket", "/special/", "/zero", "/to-fifo"}) {
    if (!device && std::string_view(target) == "/zero") continue;
    rows.push_back(row("contract, special files", target, answer(403).lacks("ETag"), "no file"));
  }
  for (const char* target : {"/fifo/", "/fifo/x", "/socket/"}) {
    rows.push_back(row("contract, special files", target, answer(404), "no directory either"));
  }
  rows.push_back(row("contract, special files", "/bare/", answer(403), "a directory without index and listing"));
  rows.push_back(row("contract, special files", "/fifo?q", answer(403), "no file, whatever the query"));
  rows.push_back({"contract, special files", "a condition does not open a FIFO",
                  get_request("/fifo", "If-None-Match: *\r\n"), answer(403)});
  rows.push_back({"contract, special files", "Range does not open a FIFO", get_request("/fifo", "Range: bytes=0-9\r\n"),
                  answer(403)});
  return rows;
}

struct Tree {
  Tree() {
    site.outside_file("secret.txt", "secret\n");
    site.outside_file("secrets/a.txt", "secret\n");
    site.file("a.txt", "a\n");
    site.file("index.html", "root index\n");
    site.file("dir/index.html", "index\n");
    site.file("dir/b.txt", "b\n");
    site.file(".data/a.txt", "a\n");
    for (const char* name :
         {"dir/sub", "bare", "evil.example/sub", "\\evil.example", "\\\\evil.example", "a b", "q?x", "h#x", "p%41",
          "\xc3\xa4", "a\r\nX-Evil: b", "\"><script>", "javascript:alert(1)", "http:/evil.example"}) {
      site.file(std::string(name) + "/.keep", "");
    }
    for (const auto& [name, target] :
         std::vector<std::pair<const char*, std::string>>{{"to-file", "a.txt"},
                                                          {"dir/up", "../a.txt"},
                                                          {"to-dir", "dir"},
                                                          {"to-link", "to-file"},
                                                          {"to-long", "dir/../dir/../a.txt"},
                                                          {"to-hidden", ".data/a.txt"},
                                                          {"round/index.html", "../dir/index.html"},
                                                          {"out-file", "../secret.txt"},
                                                          {"out-dir", "../secrets"},
                                                          {"out-and-in", "../root/a.txt"},
                                                          {"absolute-in", site.path("a.txt")},
                                                          {"absolute-out", site.outside("secret.txt")},
                                                          {"passwd", "/etc/passwd"},
                                                          {"self", "/proc/self/exe"},
                                                          {"loop", "loop"},
                                                          {"ring-1", "ring-2"},
                                                          {"ring-2", "ring-1"},
                                                          {"dangling", "nowhere"},
                                                          {"escape-index/index.html", "../../secret.txt"},
                                                          {"to-out-link", "out-file"},
                                                          {"to-fifo", "fifo"}}) {
      site.symlink(name, target);
    }
    site.fifo("fifo");
    site.fifo("special/index.html");
    site.unix_socket("socket");
    device = site.zero_device("zero");
    site.file("probe.txt", kProbe);
  }
  Site site;
  bool device = false;
};
}  // namespace

TEST_CASE_FIXTURE(Tree, "targets in each form lead to files, redirects and refusals, never outside (RFC 9112 §3.2)") {
  const Server server(site);
  run_table(server, "forms of targets", forms(), {.head_too = true});
  run_table(server, "redirects", redirects(), {.head_too = true});
  run_table(server, "links inside", links_inside(), {.head_too = true});
  run_table(server, "special files", no_files(device), {.head_too = true});
}

TEST_CASE_FIXTURE(Tree, "symlinks = \"never\" refuses every link and serves the rest") {
  const Server server(site, {.site = "symlinks = \"never\""});
  run_table(server, "links never", links_never(), {.head_too = true});
}
