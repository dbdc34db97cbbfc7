// RecordingDoor: the helper thread's door of a Bench. It writes down what a worker's disk asks, answers nothing by
// itself, and stops the process when a replaced state is acknowledged twice or never was one. A directory that is to be
// listed is the door's own: it is no descriptor of the real kernel's, and goes back by `close`.
#pragma once

#include <algorithm>
#include <functional>
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
  struct FileListing {
    disk::ListingOrder order;  // without its descriptor
    int directory;
    uint64_t ticket;
  };
  struct Encoding {
    disk::EncodeOrder order;
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

  bool list_files(disk::ListingOrder order, uint64_t ticket) override {
    const int directory = order.directory.release();
    if (busy) {
      close(directory);
      return false;
    }
    file_listings.push_back({std::move(order), directory, ticket});
    return true;
  }
  bool encode(disk::EncodeOrder order, uint64_t ticket) override {
    if (busy) return false;
    encodings.push_back({std::move(order), ticket});
    return true;
  }

  bool busy = false;  // refuses what may be refused
  std::vector<std::string> watch_calls, unwatched;
  std::vector<Listing> listings;  // not answered yet
  std::vector<FileListing> file_listings;
  std::vector<Encoding> encodings;
  std::function<void(int directory)> close;
  int list_calls = 0;
  int done = 0;
  std::vector<std::unique_ptr<const disk::SiteState>> replaced;
};

}  // namespace uringd::testing
