// RealTree: a temporary directory on a real file system, for what the fake world has not: inotify, links, listings.
// Goes with its owner.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "uringd/base/fd.hpp"
#include "uringd/disk/sites.hpp"

namespace uringd::disk::test {

namespace fs = std::filesystem;

struct RealTree {
  RealTree() {
    std::string name = (fs::temp_directory_path() / "uringd-tree-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = fs::canonical(name);
  }
  ~RealTree() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  RealTree(const RealTree&) = delete;
  RealTree& operator=(const RealTree&) = delete;

  [[nodiscard]] fs::path at(const std::string& name) const { return path / name; }
  void write(const std::string& name, const std::string& content = "content") const {
    std::ofstream(at(name), std::ios::binary) << content;
  }
  void directory(const std::string& name) const { fs::create_directories(at(name)); }
  void link(const std::string& target, const std::string& name) const { fs::create_symlink(target, at(name)); }
  void rename(const std::string& from, const std::string& to) const { fs::rename(at(from), at(to)); }
  void remove(const std::string& name) const { fs::remove_all(at(name)); }
  /// As a deploy does: the new link is made beside the old one and renamed over it.
  void switch_link(const std::string& target, const std::string& name) const {
    link(target, name + ".new");
    rename(name + ".new", name);
  }
  [[nodiscard]] Fd open(const std::string& name = ".") const {
    Fd opened(::open(at(name).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    REQUIRE(opened.open());
    return opened;
  }

  fs::path path;
};

/// A site whose root is `root`, as the snapshot makes it.
inline Sites::Site site_of(const fs::path& root, SiteRules rules = {}) {
  auto described = describe_root(Fd(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
  REQUIRE(described.has_value());
  rules.root_path = root;
  return {.rules = std::move(rules), .describer = nullptr, .root = std::make_shared<const Root>(std::move(*described))};
}

inline std::vector<Sites::Site> one_site(const fs::path& root, SiteRules rules = {}) {
  std::vector<Sites::Site> sites;
  sites.push_back(site_of(root, std::move(rules)));
  return sites;
}

/// Lines of the log, for tests that ask what the operator is told.
struct LogFile {
  LogFile() : file(memfd_create("log", MFD_CLOEXEC)) { REQUIRE(file.open()); }
  [[nodiscard]] std::string text() const {
    std::string all(1 << 16, '\0');
    const ssize_t bytes = pread(file.number(), all.data(), all.size(), 0);
    all.resize(bytes > 0 ? static_cast<size_t>(bytes) : 0);
    return all;
  }
  Fd file;
};

inline size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++count;
  return count;
}

}  // namespace uringd::disk::test
