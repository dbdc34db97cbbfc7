// version: what this program is and what it was made from, for --version and the admin interface.
#pragma once

#include <string>
#include <string_view>

namespace uringd::daemon {

/// "0.1.0".
std::string_view version_number();

/// What --version prints, ending in a newline: the version and its commit; the compiler, and "static" or "dynamic"; a
/// line for each library with its version, as the build was configured (the C library's is the one that runs).
std::string version_text();

}  // namespace uringd::daemon
