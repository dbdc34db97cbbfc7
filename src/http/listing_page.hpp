// The listing as a page. Pure. Private to http/.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "uringd/http/listing.hpp"

namespace uringd::http {

/// `files` in the order of the form.
std::string render_page(std::string_view path, std::span<const ListedFile> files, bool truncated,
                        const ListingForm& form);

}  // namespace uringd::http
