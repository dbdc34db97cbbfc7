// A ring on which the test decides what happens between two turns of the helper's loop: a link is switched, a job
// comes, an operation stays under way. What it is asked for is done by plain system calls at the next turn, as far as
// it can be done at once and the test lets it. Only what the helper's loop uses is there; a program links this or a
// face of the room uring/. One thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "uringd/uring/ring.hpp"

namespace uringd::uring {

struct World {
  std::function<void(bool wait)> before_turn = [](bool) {};
  std::function<void(bool wait)> after_turn = [](bool) {};
  /// A turn is to wait and nothing is there. True: look again.
  std::function<bool()> on_sleep = [] { return false; };
  /// False: the operation stays under way, as on a disk that hangs. `path`: of an open.
  std::function<bool(Tag tag, const std::string& path)> may_end = [](Tag, const std::string&) { return true; };
};

struct Ring::Implementation {
  struct Operation {
    Tag tag;
    std::string path;                              // of an open
    std::function<std::optional<int32_t>()> done;  // its result; nothing: it would wait
    bool cancelled = false;
  };
  /// Whether it ended.
  bool end(const Operation& operation);
  void reap();

  World& world;
  std::vector<Operation> operations{};
  std::optional<std::pair<Tag, uint64_t>> timeout{};  // when it is due, ns
  bool cancelled = false;                             // the timeout
  std::vector<Completion> reaped{};
};

}  // namespace uringd::uring
