// Listing: what the caches of all workers hold of one site, merged path by path, and pages of it: filtered, sorted,
// cut. Not changed once it is shown; on the admin worker's thread. A page goes on behind the last row of the one before
// by that row's place in the order, so that entries which come and go between two pages move no others.
//
// Bounds: what the caches hold; a page of at most 1000 rows; making one looks at every row once.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "inventory.hpp"
#include "uringd/server/overlays.hpp"

namespace uringd::admin {

/// One path, and all that is held of it.
struct Row {
  std::string_view path, type;
  uint64_t size_bytes = 0;
  uint64_t hits = 0;    // of all workers
  uint64_t age_ms = 0;  // of the youngest
  http::Coding coding = http::Coding::identity;
  bool fresh = false;
  bool overlay = false;                               // what the disk has there is not served
  uint32_t workers = 0;                               // that hold it
  std::array<uint64_t, http::coding_count> copies{};  // other representations held, by coding; 0: none
};

struct PageQuestion {
  enum class Order : uint8_t { path, size, hits, age };
  std::string prefix, part;  // that the path begins with, and has somewhere
  Order order = Order::path;
  bool descending = false;
  size_t limit = 100;
  /// The last row of the page before: its value in the order, and its path.
  struct After {
    uint64_t value = 0;
    std::string path;
  };
  std::optional<After> after;

  /// ?prefix= &q= &sort= &limit= &after=; the error says what would be right.
  static std::expected<PageQuestion, std::string> from(std::string_view query);
};

class Listing {
 public:
  static constexpr size_t most_rows = 1000;  // of a page

  explicit Listing(std::vector<std::shared_ptr<Inventory>> inventories);

  /// Overlays of that site, which all workers serve, in the place of what they hold at those paths.
  void put_over(server::Overlays::Shared overlays, uint32_t site_id, uint32_t workers, uint64_t now_ns);

  struct Page {
    size_t total = 0;  // rows that the filters let through
    std::vector<Row> rows;
    std::string next;  // for ?after=, or empty: there is no further row
  };
  [[nodiscard]] Page page(const PageQuestion& question) const;
  [[nodiscard]] std::span<const Row> rows() const { return rows_; }

 private:
  std::vector<std::shared_ptr<Inventory>> inventories_;  // the rows' texts lie there,
  server::Overlays::Shared overlays_;                    // and there
  std::vector<Row> rows_;
};

/// The page as JSON.
std::string page_json(const Listing::Page& page, std::string_view site, std::span<const std::string> sites);

}  // namespace uringd::admin
