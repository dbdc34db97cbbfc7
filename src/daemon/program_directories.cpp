// From a program's path to directories: by its name, by its links, by its ELF header. Whatever cannot be read adds
// nothing: an upgrade would then be refused, and say so.
#include "program_directories.hpp"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "uringd/base/fd.hpp"

namespace uringd::daemon {

namespace {

namespace fs = std::filesystem;

constexpr unsigned most_headers = 64;  // a program has about a dozen
constexpr size_t longest_path = 4096;  // PATH_MAX

template <typename Value>
bool read_at(int file, uint64_t offset, Value& into) {
  return pread(file, &into, sizeof into, static_cast<off_t>(offset)) == static_cast<ssize_t>(sizeof into);
}

/// "/lib64/ld-linux-x86-64.so.2"; empty for a static program, or what is no program of this machine.
std::string interpreter_of(const std::string& program) {
  const Fd file(::open(program.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  ElfW(Ehdr) header{};
  if (!file.open() || !read_at(file.number(), 0, header)) return {};
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phentsize != sizeof(ElfW(Phdr))) return {};
  for (unsigned index = 0; index < header.e_phnum && index < most_headers; ++index) {
    ElfW(Phdr) segment{};
    if (!read_at(file.number(), header.e_phoff + uint64_t{index} * sizeof segment, segment)) return {};
    if (segment.p_type != PT_INTERP || segment.p_filesz == 0 || segment.p_filesz > longest_path) continue;
    std::string name(segment.p_filesz, '\0');
    if (pread(file.number(), name.data(), name.size(), static_cast<off_t>(segment.p_offset)) !=
        static_cast<ssize_t>(name.size()))
      return {};
    return name.substr(0, name.find('\0'));
  }
  return {};
}

/// By its name and by what its links lead to: what either holds tomorrow is the next version.
void add_both(std::vector<std::string>& directories, const std::string& path) {
  if (path.empty()) return;
  directories.push_back(fs::path(path).parent_path());
  std::error_code missing;
  const fs::path real = fs::canonical(path, missing);
  if (!missing) directories.push_back(real.parent_path());
}

/// A link that leads to its own neighbourhood is one that deploys switch. "/" and "/usr" are not among those: /bin →
/// usr/bin and /usr/sbin → bin are no deploys, and would make everything executable.
void add_switched(std::vector<std::string>& directories, const std::string& program) {
  fs::path walked;
  for (const fs::path& part : fs::path(program)) {
    const fs::path holder = walked;
    walked /= part;
    std::error_code error;
    if (!fs::is_symlink(walked, error)) continue;
    const fs::path target = fs::canonical(walked, error);
    if (error) return;
    const fs::path neighbourhood = fs::canonical(holder, error);
    if (error || neighbourhood == "/" || neighbourhood == "/usr") continue;
    if (target.string().starts_with(neighbourhood.string() + "/")) directories.push_back(neighbourhood);
  }
}

}  // namespace

std::vector<std::string> program_directories(const std::string& program) {
  std::vector<std::string> directories;
  if (program.empty()) return directories;
  add_both(directories, program);
  add_switched(directories, program);
  add_both(directories, interpreter_of(program));
  return directories;
}

}  // namespace uringd::daemon
