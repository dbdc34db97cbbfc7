// Listing: reads a directory for a listing that people see: names, types, sizes, times. There is no ring operation for
// it, and each step may wait for a disk: for the background thread, never for a worker or the helper. Shows what would
// be served: links by what they lead to beneath the root, none that would be refused; no FIFOs, sockets and devices; no
// hidden names.
// Bound: 10,000 names, then it says that it is truncated.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "uringd/disk/sites.hpp"
#include "uringd/http/listing.hpp"

namespace uringd::disk {

/// What is to be listed. Owns a descriptor of its own, so that nobody has to wait for it.
struct ListingOrder {
  uint32_t site = 0;
  std::shared_ptr<const Root> root;
  uring::Resolve resolve = uring::Resolve::symlinks_inside;
  bool hidden = false;
  Fd directory;
  std::string prefix;  // of a mount: what people see before
  std::string path;    // decoded, begins and ends with '/'
  http::ListingForm form;
};

inline constexpr size_t most_listed = 10'000;

struct DirectoryFiles {
  std::vector<http::ListedFile> files;
  bool truncated = false;
  bool failed = false;  // it could not be read to its end
};
DirectoryFiles read_directory(const ListingOrder& order);

}  // namespace uringd::disk
