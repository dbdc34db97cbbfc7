// Notices: what the helper thread tells a worker's disk. Values that own what they carry; they travel through the
// worker's mailbox and are taken between two turns.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "uringd/cache/encode.hpp"
#include "uringd/disk/listing.hpp"
#include "uringd/disk/names.hpp"
#include "uringd/disk/sites.hpp"

namespace uringd::disk {

/// Something happened to the name at the end of `path` ("/dir/name", no slash at its end): what is held of it is not to
/// be believed.
struct Invalidated {
  uint32_t site;
  std::string path;
};

/// `state` is no site's state any more: say done_with() once nothing uses it.
struct Retired {
  const SiteState* state;
};

/// The answer to HelperDoor::list(). Nothing: the directory is too large, or its file system has names that are equal
/// without being the same (case folding).
struct Listed {
  uint64_t ticket;
  std::unique_ptr<Names> names;
};

/// The answer to HelperDoor::list_files(). Nothing: the directory could not be read.
struct Rendered {
  uint64_t ticket;
  std::optional<std::string> body;
};

/// The answer to HelperDoor::encode(). nullptr: not worth it. Shared: other workers may get the same bytes.
struct Encoded {
  uint64_t ticket;
  std::shared_ptr<const std::string> bytes;
};

/// Files to fetch although nobody asks yet.
struct Preload {
  uint32_t site;
  std::vector<std::string> paths;
};

using Notice = std::variant<Invalidated, Retired, Listed, Rendered, Encoded, Preload>;

/// A body to be compressed. It owns its bytes: the entry that they are of may go meanwhile.
struct EncodeOrder {
  std::string bytes;
  std::string etag;  // of the bytes: equal orders of several workers are carried out once
  http::Coding coding = http::Coding::gzip;
  cache::Effort effort = cache::Effort::quick;
  bool text = true;
};

/// How a worker's disk asks the helper thread for what has no ring form. Nothing here waits.
class HelperDoor {
 public:
  /// Asks for notices about `directory` ("" is the root, else "/dir" without a slash at its end). False: too many
  /// requests wait; ask again another time.
  [[nodiscard]] virtual bool watch(uint32_t site, std::string_view directory) = 0;
  /// Nothing of that directory is held any more.
  virtual void unwatch(uint32_t site, std::string_view directory) = 0;
  /// Asks for the names in a directory, by a descriptor that stays open until the Listed notice with this ticket.
  [[nodiscard]] virtual bool list(int directory, uint64_t ticket) = 0;
  virtual void done_with(const SiteState* state) = 0;
  /// Asks for a listing; the Rendered notice has this ticket. False: too many wait.
  [[nodiscard]] virtual bool list_files(ListingOrder order, uint64_t ticket) = 0;
  /// Asks for a compressed copy; the Encoded notice has this ticket. False: too many wait.
  [[nodiscard]] virtual bool encode(EncodeOrder order, uint64_t ticket) = 0;

 protected:
  ~HelperDoor() = default;
};

}  // namespace uringd::disk
