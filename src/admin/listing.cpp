// Merging, and the one order in which a page is cut: by value, then by path.
#include "listing.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <unordered_map>

#include "query.hpp"
#include "say.hpp"

namespace uringd::admin {
namespace {

uint64_t value_of(const Row& row, PageQuestion::Order order) {
  switch (order) {
    case PageQuestion::Order::path: return 0;
    case PageQuestion::Order::size: return row.size_bytes;
    case PageQuestion::Order::hits: return row.hits;
    case PageQuestion::Order::age: return row.age_ms;
  }
  return 0;
}

bool before(const PageQuestion& question, uint64_t value_a, std::string_view path_a, uint64_t value_b,
            std::string_view path_b) {
  if (value_a != value_b) return question.descending ? value_a > value_b : value_a < value_b;
  const bool by_path = question.order == PageQuestion::Order::path;
  return by_path && question.descending ? path_a > path_b : path_a < path_b;
}

std::optional<uint64_t> number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return {};
  return value;
}

// "12.2f61" is 12 and "/a": nothing in it needs encoding in a query.
std::string token_of(uint64_t value, std::string_view path) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string token = std::to_string(value) + ".";
  for (const char c : path) {
    token += hex[static_cast<unsigned char>(c) >> 4];
    token += hex[static_cast<unsigned char>(c) & 15];
  }
  return token;
}

std::optional<PageQuestion::After> read_token(std::string_view token) {
  const size_t dot = std::min(token.find('.'), token.size());
  const auto value = number(token.substr(0, dot));
  std::string encoded;
  for (size_t at = dot + 1; at < token.size(); at += 2) encoded.append("%").append(token.substr(at, 2));
  const auto path = decode_form(encoded);
  if (!value || dot == token.size() || !path) return {};
  return PageQuestion::After{*value, *path};
}

void append_seconds(std::string& out, uint64_t ms) {
  std::array<char, 32> text{};
  const int size = std::snprintf(text.data(), text.size(), "%llu.%03u", static_cast<unsigned long long>(ms / 1000),
                                 static_cast<unsigned>(ms % 1000));
  out.append(text.data(), static_cast<size_t>(size));
}

std::string_view encoding_text(http::Coding coding) {
  return coding == http::Coding::identity ? "identity" : http::coding_name(coding);
}

// The first of a path says what it is; a sibling alone stands for it until the path's own comes.
void add(Row& row, const Record& record) {
  const bool own = !record.sibling;
  const bool first = row.workers == 0;
  const bool known_own = !first && row.coding == http::Coding::identity;
  if (record.sibling && record.coding != http::Coding::identity && !first) {
    if (row.coding != record.coding) row.copies[static_cast<size_t>(record.coding)] = record.size_bytes;
  } else if (first || (own && !known_own)) {
    if (!first) row.copies[static_cast<size_t>(row.coding)] = row.size_bytes;
    row.type = record.type;
    row.size_bytes = record.size_bytes;
    row.coding = record.coding;
  }
  for (size_t coding = 1; coding < row.copies.size(); ++coding) {
    row.copies[coding] = std::max(row.copies[coding], record.copies[coding]);
  }
  row.age_ms = first ? record.age_ms : std::min(row.age_ms, record.age_ms);
  row.fresh = row.fresh || record.fresh;
}

}  // namespace

std::expected<PageQuestion, std::string> PageQuestion::from(std::string_view query) {
  PageQuestion question;
  question.prefix = query_value(query, "prefix").value_or("");
  question.part = query_value(query, "q").value_or("");
  std::string sort = query_value(query, "sort").value_or("path");
  question.descending = sort.starts_with('-');
  if (question.descending) sort.erase(0, 1);
  static constexpr std::array<std::string_view, 4> orders = {"path", "size", "hits", "age"};
  const auto order = std::ranges::find(orders, sort);
  if (order == orders.end())
    return std::unexpected("sort is one of path, size, hits, age, with '-' in front: largest first");
  question.order = static_cast<Order>(order - orders.begin());
  if (const auto limit = query_value(query, "limit")) {
    const auto wanted = number(*limit);
    if (!wanted || *wanted == 0 || *wanted > Listing::most_rows)
      return std::unexpected("limit is a number from 1 to 1000");
    question.limit = *wanted;
  }
  if (const auto after = query_value(query, "after"); after && !after->empty()) {
    question.after = read_token(*after);
    if (!question.after) return std::unexpected("after is what the page before said as next");
  }
  return question;
}

