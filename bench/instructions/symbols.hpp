// Symbols: which function of a running process an address lies in, and where its functions begin. Read once from
// /proc/PID/maps and the ELF files named there (.symtab and .dynsym, 64 bit); what a stripped library does not name is
// "[its file]", and the vDSO "[vdso]". It keeps no file open; one thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace uringd::bench {

class Symbols {
 public:
  /// Of everything executable that is mapped now.
  [[nodiscard]] static Symbols of(pid_t process);

  /// The function's name, demangled, without its parameters.
  [[nodiscard]] std::string name(std::uint64_t address) const;
  /// Where functions of exactly that (mangled) name begin: one for each file that has it.
  [[nodiscard]] std::vector<std::uint64_t> addresses(std::string_view mangled) const;

 private:
  struct Function {
    std::uint64_t size_bytes = 0;
    std::string mangled;
  };
  struct Mapping {
    std::uint64_t end = 0;
    std::string file;
  };

  /// The functions of one file, of which the byte at `offset` is mapped at `start`.
  void add_file(const std::string& path, std::uint64_t start, std::uint64_t offset);

  std::map<std::uint64_t, Function> functions_;  // by first address
  std::map<std::uint64_t, Mapping> mappings_;    // executable ones, by first address
};

}  // namespace uringd::bench
