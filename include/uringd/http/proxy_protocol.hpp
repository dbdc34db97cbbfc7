// proxy_protocol: the header with which a proxy begins a connection to say whose it is (HAProxy's "The PROXY protocol",
// versions 1 and 2). Pure; on the bytes that have arrived so far.
// Bounds: 107 bytes of version 1, 16 + 65,535 of version 2 (cut to most_bytes: more than any address and its TLVs
// take).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "uringd/base/ip_address.hpp"

namespace uringd::http {

struct ProxyHeader {
  static constexpr size_t most_bytes = 4096;
  enum class Progress : uint8_t { need_more, complete, invalid };

  Progress progress = Progress::need_more;
  size_t used = 0;   // complete: bytes of the header; HTTP begins behind them
  IpAddress source;  // unknown: LOCAL, UNKNOWN, or a family that is not IP: the socket's own peer counts
};

/// Never reads beyond `bytes`; the same for every way in which the bytes arrive: what is invalid or complete stays so
/// however it goes on. Both versions are told apart by their first byte, and HTTP or TLS from both by theirs: but for
/// "P" (POST, PATCH), invalid at once. TLVs are skipped, CRC32C among them: TCP has its own.
ProxyHeader parse_proxy_header(std::span<const char> bytes);

}  // namespace uringd::http
