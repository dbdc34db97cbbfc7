// HelperWorld: a Helper on a real tree with two releases and a link to one of them, and two hands that do with their
// mailboxes what workers' disks do. For tests of the helper thread and of the background thread behind it.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "uringd/server/helper.hpp"
// After the room's headers: its CHECK is doctest's from here on.
#include "../disk/real_tree.hpp"

namespace uringd::server::test {

using namespace std::chrono_literals;

using disk::test::LogFile;
using disk::test::one_site;
using disk::test::RealTree;

using Clock = std::chrono::steady_clock;

inline bool within(std::chrono::milliseconds limit, const std::function<bool()>& holds) {
  const auto end = Clock::now() + limit;
  while (!holds()) {
    if (Clock::now() > end) return false;
    std::this_thread::sleep_for(200us);
  }
  return true;
}

/// What a worker's disk does with its mailbox, as far as these tests need it.
struct Hand {
  Mailbox mailbox;
  std::vector<disk::Invalidated> invalidated;
  std::vector<disk::Listed> listed;
  std::vector<disk::Rendered> rendered;
  std::vector<disk::Encoded> encoded;
  std::vector<const disk::SiteState*> retired;
  std::vector<std::string> preloaded;
  size_t largest_batch = 0;

  void take() {
    for (disk::Notice& notice : mailbox.take_notices()) {
      if (auto* one = std::get_if<disk::Invalidated>(&notice)) invalidated.push_back(std::move(*one));
      if (auto* one = std::get_if<disk::Listed>(&notice)) listed.push_back(std::move(*one));
      if (auto* one = std::get_if<disk::Rendered>(&notice)) rendered.push_back(std::move(*one));
      if (auto* one = std::get_if<disk::Encoded>(&notice)) encoded.push_back(std::move(*one));
      if (auto* one = std::get_if<disk::Retired>(&notice)) retired.push_back(one->state);
      if (auto* one = std::get_if<disk::Preload>(&notice)) {
        largest_batch = std::max(largest_batch, one->paths.size());
        preloaded.insert(preloaded.end(), one->paths.begin(), one->paths.end());
      }
    }
  }
  /// What a worker does between two turns when it was asked to.
  void pass() {
    if ((mailbox.take() & static_cast<uint32_t>(Command::pass)) != 0) mailbox.pass();
  }
  bool heard(const std::string& path) {
    take();
    return std::ranges::any_of(invalidated, [&](const disk::Invalidated& one) { return one.path == path; });
  }
};

struct HelperWorld {
  explicit HelperWorld(HelperOptions helper_options = {}, disk::SiteRules rules = {}, bool start_now = true) {
    tree.directory("releases/1/assets");
    tree.directory("releases/2/assets");
    tree.write("releases/1/index.html");
    tree.write("releases/2/index.html");
    tree.link("releases/1", "current");
    sites = std::make_unique<disk::Sites>(one_site(tree.at("current"), std::move(rules)));
    helper = std::make_unique<Helper>(*sites, work(std::move(helper_options)), logger, 2);
    if (start_now) start();
  }
  /// The one tree that there is.
  static HelperWork work(HelperOptions options) { return {.options = std::move(options), .trees = {0}}; }
  void start() {
    Mailbox* const mailboxes[] = {&hands[0].mailbox, &hands[1].mailbox};
    const auto started = helper->start(mailboxes);
    if (!started) FAIL(started.error().message);
  }
  [[nodiscard]] const disk::SiteState& state() const { return sites->state(0); }
  void acknowledge() {
    for (uint32_t worker = 0; worker < 2; ++worker) {
      hands[worker].take();
      for (const disk::SiteState* retired : hands[worker].retired) helper->door(worker).done_with(retired);
      hands[worker].retired.clear();
    }
  }
  /// The watch stands: a change of `path` in it is told to both. Without it a test would race with the helper.
  void settle(const std::string& directory) {
    const auto end = Clock::now() + 5s;
    for (int number = 0; Clock::now() < end; ++number) {
      tree.write("releases/1" + directory + "/settle", std::to_string(number));
      if (within(20ms, [&] { return hands[0].heard(directory + "/settle"); })) return;
    }
    FAIL("no watch");
  }
  std::string log() {
    logger.drain();
    return log_file.text();
  }

  RealTree tree;
  LogFile log_file;
  log::Logger logger{log::Level::debug, log_file.file.number()};
  std::array<Hand, 2> hands;
  std::unique_ptr<disk::Sites> sites;
  std::unique_ptr<Helper> helper;
};

}  // namespace uringd::server::test
