// metrics: a report as Prometheus reads it (text format 0.0.4: HELP, TYPE, samples). Names by its conventions: base
// units, _total, _seconds, _bytes. No label holds anything that a client sent but methods out of a fixed list.
#pragma once

#include <string>
#include <string_view>

#include "uringd/admin/report.hpp"

namespace uringd::admin {

inline constexpr std::string_view metrics_content_type = "text/plain; version=0.0.4; charset=utf-8";

[[nodiscard]] std::string render_metrics(const Report& report);

}  // namespace uringd::admin
