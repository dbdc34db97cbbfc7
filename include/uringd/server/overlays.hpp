// Overlays: what an operator put over the disk: at a path of a site this body answers, whatever lies below. A table of
// them never changes; another one takes its place, at every worker (Workplace::serve), and shares with it what stayed.
// So a body and each of its compressed copies exist once, whoever serves them, and live until the last answer that is
// being sent from them is done. Made by the admin interface; a worker that has none holds nullptr.
//
// A path is decoded and normalised, as a site sees it (its mounts' prefixes included); "/dir/" is another than "/dir".
// A site is known by Snapshot::site_id(), which stays across reloads.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "uringd/cache/etag.hpp"
#include "uringd/http/content_coding.hpp"
#include "uringd/http/media_type.hpp"
#include "uringd/stats/counter.hpp"

namespace uringd::server {

/// How often each worker has answered with one: one writer each, on a cache line of its own.
class OverlayHits {
 public:
  explicit OverlayHits(uint32_t workers) : counts_(workers) {}
  void count(uint32_t worker) { ++counts_[worker].value; }
  [[nodiscard]] uint64_t sum() const;

 private:
  struct alignas(64) Count {
    stats::Counter value;
  };
  std::vector<Count> counts_;
};

/// Bytes as they are sent, and their strong entity tag.
struct OverlayBody {
  OverlayBody() = default;
  OverlayBody(std::shared_ptr<const void> memory, std::span<const char> content);
  [[nodiscard]] std::string_view etag() const { return {tag.data(), tag.size()}; }
  explicit operator bool() const { return owner != nullptr; }

  std::shared_ptr<const void> owner;
  std::span<const char> bytes;
  std::array<char, cache::etag_bytes> tag{};
};

/// One path's.
struct Overlay {
  static constexpr size_t most_field_bytes = 1024;  // of its type, and of its Cache-Control

  uint32_t site = 0;
  std::string path;
  std::string content_type;
  std::string cache_control;  // "": what the site's rules say
  uint64_t put_ns = 0;        // by the steady clock; it has no Last-Modified: its entity tag alone validates
  http::Density density = http::Density::other;
  std::array<OverlayBody, http::coding_count> bodies;  // by coding; identity's is there always
  http::CodingSet settled;  // codings of which there will be no other body: the best is there, or none is worth it
  std::shared_ptr<OverlayHits> hits;

  [[nodiscard]] const OverlayBody& body(http::Coding coding = http::Coding::identity) const {
    return bodies[static_cast<size_t>(coding)];
  }
  /// Of the body and its copies.
  [[nodiscard]] size_t bytes() const;
};

class Overlays {
 public:
  using Shared = std::shared_ptr<const Overlays>;

  /// `seed`: of the table's hash, so that nobody outside can choose paths that collide.
  explicit Overlays(uint64_t seed) : table_(0, Hash{seed}) {}

  /// nullptr: there is none.
  [[nodiscard]] const Overlay* find(uint32_t site, std::string_view path) const {
    const std::shared_ptr<const Overlay>* found = holder(site, path);
    return found ? found->get() : nullptr;
  }
  [[nodiscard]] std::shared_ptr<const Overlay> share(uint32_t site, std::string_view path) const {
    const std::shared_ptr<const Overlay>* found = holder(site, path);
    return found ? *found : nullptr;
  }
  /// The table with that one, in the place of another at its path, or without those that `goes`.
  [[nodiscard]] Shared with(std::shared_ptr<const Overlay> overlay) const;
  [[nodiscard]] Shared without(const std::function<bool(const Overlay&)>& goes) const;

  [[nodiscard]] size_t count() const { return table_.size(); }
  /// Of all bodies, without their copies; and with them.
  [[nodiscard]] size_t body_bytes() const { return body_bytes_; }
  [[nodiscard]] size_t bytes() const { return bytes_; }
  template <typename Function>
  void each(Function&& function) const {
    for (const auto& [key, overlay] : table_) function(*overlay);
  }

 private:
  struct Key {
    uint32_t site;
    std::string_view path;  // the overlay's own
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    uint64_t seed;
    size_t operator()(const Key& key) const;
  };
  Overlays(const Overlays&) = default;
  [[nodiscard]] const std::shared_ptr<const Overlay>* holder(uint32_t site, std::string_view path) const {
    const auto found = table_.find(Key{site, path});
    return found == table_.end() ? nullptr : &found->second;
  }
  void add(std::shared_ptr<const Overlay> overlay);
  void remove(const Overlay& overlay);

  std::unordered_map<Key, std::shared_ptr<const Overlay>, Hash> table_;
  size_t body_bytes_ = 0;
  size_t bytes_ = 0;
};

}  // namespace uringd::server
