// What may be written where. Bounds are those of DNS (253), of file names (255) and of RFC 6838.
#include "spelling.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>

#include "uringd/base/glob.hpp"

namespace uringd::config {
namespace {

constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

}  // namespace

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& byte : out) {
    if (byte >= 'A' && byte <= 'Z') byte = static_cast<char>(byte - 'A' + 'a');
  }
  return out;
}

bool only(std::string_view text, std::string_view allowed) {
  return text.find_first_not_of(allowed) == std::string_view::npos;
}

// A media type goes into a header of every answer: nothing that could end the line or start another field, and no
// longer than two restricted names and their slash (RFC 6838 §4.2): heads are composed into bounded memory.
bool is_media_type(std::string_view text) {
  if (text.size() > 255) return false;
  constexpr std::string_view marks = "!#$&^_.+-";
  const auto is_name = [&](std::string_view token) {
    return !token.empty() &&
           only(token, std::string(letters) + std::string(digits) + std::string(marks));  // RFC 6838 §4.2
  };
  const std::string_view essence = text.substr(0, text.find(';'));
  const std::size_t slash = essence.find('/');
  if (slash == essence.npos || !is_name(essence.substr(0, slash)) || !is_name(essence.substr(slash + 1))) {
    return false;
  }
  return std::ranges::all_of(text, [](char byte) { return byte >= 0x20 && byte < 0x7f; });
}

bool is_media_range(std::string_view text) {
  if (text == "*") return true;
  if (text.contains(';')) return false;
  if (text.ends_with("/*")) return is_media_type(std::string(text.substr(0, text.size() - 1)) + "x");
  return is_media_type(text);
}

bool is_token(std::string_view text) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !text.empty() && only(text, std::string(letters) + std::string(digits) + std::string(marks));
}

std::string canonical_host(std::string host) {
  if (host.size() > 1 && host.ends_with('.')) host.pop_back();
  in6_addr address;
  if (!host.starts_with('[') || !host.ends_with(']') || host.size() < 3) return host;
  if (::inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &address) != 1) return host;
  std::array<char, INET6_ADDRSTRLEN> text;
  if (!::inet_ntop(AF_INET6, &address, text.data(), text.size())) return host;
  return '[' + std::string(text.data()) + ']';
}

bool is_host(std::string_view host) {
  if (host == "*") return true;
  if (host.starts_with('[') && host.ends_with(']') && host.size() > 2) {
    in6_addr ignored{};
    return ::inet_pton(AF_INET6, std::string(host.substr(1, host.size() - 2)).c_str(), &ignored) == 1;
  }
  if (host.starts_with("*.")) host.remove_prefix(2);
  return !host.empty() && host.size() <= 253 && !host.starts_with('.') && !host.contains("..") &&
         only(host, std::string(letters) + std::string(digits) + "-_.");
}

bool is_file_name(std::string_view name) {
  return !name.empty() && name.size() <= 255 && name != "." && name != ".." && !name.contains('/') &&
         !name.contains('\0');
}

bool is_extension(std::string_view text) { return is_file_name(text) && !text.starts_with('.'); }

bool is_error_status(std::string_view status) {
  return status.size() == 3 && (status[0] == '4' || status[0] == '5') &&
         (status.substr(1) == "xx" || only(status.substr(1), digits));
}

namespace {

/// Whether every brace has its other half; one that is escaped or in a set is a byte as any other.
bool braces_are_paired(std::string_view pattern) {
  std::size_t open = 0;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    if (pattern[at] == '\\') {
      ++at;
    } else if (pattern[at] == '[') {
      const std::string_view segment = pattern.substr(0, pattern.find('/', at));
      std::size_t first = at + 1;
      if (first < segment.size() && (segment[first] == '!' || segment[first] == '^')) ++first;
      const std::size_t close = segment.find(']', first + 1);  // "[]x]": the first one is a member
      if (close != segment.npos) at = close;
    } else if (pattern[at] == '{') {
      ++open;
    } else if (pattern[at] == '}' && open-- == 0) {
      return false;
    }
  }
  return open == 0;
}

}  // namespace

// What is not closed would mean itself, and match what nobody asks for.
std::string_view brace_problem(std::string_view pattern) {
  if (!braces_are_paired(pattern)) return R"(expected each { with its }; a brace itself is \{ or \})";
  return glob_problem(pattern);
}

bool is_page_path(std::string_view path) {
  if (!path.starts_with('/') || path.ends_with('/') || path.contains('\0')) return false;
  const std::string whole = std::string(path) + '/';  // as a request's path would come out of decoding, no other way
  return !whole.contains("/../") && !whole.contains("/./") && !whole.contains("//");
}

}  // namespace uringd::config
