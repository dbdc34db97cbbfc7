// Candidates: a path means itself, else one of the site's extensions behind it; with a slash at its end an index name
// below it, else the directory. Each is opened beneath the root (openat2(2), RESOLVE_BENEATH) and looked at by its
// descriptor, so that a FIFO is never waited for and nothing outside is ever opened.
#include "explain_find.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "uringd/base/result.hpp"
#include "uringd/disk/failure.hpp"
#include "uringd/disk/special_key.hpp"
#include "uringd/uring/ring.hpp"

namespace uringd::daemon {
namespace {

struct Opened {
  Fd file;
  int error = 0;
  uring::Attributes attributes;
};

Opened open_beneath(const disk::Root& root, const std::string& name, uring::Resolve resolve) {
  constexpr int attempts = 8;  // EAGAIN: a rename raced (openat2(2))
  open_how how{};
  how.flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  if (resolve == uring::Resolve::no_symlinks) how.resolve |= RESOLVE_NO_SYMLINKS;
  const char* relative = name.size() <= 1 ? "." : name.c_str() + 1;
  Opened opened;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    opened.file = Fd(static_cast<int>(syscall(SYS_openat2, root.directory, relative, &how, sizeof how)));
    opened.error = opened.file.open() ? 0 : errno;
    if (opened.error != EAGAIN) break;
  }
  if (!opened.file.open()) return opened;
  uring::StatusBuffer status{};
  auto* into = reinterpret_cast<struct statx*>(status.bytes);
  if (statx(opened.file.number(), "", AT_EMPTY_PATH, STATX_BASIC_STATS, into) != 0) {
    opened.error = errno;
  } else {
    opened.attributes = uring::Ring::attributes_from(status);
  }
  return opened;
}

std::string why_not(int error, uring::Resolve resolve) {
  switch (error) {
    case ENOENT: return "does not exist";
    case ENOTDIR: return "is below a file, not a directory";
    case ENAMETOOLONG: return "is a name too long for any file";
    case EXDEV: return "is reached by a link that leads out of the root: refused";
    case ELOOP:
      return resolve == uring::Resolve::no_symlinks ? "is reached by a link, and symlinks = \"never\": refused"
                                                    : "is reached by links that never end: refused";
    case EACCES:
    case EPERM: return "may not be read by this user (" + std::to_string(geteuid()) + ")";
    case ENXIO: return "is a socket or a device, no file: refused";
    default: return "cannot be opened: " + errno_text(error);
  }
}

class Search {
 public:
  Search(const disk::SiteRules& rules, const disk::Root& root, std::string_view path, Story& story)
      : rules_(rules), root_(root), path_(path), of_directory_(path.ends_with('/')), story_(story) {
    names_ = of_directory_ ? rules.index : rules.extensions;
    names_.insert(of_directory_ ? names_.end() : names_.begin(), std::string());
  }

  FoundFile run() {
    for (index_ = 0; index_ < names_.size(); ++index_) {
      const std::string name = path_ + names_[index_];
      Opened opened = open_beneath(root_, name, rules_.resolve);
      if (opened.error != 0) {
        if (auto end = on_error(name, opened.error)) return std::move(*end);
        continue;
      }
      if (auto end = on_opened(name, opened)) return std::move(*end);
    }
    if (directory_) {
      tell(place(path_) + " is a directory");
      return {.status = 301};
    }
    tell("none: " + listed(missing_) + (missing_.size() == 1 ? " does not exist" : " do not exist"));
    return {.status = 404};
  }

 private:
  [[nodiscard]] std::string place(std::string_view name) const { return place_of(rules_, name); }
  [[nodiscard]] bool last() const { return index_ + 1 == names_.size(); }
  /// What is tried is the path itself.
  [[nodiscard]] bool as_asked() const { return names_[index_].empty(); }
  void tell(const std::string& words) { story_.tell("file", words); }

