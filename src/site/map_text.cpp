// txt and rnd maps. Two passes over the bytes: the survey finds what makes them no text, and how many entries there can
// be at most; then each line is read and put into a table that was made large enough, so that no step ever moves what
// others inserted. The table is one array of slots, 16 bytes each, open addressing, two thirds full at most; keys and
// values stay in the file's bytes. States of a build: survey → entries → done.
// The hash is seeded for each table: keys are looked up as clients send them, and the file may be made out of what
// users enter, so nobody should know which keys collide.
#define XXH_INLINE_ALL
#include <sys/random.h>
#include <xxhash.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "map_build.hpp"
#include "map_line.hpp"
#include "uringd/base/check.hpp"

namespace uringd::site {
namespace {

__extension__ using Wide = unsigned __int128;

/// One entry; value 0: none (a key stands before its value, so no value begins at the file's first byte).
struct Slot {
  uint32_t tag;         // of the hash
  uint32_t key, value;  // where they begin
  uint16_t key_size, value_size;
};
static_assert(sizeof(Slot) == 16);

struct Freed {
  void operator()(void* memory) const { std::free(memory); }
};

struct TextTable final : MapTable {
  std::unique_ptr<char[]> bytes_;
  size_t size_ = 0;
  std::unique_ptr<Slot[], Freed> slots_;
  uint64_t capacity_ = 0;  // > entries_, once there are slots
  uint64_t entries_ = 0;
  uint64_t seed_ = 0;
  bool alternatives_ = false;

  [[nodiscard]] std::string_view key_of(const Slot& slot) const { return {&bytes_[slot.key], slot.key_size}; }
  [[nodiscard]] std::string_view value_of(const Slot& slot) const { return {&bytes_[slot.value], slot.value_size}; }

  /// The slot that has the key, or the free one that may take it.
  [[nodiscard]] Slot& slot_for(std::string_view key, uint32_t& tag) const {
    const uint64_t hash = XXH3_64bits_withSeed(key.data(), key.size(), seed_);
    tag = static_cast<uint32_t>(hash);
    auto place = static_cast<uint64_t>((Wide{hash} * capacity_) >> 64);
    while (true) {
      Slot& slot = slots_[place];
      if (slot.value == 0 || (slot.tag == tag && key_of(slot) == key)) return slot;
      if (++place == capacity_) place = 0;
    }
  }

  [[nodiscard]] std::optional<std::string_view> find(std::string_view key, Random& random) const override {
    if (entries_ == 0 || key.size() > MapBuilder::most_line_bytes) return std::nullopt;
    uint32_t tag = 0;
    const Slot& slot = slot_for(key, tag);
    if (slot.value == 0) return std::nullopt;
    return alternatives_ ? pick(value_of(slot), random) : value_of(slot);
  }

  static std::string_view pick(std::string_view value, Random& random) {
    const auto bars = static_cast<uint32_t>(std::ranges::count(value, '|'));
    for (uint32_t skip = bars == 0 ? 0 : random.below(bars + 1); skip > 0; --skip) {
      value.remove_prefix(value.find('|') + 1);
    }
    return value.substr(0, value.find('|'));
  }

  [[nodiscard]] uint64_t entries() const override { return entries_; }
  [[nodiscard]] size_t bytes() const override { return sizeof *this + size_ + capacity_ * sizeof(Slot); }
};

class TextBuild final : public TableBuild {
 public:
  TextBuild(std::unique_ptr<char[]> bytes, size_t size, bool alternatives) : table_(std::make_unique<TextTable>()) {
    table_->bytes_ = std::move(bytes);
    table_->size_ = size;
    table_->alternatives_ = alternatives;
    CHECK(getrandom(&table_->seed_, sizeof table_->seed_, GRND_INSECURE) == sizeof table_->seed_);  // never waits
    if (std::string_view{table_->bytes_.get(), size}.starts_with("\xef\xbb\xbf")) begin_ = 3;
    at_ = begin_;
  }

  bool step() override {
    const MapWork begin = work_;
    while (at_ < table_->size_ && !error_ && step_goes_on(begin)) {
      if (state_ == State::survey) survey_line();
      if (state_ == State::entries) enter_line();
    }
    if (error_) return false;
    if (at_ < table_->size_) return true;
    if (state_ == State::survey) return make_slots();
    warnings_.close();
    return false;
  }

  std::unique_ptr<const MapTable> table() override { return std::move(table_); }

 private:
  enum class State { survey, entries };
  /// A line's number and where it begins.
  struct Mark {
    uint32_t at, line;
  };
  static constexpr unsigned mark_shift = 16;  // marks_[n] is the first line that begins at n << mark_shift or later

