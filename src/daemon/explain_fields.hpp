// Why an answer has the fields that it has: which of the site's header rules match, and what cache_control says.
#pragma once

#include <string_view>

#include "explain_answer.hpp"

namespace uringd::daemon {

void tell_fields(const Inquiry& inquiry, const Representation& representation);
/// Of a redirect or an error.
void tell_fields(const Inquiry& inquiry, std::string_view path, bool error);

}  // namespace uringd::daemon
