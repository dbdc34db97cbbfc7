// Request: one request of a simulated client, its bytes and what it is about, so that an oracle can judge the answer.
// Made at random; conditions use entity tags and dates that clients have seen before.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "uringd/uring/fake.hpp"

namespace uringd::sim {

/// What was learned of a representation when a complete 200 told of it.
struct Learned {
  std::string etag;
  std::string last_modified;
  std::string content;
  uint64_t at_ns = 0;
};

/// What all clients together know, by entity tag and by path in the tree.
struct Knowledge {
  std::map<std::string, Learned> by_etag;
  std::map<std::string, std::vector<std::string>> etags_of;
  uint64_t newest = 0;  // "n7" was the last file made of its kind
};

struct Range {
  std::optional<uint64_t> first, last;  // "first-last", "first-", "-last"
};

struct Request {
  enum class Aim { file, index, redirect, refused, status };

  std::string bytes;
  std::string label;  // method and target, for the trace
  Aim aim = Aim::status;
  std::vector<std::string> paths;  // in the tree: the file, or the index names of a directory in order
  std::string directory;           // Aim::index: it, without its slash; empty for a root
  int status = 0;                  // Aim::status: the one answer
  std::string location;            // Aim::redirect
  bool is_get = false, is_head = false;
  bool last = false;  // the client asked for the end, or what follows cannot be trusted: the answer closes
  bool malformed = false;
  bool linked = false;  // the path that is asked for is a link to it
  bool expects_continue = false;
  size_t head_bytes = 0;
  std::string if_none_match, if_match, if_range;
  bool if_modified_since = false;
  std::optional<Range> range;
  uint64_t begun_ns = 0;  // when its first byte was sent; 0: not yet
  uint64_t sent_ns = 0;   // when its last byte was sent; 0: not yet
};

/// What there is to ask for. `prefix` of a site's tree is "s0/", "s1/".
struct Sites {
  uint32_t count = 1;
  bool symlinks = true;
  std::vector<std::string> index;
  uint64_t body_limit = 0;
  bool one = false;                                                    // only small.html
  bool hot = false;                                                    // only a few files, again and again
  uint32_t conditional = 300, strange = 150, junk = 25, missing = 20;  // per mille
};

Request make_request(uring::Random& random, const Sites& sites, const Knowledge& knowledge);

}  // namespace uringd::sim
