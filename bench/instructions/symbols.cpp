// Reading ELF as it lies on disk (elf(5)): program headers give the distance between a file's addresses and the
// process's, section headers the symbol tables.
#include "symbols.hpp"

#include <cxxabi.h>
#include <elf.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <sstream>

namespace uringd::bench {
namespace {

/// The object at `offset` of a file, all zero where the file ends before it.
template <typename T>
T at(const std::string& file, std::uint64_t offset) {
  T object{};
  if (offset <= file.size() && sizeof object <= file.size() - offset) {
    std::memcpy(&object, file.data() + offset, sizeof object);
  }
  return object;
}

/// What is to be added to an address of the file to get the process's.
std::uint64_t bias(const std::string& file, const Elf64_Ehdr& head, std::uint64_t start, std::uint64_t offset) {
  for (unsigned i = 0; i < head.e_phnum; ++i) {
    const auto part = at<Elf64_Phdr>(file, head.e_phoff + std::uint64_t{i} * head.e_phentsize);
    if (part.p_type != PT_LOAD || offset + 4096 <= part.p_offset || offset >= part.p_offset + part.p_filesz) continue;
    return start - offset + part.p_offset - part.p_vaddr;
  }
  return start - offset;
}

std::string demangled(const std::string& mangled) {
  int failed = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(mangled.c_str(), nullptr, nullptr, &failed), std::free);
  std::string name = failed == 0 ? text.get() : mangled;
  const size_t parameters = name.find('(', name.starts_with("(anonymous") ? 1 : 0);
  // "(anonymous namespace)" is no parameter list.
  for (size_t from = parameters; from != std::string::npos; from = name.find('(', from + 1)) {
    if (name.compare(from, 10, "(anonymous") == 0) continue;
    return name.substr(0, from);
  }
  return name;
}

}  // namespace

Symbols Symbols::of(pid_t process) {
  Symbols symbols;
  std::set<std::string> seen;
  std::ifstream maps("/proc/" + std::to_string(process) + "/maps");
  for (std::string line; std::getline(maps, line);) {
    std::istringstream words(line);
    std::uint64_t start = 0;
    std::uint64_t end = 0;
    std::uint64_t offset = 0;
    char dash = 0;
    std::string rights;
    std::string device;
    std::string inode;
    std::string path;
    words >> std::hex >> start >> dash >> end >> rights >> offset >> device >> inode >> path;
    if (rights.size() < 3 || rights[2] != 'x') continue;
    symbols.mappings_[start] = {.end = end, .file = path.substr(path.rfind('/') + 1)};
    if (path.starts_with("/") && seen.insert(path).second) symbols.add_file(path, start, offset);
  }
  return symbols;
}

void Symbols::add_file(const std::string& path, std::uint64_t start, std::uint64_t offset) {
  std::ifstream stream(path, std::ios::binary);
  const std::string file{std::istreambuf_iterator<char>(stream), {}};
  const auto head = at<Elf64_Ehdr>(file, 0);
  if (std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64) return;
  const std::uint64_t distance = bias(file, head, start, offset);
  const auto section = [&](unsigned index) {
    return at<Elf64_Shdr>(file, head.e_shoff + std::uint64_t{index} * head.e_shentsize);
  };
  for (unsigned i = 0; i < head.e_shnum; ++i) {
    const Elf64_Shdr table = section(i);
    if (table.sh_type != SHT_SYMTAB && table.sh_type != SHT_DYNSYM) continue;
    const Elf64_Shdr names = section(table.sh_link);
    for (std::uint64_t entry = 0; entry + sizeof(Elf64_Sym) <= table.sh_size; entry += sizeof(Elf64_Sym)) {
      const auto symbol = at<Elf64_Sym>(file, table.sh_offset + entry);
      const std::uint64_t name_at = names.sh_offset + symbol.st_name;
      if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_shndx == SHN_UNDEF || name_at >= file.size()) continue;
      functions_.try_emplace(symbol.st_value + distance,
                             Function{.size_bytes = symbol.st_size, .mangled = file.c_str() + name_at});
    }
  }
}

std::string Symbols::name(std::uint64_t address) const {
  auto function = functions_.upper_bound(address);
  if (function != functions_.begin()) {
    --function;
    if (address < function->first + function->second.size_bytes) return demangled(function->second.mangled);
  }
  auto mapping = mappings_.upper_bound(address);
  if (mapping == mappings_.begin() || address >= (--mapping)->second.end) return "[unknown]";
  const std::string& file = mapping->second.file;
  return file.starts_with("[") ? file : "[" + file + "]";
}

std::vector<std::uint64_t> Symbols::addresses(std::string_view mangled) const {
  std::vector<std::uint64_t> found;
  for (const auto& [address, function] : functions_) {
    if (function.mangled == mangled) found.push_back(address);
  }
  return found;
}

}  // namespace uringd::bench
