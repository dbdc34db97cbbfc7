// The journey of src/README.md, told: parse, route, find, choose, answer. What decides is what decides in the server
// (http/, site/, server/snapshot); here are the words.
#include "uringd/daemon/explain.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <memory>

#include "explain_answer.hpp"
#include "explain_choose.hpp"
#include "explain_find.hpp"
#include "explain_route.hpp"
#include "explain_story.hpp"
#include "uringd/cache/cache.hpp"
#include "uringd/daemon/resources.hpp"
#include "uringd/disk/fetch.hpp"
#include "uringd/http/negotiate.hpp"
#include "uringd/http/request_parser.hpp"
#include "uringd/http/target.hpp"
#include "uringd/server/snapshot.hpp"

namespace uringd::daemon {
namespace {

// --- the request ---

std::string host_of(const config::Config& config, const Question& question) {
  if (question.host) return *question.host;
  if (const size_t scheme = question.target.find("://"); scheme != std::string::npos) {
    const std::string_view rest = std::string_view(question.target).substr(scheme + 3);
    if (question.target[0] != '/') return std::string(rest.substr(0, rest.find_first_of("/?#")));
  }
  const auto& hosts = config.sites.front().hosts;
  const auto name = std::ranges::find_if(hosts, [](const std::string& host) { return !host.starts_with('*'); });
  return name == hosts.end() ? "localhost" : *name;
}

std::string request_bytes(const Question& question, const std::string& host) {
  std::string bytes = "GET " + question.target + " HTTP/1.1\r\nHost: " + host + "\r\n";
  for (const std::string& field : question.fields) bytes += field + "\r\n";
  return bytes + "\r\n";
}

void tell_request(Story& story, const Question& question, const std::string& host) {
  std::string words = "GET " + shown(question.target) + ", Host: " + shown(host);
  for (const std::string& field : question.fields) words += ", " + shown(field);
  story.tell("request", words);
}

std::string why_refused(int status, std::string_view target) {
  switch (status) {
    case 413: return "its body is larger than limits.body_size";
    case 414: return "its target is longer than limits.header_size";
    case 417: return "it expects what is not offered";
    case 431: return "its head is longer than limits.header_size";
    case 501: return "it has a transfer coding other than chunked";
    case 505: return "of its version of HTTP";
    default: break;
  }
  const std::string invalid = why_invalid(target);
  return invalid.empty() ? "its host or one of its fields is malformed" : invalid;
}

// --- from a route to an answer ---

class Journey {
 public:
  Journey(Inquiry& inquiry, size_t cache_bytes) : inquiry_(inquiry), cache_({.capacity_bytes = cache_bytes}) {}

  int run() {
    const site::Route& route = inquiry_.route;
    if (route.status == 301 && route.location.empty())
      return redirect("a mount is a directory, whose path ends with a slash");
    if (route.status != 0)
      return answer_status(inquiry_, route.status, why_at_once(inquiry_), {.location = route.location});
    inquiry_.tree = route.place.tree;
    return look_up(route.path_in_tree());
  }

 private:
  int look_up(std::string_view path) {
    const FoundFile found = find_file(inquiry_.snapshot.sites(), inquiry_.tree, path, inquiry_.story);
    const bool directory = found.status == 301 || found.listing;
    if (directory && inquiry_.fell_back) return answer_status(inquiry_, 404, "the fallback is a directory");
    switch (found.status) {
      case 200: inquiry_.listing = found.listing; return choose(inquiry_, found, cache_);
      case 301: return redirect("a directory's path ends with a slash");
      case 404: return missing();
      case 403: return answer_status(inquiry_, 403, "what is there is not served");
      default: return answer_status(inquiry_, found.status, "the disk or the process is in trouble");
    }
  }

  int missing() {
    const std::string& fallback = inquiry_.snapshot.policy(inquiry_.route.site).fallback;
    const std::string_view path = inquiry_.route.path;
    if (fallback.empty()) return answer_status(inquiry_, 404, "there is no such file");
    if (inquiry_.fell_back) return answer_status(inquiry_, 404, "there is no fallback either");
    const bool page = http::accepts_page(inquiry_.request);
    const bool extension = path.substr(path.rfind('/') + 1).contains('.');
    if (!page || extension || fallback.size() >= disk::Fetch::path_limit) {
      inquiry_.story.tell("fallback", "not " + shown(fallback) + ": " +
                                          (page ? "the path has an extension" : "Accept does not name text/html"));
      return answer_status(inquiry_, 404, "there is no such file");
    }
    inquiry_.story.tell("fallback", shown(fallback) + ", because Accept names text/html and the path has no extension");
    inquiry_.fell_back = true;
    const site::Place place = inquiry_.snapshot.router(0).place_of(inquiry_.route.site, fallback);
    inquiry_.tree = place.tree;
    return look_up(std::string_view(fallback).substr(place.prefix_bytes));
  }

  /// The same path with a slash, on this host, the query kept.
  int redirect(std::string_view because) {
    const site::Route& route = inquiry_.route;
    std::string location(3 * route.path.size() + 2, '\0');
    location.resize(http::encode_path(route.path, location));
    location += '/';
    if (route.has_query) location.append("?").append(route.query);
    return answer_status(inquiry_, 301, because, {.location = location});
  }

  Inquiry& inquiry_;
  cache::Cache cache_;
};

int refused(Inquiry& inquiry, int status, std::string_view target) {
  inquiry.close = true;
  return answer_status(inquiry, status, why_refused(status, target));
}

int answer(const server::Snapshot& snapshot, const Question& question, size_t cache_bytes, Story& story) {
  const config::Config& config = snapshot.config();
  const std::string host = host_of(config, question);
  const std::string bytes = request_bytes(question, host);
  tell_request(story, question, host);
  http::RequestParser parser({.header_size = static_cast<uint32_t>(config.limits.header_size_bytes),
                              .body_size = config.limits.body_size_bytes});
  Inquiry inquiry{.snapshot = snapshot, .request = parser.request(), .story = story, .now_s = std::time(nullptr)};
  switch (parser.parse_head(bytes.data(), bytes.size())) {
    case http::RequestParser::Progress::need_more: return refused(inquiry, 400, question.target);
    case http::RequestParser::Progress::rejected: return refused(inquiry, parser.status(), question.target);
    case http::RequestParser::Progress::head_complete: break;
  }
  std::vector<char> scratch(site::Router::scratch_bytes(bytes.size()));
  site::RewriteTrace trace;
  inquiry.route = snapshot.router(0).route(parser.request(), scratch, {}, &trace);
  inquiry.understood = true;
  inquiry.close =
      !parser.request().keep_alive() || config.limits.requests_per_connection == 1 || inquiry.route.status == 400;
  tell_route(inquiry, trace);
  return Journey(inquiry, cache_bytes).run();
}

void complain(const std::vector<config::Problem>& problems) {
  for (const config::Problem& problem : problems) {
    std::fprintf(stderr, "uringd: %s\n", config::to_line(problem).c_str());
  }
}

}  // namespace

int explain(const config::Loaded& loaded, const Question& question) {
  std::vector<config::Problem> warnings = loaded.warnings;
  const auto snapshot = server::Snapshot::build(loaded.config, 1, warnings);
  complain(warnings);
  if (!snapshot) {
    complain(snapshot.error());
    return 2;
  }
  Story story;
  const size_t cache_bytes = worker_options(*loaded.config, look_at_resources(), 0).cache_bytes;
  const int status = answer(**snapshot, question, cache_bytes, story);
  std::fputs(story.text().c_str(), stdout);
  return status < 400 ? 0 : 1;
}

}  // namespace uringd::daemon
