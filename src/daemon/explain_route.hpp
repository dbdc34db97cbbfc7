// The words for a route: which site and because of which host, which rule and what it caught, what maps had, which path
// came of it, and in which tree that lies.
#pragma once

#include <string>
#include <string_view>

#include "explain_answer.hpp"
#include "uringd/site/rewrites.hpp"

namespace uringd::daemon {

void tell_route(const Inquiry& inquiry, const site::RewriteTrace& trace);

/// What no request's target may hold, or nothing: the fault is elsewhere.
[[nodiscard]] std::string why_invalid(std::string_view target);

/// Of a route that has its status at once.
[[nodiscard]] std::string why_at_once(const Inquiry& inquiry);

}  // namespace uringd::daemon
