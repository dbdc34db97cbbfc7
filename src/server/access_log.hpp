// AccessLog: a worker's lines on their way to the access log's file. One owner and one thread: the worker, on whose
// ring it writes; nobody ever waits for it. Lines are formatted straight into one of two areas of 64 KiB, while the
// other one is being written; nothing is allocated while the log is off. One write is under way at a time.
//
//   filling: empty ──first line──► lines ──16 KiB, or 100 ms after the first──► being written ──► empty
//            full (the other area is still being written): lines are dropped and counted
//   file:    off ◄──► on ──open(), close()──► leaving ──what was buffered is written──► on (the next one), or off
//            leaving after 2 s: the write is cancelled and what is left for the old file is dropped
//
// A failed write drops what is left of its area, and the next one is tried all the same: a disk with room again gets
// lines again. What is lost is counted in lines, and told in one warning at first, one every 10 s, and one at the end.
// Workers share the file: lines never mix. A regular file (O_APPEND) takes an area whole; to anything else at most
// PIPE_BUF bytes go at once, cut at line ends (pipe(7)), and lines are no longer than that.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "uringd/base/fd.hpp"
#include "uringd/log/access_log.hpp"
#include "uringd/log/logger.hpp"
#include "uringd/stats/counter.hpp"
#include "uringd/uring/ring.hpp"

namespace uringd::server {

struct AccessLogCounters {
  stats::Counter lines;     // written, whole
  stats::Counter dropped;   // lines, for whatever reason
  stats::Counter bytes;     // written
  stats::Counter failures;  // writes that ended in an error
};

class AccessLog {
 public:
  static constexpr size_t area_bytes = size_t{64} << 10;
  static constexpr size_t flush_bytes = size_t{16} << 10;
  static constexpr uint64_t flush_ms = 100, leave_ms = 2000, retry_ms = 50, warn_every_ms = 10'000;

  AccessLog(uring::Ring& ring, log::Logger& logger);
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;
  ~AccessLog();

  /// Lines go to `file` (O_APPEND, or a pipe, terminal or socket) from the next area on. What is buffered goes to the
  /// file before it, which is then closed through the ring. One that still waits to be used gives way to this one.
  void open(Fd file, log::AccessFormat format);
  /// The same, and then the log is off.
  void close();
  [[nodiscard]] bool on() const { return taking_ != nullptr; }

  /// Takes a copy; never waits. Nothing where the log is off.
  void write(const log::AccessRecord& record, uint64_t now_ms, int64_t wall_ns);

  /// A completion of Kind::log.
  void on_completion(const uring::Completion& completion);
  /// Before the worker waits: starts what is due.
  void on_turn(uint64_t now_ms);
  /// When on_turn() has something to do (monotonic); UINT64_MAX: at no time.
  [[nodiscard]] uint64_t next_ms() const;

  /// For the end: everything that is buffered is written without waiting for more. Then turn until idle().
  void flush();
  /// For an end that waits no longer: the write is cancelled, what is buffered is dropped and counted. idle() once the
  /// kernel has given everything back, which a hung disk may never do.
  void abandon();
  /// Nothing is buffered, lent or waiting.
  [[nodiscard]] bool idle() const;

  [[nodiscard]] const AccessLogCounters& counters() const { return counters_; }

 private:
  enum class Step : uint8_t { write, cancel, close };
  enum class Write : uint8_t { none, lent, retrying };
  struct File {
    Fd descriptor;
    bool whole_areas;  // a regular file
    log::AccessFormatter formatter;
  };
  struct Area {
    static constexpr size_t first_line = 1;  // before it: the newline that ends a part of a line, where one is needed
    std::unique_ptr<char[]> bytes;
    size_t used = first_line;
    uint64_t lines = 0;
    [[nodiscard]] bool empty() const { return lines == 0; }
    [[nodiscard]] bool full() const { return used >= first_line + area_bytes; }
    void clear() { used = first_line, lines = 0; }
  };

  [[nodiscard]] uring::Tag tag(Step step, uint32_t generation) const;
  [[nodiscard]] uint64_t now_ms() const { return ring_.monotonic_ns() / 1'000'000; }
  Area& filling() { return areas_[filling_]; }
  [[nodiscard]] const Area& filling() const { return areas_[filling_]; }
  Area& written() { return areas_[1 - filling_]; }

  void replace(std::optional<File> next);
  void leave();
  void choose_taking();
  void give_up_write();
  void close_file(Fd file);

  void start_write();
  void submit();
  [[nodiscard]] size_t piece_bytes() const;
  void on_written(int result);
  void end_area(int error_number);
  void drop_filling();
  void lose(uint64_t lines, int error_number);
  void report(uint64_t now_ms);

  uring::Ring& ring_;
  log::Logger& logger_;
  AccessLogCounters counters_;

  std::optional<File> file_;  // that is written to; none: off
  bool leaving_ = false;      // it is to be closed, and next_ follows; only while something is written to it
  std::optional<File> next_;  // none: off
  bool cut_ = false;          // the filling area is next_'s already
  File* taking_ = nullptr;    // whose lines the filling area takes; none: lines are not asked for
  uint64_t leave_at_ms_ = UINT64_MAX;
  bool gave_up_ = false;  // leaving took too long, or abandon(): nothing more is tried with file_

  Area areas_[2];
  unsigned filling_ = 0;
  uint64_t first_line_ms_ = 0;  // when the filling area's first line came

  Write write_ = Write::none;  // of the other area; lent: to the kernel
  size_t gone_ = 0;            // its first bytes, which are written or need not be
  size_t asked_ = 0;           // bytes of the write under way
  uint32_t write_generation_ = 0;
  bool cancelled_ = false;  // the write under way
  uint64_t retry_at_ms_ = UINT64_MAX;
  bool torn_ = false;  // the file ends in a part of a line of ours

  bool flushing_ = false, abandoned_ = false;
  uint32_t lent_others_ = 0;  // cancels and closes under way
  uint32_t generation_ = 0;

  uint64_t lost_ = 0;     // lines not told of yet
  int lost_error_ = 0;    // why; 0: too slow
  uint64_t warn_ms_ = 0;  // the next warning comes no sooner
};

}  // namespace uringd::server
