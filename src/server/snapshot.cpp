// Making a configuration ready. Everything here may block and runs before a worker sees the result.
#include "uringd/server/snapshot.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace uringd::server {
namespace {

constexpr size_t error_page_limit = size_t{1} << 20;

Fd open_beneath(int root, const char* path) {
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  return Fd(static_cast<int>(syscall(SYS_openat2, root, path, &how, sizeof how)));
}

// The file's bytes, or why not.
Result<std::string> read_page(int root, const std::string& path) {
  Fd file = open_beneath(root, path.c_str() + 1);
  if (!file.open()) return failure(errno_text(errno));
  struct stat status{};
  if (fstat(file.number(), &status) != 0) return failure(errno_text(errno));
  if (!S_ISREG(status.st_mode)) return failure("not a regular file");
  if (static_cast<size_t>(status.st_size) > error_page_limit) return failure("larger than 1MiB");
  std::string body(static_cast<size_t>(status.st_size), '\0');
  size_t filled = 0;
  while (filled < body.size()) {
    const ssize_t got = read(file.number(), body.data() + filled, body.size() - filled);
    if (got < 0) return failure(errno_text(errno));
    if (got == 0) break;
    filled += static_cast<size_t>(got);
  }
  body.resize(filled);
  return body;
}

}  // namespace

const ErrorPage* SiteErrorPages::find(int status) const {
  if (pages.empty()) return nullptr;
  const std::string exact = std::to_string(status);
  const std::string by_class = exact.substr(0, 1) + "xx";
  const ErrorPage* found = nullptr;
  for (const auto& [name, page] : pages) {
    if (name == exact) return &page;
    if (name == by_class) found = &page;
  }
  return found;
}

Snapshot::Snapshot(std::shared_ptr<const config::Config> config, std::vector<disk::Sites::Site> sites)
    : config_(std::move(config)),
      router_(*config_),
      types_(config_->types),
      sites_(std::make_unique<disk::Sites>(std::move(sites))),
      error_pages_(config_->sites.size()) {}

Result<std::shared_ptr<const Snapshot>> Snapshot::build(std::shared_ptr<const config::Config> config,
                                                        std::vector<std::string>& warnings) {
  std::vector<disk::Sites::Site> sites;
  for (const config::Site& site : config->sites) {
    Fd directory(open(site.root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory.open()) {
      return failure(site.where + ": root " + site.root + ": " + errno_text(errno) + "; give a directory that exists");
    }
    auto root = disk::describe_root(std::move(directory));
    if (!root) return failure(site.where + ": root " + site.root + ": " + root.error().message);
    const auto resolve =
        site.symlinks == config::Symlinks::never ? uring::Resolve::no_symlinks : uring::Resolve::symlinks_inside;
    sites.push_back({.rules = {.root_path = site.root,
                               .resolve = resolve,
                               .index = site.index,
                               .keep_previous_ms = static_cast<uint64_t>(site.keep_previous.count())},
                     .root = std::make_shared<disk::Root>(std::move(*root))});
  }
  auto snapshot = std::make_shared<Snapshot>(std::move(config), std::move(sites));
  for (size_t index = 0; index < snapshot->config().sites.size(); ++index) {
    const config::Site& site = snapshot->config().sites[index];
    for (const auto& [name, path] : site.error_pages) {
      auto body = read_page(snapshot->sites().state(static_cast<uint32_t>(index)).root->directory, path);
      if (!body) {
        warnings.push_back(site.where + ": error page " + name + " = " + path + ": " + body.error().message +
                           "; the built-in page is used");
        continue;
      }
      snapshot->error_pages_[index].pages.push_back({name, {snapshot->types_.of(path).value, std::move(*body)}});
    }
  }
  return snapshot;
}

}  // namespace uringd::server
