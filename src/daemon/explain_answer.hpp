// Answers: the head that a connection would send for a representation or for a status (server/connection_replies), and
// the words for why. An Inquiry is one request on its way there: what is known of it so far.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "explain_story.hpp"
#include "uringd/disk/describe.hpp"
#include "uringd/http/content_coding.hpp"
#include "uringd/http/request.hpp"
#include "uringd/server/snapshot.hpp"
#include "uringd/site/router.hpp"
#include "uringd/uring/attributes.hpp"

namespace uringd::daemon {

struct Inquiry {
  const server::Snapshot& snapshot;
  const http::Request& request;
  Story& story;
  int64_t now_s = 0;
  site::Route route = {};
  uint32_t tree = 0;        // that is asked: the route's, or the fallback's
  bool understood = false;  // else the route says nothing
  bool close = false;       // the connection ends with this answer
  bool fell_back = false;   // the resource is the site's fallback
  bool listing = false;     // … or a listing of the directory
};

/// A file's bytes, a sibling's, a copy's or a listing, and what is said about them.
struct Representation {
  std::string name;  // of the file that it represents, below its tree's root
  uring::Attributes attributes;
  uint64_t size_bytes = 0;
  std::optional<std::string> body;  // of what the cache holds; else it is streamed
  disk::Description description;
  std::string lines;  // further field lines
  http::Coding coding = http::Coding::identity;
  std::string etag;
  bool compressible = false;  // copies are made of it
};

/// What some statuses say besides.
struct StatusFacts {
  std::string_view content_range = {}, location = {};
  bool by_coding = false;  // it depends on Accept-Encoding
};

/// Both tell the answer, with its reason if `because` is not empty, and return its status.
int answer_with(const Inquiry& inquiry, const Representation& representation);
int answer_status(const Inquiry& inquiry, int status, std::string_view because, const StatusFacts& facts = {});

}  // namespace uringd::daemon
