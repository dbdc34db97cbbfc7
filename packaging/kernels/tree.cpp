// Contents come from a generator that is seeded by name and release (splitmix64).
#include "tree.hpp"

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace {

std::uint64_t next_random(std::uint64_t& state) {
  std::uint64_t value = (state += 0x9E3779B97F4A7C15U);
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9U;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBU;
  return value ^ (value >> 31);
}

std::uint64_t seed_of(const std::string& path, int release) {
  std::uint64_t seed = 0xCBF29CE484222325U + static_cast<std::uint64_t>(release);
  for (const char byte : path) seed = (seed ^ static_cast<unsigned char>(byte)) * 0x100000001B3U;  // FNV-1a
  return seed;
}

}  // namespace

std::vector<File> tree_files() {
  constexpr std::size_t KiB = 1024;
  constexpr std::size_t MiB = 1024 * KiB;
  constexpr std::array<std::size_t, 22> sizes = {
      0,        1,        2,     255,       256,           4095,      4096,   4097,    16 * KiB, 32 * KiB - 1, 32 * KiB,
      40 * KiB, 64 * KiB, 65537, 100 * KiB, 512 * KiB - 1, 512 * KiB, 524289, MiB + 1, 2 * MiB,  3 * MiB + 17, 6 * MiB};
  std::vector<File> files = {{"/index.html", 700, true}, {"/d1/index.html", 900, false}};
  for (std::size_t index = 0; index < sizes.size(); ++index) {
    files.push_back({"/sizes/s" + std::to_string(index) + ".bin", sizes[index], false});
  }
  std::uint64_t state = 9;
  for (std::size_t index = 0; index < 280; ++index) {
    const std::string folder = "/d" + std::to_string(index % 7) + (index % 3 == 0 ? "/deep/er" : "");
    const bool page = index % 4 == 0;
    const std::size_t size = 256 + next_random(state) % (index % 10 == 0 ? 60'000 : 9'000);
    files.push_back({folder + "/f" + std::to_string(index) + (page ? ".html" : ".dat"), size, page});
  }
  return files;
}

std::string content_of(const std::string& path, int release, std::size_t size) {
  std::string content(size, '\0');
  std::uint64_t state = seed_of(path, release);
  for (std::size_t at = 0; at < size; at += sizeof(std::uint64_t)) {
    const std::uint64_t word = next_random(state);
    std::memcpy(content.data() + at, &word, std::min(sizeof word, size - at));
  }
  return content;
}

bool write_file(const std::string& path, const std::string& content) {
  std::FILE* const file = std::fopen(path.c_str(), "wb");
  if (!file) return false;
  const bool written = std::fwrite(content.data(), 1, content.size(), file) == content.size();
  return std::fclose(file) == 0 && written;
}

bool make_tree(const std::string& root, int release) {
  for (const File& file : tree_files()) {
    std::error_code failed;
    std::filesystem::create_directories(std::filesystem::path(root + file.path).parent_path(), failed);
    if (failed || !write_file(root + file.path, content_of(file.path, release, file.size))) return false;
    const std::string sibling = file.path + ".br";
    if (file.has_sibling && !write_file(root + sibling, content_of(sibling, release, sibling_size(file)))) return false;
  }
  return true;
}
