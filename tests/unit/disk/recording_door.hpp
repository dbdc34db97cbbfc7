// RecordingDoor: the helper thread's door of a Bench. It writes down what a worker's disk asks, answers nothing by
// itself, and stops the process when a replaced state is acknowledged twice or never was one.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "uringd/base/check.hpp"
#include "uringd/disk/notice.hpp"
#include "uringd/disk/sites.hpp"

namespace uringd::testing {

/// What the helper thread is asked, newest last. A replaced state dies at done_with(), and its root with the last
/// state.
struct RecordingDoor final : disk::HelperDoor {
  struct Listing {
    int directory;
    uint64_t ticket;
  };
  [[nodiscard]] static std::string label(uint32_t site, std::string_view directory) {
    return std::to_string(site) + ":" + std::string(directory);
  }
  bool watch(uint32_t site, std::string_view directory) override {
    watch_calls.push_back(label(site, directory));
    return !busy;
  }
  void unwatch(uint32_t site, std::string_view directory) override { unwatched.push_back(label(site, directory)); }
  bool list(int directory, uint64_t ticket) override {
    ++list_calls;
    if (busy) return false;
    listings.push_back({directory, ticket});
    return true;
  }
  void done_with(const disk::SiteState* state) override {
    ++done;
    const auto found =
        std::find_if(replaced.begin(), replaced.end(), [&](const auto& one) { return one.get() == state; });
    CHECK(found != replaced.end());  // said twice, or of no state of ours
    replaced.erase(found);
  }

  bool busy = false;  // refuses what may be refused
  std::vector<std::string> watch_calls, unwatched;
  std::vector<Listing> listings;  // not answered yet
  int list_calls = 0;
  int done = 0;
  std::vector<std::unique_ptr<const disk::SiteState>> replaced;
};

}  // namespace uringd::testing
