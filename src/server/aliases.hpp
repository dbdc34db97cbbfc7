// Aliases: the paths by which a file is asked for: its own, its directory's where it is the index, its own without
// extension. A rule for any of them is for the file. Views of the name and the policy.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "uringd/server/snapshot.hpp"

namespace uringd::server {

struct Aliases {
  Aliases(const SitePolicy& policy, std::string_view name) {
    all_[count_++] = name;
    const size_t slash = name.rfind('/');
    const std::string_view last = name.substr(slash + 1);
    if (std::ranges::find(policy.index, last) != policy.index.end()) all_[count_++] = name.substr(0, slash + 1);
    for (const std::string& extension : policy.extensions) {
      if (last.size() <= extension.size() || !last.ends_with(extension)) continue;
      has_extension = true;
      all_[count_++] = name.substr(0, name.size() - extension.size());
      return;
    }
  }
  [[nodiscard]] std::span<const std::string_view> paths() const { return std::span(all_).first(count_); }

  bool has_extension = false;

 private:
  std::array<std::string_view, 3> all_;
  size_t count_ = 0;
};

}  // namespace uringd::server
