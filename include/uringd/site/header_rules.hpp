// HeaderRules: which fields of one site's answers come from its configuration: Cache-Control by media type,
// X-Content-Type-Options, and [[site.headers]] by path. Immutable once built, shared by all workers; allocates nothing
// per answer. It writes whole field lines, each ended by CRLF: names and values were checked by config/ (tokens; one
// line, no control character), so no file name and no request can split a head.
// Every name that the configuration can set has a number: of each name one line at most stands, so an answer costs one
// look at each rule's globs and one store for each field of the rules that match, however they replace each other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "uringd/config/config.hpp"

namespace uringd::site {

/// What the fields are for. An error must not be kept as long as the page that is missing: of the fields that are set
/// it gets those that say nothing of caching (no Cache-Control, Expires, ETag, Last-Modified, Age, Surrogate-Control,
/// CDN-Cache-Control or other name that ends in -Cache-Control, RFC 9213). A redirect gets all but the defaults by
/// media type.
enum class Answer : uint8_t { representation, redirect, error };

/// Fields that uringd makes itself and a rule took away (or, Server, replaced), as a set.
enum Omitted : uint8_t { omit_server = 1, omit_etag = 2, omit_last_modified = 4, omit_accept_ranges = 8 };

struct HeaderLines {
  size_t bytes = 0;     ///< written
  uint8_t omitted = 0;  ///< Omitted bits
};

class HeaderRules {
 public:
  /// What lines() writes at most, whatever the configuration: config/ refuses a site whose rules together say more.
  static constexpr size_t most_bytes = config::site_fields_most_bytes;

  explicit HeaderRules(const config::Site& site);

  /// The lines for an answer whose body is of `media_type` (any case, parameters ignored; "" for none, for which only
  /// "*" stands). `paths`, decoded: the names that what is answered goes by ("/docs/index.html", "/docs/"); a rule
  /// matches where its glob matches any; "" alone is the path of a request that could not be read, which the rules for
  /// all paths match ("/**"). Rules apply in their order: `remove` takes away what stands so far, then `set`
  /// replaces or adds; a later rule beats an earlier one. The order of the lines says nothing.
  [[nodiscard]] HeaderLines lines(std::span<const std::string_view> paths, std::string_view media_type, Answer answer,
                                  std::span<char, most_bytes> out) const;
  [[nodiscard]] HeaderLines lines(std::string_view path, std::string_view media_type, Answer answer,
                                  std::span<char, most_bytes> out) const {
    return lines(std::span<const std::string_view>(&path, 1), media_type, answer, out);
  }
  /// There are rules, which need to know the path.
  [[nodiscard]] bool by_path() const { return !rules_.empty(); }

 private:
  struct Line {
    uint16_t name;     // index into caching_
    std::string text;  // "Name: value\r\n"
  };
  /// A glob without braces.
  struct Pattern {
    explicit Pattern(std::string text);
    std::string text;
    size_t literal_start;  // bytes of it that a path begins with wherever it matches, and
    size_t literal_end;    // ends with: most paths are told apart by them, without the glob
    [[nodiscard]] bool matches(std::string_view path) const;
  };
  struct Rule {
    std::vector<Pattern> match;    // any of them
    std::vector<uint16_t> remove;  // only names that are set somewhere
    std::vector<Line> set;
    uint8_t omitted = 0;

    [[nodiscard]] bool matches(std::string_view path) const;
  };

  [[nodiscard]] const std::string* default_cache_control(std::string_view media_type) const;

  std::vector<bool> caching_;  // for each name that can be set: says it how long to keep?
  std::vector<std::pair<std::string, std::string>> by_type_;  // {exact type, "text/*" or "*", its line}
  std::string default_line_;
  std::vector<Rule> rules_;
};

}  // namespace uringd::site
