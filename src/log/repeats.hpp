// Repeats: which lines of the error log are said once too often. A table of the 16 texts that were heard last, with the
// 10 s that began when each was first heard: five lines of it pass, the others are counted and told in one line when
// the 10 s end. Lives in the logger, on the thread that drains it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "uringd/log/logger.hpp"

namespace uringd::log {

class Repeats {
 public:
  static constexpr uint64_t window_ms = 10'000;
  static constexpr uint32_t passes_most = 5;
  static constexpr size_t texts_most = 16;

  /// Takes "text (7 more times in 10 s)".
  using Tell = std::function<void(Level level, const std::string& line)>;

  /// Whether the line is to be written. Where it needs the place of another text, what that held back is told.
  bool admit(Level level, std::string_view text, uint64_t now_ms, const Tell& tell);
  /// Tells what texts held back whose 10 s are over, and forgets them.
  void end_windows(uint64_t now_ms, const Tell& tell);
  /// The same for all texts, whenever they began.
  void end_all(uint64_t now_ms, const Tell& tell);
  /// When the first of the windows ends that hold something back.
  [[nodiscard]] std::optional<uint64_t> next_end_ms() const;

 private:
  struct Text {
    Level level = Level::error;
    std::string text;
    uint64_t begun_ms = 0;
    uint64_t last_ms = 0;
    uint32_t count = 0;  // 0: the place is free
  };
  void end(Text& text, uint64_t now_ms, const Tell& tell);
  Text& place_for_another();

  std::array<Text, texts_most> texts_;
};

}  // namespace uringd::log
