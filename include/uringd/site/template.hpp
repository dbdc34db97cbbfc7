// Template: what a rewrite's `to` says, read once: literal text, captures, variables, look-ups in maps.
//
//   $0 … $9, ${0} … ${9}       what the pattern matched, its groups
//   ${host} ${path} ${query} ${scheme}    of the request: host without port, decoded path, query as sent
//   ${map:key|default}         a value out of a map; key and default are text with captures and variables in them;
//                              no default: nothing
//   $$                         a dollar sign
//
// Immutable, shared by all workers. Expansion is one pass into the caller's memory (nginx's two passes, one to measure
// and one to copy, are CVE-2026-42945 and its kin).
// What is trusted differs: literal text and the values of maps are the site owner's, captures and variables are the
// client's. Of a Location the first are URL text, in which only what no URL may hold is encoded ("%41" stays "%41");
// the second are data, all of them encoded that could mean something there ('?', '#', '%', '\', and '&', '=', '+' in
// the query, and everything but letters, digits, '.', '-', '_', '~' in the authority). So no request can make it lead
// to another host, and no CR or LF is ever written (RFC 3986 §2, §4.2; CVE-2024-38474 is a decoded '?' taken for one).
// ${host} is canonical, so the authority takes it as it is; ${query} was URL text already, so a query takes it as it
// is. Where a host has begun, a capture goes on with it only behind a '.' or '-' and before more of it, as in
// "https://$1.example.com" or "https://www.$1.example.com"; else the path begins there ("https://example.com$1").
// Of an internal path all is taken as it is, decoded: a '?' begins the query only where it is literal text of `to`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "uringd/site/maps.hpp"
#include "uringd/site/random.hpp"

namespace uringd::site {

/// What an expansion draws on.
struct TemplateInputs {
  std::span<const std::string_view> captures;  // [0] is the whole match; one that took no part is empty
  std::string_view host, path, query, scheme;
};

/// Of `--explain`: what was looked up.
struct MapLookup {
  uint32_t map = 0;
  std::string key, value;
  bool found = false;  // else value is the default
};

/// Pieces of the caller's memory.
struct Expansion {
  bool fits = false;       // else nothing else is said
  std::string_view path;   // of a location: all of it, its query too
  std::string_view query;  // of an internal path whose `to` has a '?'
  bool has_query = false;
};

class Template {
 public:
  /// The error says what is wrong at which byte of `to`; maps are known by their names.
  [[nodiscard]] static std::expected<Template, std::string> parse(std::string_view to,
                                                                  std::span<const std::string> map_names);

  /// The highest capture it names, or -1.
  [[nodiscard]] int highest_capture() const { return highest_capture_; }
  [[nodiscard]] bool uses_maps() const { return uses_maps_; }
  /// It begins with a scheme, or "//": it leads away from the path's own host, or may.
  [[nodiscard]] bool absolute() const { return absolute_; }

  /// The decoded path, not normalised, of an internal rewrite. Begins with '/' whatever was expanded.
  [[nodiscard]] Expansion expand_path(const TemplateInputs& inputs, const Maps& maps, Random& random,
                                      std::span<char> out, std::vector<MapLookup>* lookups = nullptr) const;
  /// A Location: encoded, one line, with the request's query where it has none of its own (before a fragment).
  [[nodiscard]] Expansion expand_location(const TemplateInputs& inputs, bool has_query, const Maps& maps,
                                          Random& random, std::span<char> out,
                                          std::vector<MapLookup>* lookups = nullptr) const;

 private:
  struct Parser;
  struct Expander;
  struct Part {
    enum class Kind : uint8_t { literal, capture, host, path, query, scheme, map };
    Kind kind = Kind::literal;
    uint32_t number = 0;                        // of the capture, of the map
    std::string text = {};                      // literal
    std::vector<Part> key = {}, fallback = {};  // of a map
  };
  std::vector<Part> parts_;
  int highest_capture_ = -1;
  bool uses_maps_ = false;
  bool absolute_ = false;
};

}  // namespace uringd::site
