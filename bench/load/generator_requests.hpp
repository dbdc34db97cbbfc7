// The requests, rendered once: one target, or a list that is walked or drawn from at random. Owned by the client. The
// whole list lies in one string, so that the next request costs no more than the bytes it has.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace uringd::load {

enum class Order { walk, random };

class Requests {
 public:
  /// `once`: there are no more after so many as `most` says (0: no such bound).
  Requests(const std::vector<std::string>& targets, const std::vector<std::string>& fields, bool close, Order order,
           uint64_t most);

  /// As many as `depth` requests laid end to end, and how many those are: 0 after the last. Valid until the next call
  /// where they are composed for it, otherwise as long as this.
  struct Batch {
    std::string_view bytes;
    unsigned count = 0;
    bool composed = false;
  };
  Batch next(unsigned depth);

  [[nodiscard]] bool ended() const { return most_ != 0 && given_ == most_; }

 private:
  [[nodiscard]] std::string_view at(size_t index) const;
  size_t draw();

  std::string text_;
  std::vector<size_t> starts_;  // of each request in text_, and the end
  Order order_;
  uint64_t most_;
  uint64_t given_ = 0;
  size_t place_ = 0;                      // the walk's
  uint64_t random_ = 0x9e3779b97f4a7c15;  // the same draw in every run: servers that take turns
                                          // get the same questions
  std::string batch_;
};

}  // namespace uringd::load
