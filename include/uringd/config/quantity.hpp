// quantity: sizes ("64KiB") and durations ("500ms") as people write them. Whole numbers only, no spaces, units spelled
// exactly: B, KB, MB, GB, TB (powers of ten), KiB, MiB, GiB, TiB; ms, s, m, h. Pure; overflow is an error, never a
// wrap.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "uringd/config/config.hpp"

namespace uringd::config {

/// Bytes; digits alone are bytes. Nothing where the text is no size or exceeds 2^63 - 1.
std::optional<std::uint64_t> parse_size(std::string_view text);

/// Nothing where the unit is missing, the text is no duration or exceeds 2^63 - 1 ms.
std::optional<Duration> parse_duration(std::string_view text);

/// The shortest text in the largest binary unit that divides it: 65536 → "64KiB", 1000 → "1000".
std::string format_size(std::uint64_t bytes);

/// In the largest unit that divides it, one minute aside: 90000 ms → "90s", 60000 → "60s", 120000 → "2m".
std::string format_duration(Duration duration);

}  // namespace uringd::config
