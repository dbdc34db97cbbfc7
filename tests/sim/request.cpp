// What clients ask for: mostly files, sometimes names that are not there or not for them, sometimes nonsense.
#include "request.hpp"

#include <algorithm>
#include <array>

namespace uringd::sim {
namespace {

using uring::Random;
using Aim = Request::Aim;

constexpr std::array<const char*, 8> plain_files = {"empty.txt", "small.html", "edge.bin",     "over.bin",
                                                    "big.bin",   "late.txt",   "odd name.css", "dir/index.html"};

struct Target {
  std::string target;
  Aim aim;
  std::string path;
  int status = 0;
};

std::vector<std::string> index_paths(const Sites& sites, const std::string& directory) {
  std::vector<std::string> paths;
  for (const std::string& name : sites.index) paths.push_back(directory + name);
  return paths;
}

Target hot_target(Random& random) {
  switch (random.below(10)) {
    case 0: return {"/late.txt", Aim::file, "late.txt"};
    case 1: return {"/dir/", Aim::index, "dir/"};
    case 2: return {"/dir", Aim::redirect, "dir"};
    case 3: return {"/bare/", Aim::index, "bare/"};
    case 4: return {"/dir/index.html", Aim::file, "dir/index.html"};
    case 5:
    case 6: return {"/big.bin", Aim::file, "big.bin"};
    default: return {"/small.html", Aim::file, "small.html"};
  }
}

Target plain_target(Random& random, const Sites& sites) {
  if (sites.one) return {"/small.html", Aim::file, "small.html"};
  if (sites.hot) return hot_target(random);
  const std::string name = plain_files[random.below(plain_files.size())];
  if (name == "odd name.css")
    return {random.chance(500) ? "/odd%20name.css" : "//.%2F/../odd%20name.css", Aim::file, name};
  switch (random.below(8)) {
    case 0: return {"/./dir/../" + name, Aim::file, name};
    case 1: return {"/" + name + "?q=" + std::to_string(random.below(10)), Aim::file, name};
    default: return {"/" + name, Aim::file, name};
  }
}

// A flood of names that were never there, and among them some that are new, or soon will be.
Target missing_target(Random& random, const Sites& sites, const Knowledge& knowledge) {
  if (sites.hot && random.chance(200)) {
    const uint64_t number = knowledge.newest + 2 - std::min(random.below(4), knowledge.newest + 2);
    const std::string name = (random.chance(300) ? "dir/n" : "n") + std::to_string(number);
    return {"/" + name, Aim::file, name};
  }
  static constexpr const char* directories[] = {"", "", "dir/", "none/at all/"};
  const std::string path = directories[random.below(4)] + ("m" + std::to_string(random.below(1000)));
  std::string target = "/" + path;
  if (const size_t space = target.find(' '); space != std::string::npos) target.replace(space, 1, "%20");
  return {target, Aim::file, path};
}

Target strange_target(Random& random, const Sites& sites) {
  switch (random.below(17)) {
    case 0: return {"/missing", Aim::status, "", 404};
    case 1: return {"/dir", Aim::redirect, "dir"};
    case 2: return {"/bare?a=b", Aim::redirect, "bare"};
    case 3: return {"/bare/", Aim::index, "bare/"};
    case 4: return {"/pipe", Aim::refused, "pipe"};
    case 5: return {"/link", sites.symlinks ? Aim::file : Aim::refused, "small.html"};
    case 6: return {"/out/passwd", Aim::refused, "out"};
    case 7: return {"/loop", Aim::refused, "loop"};
    case 8: return {"/.hidden", Aim::status, "", 404};
    case 9: return {"/small.html/", Aim::status, "small.html", 404};
    case 10: return {"/a%00b", Aim::status, "", 400};
    case 11: return {"/%zz", Aim::status, "", 400};
    case 12: return {"/" + std::string(256, 'n'), Aim::status, "", 404};
    case 13: return {"/alt/", Aim::index, "alt/"};
    case 14: return {"/", Aim::index, ""};
    case 15: return {"/nest/", Aim::index, "nest/"};
    default: return {"/dir/", Aim::index, "dir/"};
  }
}

// Junk that no server may take for a request; the connection ends with it.
std::string junk(Random& random) {
  switch (random.below(7)) {
    case 0: return "GET /\r\n\r\n";
    case 1: return "GET / HTTP/2.0\r\nHost: a.test\r\n\r\n";
    case 2: return "GET / HTTP/1.1\r\n\r\n";
    case 3: return "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n";
    case 4: return "GET / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n";
    case 5: return "\x16\x03\x01 hello\r\n\r\n";
    default: return "GET / HTTP/1.1\r\nHost: a.test\r\nX: " + std::string(20000, 'x') + "\r\n\r\n";
  }
}

void add_conditions(Random& random, const Knowledge& knowledge, Request& request, std::string& head) {
  const auto known = request.paths.empty() ? knowledge.etags_of.end() : knowledge.etags_of.find(request.paths.front());
  const Learned* learned = nullptr;
  if (known != knowledge.etags_of.end()) {
    learned = &knowledge.by_etag.at(known->second[random.below(known->second.size())]);
  }
  const std::string tag = learned && random.chance(800) ? learned->etag : "\"nobody\"";
  switch (random.below(8)) {
    case 0:
    case 1:
      request.if_none_match = tag;
      head += "If-None-Match: \"other\", " + tag + "\r\n";
      break;
    case 2:
      if (!learned || learned->last_modified.empty()) break;
      request.if_modified_since = true;
      head += "If-Modified-Since: " + learned->last_modified + "\r\n";
      break;
    case 3:
      request.if_match = tag;
      head += "If-Match: " + tag + "\r\n";
      break;
    default: break;
  }
  if (!random.chance(500)) return;
  Range range;
  const uint64_t size = learned ? learned->content.size() : random.below(300);
  const uint64_t shape = random.below(4);
  if (shape != 0) range.first = random.below(size + 2);
  if (shape != 1) range.last = range.first.value_or(0) + random.below(size + 2);
  head += "Range: bytes=" + (range.first ? std::to_string(*range.first) : "") + "-" +
          (range.last ? std::to_string(*range.last) : "") + "\r\n";
  request.range = range;
  if (!random.chance(200)) return;
  request.if_range = tag;
  head += "If-Range: " + tag + "\r\n";
}

std::string body_of(Random& random, const Sites& sites, Request& request, std::string& head) {
  const size_t size = 1 + random.below(400);
  const bool chunked = random.chance(400);
  const bool too_large = !chunked && random.chance(60);
  if (random.chance(300)) {
    request.expects_continue = true;
    head += "Expect: 100-continue\r\n";
  }
  if (too_large) {
    head += "Content-Length: " + std::to_string(sites.body_limit + 1) + "\r\n";
    request.status = 413;
    request.aim = Aim::status;
    request.last = true;
    request.expects_continue = false;
    return "";
  }
  if (!chunked) {
    head += "Content-Length: " + std::to_string(size) + "\r\n";
    return std::string(size, 'b');
  }
  head += "Transfer-Encoding: chunked\r\n";
  std::string body;
  for (size_t left = size; left > 0;) {
    const size_t part = 1 + random.below(left);
    char length[32];
    std::snprintf(length, sizeof length, "%zx\r\n", part);
    body += length + std::string(part, 'c') + "\r\n";
    left -= part;
  }
  return body + (random.chance(200) ? "0\r\nTrailer: x\r\n\r\n" : "0\r\n\r\n");
}

std::string choose_method(Random& random, Request& request) {
  const uint64_t choice = random.below(100);
  request.is_get = choice < 78;
  request.is_head = choice >= 78 && choice < 90;
  if (request.is_get) return "GET";
  if (request.is_head) return "HEAD";
  request.aim = Aim::status;
  request.status = choice < 93 ? 204 : choice < 98 ? 405 : 501;
  return choice < 93 ? "OPTIONS" : choice < 95 ? "POST" : choice < 98 ? "DELETE" : "BREW";
}

}  // namespace

Request make_request(Random& random, const Sites& sites, const Knowledge& knowledge) {
  Request request;
  if (random.chance(sites.junk)) {
    request.bytes = junk(random);
    request.head_bytes = request.bytes.size();
    request.label = "junk";
    request.last = request.malformed = true;
    return request;
  }
  const uint64_t site = random.below(sites.count);
  Target target = random.chance(sites.strange) ? strange_target(random, sites) : plain_target(random, sites);
  if (random.chance(sites.missing)) target = missing_target(random, sites, knowledge);
  if (target.target.find("%2F") != std::string::npos) target = {target.target, Aim::status, "", 400};
  request.aim = target.aim;
  request.linked = target.target == "/link";
  request.status = target.status;
  const std::string prefix = "s" + std::to_string(site) + "/";
  if (request.aim == Aim::index) {
    request.paths = index_paths(sites, prefix + target.path);
    if (!target.path.empty()) request.directory = prefix + target.path.substr(0, target.path.size() - 1);
  } else if (request.aim != Aim::status || !target.path.empty()) {
    request.paths = {prefix + target.path};
  }
  if (request.aim == Aim::redirect) {
    const size_t mark = target.target.find('?');
    request.location = "/" + target.path + "/" + (mark == std::string::npos ? "" : target.target.substr(mark));
  }
  const bool old = random.chance(60);
  const std::string host = sites.count == 1 ? "x.test" : site == 0 ? "a.test" : "b.test";
  const Aim aim = request.aim;
  const int status = request.status;
  const std::string method = choose_method(random, request);
  if (!request.is_get && !request.is_head && method == "OPTIONS" && aim == Aim::status && status == 400)
    request.status = 400;
  request.label = method + " " + target.target;
  const bool absolute = random.chance(50);
  std::string head =
      method + " " + (absolute ? "http://" + host : "") + target.target + (old ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
  if (!old || sites.count > 1 || random.chance(500)) head += "Host: " + (absolute ? "elsewhere.test" : host) + "\r\n";
  if (random.chance(100)) head += "User-Agent: " + std::string(random.below(300), 'u') + "\r\n";
  if (old) {
    request.last = !random.chance(500);
    if (!request.last) head += "Connection: keep-alive\r\n";
  } else if (random.chance(30)) {
    request.last = true;
    head += "Connection: close\r\n";
  }
  if ((request.is_get || request.is_head) && random.chance(sites.conditional))
    add_conditions(random, knowledge, request, head);
  std::string body;
  if (!old && random.chance(method == "POST" ? 900 : 30)) body = body_of(random, sites, request, head);
  head += "\r\n";
  request.head_bytes = head.size();
  request.bytes = head + body;
  return request;
}

}  // namespace uringd::sim