  /// The end of the line that begins at at_; `most` bytes behind that, if it is longer.
  [[nodiscard]] size_t end_of_line(size_t most) const {
    const char* const begin = &table_->bytes_[at_];
    const size_t window = std::min(table_->size_ - at_, most);
    const void* const end = std::memchr(begin, '\n', window);
    return end ? at_ + static_cast<size_t>(static_cast<const char*>(end) - begin) : at_ + window;
  }

  void leave_line(size_t end) {
    const size_t next = std::min(end + 1, table_->size_);
    work_.bytes += next - at_;
    ++work_.items;
    at_ = next;
  }

  void survey_line() {
    ++line_;
    while (marks_.size() <= at_ >> mark_shift) marks_.push_back({static_cast<uint32_t>(at_), line_});
    const size_t end = end_of_line(MapBuilder::most_line_bytes + 1);
    const std::string_view line{&table_->bytes_[at_], end - at_};
    if (line.find('\0') != std::string_view::npos) {
      error_ = {line_, "a NUL byte: this is no text"};
    } else if (line.size() > MapBuilder::most_line_bytes) {
      error_ = {line_, "the line is longer than " + std::to_string(MapBuilder::most_line_bytes) + " bytes"};
    } else if (utf8_ && !is_utf8(line)) {
      utf8_ = false;
      warnings_.add(line_, "this is not UTF-8; the bytes are taken as they are, here and further on");
    }
    if (line.size() >= 3 && line[0] != '#') ++most_entries_;  // "k v"
    leave_line(end);
  }

  bool make_slots() {
    table_->capacity_ = most_entries_ + most_entries_ / 2 + 1;
    // calloc: fresh pages are zero without being touched, so that this takes no time and the step has its bound.
    table_->slots_.reset(static_cast<Slot*>(std::calloc(table_->capacity_, sizeof(Slot))));
    if (!table_->slots_) error_ = {0, "there is not enough memory for " + std::to_string(most_entries_) + " entries"};
    state_ = State::entries;
    at_ = begin_;
    line_ = 0;
    return !error_;
  }

  void enter_line() {
    ++line_;
    const size_t end = end_of_line(table_->size_);
    const MapLine line = read_map_line(&table_->bytes_[at_], &table_->bytes_[0] + end);
    switch (line.kind) {
      case MapLine::Kind::nothing: break;
      case MapLine::Kind::entry: enter(line); break;
      case MapLine::Kind::no_value: warnings_.add(line_, "a key without a value: the line is skipped"); break;
      case MapLine::Kind::unclosed: warnings_.add(line_, "a quote that is not closed: the line is skipped"); break;
      case MapLine::Kind::glued:
        warnings_.add(line_, "text right behind the quotes of the key: the line is skipped");
        break;
    }
    if (line.ignored_text) {
      warnings_.add(line_, "text behind the value is ignored (a comment begins with #; quote a value that has spaces)");
    }
    leave_line(end);
  }

  void enter(const MapLine& line) {
    uint32_t tag = 0;
    Slot& slot = table_->slot_for(line.key, tag);
    if (slot.value != 0) return warn_of_duplicate(slot);
    const char* const bytes = table_->bytes_.get();
    slot = {.tag = tag,
            .key = static_cast<uint32_t>(line.key.data() - bytes),
            .value = static_cast<uint32_t>(line.value.data() - bytes),
            .key_size = static_cast<uint16_t>(line.key.size()),
            .value_size = static_cast<uint16_t>(line.value.size())};
    ++table_->entries_;
  }

  void warn_of_duplicate(const Slot& first) {
    if (warnings_.full()) return warnings_.count_one();
    warnings_.add(line_, "this key is on line " + std::to_string(line_of(first.key)) + " already, and that one counts");
  }

  /// Counts from the nearest mark: 64 KiB and a line to read at most. Unescaping moves no LF.
  [[nodiscard]] uint32_t line_of(uint32_t at) const {
    size_t mark = std::min<size_t>(at >> mark_shift, marks_.size() - 1);
    while (marks_[mark].at > at) --mark;
    const std::string_view between{&table_->bytes_[marks_[mark].at], at - marks_[mark].at};
    return marks_[mark].line + static_cast<uint32_t>(std::ranges::count(between, '\n'));
  }

  std::unique_ptr<TextTable> table_;
  State state_ = State::survey;
  size_t begin_ = 0;  // behind a byte order mark
  size_t at_ = 0;     // the next line
  uint32_t line_ = 0;
  uint64_t most_entries_ = 0;
  bool utf8_ = true;  // so far
  std::vector<Mark> marks_;
};

}  // namespace

std::unique_ptr<TableBuild> build_text(std::unique_ptr<char[]> bytes, size_t size, bool alternatives) {
  return std::make_unique<TextBuild>(std::move(bytes), size, alternatives);
}

}  // namespace uringd::site
