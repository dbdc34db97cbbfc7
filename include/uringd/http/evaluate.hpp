// evaluate: step 7 of the journey. A request and the representation that it met become the answer: 200, 206, 304, 412
// or 416, and which body bytes it has. Pure; for GET and HEAD.
#pragma once

#include <cstdint>

#include "uringd/http/conditional.hpp"
#include "uringd/http/request.hpp"

namespace uringd::http {

struct Reply {
  int status = 200;
  uint64_t first = 0;    ///< body bytes [first, first + length) of the representation
  uint64_t length = 0;   ///< 0 for 304, 412, 416. For HEAD it is what GET would send: the body itself is left out later
  bool several = false;  ///< a 206 of several ranges: parse_ranges() has them; first and length are 0
};

/// Preconditions in the order of RFC 9110 §13.2.2, then Range (GET only, §14.2).
Reply evaluate(const Request& request, const Representation& representation, int64_t now_seconds);

}  // namespace uringd::http
