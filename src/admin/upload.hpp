// Upload: a body on its way to become an overlay's, piece by piece into memory that grows, so that its size need not be
// known before the end. Destroyed without having been taken: the client left, or sent too much; nothing has changed.
// The admin worker's thread.
//
// Bounds: the room that is left for its path, looked at anew for each piece (413); all uploads under way together take
// as much as all overlays may (503).
#pragma once

#include <cstddef>
#include <cstdlib>
#include <functional>
#include <memory>
#include <span>

#include "uringd/server/handler.hpp"

namespace uringd::admin {

/// Bytes at one address, which changes as they grow: what is large is moved by the kernel, not copied (mremap).
class GrowingBytes {
 public:
  /// False: there is no memory; what was there is there still.
  [[nodiscard]] bool append(std::span<const char> bytes);
  [[nodiscard]] size_t size() const { return size_; }
  /// The bytes' new owner; nothing is left here. Never nullptr.
  [[nodiscard]] std::shared_ptr<const char> release();

 private:
  struct Free {
    void operator()(char* memory) const { std::free(memory); }
  };
  std::unique_ptr<char, Free> memory_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

class Upload final : public server::BodySink {
 public:
  /// `room`: bytes that the whole of it may have now. `under_way`: of all uploads, which may be `most_under_way()`.
  /// All outlive it.
  Upload(std::function<size_t()> room, size_t& under_way, std::function<size_t()> most_under_way)
      : room_(std::move(room)), under_way_(under_way), most_under_way_(std::move(most_under_way)) {}
  ~Upload() override { under_way_ -= counted_; }
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  int take(std::span<const char> bytes) override;
  [[nodiscard]] size_t size() const { return bytes_.size(); }
  [[nodiscard]] std::shared_ptr<const char> release() { return bytes_.release(); }

 private:
  std::function<size_t()> room_;
  size_t& under_way_;
  std::function<size_t()> most_under_way_;
  size_t counted_ = 0;
  GrowingBytes bytes_;
};

}  // namespace uringd::admin
