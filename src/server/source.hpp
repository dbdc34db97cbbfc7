// Source: a representation as a reply needs it, whether it lies in the cache, is streamed or is an overlay's: views of
// what the entry, the open file or the overlay says. Lives for the length of one reply function.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "connection.hpp"
#include "uringd/cache/entry.hpp"
#include "uringd/disk/open_file.hpp"
#include "uringd/http/conditional.hpp"
#include "uringd/http/content_coding.hpp"
#include "uringd/server/overlays.hpp"
#include "uringd/site/header_rules.hpp"

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
        body(held.body()),
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

  /// `fields`: its field lines, and what of those that we make ourselves is left out. No Last-Modified: when the
  /// overlay is deleted an older file is back, which by the overlay's date would seem to be what the client has (a
  /// false 304).
  Source(const Overlay& overlay, http::Coding sent, std::string_view fields, uint8_t omitted)
      : size(overlay.body(sent).bytes.size()),
        etag(omitted & site::omit_etag ? std::string_view{} : overlay.body(sent).etag()),
        content_type(overlay.content_type),
        lines(fields),
        coding(sent),
        modified_s(0),
        has_modified(false),
        server(!(omitted & site::omit_server)),
        ranged(!(omitted & site::omit_accept_ranges)),
        siblings(false),
        compressible(overlay.density == http::Density::plain),
        body(overlay.body(sent).bytes),
        owner(overlay.body(sent).owner) {}

  [[nodiscard]] http::Representation validators() const { return {size, etag, modified_s, has_modified}; }
  /// Another representation of the same resource could have been sent.
  [[nodiscard]] bool negotiated() const { return coding != http::Coding::identity || siblings || compressible; }

  uint64_t size;
  std::string_view etag, content_type, lines;
  std::string_view last_modified;  // as text, where an entry has it
  http::Coding coding;
  int64_t modified_s;
  bool has_modified, server, ranged, siblings, compressible;
  std::span<const char> body;     // where it lies in memory,
  cache::Entry* entry = nullptr;  // which is one of these two's,
  std::shared_ptr<const void> owner;
  const disk::OpenFileRef* file = nullptr;  // or it is streamed
};

}  // namespace uringd::server
