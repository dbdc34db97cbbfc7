// The table of endpoints.
#include "endpoint.hpp"

#include <algorithm>
#include <array>

#include "uringd/admin/page.hpp"
#include "uringd/http/target.hpp"

namespace uringd::admin {
namespace {

constexpr std::string_view reading = "GET, HEAD, OPTIONS";

struct Row {
  std::string_view path;
  Endpoint endpoint;
  std::string_view allow;
  Need need;
};

constexpr std::array<Row, 7> rows = {{
    {"/healthz", Endpoint::health, reading, Need::nothing},
    {"/readyz", Endpoint::readiness, reading, Need::nothing},
    {"/metrics", Endpoint::metrics, reading, Need::read},
    {"/stats", Endpoint::stats, reading, Need::read},
    {"/stats/stream", Endpoint::stream, reading, Need::read},
    {"/cache", Endpoint::entries, reading, Need::read},
    {"/reload", Endpoint::reload, "POST, OPTIONS", Need::token},
}};
constexpr Row entry_row = {"/cache/", Endpoint::entry, "PUT, DELETE, OPTIONS", Need::token};
constexpr Row asset_row = {"/", Endpoint::asset, reading, Need::nothing};  // it has no figures in it

// "GET, HEAD, OPTIONS" has "HEAD".
bool has_method(std::string_view list, std::string_view method) {
  while (!list.empty()) {
    const size_t comma = std::min(list.find(", "), list.size());
    if (list.substr(0, comma) == method) return true;
    list.remove_prefix(std::min(comma + 2, list.size()));
  }
  return false;
}

const Row* find_row(const http::Target& target) {
  if (target.path.starts_with(entry_row.path) || (target.path == "/cache" && target.trailing_slash)) return &entry_row;
  if (target.path == asset_row.path) return &asset_row;
  if (target.trailing_slash) return nullptr;
  if (page_asset(target.path)) return &asset_row;
  const auto found = std::ranges::find(rows, target.path, &Row::path);
  return found == rows.end() ? nullptr : &*found;
}

}  // namespace

std::expected<Routed, int> route(const http::Request& request, std::span<char> out) {
  const auto target = http::parse_target(request.target(), out);
  if (!target) return std::unexpected(target.error());
  Routed routed{.path = target->path, .query = target->query};
  const Row* row = target->asterisk ? nullptr : find_row(*target);
  if (!row) return routed;
  routed.endpoint = row->endpoint;
  routed.allow = row->allow;
  routed.need = row->need;
  routed.allowed = has_method(row->allow, request.method_name());
  if (row->endpoint != Endpoint::entry) return routed;
  size_t size = target->path.size();
  if (target->trailing_slash) out[size++] = '/';  // where its NUL was
  routed.path = std::string_view(out.data(), size).substr(std::string_view("/cache").size());
  return routed;
}

}  // namespace uringd::admin
