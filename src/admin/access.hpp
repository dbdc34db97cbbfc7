// access: may this client do that? Three rules, in their order: the name by which it reached us, the page that sent it,
// the token. Pure but for the machine's name, which is asked for once. On the admin worker's thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "endpoint.hpp"
#include "uringd/config/config.hpp"
#include "uringd/server/handler.hpp"

namespace uringd::admin {

/// Whether `presented` is the token; takes the same time for every wrong one of its length.
bool same_token(std::string_view presented, std::string_view token);

class Access {
 public:
  Access();
  /// Names that this machine has for itself, in lower case: for tests.
  explicit Access(std::vector<std::string> own_names) : own_names_(std::move(own_names)) {}

  /// The answer that refuses it, or nothing. 403: Host or Origin, or there is no token to be had; 401: the token.
  [[nodiscard]] std::optional<server::Answer> refuse(const server::Asked& asked, Need need,
                                                     const config::Config::Admin& admin) const;

 private:
  [[nodiscard]] bool known_host(std::string_view host) const;

  std::vector<std::string> own_names_;
};

}  // namespace uringd::admin
