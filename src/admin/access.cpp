// The rules, and why they are these.
//
// Host: a page of evil.example whose name is made to lead to 127.0.0.1 (DNS rebinding) is, to the browser, of our own
// origin, and may read all that it likes; but its requests say "Host: evil.example". So TCP clients must name us by an
// address (a name cannot be rebound to a literal), by localhost or a name below it (RFC 6761 §6.3: no DNS answers for
// it), or by the machine's own host name. A unix socket is reached by no browser, and its clients write what they like.
// Health endpoints say nothing worth stealing and are asked by whatever name an orchestrator has: they are exempt.
//
// Origin: a browser says there which page sent a request. It must be a page of this very interface: scheme http or
// https (a proxy may have added TLS), and the authority that Host has. Clients that are no browsers send none; nobody
// sends two.
//
// Token: never by a cookie or the URL, so no other page can make a browser send it.
#include "access.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "say.hpp"
#include "uringd/base/ip_address.hpp"
#include "uringd/config/listen.hpp"
#include "uringd/http/host.hpp"

namespace uringd::admin {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

bool equal_folded(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

bool local(const IpAddress& peer) {
  if (peer.kind() == IpAddress::Kind::local) return true;
  if (!peer.is_ip()) return false;
  if (peer.is_v4()) return peer.bytes()[12] == 127;
  return peer == IpAddress::v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
}

bool same_origin(std::string_view origin, std::string_view host) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (origin.size() > scheme.size() && equal_folded(origin.substr(0, scheme.size()), scheme)) {
      return equal_folded(origin.substr(scheme.size()), host);
    }
  }
  return false;  // "null" too
}

/// What "Authorization: Bearer …" brings; nothing where it is of another scheme, or there twice.
std::optional<std::string_view> bearer(const http::Request& request) {
  const auto field = request.field(http::Field::authorization);
  constexpr std::string_view scheme = "Bearer ";
  if (!field || request.repeated(http::Field::authorization)) return {};
  if (field->size() < scheme.size() || !equal_folded(field->substr(0, scheme.size()), scheme)) return {};
  std::string_view token = field->substr(scheme.size());
  token.remove_prefix(std::min(token.find_first_not_of(' '), token.size()));
  return token;
}

server::Answer unauthorised(bool wrong) {
  server::Answer answer = wrong ? say_error(401, "the token is wrong", "send what admin.token_file holds")
                                : say_error(401, "a token is needed",
                                            "send 'Authorization: Bearer TOKEN' with what admin.token_file holds");
  answer.fields += wrong ? "WWW-Authenticate: Bearer realm=\"uringd\", error=\"invalid_token\"\r\n"
                         : "WWW-Authenticate: Bearer realm=\"uringd\"\r\n";
  return answer;
}

}  // namespace

// As many steps as the presented one has bytes, whatever they are: its length is no secret of ours.
bool same_token(std::string_view presented, std::string_view token) {
  if (token.empty()) return false;
  unsigned different = presented.size() != token.size() ? 1U : 0U;
  for (size_t at = 0; at < presented.size(); ++at) {
    different |= static_cast<unsigned char>(presented[at]) ^ static_cast<unsigned char>(token[at % token.size()]);
    asm volatile("" : "+r"(different));  // no early end
  }
  return different == 0;
}

Access::Access() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return;
  std::string text(name.data());
  std::ranges::transform(text, text.begin(), lower);
  if (text.empty()) return;
  own_names_.push_back(text);
  if (const size_t dot = text.find('.'); dot != text.npos && dot > 0) own_names_.push_back(text.substr(0, dot));
}

bool Access::known_host(std::string_view host) const {
  std::array<char, 512> memory{};
  const auto name = http::canonical_host(host, memory);
  if (!name) return false;
  if (name->starts_with('[') || IpAddress::parse(*name)) return true;
  if (*name == "localhost" || name->ends_with(".localhost")) return true;
  return std::ranges::find(own_names_, *name) != own_names_.end();
}

std::optional<server::Answer> Access::refuse(const server::Asked& asked, Need need,
                                             const config::Config::Admin& admin) const {
  const http::Request& request = asked.request;
  const auto host = request.field(http::Field::host);
  if (host && asked.peer.kind() != IpAddress::Kind::local && !known_host(*host)) {
    return say_error(403, "the Host field names somebody else",
                     "ask by an IP address, by localhost or by the machine's host name");
  }
  const auto origin = request.find("origin");
  if (origin && (request.find_next("origin", *origin) || !same_origin(*origin, host.value_or("")))) {
    return say_error(403, "the Origin field names another page", "pages of other origins may not use this interface");
  }
  const bool only_here = admin.listen && config::is_local(*admin.listen) && local(asked.peer);
  const bool open = admin.read == config::AdminRead::open || (admin.read == config::AdminRead::automatic && only_here);
  if (need == Need::nothing || (need == Need::read && open)) return {};
  if (admin.token.empty()) {
    return say_error(403, "there is no token, so nothing may be changed", "set admin.token_file and reload");
  }
  const auto presented = bearer(request);
  if (presented && same_token(*presented, admin.token)) return {};
  return unauthorised(presented.has_value());
}

}  // namespace uringd::admin
