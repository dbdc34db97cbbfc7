// MediaTypes: from a file name to Content-Type, by the last extension, case-insensitively. The built-in table is
// generated from mime-db (src/http/media_types_generate.py); additions come from the configuration. Immutable after
// construction, so workers share it. Text and JavaScript carry charset=utf-8, JSON (RFC 8259 §11) and XML formats do
// not.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace uringd::http {

/// dense: compressed already by what it is (most images, video, audio, archives, WOFF): no coded copy of it is worth
/// looking for. plain: worth compressing (text/*, JSON, JavaScript, XML, SVG, wasm). other: nobody knows.
enum class Density : uint8_t { plain, other, dense };

struct MediaType {
  std::string_view value;  ///< complete Content-Type value; static, or owned by the MediaTypes that gave it
  Density density = Density::other;
};

/// Of a media type, its parameters ignored.
Density density_of(std::string_view media_type);

class MediaTypes {
 public:
  /// `additions`: extension (with or without its dot) to Content-Type value; they beat the built-in table. A value with
  /// a semicolon is taken as it is, another one gets its charset as built-in types do.
  explicit MediaTypes(std::span<const std::pair<std::string, std::string>> additions = {});
  ~MediaTypes() = default;
  MediaTypes(const MediaTypes&) = delete;  // a copy's answers would outlive what they point into too easily
  MediaTypes& operator=(const MediaTypes&) = delete;
  MediaTypes(MediaTypes&&) = default;
  MediaTypes& operator=(MediaTypes&&) = default;

  /// "application/octet-stream" where nothing is known. Only the part after the last '/' counts.
  MediaType of(std::string_view path) const;

 private:
  struct Addition {
    std::string extension, value;
    Density density;
  };
  std::vector<Addition> additions_;  // sorted by extension; never resized later: views into it stay valid
};

}  // namespace uringd::http
