// The files that are served, and what is in them: bytes that follow from a file's name and its release alone, so that
// who compares needs no copy of them, and no two files or releases have a piece in common.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

struct File {
  std::string path;  // "/d3/f17.html", below root
  std::size_t size;
  bool has_sibling;  // file.br beside it
};

/// Some three hundred: in directories, from nothing to several MiB, around every size that uringd treats differently
/// (a page, 32 KiB, cache.max_file_size, disk.stream_size).
std::vector<File> tree_files();

/// What `path` holds in `release`. Of a sibling the path is that of its file with ".br".
std::string content_of(const std::string& path, int release, std::size_t size);

/// The size of `file`'s sibling.
inline std::size_t sibling_size(const File& file) { return file.size / 3 + 20; }

/// Writes all files below `root`, the siblings after them. False where one could not be written; errno says why.
bool make_tree(const std::string& root, int release);

/// Replaces or makes one file as a whole, where it stands.
bool write_file(const std::string& path, const std::string& content);
