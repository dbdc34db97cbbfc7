// The windows in time. A request may be received long after it was sent, so every state from its sending on counts.
#include "releases.hpp"

#include <algorithm>

#include "uringd/base/check.hpp"

namespace uringd::sim {

std::string Releases::tree_of(uint32_t site, uint32_t number) {
  return "s" + std::to_string(site) + (number == 0 ? "" : "r" + std::to_string(number)) + "/";
}

void Releases::publish(uint32_t site, Period period) {
  std::vector<Period>& periods = periods_[site];
  if (!periods.empty()) periods.back().to_ns = period.from_ns;
  periods.push_back(std::move(period));
}

void Releases::reload(uint32_t site, Period period) {
  if (!periods_[site].empty()) periods_[site].back().reloaded = true;
  publish(site, std::move(period));
}

std::vector<Place> Releases::places(const std::string& path, const Asked& asked, uint64_t behind_ns,
                                    uint64_t now_ns) const {
  const size_t slash = path.find('/');
  CHECK(slash != std::string::npos);
  const auto site = static_cast<uint32_t>(std::stoul(path.substr(1, slash - 1)));
  const std::string below = path.substr(slash + 1);
  const uint64_t sent_ns = asked.sent_ns;
  const uint64_t nominal_ns = sent_ns - std::min(sent_ns, behind_ns);
  const auto told = told_.find(path);
  const uint64_t told_ns = told != told_.end() && told->second < sent_ns ? told->second : 0;
  std::vector<Place> places;
  for (const Period& period : periods_[site]) {
    if (period.to_ns < (period.reloaded ? asked.begun_ns : sent_ns) || period.from_ns > now_ns) continue;
    const uint64_t from_ns = std::max({nominal_ns, told_ns, forgiving_ ? period.release_ns : period.from_ns});
    Place place{.path = period.tree + below, .from_ns = from_ns};
    if (!period.previous.empty()) {
      place.otherwise = period.previous + below;
      place.otherwise_until_ns = period.previous_until_ns;
      if (period.previous_until_ns >= nominal_ns)
        places.push_back({.path = place.otherwise, .from_ns = from_ns, .lacking = place.path});
    }
    places.push_back(std::move(place));
  }
  return places;
}

}  // namespace uringd::sim
