// AccessLog's work, in the order in which a line meets it: taken, written, its area's end. Then how one file follows
// another. The kernel's answers come through on_completion() only; the clock through on_turn(), but for a time to try
// again.
#include "access_log.hpp"

#include <time.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <string>
#include <utility>

#include "uringd/base/check.hpp"
#include "uringd/base/result.hpp"

namespace uringd::server {

using log::AccessFormat;
using log::AccessFormatter;

AccessLog::AccessLog(uring::Ring& ring, log::Logger& logger) : ring_(ring), logger_(logger) {
  tzset();  // reads the zone's file: now, not with the first line
}

AccessLog::~AccessLog() {
  report(UINT64_MAX);
  // A hung disk holds no exit, and what it has borrowed must outlive us.
  if (write_ == Write::lent) static_cast<void>(written().bytes.release());
}

uring::Tag AccessLog::tag(Step step, uint32_t generation) const {
  return {.kind = uring::Kind::log, .step = static_cast<uint8_t>(step), .generation = generation & 0xffffff};
}

// --- lines -----------------------------------------------------------------------------------------------------------

void AccessLog::write(const log::AccessRecord& record, uint64_t now_ms, int64_t wall_ns) {
  if (taking_ == nullptr) return;
  if (filling().full()) {
    if (write_ != Write::none) return lose(1, 0);
    start_write();
  }
  Area& area = filling();
  if (area.empty()) first_line_ms_ = now_ms;
  const std::span<char> room(area.bytes.get() + area.used, AccessFormatter::most_line_bytes);
  area.used += taking_->formatter.write(record, wall_ns, room);
  ++area.lines;
}

uint64_t AccessLog::next_ms() const {
  uint64_t next = std::min(retry_at_ms_, leave_at_ms_);
  if (write_ == Write::none && !filling().empty()) {
    const bool now = flushing_ || filling().used >= flush_bytes;
    next = std::min(next, now ? 0 : first_line_ms_ + flush_ms);
  }
  return lost_ > 0 ? std::min(next, warn_ms_) : next;
}

void AccessLog::on_turn(uint64_t now_ms) {
  if (now_ms >= leave_at_ms_) give_up_write();
  if (now_ms >= retry_at_ms_) submit();
  if (write_ == Write::none && !filling().empty()) {
    if (flushing_ || filling().used >= flush_bytes || now_ms >= first_line_ms_ + flush_ms) start_write();
  }
  report(now_ms);
}

void AccessLog::flush() {
  flushing_ = true;
  if (write_ == Write::none && !filling().empty()) start_write();
}

void AccessLog::abandon() {
  flushing_ = abandoned_ = true;
  drop_filling();
  give_up_write();
  choose_taking();
}

bool AccessLog::idle() const { return write_ == Write::none && filling().empty() && !leaving_ && lent_others_ == 0; }

// --- writing ---------------------------------------------------------------------------------------------------------

void AccessLog::start_write() {
  CHECK(write_ == Write::none);
  CHECK(file_.has_value());
  CHECK(written().empty());
  filling_ = 1 - filling_;
  gone_ = torn_ ? 0 : Area::first_line;
  submit();
}

// To anything but a regular file: whole lines, as many as the kernel takes in one piece.
size_t AccessLog::piece_bytes() const {
  const Area& area = areas_[1 - filling_];
  const size_t left = area.used - gone_;
  if (file_->whole_areas || left <= PIPE_BUF) return left;
  const size_t last_end = std::string_view(area.bytes.get() + gone_, PIPE_BUF).rfind('\n');
  CHECK(last_end != std::string_view::npos);  // the formatter was told of the bound
  return last_end + 1;
}

void AccessLog::submit() {
  CHECK(write_ != Write::lent);
  asked_ = piece_bytes();
  write_ = Write::lent;
  retry_at_ms_ = UINT64_MAX;
  write_generation_ = ++generation_;
  ring_.append(file_->descriptor.number(), {written().bytes.get() + gone_, asked_},
               tag(Step::write, write_generation_));
}

void AccessLog::on_completion(const uring::Completion& completion) {
  if (completion.tag.step == static_cast<uint8_t>(Step::write)) {
    CHECK(completion.tag == tag(Step::write, write_generation_));
    return on_written(completion.result);
  }
  CHECK(lent_others_ > 0);
  --lent_others_;
}

void AccessLog::on_written(int result) {
  CHECK(write_ == Write::lent);
  write_ = Write::none;
  if (result > 0) {
    CHECK(static_cast<size_t>(result) <= asked_);
    gone_ += static_cast<size_t>(result);
    counters_.bytes += static_cast<uint64_t>(result);
    if (gone_ == written().used || gave_up_) return end_area(0);
    return submit();
  }
  if (gave_up_) return end_area(0);
  if (result == -EINTR) return submit();
  if (result == -EAGAIN) {  // somebody made the descriptor non-blocking, so the kernel does not wait for us
    write_ = Write::retrying;
    retry_at_ms_ = now_ms() + retry_ms;
    return;
  }
  ++counters_.failures;
  end_area(result == 0 ? EIO : -result);
}

/// Whatever of the area is not gone is lost.
void AccessLog::end_area(int error_number) {
  Area& area = written();
  const char* const bytes = area.bytes.get();
  const size_t begin = torn_ ? 0 : Area::first_line;
  if (gone_ > begin) torn_ = bytes[gone_ - 1] != '\n';
  // A line that lacks nothing but its newline is there: the next area begins with one.
  const size_t first_lost = torn_ && gone_ > begin ? gone_ + 1 : std::max(gone_, Area::first_line);
  const auto lost = static_cast<uint64_t>(std::count(bytes + std::min(first_lost, area.used), bytes + area.used, '\n'));
  counters_.lines += area.lines - lost;
  if (lost > 0) lose(lost, error_number);
  area.clear();
  write_ = Write::none;
  retry_at_ms_ = UINT64_MAX;
  cancelled_ = false;
  if (leaving_) return leave();
  gave_up_ = abandoned_;
  if (flushing_ && !filling().empty()) start_write();
}

void AccessLog::drop_filling() {
  if (filling().empty()) return;
  lose(filling().lines, 0);
  filling().clear();
}

void AccessLog::lose(uint64_t lines, int error_number) {
  counters_.dropped += lines;
  lost_ += lines;
  lost_error_ = error_number;
}

void AccessLog::report(uint64_t now_ms) {
  if (lost_ == 0 || now_ms < warn_ms_) return;
  logger_.warn("access log: " + std::to_string(lost_) + (lost_ == 1 ? " line" : " lines") + " lost: " +
               (lost_error_ == 0 ? "what it is written to takes them too slowly" : errno_text(lost_error_)));
  lost_ = 0;
  warn_ms_ = now_ms + warn_every_ms;
}

// --- one file after another ------------------------------------------------------------------------------------------

void AccessLog::open(Fd file, AccessFormat format) {
  CHECK(file.open());
  const auto attributes = ring_.attributes_of(file.number());
  const bool regular = attributes && attributes->type == uring::FileType::regular;
  const size_t most_bytes = regular ? AccessFormatter::most_line_bytes : size_t{PIPE_BUF};
  replace(File{std::move(file), regular, AccessFormatter(format, most_bytes)});
}

void AccessLog::close() { replace(std::nullopt); }

void AccessLog::replace(std::optional<File> next) {
  if (leaving_) {
    // Lines for the one that gives way go to its successor, if that takes the same ones.
    const bool alike = next && next_ && next->whole_areas == next_->whole_areas &&
                       next->formatter.format() == next_->formatter.format();
    if (cut_ && !alike) drop_filling();
    if (next_) close_file(std::move(next_->descriptor));
  } else if (file_) {
    leaving_ = true;
    leave_at_ms_ = now_ms() + leave_ms;
  }
  next_ = std::move(next);
  leave();
}

/// Goes as far towards next_ as it can without waiting.
void AccessLog::leave() {
  if (leaving_ && !cut_ && (write_ == Write::none || filling().empty())) {
    cut_ = true;
    if (gave_up_) drop_filling();
    if (!filling().empty()) start_write();
  }
  if (write_ != Write::none) return choose_taking();
  if (file_) close_file(std::move(file_->descriptor));
  file_ = std::move(next_);
  next_.reset();
  leaving_ = cut_ = torn_ = false;
  gave_up_ = abandoned_;
  leave_at_ms_ = UINT64_MAX;
  for (Area& area : areas_) {
    if (!file_) {
      area.bytes.reset();
    } else if (!area.bytes) {
      area.bytes =
          std::make_unique_for_overwrite<char[]>(Area::first_line + area_bytes + AccessFormatter::most_line_bytes);
      area.bytes[0] = '\n';
    }
  }
  choose_taking();
  if (flushing_ && !filling().empty()) start_write();
}

void AccessLog::choose_taking() {
  std::optional<File>& taking = leaving_ && (cut_ || !next_) ? next_ : file_;
  taking_ = taking && !abandoned_ ? &*taking : nullptr;
}

void AccessLog::give_up_write() {
  gave_up_ = true;
  leave_at_ms_ = UINT64_MAX;
  if (write_ == Write::retrying) return end_area(0);
  if (write_ != Write::lent || cancelled_) return;
  cancelled_ = true;
  ++lent_others_;
  ring_.cancel(tag(Step::write, write_generation_), tag(Step::cancel, ++generation_));
}

void AccessLog::close_file(Fd file) {
  ++lent_others_;
  ring_.close_file(file.release(), tag(Step::close, ++generation_));
}

}  // namespace uringd::server
