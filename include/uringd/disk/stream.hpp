// Stream: the bytes of one large file for one client, in bounded memory. Owned by Disk, in a slab; its client (a
// connection) holds a pointer until it calls abandon(). Bytes go as pieces: read into leased memory, handed to the
// client, given back when the client has sent them. What is in memory is copied by a system call in the stream's turn,
// what is not is read by a kernel thread. Where the file may be sent by reference (disk.zero_copy) and its pages are in
// memory they go straight to the socket.
//
//   idle ──► in_line ◄─► reading ──► ready ──► with_client ──► idle      abandoned: freed at its last completion
//     └────► referring ──► in_line · idle · blocked (the socket is full) ──► referring
//
// While a client sends one piece the next is read, if reads have been slow and memory is plenty. What moves bytes is
// done at the end of a turn, as Disk's budget allows: answers that are held come first.
//
// Truth: the last bytes are held back until the descriptor's attributes are seen unchanged since the open, so that a
// file that changes while it is sent never looks like a complete answer. Of a foreign file its file system is asked.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "uringd/base/list.hpp"
#include "uringd/disk/open_file.hpp"
#include "uringd/uring/ring.hpp"

namespace uringd::disk {

class Disk;

class StreamClient {
 public:
  /// The next bytes, in order. The client owns the piece until it calls sent_all() or give_back().
  virtual void on_piece(std::span<const char> bytes) = 0;
  /// The file shrank, changed or could not be read, or the socket broke: the answer must not look complete;
  /// `status`: what it would be if it has not begun.
  virtual void on_stream_failed(int status) = 0;
  /// Others wait for memory and this client's socket has taken nothing for a while: give_back() when the kernel lets
  /// go, at once where nothing is lent.
  virtual void on_memory_wanted() = 0;
  /// The turn that the client asked for with ask_turn(): it may send the rest of its piece.
  virtual void on_turn() {}
  /// By reference: what goes before the pages, sent ahead of them, if anything does.
  [[nodiscard]] virtual std::span<const char> before_pages() { return {}; }
  /// By reference: `before` bytes of that, and `bytes` of the file, are in the socket; the stream may be finished().
  /// None: the socket takes none now, and the stream waits for it.
  virtual void on_referred([[maybe_unused]] size_t before, [[maybe_unused]] size_t bytes) {}
  /// By reference: what comes next is not in memory; it comes by on_piece().
  virtual void on_reading() {}

 protected:
  ~StreamClient() = default;
};

struct WaitingForThread;
struct WaitingInLine;
struct Due;
struct WithClient;
struct ReadAhead;

class Stream : public Link<Stream, WaitingInLine>,
               public Link<Stream, WaitingForThread>,
               public Link<Stream, Due>,
               public Link<Stream, WithClient>,
               public Link<Stream, ReadAhead> {
 public:
  Stream(Disk& disk, OpenFileRef file, uint64_t first, uint64_t length, StreamClient& client);

  /// Asks for the next bytes. Only where the client holds no piece, and !finished(). The client hears of them later,
  /// never from within its own call to the stream.
  void next();
  /// The client has sent its piece whole.
  void sent_all();
  /// The client has sent `bytes` of its piece and lets go of the rest: next() reads that again.
  void give_back(size_t bytes);
  /// The client wants to send `bytes` more of its piece: on_turn() comes when they fit in a turn.
  void ask_turn(size_t bytes);
  /// The client goes away. Its piece, if it held one, must no longer be lent to a send.
  void abandon();

  [[nodiscard]] bool finished() const { return position_ == end_; }
  [[nodiscard]] bool holds_piece() const { return state_ == State::with_client; }
  /// Pages may go to the socket without the client.
  [[nodiscard]] bool by_reference() const { return by_reference_; }
  void on_completion(const uring::Completion& completion);

 private:
  friend class Disk;
  enum class State : uint8_t { idle, in_line, reading, ready, with_client, referring, blocked };
  enum class Step : uint8_t { read_even, read_odd, install, poll, cancel, look };

  struct Piece {
    std::span<char> memory;
    uint64_t first = 0;  // in the file
    size_t filled = 0;
    size_t wanted = 0;
    uint64_t begun_turn = 0;
    uint8_t interruptions = 0;
    bool reading = false;  // not filled yet
    bool lent = false;
    bool unwanted = false;  // goes back at its completion
  };

  void become(State state);
  [[nodiscard]] uring::Tag tag(Step step) const;
  [[nodiscard]] Piece& piece() { return pieces_[current_]; }
  [[nodiscard]] Piece& other() { return pieces_[current_ ^ 1U]; }

  void install(uring::Direct socket);
  void on_installed(int result);
  void on_writable();

  /// The thread it waited for. False: it could not use it, and waits for something else.
  [[nodiscard]] bool on_thread();
  [[nodiscard]] bool probably_cached(uint64_t first);
  void look();
  void on_looked(int result);

  void line_up();
  void leave_line();
  /// Takes a place and memory and starts to read; false: one of them is missing, stay in line.
  [[nodiscard]] bool try_read();
  enum class Copied : uint8_t { done, no_memory, not_there };
  [[nodiscard]] Copied copy_now();
  [[nodiscard]] bool begin_read(Piece& piece, uint64_t first);
  void submit_read(Piece& piece);
  void on_read(Piece& piece, int result);
  void end_read(Piece& piece);
  void let_go(Piece& piece);
  void read_ahead();
  void drop_read_ahead();

  void become_due();
  /// Its turn: what it does moves bytes.
  void act();
  void hand_over();
  void refer();
  void fail(int status = 503);
  void release(Piece& piece);
  void free_unless_lent();

  Disk& disk_;
  OpenFileRef file_;
  StreamClient* client_;
  uint64_t position_;  // of the next byte in the file that the client does not have
  uint64_t end_;
  std::array<Piece, 2> pieces_;  // what the client holds or waits for, and the one read ahead
  uint64_t handed_over_ms_ = 0;
  size_t asked_bytes_ = 0;         // for on_turn()
  uint64_t resident_until_ = 0;    // in the file: its pages were in memory
  uint64_t resident_seen_ms_ = 0;  // then
  uring::Direct direct_;
  int socket_ = -1;  // the same as a descriptor; Disk may keep it for the connection's next stream
  uint8_t current_ = 0;
  uint8_t lent_ = 0;
  State state_ = State::idle;
  bool by_reference_ = false;
  bool poll_lent_ = false;
  bool slow_ = false;  // the last read waited for a disk
  bool memory_wanted_ = false;
  bool cold_ = false;        // its next bytes are not in memory
  bool wants_look_ = false;  // waits for a kernel thread to look
  bool looked_ = false;      // a foreign file was seen to be unchanged before its last bytes go
  uring::StatusBuffer status_;
};

}  // namespace uringd::disk
