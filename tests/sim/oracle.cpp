// The judgement, status by status.
#include "oracle.hpp"

#include <algorithm>
#include <cstdio>

namespace uringd::sim {

using Aim = Request::Aim;

// The body bytes and the size that an answer claims to be of.
struct Oracle::Part {
  uint64_t first = 0, length = 0, size = 0;
};

namespace {

Asked asked(const Request& request) { return {.begun_ns = request.begun_ns, .sent_ns = request.sent_ns}; }

template <typename Part>
std::string part_of(const Response& response, Part& part) {
  if (response.status == 200) {
    part = {0, response.content_length, response.content_length};
    return "";
  }
  const std::string text(response.field("Content-Range"));
  unsigned long long first = 0, last = 0, size = 0;
  int used = 0;
  if (std::sscanf(text.c_str(), "bytes %llu-%llu/%llu%n", &first, &last, &size, &used) != 3 ||
      static_cast<size_t>(used) != text.size() || first > last || last >= size) {
    return "Content-Range: " + text;
  }
  part = {first, last - first + 1, size};
  return part.length == response.content_length ? "" : "Content-Range and Content-Length differ";
}

template <typename Part>
bool is_part(const Version& version, const Part& part, const Response& response, bool head) {
  if (version.kind != Version::Kind::regular || version.content.size() != part.size) return false;
  return head || version.content.compare(part.first, part.length, response.body) == 0;
}

}  // namespace

std::vector<Place> Oracle::places(const Request& request, const std::string& path, uint64_t now_ns) const {
  return releases_.places(path, asked(request), behind_ns(request), now_ns);
}

// Where a file cannot be looked at for want of descriptors or memory, what is held of it is served until it can.
uint64_t Oracle::behind_ns(const Request& request) const {
  if (!releases_.forgiving()) return excuses_.stale_ns;
  const bool no_looks =
      excuses_.open_errors || std::any_of(request.paths.begin(), request.paths.end(),
                                          [&](const auto& path) { return files_.ever_unreliable(path); });
  return no_looks ? UINT64_MAX : excuses_.stale_ns;
}

uint64_t Oracle::missing_ns(const Request& request) const { return std::max(excuses_.missing_ns, behind_ns(request)); }

bool Oracle::alive(const std::string& path, Version::Kind kind, uint64_t from_ns, uint64_t now_ns) const {
  const std::vector<const Version*> versions = files_.alive(path, from_ns, now_ns);
  return std::any_of(versions.begin(), versions.end(),
                     [kind](const Version* version) { return version->kind == kind; });
}

std::vector<const Version*> Oracle::candidates(const Request& request, uint64_t now_ns) const {
  std::vector<const Version*> found;
  const bool own = request.aim == Aim::file || request.aim == Aim::index;
  const auto take_overlays = [&](const std::string& path) {
    const std::vector<const Version*> over = overlaid_.alive(path, request.sent_ns, now_ns);
    found.insert(found.end(), over.begin(), over.end());
    return overlaid_.covers(path, request.sent_ns, now_ns);
  };
  if (request.aim == Aim::index && take_overlays(overlay_paths(request).front())) return found;
  for (const std::string& path : request.paths) {
    if (own && !request.linked && take_overlays(path)) return found;
    for (const Place& place : places(request, path, now_ns)) {
      if (!place.lacking.empty() && !alive(place.lacking, Version::Kind::absent, place.from_ns, now_ns)) continue;
      const std::vector<const Version*> versions = files_.alive(place.path, place.from_ns, now_ns);
      found.insert(found.end(), versions.begin(), versions.end());
    }
  }
  return found;
}

std::vector<std::string> Oracle::overlay_paths(const Request& request) {
  if (request.linked || (request.aim != Aim::file && request.aim != Aim::index)) return {};
  std::vector<std::string> paths = request.paths;
  if (request.aim == Aim::index) paths.insert(paths.begin(), paths.front().substr(0, paths.front().rfind('/') + 1));
  return paths;
}

bool Oracle::surely_there(const Request& request, uint64_t now_ns) const {
  const std::vector<std::string> paths = overlay_paths(request);
  return std::any_of(paths.begin(), paths.end(),
                     [&](const std::string& path) { return overlaid_.covers(path, request.sent_ns, now_ns); });
}

// The first index name too: no file comes before it.
bool Oracle::needs_no_disk(const Request& request, uint64_t now_ns) const {
  std::vector<std::string> paths = overlay_paths(request);
  paths.resize(std::min<size_t>(paths.size(), request.aim == Aim::index ? 2 : 1));
  return std::any_of(paths.begin(), paths.end(),
                     [&](const std::string& path) { return overlaid_.covers(path, request.sent_ns, now_ns); });
}

bool Oracle::any_alive(const Request& request, Version::Kind kind, uint64_t now_ns) const {
  const std::vector<const Version*> versions = candidates(request, now_ns);
  return std::any_of(versions.begin(), versions.end(),
                     [kind](const Version* version) { return version->kind == kind; });
}

// Where the tree before has no file either, the new tree's own status is the answer.
bool Oracle::may_lack(const Request& request, uint64_t now_ns) const {
  const std::string& path = request.aim == Aim::index ? request.directory : request.paths.front();
  if (path.empty()) return false;
  for (const Place& place : releases_.places(path, asked(request), missing_ns(request), now_ns)) {
    if (!place.lacking.empty() || !alive(place.path, Version::Kind::absent, place.from_ns, now_ns)) continue;
    if (place.otherwise.empty() || place.otherwise_until_ns <= now_ns + 1'000'000) return true;
    if (alive(place.otherwise, Version::Kind::absent, place.from_ns, now_ns)) return true;
    if (request.aim == Aim::index && no_index(request, place, now_ns)) return true;
  }
  return false;
}

bool Oracle::no_index(const Request& request, const Place& place, uint64_t now_ns) const {
  return std::all_of(request.paths.begin(), request.paths.end(), [&](const std::string& path) {
    const std::string index = place.otherwise + path.substr(request.directory.size());
    return alive(index, Version::Kind::absent, place.from_ns, now_ns) ||
           alive(index, Version::Kind::directory, place.from_ns, now_ns);
  });
}

bool Oracle::unreliable(const Request& request, uint64_t now_ns) const {
  for (const std::string& path : request.paths) {
    for (const Place& place : places(request, path, now_ns)) {
      if (files_.unreliable(place.path)) return true;
    }
  }
  return false;
}

size_t Oracle::changes(const Request& request, uint64_t now_ns) const {
  size_t count = 0;
  for (const std::string& path : request.paths) {
    for (const Place& place : places(request, path, now_ns)) {
      count += files_.alive(place.path, place.from_ns, now_ns).size() - 1;
    }
  }
  return count;
}

bool Oracle::may_break_off(const Request& request, uint64_t now_ns) const {
  if (needs_no_disk(request, now_ns)) return false;
  if (excuses_.read_errors || excuses_.slow_disk || unreliable(request, now_ns)) return true;
  return changes(request, now_ns) > 0;
}

std::string Oracle::judge(const Request& request, const Response& response, uint64_t now_ns) {
  switch (response.status) {
    case 200:
    case 206: return judge_content(request, response, now_ns);
    case 304: return judge_not_modified(request, response, now_ns);
    case 412:
    case 416: return judge_failed(request, now_ns);
    default: return judge_status(request, response, now_ns);
  }
}

std::string Oracle::judge_content(const Request& request, const Response& response, uint64_t now_ns) {
  if (request.aim != Aim::file && request.aim != Aim::index) return "content where there is none";
  Part part;
  if (std::string problem = part_of(response, part); !problem.empty()) return problem;
  const std::vector<const Version*> versions = candidates(request, now_ns);
  const bool known = std::any_of(versions.begin(), versions.end(), [&](const Version* version) {
    return is_part(*version, part, response, request.is_head);
  });
  if (!known) return existed(request, part, response);
  const std::string etag(response.field("ETag"));
  if (etag.size() < 3 || etag.front() != '"') return "ETag: " + etag;
  if (!request.if_none_match.empty() && request.if_none_match == etag) return "200 where If-None-Match names the ETag";
  if (!request.if_match.empty() && request.if_match != etag) return "200 where If-Match names another ETag";
  if (std::string problem = judge_range(request, response, part.size); !problem.empty()) return problem;
  if (request.is_get && response.status == 200) return learn(request, response, response.body, now_ns);
  const auto learned = knowledge_.by_etag.find(etag);
  if (learned == knowledge_.by_etag.end()) return "";
  const Version same{.kind = Version::Kind::regular, .content = learned->second.content};
  return is_part(same, part, response, request.is_head) ? "" : "the ETag was another content's before";
}

std::string Oracle::existed(const Request& request, const Part& part, const Response& response) const {
  for (const std::string& path : request.paths) {
    for (const auto& [physical, version] : files_.past(path)) {
      if (is_part(*version, part, response, request.is_head))
        return "the body is a version of " + physical +
               " that was gone before the request was sent: " + std::to_string(version->from_ns) + " to " +
               std::to_string(version->to_ns) + " ns";
    }
  }
  return "the body is no version of the file";
}

std::string Oracle::learn(const Request& request, const Response& response, const std::string& content,
                          uint64_t now_ns) {
  const std::string etag(response.field("ETag"));
  const auto [place, fresh] = knowledge_.by_etag.try_emplace(
      etag, Learned{etag, std::string(response.field("Last-Modified")), content, now_ns});
  if (!fresh) return place->second.content == content ? "" : "the ETag was another content's before";
  for (const std::string& path : request.paths) {
    const std::string tree = releases_.current(path[1] == '1' ? 1 : 0).tree;
    const std::string* now = files_.content_now(tree + path.substr(path.find('/') + 1));
    const std::string* over = overlaid_.content_now(path);
    if ((now && *now == content) || (over && *over == content)) knowledge_.etags_of[path].push_back(etag);
  }
  return "";
}

std::string Oracle::judge_range(const Request& request, const Response& response, uint64_t size) const {
  if (response.status == 200) {
    if (!request.range || request.is_head || !request.if_range.empty()) return "";
    const Range& range = *request.range;
    const bool ignored = range.first ? range.last && *range.last < *range.first : size == 0;
    return ignored ? "" : "200 where Range asks for a part";
  }
  if (!request.range || !request.is_get) return "206 without a Range";
  if (!request.if_range.empty() && response.field("ETag") != request.if_range)
    return "206 where If-Range names another ETag";
  uint64_t first = 0, last = size - 1;
  if (request.range->first) {
    first = *request.range->first;
    last = std::min(last, request.range->last.value_or(last));
  } else {
    first = size - std::min(size, *request.range->last);
  }
  const std::string expected =
      "bytes " + std::to_string(first) + "-" + std::to_string(last) + "/" + std::to_string(size);
  return response.field("Content-Range") == expected ? "" : "another range than was asked for, which is " + expected;
}

std::string Oracle::judge_not_modified(const Request& request, const Response& response, uint64_t now_ns) const {
  const std::string etag(response.field("ETag"));
  if (request.if_none_match.empty() && !request.if_modified_since) return "304 without a condition";
  if (!any_alive(request, Version::Kind::regular, now_ns)) return "304 for a file that is not there";
  if (request.if_none_match.empty()) return "";
  if (etag != request.if_none_match) return "304 with an ETag that the client does not have";
  const auto known = knowledge_.by_etag.find(etag);
  if (known == knowledge_.by_etag.end()) return "304 for an ETag that nobody was given";
  for (const Version* version : candidates(request, now_ns)) {
    if (version->kind == Version::Kind::regular && version->content == known->second.content) return "";
  }
  return "304, but the content of that ETag was gone before the request was sent";
}

std::string Oracle::judge_failed(const Request& request, uint64_t now_ns) const {
  if (!any_alive(request, Version::Kind::regular, now_ns)) return "412 or 416 for a file that is not there";
  if (!request.if_match.empty() || request.range) return "";
  return "412 or 416 without a condition or a range";
}

std::string Oracle::judge_status(const Request& request, const Response& response, uint64_t now_ns) const {
  const int status = response.status;
  const std::string unexpected = "status " + std::to_string(status);
  if (request.malformed) return status >= 400 && status < 600 && response.close ? "" : unexpected + " for junk";
  if (status == 408) return excuses_.timeouts ? "" : unexpected;
  if (needs_no_disk(request, now_ns) || (surely_there(request, now_ns) && (status == 403 || status == 404)))
    return unexpected + " where an overlay is";
  const bool touches_disk = request.aim != Aim::status || request.status == 404;
  if (status == 503 && touches_disk && (excuses_.open_errors || excuses_.queue_full || excuses_.slow_disk)) return "";
  if (status == 500 && touches_disk && excuses_.read_errors) return "";
  if (unreliable(request, now_ns) && (status == 403 || status == 404 || status == 500 || status == 503)) return "";
  if (request.aim == Aim::status)
    return status == request.status ? "" : unexpected + " for " + std::to_string(request.status);
  switch (status) {
    case 301:
      if (request.aim != Aim::redirect || !any_alive(request, Version::Kind::directory, now_ns)) return unexpected;
      return response.field("Location") == request.location ? "" : "Location";
    case 403: {
      const bool bare = request.aim == Aim::index && (any_alive(request, Version::Kind::absent, now_ns) ||
                                                      any_alive(request, Version::Kind::directory, now_ns));
      return bare || request.aim == Aim::refused ? "" : unexpected;
    }
    case 404: return request.aim != Aim::status && may_lack(request, now_ns) ? "" : unexpected;
    case 503: return changes(request, now_ns) >= 1 ? "" : unexpected;
    default: return unexpected;
  }
}

}  // namespace uringd::sim