  std::optional<FoundFile> on_error(const std::string& name, int error) {
    const bool longer = of_directory_ || index_ > 0;
    if (error == ENOENT || (error == ENAMETOOLONG && longer)) {
      missing_.push_back(place(name));
      return std::nullopt;
    }
    tell(place(name) + " " + why_not(error, rules_.resolve));
    return FoundFile{.status = disk::classify(error).status};
  }

  std::optional<FoundFile> on_opened(const std::string& name, Opened& opened) {
    switch (opened.attributes.type) {
      case uring::FileType::regular: return on_file(name, opened);
      case uring::FileType::directory: return on_directory(name, opened);
      case uring::FileType::other: break;
    }
    if (!of_directory_ && index_ > 0) {
      missing_.push_back(place(name));
      return std::nullopt;
    }
    tell(place(name) + " is a FIFO, a socket or a device: never read");
    return FoundFile{.status = 403};
  }

  FoundFile on_file(const std::string& name, Opened& opened) {
    if (of_directory_ && as_asked()) {
      tell(place(path_.substr(0, path_.size() - 1)) + " is a file, whose path ends without a slash");
      return {.status = 404};
    }
    std::string words = place(name);
    if (!as_asked()) words += of_directory_ ? ", because index has " : ", because extensions has ";
    if (!as_asked()) words += shown_in_quotes(of_directory_ ? names_[index_] : names_[index_].substr(1));
    tell(words + ": " + bytes_text(opened.attributes.size_bytes));
    return {.status = 200, .name = name, .file = std::move(opened.file), .attributes = opened.attributes};
  }

  std::optional<FoundFile> on_directory(const std::string& name, Opened& opened) {
    if (!of_directory_) {
      if (as_asked()) directory_ = true;
      if (!as_asked()) missing_.push_back(place(name));
      return std::nullopt;
    }
    if (!last()) {
      missing_.push_back(place(name));  // an index name that is a directory is none
      return std::nullopt;
    }
    const std::string lacks = rules_.index.empty() ? "" : " without " + listed(rules_.index, " or ");
    tell(place(name) + " is a directory" + shown(lacks) + ", and listing is " + (rules_.listing ? "on" : "off"));
    if (!rules_.listing) return FoundFile{.status = 403};
    return FoundFile{.status = 200, .listing = true, .name = name, .file = std::move(opened.file)};
  }

  const disk::SiteRules& rules_;
  const disk::Root& root_;
  std::string path_;
  bool of_directory_;
  Story& story_;
  std::vector<std::string> names_;  // what stands behind the path, in the order in which they are tried
  size_t index_ = 0;
  bool directory_ = false;  // the path is a directory's, and lacks its slash
  std::vector<std::string> missing_;
};

}  // namespace

std::string place_of(const disk::SiteRules& rules, std::string_view name) {
  std::string root = rules.root_path;
  while (root.ends_with('/')) root.pop_back();
  return shown(root + std::string(name));
}

FoundFile find_file(const disk::Sites& sites, uint32_t tree, std::string_view path, Story& story) {
  return Search(sites.rules(tree), *sites.state(tree).root, path, story).run();
}

std::optional<FoundFile> find_sibling(const disk::Sites& sites, uint32_t tree, std::string_view name,
                                      http::Coding coding) {
  std::array<char, disk::key_path_limit - 1> key;
  if (disk::sibling_key_path(name, coding, key).empty()) return std::nullopt;
  const std::string sibling = std::string(name) + std::string(http::coding_suffix(coding));
  Opened opened = open_beneath(*sites.state(tree).root, sibling, sites.rules(tree).resolve);
  if (opened.error != 0 || opened.attributes.type != uring::FileType::regular) return std::nullopt;
  return FoundFile{.status = 200, .name = sibling, .file = std::move(opened.file), .attributes = opened.attributes};
}

std::optional<std::string> read_whole(const FoundFile& found) {
  std::string bytes(found.attributes.size_bytes, '\0');
  size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t got =
        pread(found.file.number(), bytes.data() + filled, bytes.size() - filled, static_cast<off_t>(filled));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return std::nullopt;
    filled += static_cast<size_t>(got);
  }
  return bytes;
}

}  // namespace uringd::daemon
