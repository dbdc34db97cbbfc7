// AdminPlace: a site beside a token file, a port for the admin interface, its table of the configuration, and requests
// to it as a careful client sends them.
#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>

#include "harness.hpp"

namespace uringd::testing {

inline const std::string kBearer = "Authorization: Bearer open-sesame\r\n";

inline std::string admin_request(std::string_view method, std::string_view target, std::string_view fields = "",
                                 std::string_view host = "localhost") {
  return std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: " + std::string(host) + "\r\n" +
         std::string(fields) + "\r\n";
}

struct AdminPlace {
  AdminPlace() {
    site.outside_file("token", "open-sesame\n");
    ::chmod(site.outside("token").c_str(), 0600);
  }
  /// For Setup::more. `lines`: further ones of [admin].
  [[nodiscard]] std::string table(const std::string& lines = "", const std::string& listen = "") const {
    return "[admin]\nlisten = \"" + (listen.empty() ? "127.0.0.1:" + std::to_string(admin_port) : listen) +
           "\"\ntoken_file = \"token\"\n" + lines;
  }
  [[nodiscard]] Client connect() const { return Client::tcp(admin_port); }
  /// One answer over a connection of its own.
  [[nodiscard]] Response ask(std::string_view method, std::string_view target, std::string_view fields = "",
                             std::string_view host = "localhost") const {
    return connect().ask(admin_request(method, target, fields, host), method);
  }
  [[nodiscard]] Response get(std::string_view target, std::string_view fields = "") const {
    return ask("GET", target, fields);
  }

  Site site;
  int admin_port = free_port();
};

/// An error as all of them are: JSON with "error" and "hint".
inline bool is_error(const Response& response) {
  return response.field("Content-Type") == "application/json" && response.body.starts_with("{\"error\":\"") &&
         response.body.contains(",\"hint\":\"");
}

}  // namespace uringd::testing
