// A second reading of X-Forwarded-For and Forwarded: lists from the left, by RFC 7239 §4 and RFC 9110 §5.6, all
// elements before any is judged; nodes by trying every cut. Slow and plain. Used by unit tests and fuzzers.
#pragma once

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "uringd/http/forwarded.hpp"

namespace uringd::http::testing {

struct Hop {
  std::string node;  // as named, without quotes; "" where nobody is named
  std::string proto;
};

inline std::string stripped(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t") + 1 - first);
}

inline std::string lowered(std::string text) {
  for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return text;
}

/// Cut at `mark`, where that stands outside quoted strings; nullopt: a string that does not end.
inline std::optional<std::vector<std::string>> cut_outside_quotes(const std::string& text, char mark) {
  std::vector<std::string> parts(1);
  bool quoted = false;
  for (size_t at = 0; at < text.size(); ++at) {
    if (!quoted && text[at] == mark) {
      parts.emplace_back();
      continue;
    }
    parts.back() += text[at];
    if (text[at] == '"') quoted = !quoted;
    if (quoted && text[at] == '\\') {
      if (++at == text.size()) return std::nullopt;
      parts.back() += text[at];
    }
  }
  if (quoted) return std::nullopt;
  return parts;
}

inline bool is_made_of(const std::string& text, const std::string& others) {
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           others.find(c) != std::string::npos;
  });
}

/// One element; nullopt: not of the grammar.
inline std::optional<Hop> read_element(const std::string& text) {
  const std::string token = "!#$%&'*+-.^_`|~";
  Hop hop;
  size_t nodes = 0, protos = 0;
  const auto pairs = cut_outside_quotes(text, ';');
  if (!pairs) return std::nullopt;
  for (const std::string& untrimmed : *pairs) {
    const std::string pair = stripped(untrimmed);
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    if (equals == std::string::npos || !is_made_of(pair.substr(0, equals), token)) return std::nullopt;
    const std::string name = lowered(pair.substr(0, equals)), raw = pair.substr(equals + 1);
    std::string value;
    if (raw.starts_with('"')) {
      size_t at = 1;
      for (; at < raw.size() && raw[at] != '"'; ++at) {
        if (raw[at] == '\\') ++at;
        value += raw[at];
      }
      if (at + 1 != raw.size()) return std::nullopt;
    } else if (is_made_of(raw, token + ":[]")) {
      value = raw;
    } else {
      return std::nullopt;
    }
    if (name == "for") hop.node = value, ++nodes;
    if (name == "proto") hop.proto = raw.starts_with('"') ? raw.substr(1, raw.size() - 2) : raw, ++protos;
  }
  if (nodes > 1 || protos > 1) return std::nullopt;
  return hop;
}

/// All hops of Forwarded, the nearest last; nullopt: some line is not of the grammar.
inline std::optional<std::vector<Hop>> read_forwarded(const std::vector<std::string>& lines) {
  std::vector<Hop> hops;
  for (const std::string& line : lines) {
    const auto elements = cut_outside_quotes(line, ',');
    if (!elements) return std::nullopt;
    for (const std::string& element : *elements) {
      if (stripped(element).empty()) continue;
      const auto hop = read_element(element);
      if (!hop) return std::nullopt;
      hops.push_back(*hop);
    }
  }
  return hops;
}

inline std::vector<std::string> read_list(const std::vector<std::string>& lines) {
  std::vector<std::string> elements;
  for (const std::string& line : lines) {
    std::string element;
    for (char c : line + ",") {
      if (c != ',') {
        element += c;
      } else if (const std::string whole = stripped(std::exchange(element, "")); !whole.empty()) {
        elements.push_back(whole);
      }
    }
  }
  return elements;
}

/// 4 or 16 bytes of inet_pton(3), or "".
inline std::string pton(int family, const std::string& text) {
  std::array<char, 16> bytes{};
  if (text.contains('\0') || inet_pton(family, text.c_str(), bytes.data()) != 1) return "";
  return {bytes.data(), family == AF_INET ? size_t{4} : size_t{16}};
}

/// The address that a node names, as text; "" for none.
inline std::string read_node(const std::string& node) {
  auto text_of = [](const std::string& bytes) -> std::string {
    std::array<unsigned char, 16> six{};
    std::copy(bytes.begin(), bytes.end(), six.begin());
    if (bytes.size() == 4) return IpAddress::v4({six[0], six[1], six[2], six[3]}).text();
    return bytes.size() == 16 ? IpAddress::v6(six).text() : "";
  };
  auto named = [](const std::string& text) {
    if (text.size() > 2 && text.front() == '[' && text.back() == ']')
      return pton(AF_INET6, text.substr(1, text.size() - 2));
    return pton(AF_INET, text);
  };
  auto is_port = [](const std::string& port) {
    if (port.starts_with('_')) return is_made_of(port.substr(1), "._-");
    return !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == std::string::npos;
  };
  if (node.size() > 127) return "";
  if (const std::string bare = pton(AF_INET6, node); !bare.empty()) return text_of(bare);
  if (const std::string whole = named(node); !whole.empty()) return text_of(whole);
  for (size_t at = 0; at < node.size(); ++at) {
    if (node[at] != ':' || !is_port(node.substr(at + 1))) continue;
    if (const std::string bytes = named(node.substr(0, at)); !bytes.empty()) return text_of(bytes);
  }
  return "";
}

/// The client's address as text, by the hops (the nearest last) from `peer` on.
inline std::string walk_back(const std::vector<std::string>& nodes, const std::string& peer, const CidrSet& trusted) {
  std::string client = peer;
  for (size_t hop = 0; hop < nodes.size() && hop < 64; ++hop) {
    const std::string named = read_node(nodes[nodes.size() - 1 - hop]);
    if (named.empty()) break;
    client = named;
    if (!trusted.contains(IpAddress::parse(named).value())) break;
  }
  return client;
}

inline Scheme scheme_named(const std::string& text) {
  return lowered(text) == "https" ? Scheme::https : lowered(text) == "http" ? Scheme::http : Scheme::unknown;
}

}  // namespace uringd::http::testing
