// Reading a site's error pages, and seeing whether they are others now.
#include "uringd/disk/error_pages.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

#include "stamp.hpp"
#include "uringd/base/check.hpp"
#include "uringd/base/fd.hpp"
#include "uringd/base/result.hpp"
#include "uringd/cache/encode.hpp"
#include "uringd/disk/sites.hpp"
#include "uringd/http/media_type.hpp"

namespace uringd::disk {
namespace {

constexpr size_t least_compressed_bytes = 256;
// A file that changed so short a time ago may change once more within the same tick of the kernel's clock (10 ms at
// most), which no attribute would show.
constexpr int64_t settles_ns = 20'000'000;

// Of a file that moved while it was read: the next look finds it changed, there or not.
constexpr cache::Stamp never_seen = {0, 1};

Fd open_page(const Root& root, const ErrorPageRule& rule) {
  CHECK(rule.path.starts_with('/'));
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;  // a FIFO is not waited for
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  const char* relative = rule.path.size() == 1 ? "." : rule.path.c_str() + 1;
  return Fd(static_cast<int>(syscall(SYS_openat2, root.directory, relative, &how, sizeof how)));
}

Result<uring::Attributes> attributes_of(const Fd& file) {
  struct statx found{};
  constexpr unsigned wanted = STATX_TYPE | STATX_SIZE | STATX_MTIME | STATX_CTIME | STATX_INO | STATX_NLINK;
  if (statx(file.number(), "", AT_EMPTY_PATH, wanted, &found) != 0) return failure(errno_text(errno));
  return uring::Attributes{.type = S_ISREG(found.stx_mode) ? uring::FileType::regular : uring::FileType::other,
                           .size_bytes = found.stx_size,
                           .modified_s = found.stx_mtime.tv_sec,
                           .modified_ns = found.stx_mtime.tv_nsec,
                           .changed_s = found.stx_ctime.tv_sec,
                           .changed_ns = found.stx_ctime.tv_nsec,
                           .inode = found.stx_ino,
                           .link_count = found.stx_nlink,
                           .device = makedev(found.stx_dev_major, found.stx_dev_minor)};
}

bool settled(const uring::Attributes& attributes) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  const int64_t seconds = int64_t{now.tv_sec} - attributes.changed_s;
  return seconds > 1 || seconds < 0 ||
         seconds * 1'000'000'000 + now.tv_nsec - int64_t{attributes.changed_ns} > settles_ns;
}

/// All that there is of `size` bytes.
Result<std::string> read_whole(const Fd& file, size_t size) {
  std::string body(size, '\0');
  size_t filled = 0;
  while (filled < body.size()) {
    const ssize_t got = read(file.number(), body.data() + filled, body.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failure(errno_text(errno));
    if (got == 0) break;
    filled += static_cast<size_t>(got);
  }
  body.resize(filled);
  return body;
}

/// The file's bytes, or why not. `seen`: of the file that was found, whatever it is; zeros where there was none.
Result<std::string> read_page(const Root& root, const ErrorPageRule& rule, cache::Stamp& seen) {
  const Fd file = open_page(root, rule);
  if (!file.open()) return failure(errno_text(errno));
  const auto before = attributes_of(file);
  if (!before) return failure(before.error().message);
  seen = stamp_of(*before);
  if (before->type != uring::FileType::regular) return failure("not a regular file");
  if (before->size_bytes > ErrorPages::most_page_bytes) return failure("larger than 1MiB");
  auto body = read_whole(file, before->size_bytes);
  const auto after = attributes_of(file);
  if (!after || *after != *before || !settled(*after)) seen = never_seen;
  return body;
}

void compress_page(ErrorPage& page, std::span<const http::Coding> codings) {
  if (page.body.size() < least_compressed_bytes) return;
  if (http::density_of(page.content_type) != http::Density::plain) return;
  for (const http::Coding coding : codings) {
    auto copy = cache::encode(page.body, coding, cache::Effort::best, true, page.body.size() - page.body.size() / 16);
    if (!copy) continue;
    page.coded[static_cast<size_t>(coding)] = std::move(*copy);
    page.negotiated = true;
  }
}

}  // namespace

const ErrorPage* ErrorPages::find(int status) const {
  if (pages.empty()) return nullptr;
  const char exact[] = {static_cast<char>('0' + status / 100 % 10), static_cast<char>('0' + status / 10 % 10),
                        static_cast<char>('0' + status % 10)};
  const char by_class[] = {exact[0], 'x', 'x'};
  const ErrorPage* found = nullptr;
  for (const auto& [name, page] : pages) {
    if (name == std::string_view(exact, sizeof exact)) return &page;
    if (name == std::string_view(by_class, sizeof by_class)) found = &page;
  }
  return found;
}

ErrorPages read_error_pages(const Root& root, std::span<const ErrorPageRule> rules,
                            std::span<const http::Coding> compress, std::vector<std::string>& problems) {
  ErrorPages result;
  for (const ErrorPageRule& rule : rules) {
    auto body = read_page(root, rule, result.stamps.emplace_back());
    if (!body) {
      problems.push_back("error page " + rule.name + " = " + rule.path + ": " + body.error().message +
                         "; the built-in page is used");
      continue;
    }
    ErrorPage& page = result.pages.emplace_back(rule.name, ErrorPage{}).second;
    page.content_type = rule.content_type;
    page.body = std::move(*body);
    compress_page(page, compress);
  }
  return result;
}

bool error_pages_changed(const Root& root, std::span<const ErrorPageRule> rules, const ErrorPages& pages) {
  if (pages.stamps.size() != rules.size()) return true;  // the snapshot of a simulator, which opened no file
  for (size_t index = 0; index < rules.size(); ++index) {
    cache::Stamp now{};
    if (const Fd file = open_page(root, rules[index]); file.open()) {
      if (const auto attributes = attributes_of(file)) now = stamp_of(*attributes);
    }
    if (now != pages.stamps[index]) return true;
  }
  return false;
}

}  // namespace uringd::disk
