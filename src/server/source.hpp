// Source: a representation as a reply needs it, whether it lies in the cache or is streamed: views of what the entry or
// the open file says. Lives for the length of one reply function.
#pragma once

#include <cstdint>
#include <string_view>

#include "connection.hpp"
#include "uringd/cache/entry.hpp"
#include "uringd/disk/open_file.hpp"
#include "uringd/http/conditional.hpp"
#include "uringd/http/content_coding.hpp"

namespace uringd::server {

struct Connection::Source {
  explicit Source(cache::Entry& held)
      : size(held.body().size()),
        etag(held.facts().tagged ? held.etag() : std::string_view{}),
        content_type(held.facts().content_type),
        lines(held.lines()),
        last_modified(held.last_modified()),
        coding(held.facts().coding),
        modified_s(held.facts().modified_s),
        has_modified(held.facts().has_modified),
        server(held.facts().server),
        ranged(held.facts().ranged),
        siblings(held.facts().siblings),
        compressible(held.facts().compressible),
        entry(&held) {}

  Source(const disk::OpenFileRef& opened, int64_t now_s)
      : size(opened->attributes().size_bytes),
        etag(opened->facts().description.tagged ? opened->etag() : std::string_view{}),
        content_type(opened->facts().description.type.value),
        lines(opened->facts().lines),
        coding(opened->facts().coding),
        modified_s(opened->attributes().modified_s),
        has_modified(opened->facts().description.modified && modified_s > 1 && modified_s <= now_s),
        server(opened->facts().description.server),
        ranged(opened->facts().description.ranged),
        siblings(opened->facts().description.siblings),
        compressible(false),
        file(&opened) {}

  [[nodiscard]] http::Representation validators() const { return {size, etag, modified_s, has_modified}; }
  /// Another representation of the same resource could have been sent.
  [[nodiscard]] bool negotiated() const { return coding != http::Coding::identity || siblings || compressible; }

  uint64_t size;
  std::string_view etag, content_type, lines;
  std::string_view last_modified;  // as text, where an entry has it
  http::Coding coding;
  int64_t modified_s;
  bool has_modified, server, ranged, siblings, compressible;
  cache::Entry* entry = nullptr;  // one of the two
  const disk::OpenFileRef* file = nullptr;
};

}  // namespace uringd::server