// A representation of its own beside the path's costs a look-up of both, so the hits of a path at one worker are those
// of the one that was asked for most.
Listing::Listing(std::vector<std::shared_ptr<Inventory>> inventories) : inventories_(std::move(inventories)) {
  size_t most = 0;
  for (const auto& inventory : inventories_) most = std::max(most, inventory->count());
  struct Found {
    size_t row;
    size_t worker;
    uint64_t hits;
  };
  std::unordered_map<std::string_view, Found> by_path;
  by_path.reserve(most);
  rows_.reserve(most);
  for (size_t worker = 0; worker < inventories_.size(); ++worker) {
    inventories_[worker]->each([&](const Record& record) {
      auto [place, fresh] = by_path.try_emplace(record.path, Found{rows_.size(), SIZE_MAX, 0});
      Found& found = place->second;
      if (fresh) rows_.push_back({.path = record.path});
      Row& row = rows_[found.row];
      add(row, record);
      if (found.worker != worker) {
        found.worker = worker;
        found.hits = 0;
        ++row.workers;
      }
      if (record.hits > found.hits) {
        row.hits += record.hits - found.hits;
        found.hits = record.hits;
      }
    });
  }
}

void Listing::put_over(server::Overlays::Shared overlays, uint32_t site_id, uint32_t workers, uint64_t now_ns) {
  overlays_ = std::move(overlays);
  if (overlays_->count() == 0) return;
  std::erase_if(rows_, [&](const Row& row) { return overlays_->find(site_id, row.path) != nullptr; });
  overlays_->each([&](const server::Overlay& overlay) {
    if (overlay.site != site_id) return;
    Row row{.path = overlay.path,
            .type = overlay.content_type,
            .size_bytes = overlay.body().bytes.size(),
            .hits = overlay.hits->sum(),
            .age_ms = (now_ns - std::min(now_ns, overlay.put_ns)) / 1'000'000,
            .overlay = true,
            .workers = workers};
    for (const http::Coding coding : http::real_codings) {
      row.copies[static_cast<size_t>(coding)] = overlay.body(coding).bytes.size();
    }
    rows_.push_back(row);
  });
}

Listing::Page Listing::page(const PageQuestion& question) const {
  Page page;
  std::vector<const Row*> candidates;
  for (const Row& row : rows_) {
    if (!row.path.starts_with(question.prefix) || row.path.find(question.part) == row.path.npos) continue;
    ++page.total;
    const auto& after = question.after;
    if (after && !before(question, after->value, after->path, value_of(row, question.order), row.path)) continue;
    candidates.push_back(&row);
  }
  const size_t count = std::min(question.limit, candidates.size());
  const auto end = candidates.begin() + static_cast<std::ptrdiff_t>(count);
  std::partial_sort(candidates.begin(), end, candidates.end(), [&](const Row* a, const Row* b) {
    return before(question, value_of(*a, question.order), a->path, value_of(*b, question.order), b->path);
  });
  for (auto row = candidates.begin(); row != end; ++row) page.rows.push_back(**row);
  if (count < candidates.size()) {
    page.next = token_of(value_of(page.rows.back(), question.order), page.rows.back().path);
  }
  return page;
}

std::string page_json(const Listing::Page& page, std::string_view site, std::span<const std::string> sites) {
  std::string json = "{\"site\":";
  append_json(json, site);
  json += ",\"sites\":[";
  for (const std::string& name : sites) {
    if (&name != sites.data()) json += ',';
    append_json(json, name);
  }
  json += "],\"total\":" + std::to_string(page.total) + ",\"entries\":[";
  for (const Row& row : page.rows) {
    if (&row != page.rows.data()) json += ',';
    json += "\n{\"path\":";
    append_json(json, row.path);
    json += ",\"size\":" + std::to_string(row.size_bytes) + ",\"type\":";
    append_json(json, row.type);
    json.append(",\"encoding\":\"").append(encoding_text(row.coding)).append("\",\"copies\":[");
    bool first = true;
    for (const http::Coding coding : http::real_codings) {
      const uint64_t size = row.copies[static_cast<size_t>(coding)];
      if (size == 0) continue;
      json.append(first ? "" : ",").append("{\"encoding\":\"").append(http::coding_name(coding));
      json += "\",\"size\":" + std::to_string(size) + "}";
      first = false;
    }
    json += "],\"hits\":" + std::to_string(row.hits) + ",\"age_s\":";
    append_seconds(json, row.age_ms);
    json.append(",\"state\":\"").append(row.overlay ? "overlay" : row.fresh ? "fresh" : "stale");
    json += "\",\"workers\":" + std::to_string(row.workers) + "}";
  }
  json += "],\"next\":";
  if (page.next.empty()) {
    json += "null";
  } else {
    append_json(json, page.next);
  }
  return json + "}\n";
}

}  // namespace uringd::admin
