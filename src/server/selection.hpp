// Selection: what a connection remembers of a request while it looks for the representation to send: the resource's own
// file, held, while siblings of it are asked for or a copy is being made. Part of a Talk; empty between requests.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "uringd/cache/entry.hpp"
#include "uringd/disk/open_file.hpp"
#include "uringd/http/content_coding.hpp"
#include "uringd/site/router.hpp"

namespace uringd::server {

/// A route that waits for the disk. What rules and maps said is not asked for again: it might be something else then.
struct KeptRoute {
  explicit KeptRoute(const site::Route& original)
      : text(std::string(original.path) + '\0' + std::string(original.query)), route(original) {
    route.path = std::string_view(text).substr(0, original.path.size());
    route.query = std::string_view(text).substr(original.path.size() + 1);
    route.location = {};
  }
  KeptRoute(const KeptRoute&) = delete;
  KeptRoute& operator=(const KeptRoute&) = delete;

  std::string text;
  site::Route route;
};

struct Selection {
  /// What the disk was asked for.
  enum class Wait : uint8_t { resource, sibling, copy };

  /// Nearly always there is nothing to forget.
  void clear() {
    if (used) [[unlikely]]
      *this = {};
  }

  bool used = false;  // anything below is set
  Wait wait = Wait::resource;
  http::Coding coding = http::Coding::identity;  // of the sibling that is asked for
  bool fell_back = false;                        // the resource is the site's fallback, not what was asked for
  bool listing = false;                          // … or a listing of the directory
  bool copy_failed = false;
  bool coded_only = false;                 // the file's own bytes are not acceptable
  uint64_t fields = 0;                     // that the site's rules asked for: site::Route::fields
  http::CodingSet absent;                  // siblings that are not there, as this request has found
  cache::EntryRef entry;                   // the resource: small, or
  disk::OpenFileRef file;                  // large
  std::unique_ptr<const KeptRoute> route;  // while it waits, on sites with rules
};

}  // namespace uringd::server
