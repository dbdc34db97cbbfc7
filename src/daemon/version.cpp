// The one file that is compiled again when the commit changes: build_facts.hpp is made at configuration, commit.hpp by
// commit.sh at each build, and written only when what it says has changed.
#include "uringd/daemon/version.hpp"

#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

#include "build_facts.hpp"
#include "commit.hpp"

namespace uringd::daemon {

namespace {

std::string dotted(int major, int minor, int patch) {
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
}

std::string compiler() {
#ifdef __clang__
  return "clang++ " + dotted(__clang_major__, __clang_minor__, __clang_patchlevel__);
#else
  return "g++ " + dotted(__GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#endif
}

}  // namespace

std::string_view version_number() { return URINGD_VERSION; }

std::string version_text() {
  const std::string_view commit = URINGD_COMMIT;
  std::string text = "uringd " + std::string(version_number()) + " (";
  text += commit.empty() ? "unknown commit" : "commit " + std::string(commit);
  text += ")\nbuilt with " + compiler() + (URINGD_STATIC ? ", static" : ", dynamic") + "\n";
#ifdef __GLIBC__
  text += std::string("glibc ") + gnu_get_libc_version() + "\n";
#endif
  return text + URINGD_LIBRARIES;
}

}  // namespace uringd::daemon
