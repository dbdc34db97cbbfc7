// Stream: the bytes of one large file for one client, piece by piece, any size in bounded memory. Owned by Disk, in a
// slab; its client (a connection) holds a pointer until it calls abandon(). A piece is read into leased memory, handed
// to the client, and given back when the client has sent it.
//
//   idle ──► in_line ──► reading ──► with_client ──► idle          abandoned: freed at its last completion
//
// Truth: the last piece is held back until the descriptor's attributes are seen unchanged since the open, so that a
// file that changes while it is sent never looks like a complete answer.
#pragma once

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
  /// The file shrank, changed or could not be read: the answer must not look complete.
  virtual void on_stream_failed() = 0;
  /// Others wait for memory and this client's socket has taken nothing for a while: give_back() when the kernel lets
  /// go.
  virtual void on_memory_wanted() = 0;

 protected:
  ~StreamClient() = default;
};

struct WaitingInLine;
struct WithClient;

class Stream : public Link<Stream, WaitingInLine>, public Link<Stream, WithClient> {
 public:
  Stream(Disk& disk, OpenFileRef file, uint64_t first, uint64_t length, StreamClient& client);

  /// Asks for the next piece; on_piece comes later, never from within. Only where the client holds none, and
  /// !finished().
  void next();
  /// The client has sent its piece whole.
  void sent_all();
  /// The client has sent `bytes` of its piece and lets go of the rest: next() reads that again.
  void give_back(size_t bytes);
  /// The client goes away. Its piece, if it held one, must no longer be lent to a send.
  void abandon();

  [[nodiscard]] bool finished() const { return position_ == end_; }
  [[nodiscard]] bool holds_piece() const { return state_ == State::with_client; }
  void on_completion(const uring::Completion& completion);

 private:
  friend class Disk;
  enum class State : uint8_t { idle, in_line, reading, with_client };

  void become(State state);
  /// Takes a place and memory and starts to read; false: one of them is missing, stay in line.
  [[nodiscard]] bool try_read();
  void leave_line();
  void submit_read();
  void hand_over();
  void fail();
  void release_piece();

  Disk& disk_;
  OpenFileRef file_;
  StreamClient* client_;
  uint64_t position_;  // of the piece's first byte in the file
  uint64_t end_;
  std::span<char> piece_;
  size_t filled_ = 0;
  size_t wanted_ = 0;
  uint64_t handed_over_ms_ = 0;
  State state_ = State::idle;
  bool lent_ = false;
  bool memory_wanted_ = false;
};

}  // namespace uringd::disk
