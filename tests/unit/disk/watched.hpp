// Watched: a Watch on a real tree, and ears for what it tells. For the tests of disk::Watch.
#pragma once

#include <poll.h>

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "uringd/disk/watch.hpp"
// After the room's headers: its CHECK is doctest's from here on.
#include "real_tree.hpp"

namespace uringd::disk::test {

struct Heard {
  std::vector<std::string> paths;  // of site 0, in order, once each
  size_t moved = 0, roots = 0;     // batches that said so
  bool overflow = false;
  [[nodiscard]] bool has(const std::string& path) const { return std::ranges::find(paths, path) != paths.end(); }
};

struct Watched {
  explicit Watched(const std::string& root = ".", uint32_t limit = 0, SiteRules rules = {}) {
    tree.directory("site/assets/css");
    tree.write("site/index.html");
    tree.write("site/assets/a.css");
    reset(root, limit, std::move(rules));
  }
  void reset(const std::string& root, uint32_t limit = 0, SiteRules rules = {}) {
    sites = std::make_unique<Sites>(one_site(tree.at(root == "." ? "site" : root), std::move(rules)));
    watch = std::make_unique<Watch>(*sites, logger, limit);
    watch->add_tree(0);
    REQUIRE(watch->open());
    while (watch->work()) {
    }
  }
  /// All that inotify has; as the helper does, what moved is built anew.
  Heard hear() {
    Heard heard;
    pollfd ready{.fd = watch->descriptor(), .events = POLLIN, .revents = 0};
    while (poll(&ready, 1, 0) == 1) {
      std::vector<char> bytes(size_t{64} << 10);
      const ssize_t got = read(watch->descriptor(), bytes.data(), bytes.size());
      REQUIRE(got > 0);
      take(watch->on_events(std::span(bytes).first(static_cast<size_t>(got))), heard);
    }
    return heard;
  }
  void take(const WatchNews& news, Heard& heard) {
    for (const Invalidated& notice : news.invalidated) heard.paths.push_back(notice.path);
    heard.moved += !news.moved.empty();
    heard.roots += !news.roots.empty();
    heard.overflow |= news.overflow;
    for (const uint32_t site : news.moved) watch->rebuild(site);
    while (watch->work()) {
    }
  }

  RealTree tree;
  LogFile log_file;
  log::Logger logger{log::Level::debug, log_file.file.number()};
  std::unique_ptr<Sites> sites;
  std::unique_ptr<Watch> watch;
};

}  // namespace uringd::disk::test
