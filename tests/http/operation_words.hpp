// What the log says when a signal has been done with: tests of signals wait for these words, and only these.
#pragma once

namespace uringd::testing::words {

inline constexpr const char* kListening = "listening on ";
inline constexpr const char* kReloaded = "reload: done";
inline constexpr const char* kNotReloaded = "reload: failed";
inline constexpr const char* kServesNow = " serves now";
inline constexpr const char* kNotUpgraded = "; this process goes on";
inline constexpr const char* kReopened = "reopened the access log";

}  // namespace uringd::testing::words
