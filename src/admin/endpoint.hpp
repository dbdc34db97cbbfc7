// endpoint: what is there, and what may be done with it: one table, from which 404, 405, Allow and the check of tokens
// come. Paths are normalised by http/target, once and as everywhere else, so that nothing reaches an endpoint by a way
// around it. Pure.
#pragma once

#include <expected>
#include <span>
#include <string_view>

#include "uringd/http/request.hpp"

namespace uringd::admin {

enum class Endpoint : uint8_t {
  unknown,
  asset,  // of the page: page.hpp
  health,
  readiness,
  reload,
  metrics,
  stats,
  stream,
  entries,  // /cache
  entry     // /cache/PATH
};

/// Who may: everybody, whoever may read (admin.read), whoever has the token.
enum class Need : uint8_t { nothing, read, token };

struct Routed {
  Endpoint endpoint = Endpoint::unknown;
  std::string_view path;   // decoded; of an entry: what is behind "/cache", "/" at its end where there was one
  std::string_view query;  // as sent
  std::string_view allow;  // methods
  bool allowed = false;    // the request's is one of them
  Need need = Need::nothing;
};

/// Where a request leads, or 400. Views point into `out`, which has at least target().size() + 2 bytes, and into the
/// request.
std::expected<Routed, int> route(const http::Request& request, std::span<char> out);

}  // namespace uringd::admin
