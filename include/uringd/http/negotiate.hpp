// Proactive negotiation (RFC 9110 §12): what Accept-Encoding and Accept say of the representations that we could send.
// Pure; allocates nothing. A field that cannot be understood element by element loses the elements that cannot.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "uringd/http/content_coding.hpp"
#include "uringd/http/request.hpp"

namespace uringd::http {

/// What Accept-Encoding (RFC 9110 §12.5.3) allows. Qualities are in thousandths; 0: not acceptable.
struct AcceptedCodings {
  std::array<uint16_t, coding_count> quality{0, 0, 0, 0};  // by Coding
  [[nodiscard]] bool accepts(Coding coding) const { return quality[static_cast<size_t>(coding)] > 0; }
  /// Any coding but identity.
  [[nodiscard]] bool any() const { return (quality[1] | quality[2] | quality[3]) != 0; }
};

/// Without the field, or with an empty one, identity alone (the first allows more, but says nothing of what the client
/// can read). x-gzip is gzip (§8.4.1.3); names are case-insensitive; a name that comes twice has its first quality; "*"
/// is for those not named. Identity is acceptable unless it, or "*" without it, has q=0; where it is not named its
/// quality is 1: anything named is better.
AcceptedCodings accepted_codings(const Request& request);
/// The same of one field line, for tests and tools.
AcceptedCodings accepted_codings(std::string_view value);

/// Codings of equal quality, best first; `identity` never is among them.
struct CodingOrder {
  std::array<Coding, 3> codings{};
  uint8_t count = 0;
};
/// Those of `offered` that are at least as welcome as identity, best quality first, in the order of `offered` where
/// the client does not care.
CodingOrder preferred_codings(const AcceptedCodings& accepted, std::span<const Coding> offered);

/// The quality (thousandths) of a media type ("text/html", no parameters) by Accept (RFC 9110 §12.5.1): the most
/// specific range counts; ranges with parameters other than q do not match. 1000 without the field.
uint16_t accepted_quality(const Request& request, std::string_view media_type);

/// Accept names text/html (not through "*"), with a quality above 0: browsers do this when a person goes somewhere, and
/// scripts and images do not.
bool accepts_page(const Request& request);

}  // namespace uringd::http
