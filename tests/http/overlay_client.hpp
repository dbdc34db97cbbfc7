// OverlayPlace: an AdminPlace whose overlays a test puts and deletes.
#pragma once

#include "admin_client.hpp"

namespace uringd::testing {

struct OverlayPlace : AdminPlace {
  /// `target`: the path, with ?site= perhaps.
  [[nodiscard]] Response put(std::string_view target, std::string_view body, std::string_view fields = "") const {
    const std::string length = "Content-Length: " + std::to_string(body.size()) + "\r\n";
    Client client = connect();
    return client.ask(admin_request("PUT", "/cache" + std::string(target), kBearer + length + std::string(fields)) +
                          std::string(body),
                      "PUT");
  }
  [[nodiscard]] Response remove(std::string_view target) const {
    return ask("DELETE", "/cache" + std::string(target), kBearer);
  }
  /// In chunks of that size.
  [[nodiscard]] static std::string chunked(std::string_view body, size_t chunk_bytes) {
    std::string text;
    for (; !body.empty(); body.remove_prefix(std::min(chunk_bytes, body.size()))) {
      const std::string_view chunk = body.substr(0, chunk_bytes);
      char size[20];
      std::snprintf(size, sizeof size, "%zx\r\n", chunk.size());
      text.append(size).append(chunk).append("\r\n");
    }
    return text + "0\r\n\r\n";
  }
};

/// So many connections that every worker has some.
inline constexpr int kEveryWorker = 24;

}  // namespace uringd::testing
