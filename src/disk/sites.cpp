// The states of the sites, and what is found out about a directory that is to be a root.
#include "uringd/disk/sites.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <climits>
#include <utility>

#include "file_system.hpp"
#include "uringd/base/check.hpp"

namespace uringd::disk {

Result<Root> describe_root(Fd directory) {
  struct statx found{};
  constexpr unsigned wanted = STATX_TYPE | STATX_INO;
  if (statx(directory.number(), "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, wanted, &found) != 0) {
    return failure(errno_text(errno));
  }
  if (!S_ISDIR(found.stx_mode)) return failure(errno_text(ENOTDIR));
  const FileSystem file_system = file_system_of(directory.number());
  const int number = directory.number();
  return Root{.directory = number,
              .owned = std::move(directory),
              .device = makedev(found.stx_dev_major, found.stx_dev_minor),
              .inode = found.stx_ino,
              .remote = file_system.remote,
              .read_only = file_system.read_only};
}

Sites::Sites(std::vector<Site> sites) : slots_(sites.size()) {
  for (size_t index = 0; index < sites.size(); ++index) {
    CHECK(sites[index].root);
    CHECK(sites[index].pages);
    slots_[index].rules = std::move(sites[index].rules);
    // No name has room for a longer one.
    std::erase_if(slots_[index].rules.extensions,
                  [](const std::string& extension) { return extension.size() > NAME_MAX; });
    auto first = std::make_unique<SiteState>();
    first->root = std::move(sites[index].root);
    first->pages = std::move(sites[index].pages);
    slots_[index].state.store(first.release(), std::memory_order_release);
  }
}

Sites::~Sites() {
  for (Slot& slot : slots_) delete slot.state.load(std::memory_order_acquire);
}

std::unique_ptr<const SiteState> Sites::publish(uint32_t site, std::unique_ptr<const SiteState> next) {
  CHECK(next);
  CHECK(next->root);
  CHECK(next->pages);
  return std::unique_ptr<const SiteState>(slots_[site].state.exchange(next.release(), std::memory_order_acq_rel));
}

}  // namespace uringd::disk
