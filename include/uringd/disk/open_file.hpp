// OpenFile: one descriptor of a file that is streamed, with the attributes it had when it was opened and the validators
// made of them. Shared by the streams of one worker that came by the same fetch (reads carry their own offsets);
// counted references, not atomic; the last one queues the close on the ring.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "uringd/disk/describe.hpp"
#include "uringd/disk/resident_blocks.hpp"
#include "uringd/disk/transfer.hpp"
#include "uringd/http/content_coding.hpp"
#include "uringd/uring/ring.hpp"

namespace uringd::disk {

/// Who may be sent by reference: files that cannot change, every file, none.
enum class ZeroCopy : uint8_t { safe, always, never };

class FileCloser;

class OpenFile {
 public:
  /// Where it lies.
  struct Place {
    uint32_t site = 0;
    bool unchanging = false;  // its bytes cannot change while it is open
    bool foreign = false;  // perhaps on a network or FUSE file system: reads take kernel threads, and attributes_of()
                           // may tell what was
  };
  /// What is said about it, beside its bytes.
  struct Facts {
    Description description;  // its lines_bytes count for nothing: here are
    std::string lines;
    std::string name;  // the file that the path led to, as Entry::name()
    http::Coding coding = http::Coding::identity;
  };
  /// Takes the descriptor over.
  OpenFile(uring::Ring& ring, int descriptor, const uring::Attributes& attributes, Facts facts, const Place& place,
           FileCloser* closer = nullptr);
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile();

  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] const uring::Attributes& attributes() const { return attributes_; }
  [[nodiscard]] const Facts& facts() const { return facts_; }
  [[nodiscard]] uint32_t site() const { return place_.site; }
  [[nodiscard]] bool unchanging() const { return place_.unchanging; }
  [[nodiscard]] bool foreign() const { return place_.foreign; }
  /// Strong: a hash of size, mtime and ctime (ns) and inode of the descriptor that is read.
  [[nodiscard]] std::string_view etag() const { return {etag_, sizeof etag_}; }
  /// Bytes are sent by reference a stretch at a time, or up to the end of one.
  static constexpr uint64_t stretch_bytes = uint64_t{2} << 20;
  /// Whether [offset, offset + bytes) is in the page cache: looked through page by page unless it was within the last
  /// second.
  [[nodiscard]] bool resident(Transfer& transfer, uint64_t offset, size_t bytes, uint64_t now_ms) {
    return resident_.has(transfer, descriptor_, attributes_.size_bytes, offset, bytes, now_ms);
  }
  /// True when the file's attributes are still those it was opened with.
  [[nodiscard]] bool held_still() const;
  /// The same, by attributes that were looked for elsewhere.
  [[nodiscard]] bool held_still(uring::Attributes now) const;

 private:
  friend class OpenFileRef;
  uring::Ring& ring_;
  int descriptor_;
  uint32_t references_ = 0;
  ResidentBlocks resident_;
  uring::Attributes attributes_;
  Facts facts_;
  Place place_;
  FileCloser* closer_;
  char etag_[34];
};

/// Who closes files where the ring alone must not, and hears of their end: outlives them.
class FileCloser {
 public:
  virtual void close_last(int descriptor, uint32_t site, bool slow) = 0;

 protected:
  ~FileCloser() = default;
};

class OpenFileRef {
 public:
  OpenFileRef() = default;
  explicit OpenFileRef(OpenFile* file) : file_(file) {
    if (file_) ++file_->references_;
  }
  OpenFileRef(const OpenFileRef& other) : OpenFileRef(other.file_) {}
  OpenFileRef(OpenFileRef&& other) noexcept : file_(std::exchange(other.file_, nullptr)) {}
  OpenFileRef& operator=(OpenFileRef other) noexcept {
    std::swap(file_, other.file_);
    return *this;
  }
  ~OpenFileRef() { reset(); }

  void reset() {
    if (OpenFile* file = std::exchange(file_, nullptr); file && --file->references_ == 0) delete file;
  }
  explicit operator bool() const { return file_ != nullptr; }
  OpenFile* operator->() const { return file_; }
  OpenFile& operator*() const { return *file_; }

 private:
  OpenFile* file_ = nullptr;
};

}  // namespace uringd::disk
