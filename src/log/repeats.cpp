// A table this small is searched from its begin to its end: the main thread does it, some lines a second.
#include "repeats.hpp"

#include <algorithm>
#include <tuple>

namespace uringd::log {

bool Repeats::admit(Level level, std::string_view text, uint64_t now_ms, const Tell& tell) {
  auto found = std::ranges::find_if(
      texts_, [&](const Text& known) { return known.count > 0 && known.level == level && known.text == text; });
  if (found == texts_.end()) {
    Text& place = place_for_another();
    end(place, now_ms, tell);
    place = {level, std::string(text), now_ms, now_ms, 1};
    return true;
  }
  found->last_ms = now_ms;
  return ++found->count <= passes_most;
}

void Repeats::end_windows(uint64_t now_ms, const Tell& tell) {
  for (Text& text : texts_) {
    if (text.count > 0 && now_ms >= text.begun_ms + window_ms) end(text, now_ms, tell);
  }
}

void Repeats::end_all(uint64_t now_ms, const Tell& tell) {
  for (Text& text : texts_) end(text, now_ms, tell);
}

std::optional<uint64_t> Repeats::next_end_ms() const {
  std::optional<uint64_t> first;
  for (const Text& text : texts_) {
    if (text.count <= passes_most) continue;
    const uint64_t end_ms = text.begun_ms + window_ms;
    first = std::min(first.value_or(end_ms), end_ms);
  }
  return first;
}

void Repeats::end(Text& text, uint64_t now_ms, const Tell& tell) {
  if (text.count > passes_most) {
    const uint32_t held = text.count - passes_most;
    const uint64_t seconds = std::clamp<uint64_t>((now_ms - text.begun_ms + 999) / 1000, 1, window_ms / 1000);
    tell(text.level, text.text + " (" + std::to_string(held) + (held == 1 ? " more time in " : " more times in ") +
                         std::to_string(seconds) + " s)");
  }
  text.count = 0;
}

// A free one; else of those that hold nothing back the one that was silent longest; else that of all.
Repeats::Text& Repeats::place_for_another() {
  return *std::ranges::min_element(
      texts_, {}, [](const Text& text) { return std::tuple(text.count > 0, text.count > passes_most, text.last_ms); });
}

}  // namespace uringd::log
