// The two ends that a Template is written to: a Location, encoded as it goes, and an internal path, bytes as they are.
// Both live on the stack of one expansion and write into the caller's memory, each byte once and none beyond what is
// said in the end. What does not fit is dropped, and remembered.
//
//   Location:  start ──► root ("/") ──► path ──► query ──► fragment
//                └────► host ────────────┘ (each may be passed over)
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace uringd::site {

/// RFC 3986 §2, by what may stand unencoded where. '%' is looked at apart.
enum UrlClass : uint8_t {
  url_unreserved = 1,  // means itself everywhere
  url_path_data = 2,   // data in a path: pchar and '/'
  url_query_data = 4,  // data in a query or fragment: without '?', and what separates names and values of forms
  url_text = 8,        // may stand in a URL at all, as something that means something
};

constexpr std::array<uint8_t, 256> make_url_classes() {
  std::array<uint8_t, 256> table{};
  auto add = [&table](std::string_view bytes, unsigned classes) {
    for (char c : bytes) table[static_cast<unsigned char>(c)] |= static_cast<uint8_t>(classes);
  };
  add("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~",
      url_unreserved | url_path_data | url_query_data | url_text);
  add("!$'()*,:@/", url_path_data | url_query_data | url_text);
  add("&=+;", url_path_data | url_text);
  add("?#[]", url_text);
  return table;
}
inline constexpr std::array<uint8_t, 256> url_classes = make_url_classes();

class BoundedWriter {
 public:
  explicit BoundedWriter(std::span<char> out) : out_(out) {}

  void put(char c) {
    if (fits_ && size_ < out_.size()) {
      out_[size_++] = c;
    } else {
      fits_ = false;
    }
  }
  void put(std::string_view bytes);
  /// `c` if it is of that class, else encoded.
  void put(char c, UrlClass allowed);
  /// The byte at `at` of URL text: what no URL may hold is encoded, and a '%' that begins no encoded byte.
  void put_url_text(std::string_view text, size_t at);
  /// URL text inside a query: a '#' would end it.
  void put_query_text(std::string_view text);
  void put_data(std::string_view data, UrlClass allowed) {
    for (char c : data) put(c, allowed);
  }

  [[nodiscard]] bool fits() const { return fits_; }
  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] std::string_view written(size_t from = 0) const { return {out_.data() + from, size_ - from}; }

 private:
  std::span<char> out_;
  size_t size_ = 0;
  bool fits_ = true;
};

class LocationWriter {
 public:
  LocationWriter(std::span<char> out, std::string_view query, bool has_query)
      : writer_(out), query_(query), has_query_(has_query) {}

  /// The site owner's, URL text: literal text of `to`, and values of maps.
  void literal(std::string_view piece) { text(piece); }
  void text(std::string_view piece);
  /// The client's. `host_follows`: the next part is literal text that would go on with a host.
  void data(std::string_view piece, bool host_follows);
  void host(std::string_view canonical);
  void query(std::string_view sent, bool host_follows);
  /// Ends the location. No more is written.
  const BoundedWriter& finish();

 private:
  enum class Where : uint8_t { start, root, host, path, query, fragment };

  size_t begin(std::string_view piece);
  void slash();
  void begin_path();
  void keep_query();
  void host_bytes_come();
  void end_host();

  BoundedWriter writer_;
  std::string_view query_;
  std::string_view
      scheme_;  // "https://", written with the host's first byte: without a host it would change what is one
  bool has_query_;
  bool own_query_ = false;
  bool host_joins_ = false;  // the host so far ends in '.' or '-', or in data that went on with it
  Where where_ = Where::start;
};

class PathWriter {
 public:
  explicit PathWriter(std::span<char> out) : writer_(out) {}

  void literal(std::string_view piece);  // its first '?' begins the query
  void text(std::string_view piece);
  void data(std::string_view piece, bool host_follows);
  void host(std::string_view canonical) { data(canonical, false); }
  void query(std::string_view sent, bool host_follows);
  const BoundedWriter& finish();

  [[nodiscard]] bool has_query() const { return in_query_; }
  [[nodiscard]] size_t path_bytes() const { return path_bytes_; }

 private:
  void path(std::string_view bytes);

  BoundedWriter writer_;
  size_t path_bytes_ = 0;  // once in the query
  bool in_query_ = false;
};

}  // namespace uringd::site
