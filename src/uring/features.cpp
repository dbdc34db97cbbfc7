// What `uringd --features` prints: this kernel, what of it is in use, what is missing and done another way, the limits
// that shape a ring, and the kernel faults we know of. Everything is asked of a throw-away ring on the calling thread.
#include "uringd/uring/features.hpp"

#include <liburing.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "uringd/base/check.hpp"
#include "uringd/uring/ring.hpp"

namespace uringd::uring {

namespace {

struct Operation {
  int code;
  std::string_view name;
  std::string_view otherwise;  // what is done without it
};

constexpr Operation operations[] = {
    {IORING_OP_ACCEPT, "accept into direct descriptors", "uringd cannot serve"},
    {IORING_OP_RECV, "receive with a buffer ring", "uringd cannot serve"},
    {IORING_OP_SEND, "send", "uringd cannot serve"},
    {IORING_OP_SENDMSG, "sendmsg", "uringd cannot serve"},
    {IORING_OP_POLL_ADD, "poll", "uringd cannot serve"},
    {IORING_OP_SHUTDOWN, "shutdown", "uringd cannot serve"},
    {IORING_OP_CLOSE, "close", "uringd cannot serve"},
    {IORING_OP_ASYNC_CANCEL, "cancel", "uringd cannot serve"},
    {IORING_OP_TIMEOUT, "timeout", "uringd cannot serve"},
    {IORING_OP_OPENAT2, "openat2", "uringd cannot serve"},
    {IORING_OP_READ, "read", "uringd cannot serve"},
    {IORING_OP_STATX, "statx", "uringd cannot serve"},
    {IORING_OP_WRITE, "write (access log)", "uringd cannot serve"},
    {IORING_OP_READ_FIXED, "reads into registered memory", "plain reads"},
};

/// [first, last) as major * 1,000,000 + minor * 1,000 + patch, and what is wrong there.
struct Fault {
  uint32_t first, last;
  std::string_view text;
};

constexpr Fault faults[] = {
    {6'001'000, 6'001'008, "multishot receive can storm with ENOBUFS: update the kernel"},
    {6'006'000, 6'006'017, "multishot accept can return invalid descriptors: update the kernel"},
    {6'007'000, 6'007'005, "multishot accept can return invalid descriptors: update the kernel"},
};

struct Version {
  uint32_t number = 0;     // as in Fault
  std::string_view after;  // what follows it
};

Version version_in(std::string_view text) {
  std::array<uint32_t, 3> parts{};
  const char* at = text.data();
  const char* const end = at + text.size();
  for (uint32_t& part : parts) {
    const auto [next, error] = std::from_chars(at, end, part);
    if (error != std::errc{}) break;
    at = next;
    if (at == end || *at != '.') break;
    ++at;
  }
  return {parts[0] * 1'000'000 + parts[1] * 1'000 + parts[2], {at, end}};
}

/// The number of the source that this kernel was made of; nothing where neither text has it. Distributions call their
/// builds "6.8.0-45-generic" whatever is in them; Debian tells in the other text.
std::optional<uint32_t> source_version(std::string_view release, std::string_view version) {
  constexpr std::string_view debian = "Debian ";
  if (const std::size_t at = version.find(debian); at != version.npos) {
    if (const Version found = version_in(version.substr(at + debian.size())); found.number != 0) return found.number;
  }
  const Version found = version_in(release);
  const bool build_number =
      found.after.size() > 1 && found.after[0] == '-' && found.after[1] >= '0' && found.after[1] <= '9';
  if (found.number % 1'000 == 0 && build_number) return std::nullopt;
  return found.number;
}

std::string limit_text(int resource, bool in_kib) {
  rlimit limit{};
  CHECK(getrlimit(static_cast<__rlimit_resource>(resource), &limit) == 0);
  if (limit.rlim_cur == RLIM_INFINITY) return "unlimited";
  return in_kib ? std::to_string(limit.rlim_cur / 1024) + " KiB" : std::to_string(limit.rlim_cur);
}

void describe_operations(std::vector<std::string>& lines) {
  const std::unique_ptr<io_uring_probe, void (*)(io_uring_probe*)> probe(io_uring_get_probe(), io_uring_free_probe);
  for (const Operation& operation : operations) {
    const bool there = probe != nullptr && io_uring_opcode_supported(probe.get(), operation.code) != 0;
    lines.push_back(std::string(operation.name) +
                    (there ? ": in use" : ": missing, " + std::string(operation.otherwise)));
  }
}

}  // namespace

std::vector<std::string> known_faults(std::string_view release, std::string_view version) {
  std::vector<std::string> found;
  const std::optional<uint32_t> number = source_version(release, version);
  for (const Fault& fault : faults) {
    if (number && *number >= fault.first && *number < fault.last) found.emplace_back(fault.text);
  }
  return found;
}

Result<std::vector<std::string>> describe_features() {
  std::array<char, 4096> memory{};
  RingOptions options;
  options.registered_memory = memory;
  options.restricted = true;
  auto ring = Ring::create(options);
  if (!ring) return std::unexpected(ring.error());
  const RingSetup& setup = ring->setup();

  utsname name{};
  CHECK(uname(&name) == 0);
  std::vector<std::string> lines;
  lines.push_back(std::string("kernel: ") + name.release + " (6.1 or newer is needed)");
  lines.push_back("ring: in use (single issuer, deferred task work), " + std::to_string(setup.submission_entries) +
                  " submission and " + std::to_string(setup.completion_entries) + " completion entries");
  lines.push_back("direct descriptors: in use, " + std::to_string(setup.direct_slots) + " slots");
  lines.push_back("buffer ring: in use, " + std::to_string(setup.receive_buffers) + " buffers");
  describe_operations(lines);
  lines.push_back(setup.registered_memory ? "registered memory: in use"
                                          : "registered memory: refused by the memory-lock limit, plain reads instead");
  // Not the probe's to tell: it knows IORING_OP_URING_CMD (5.19), not which commands sockets have.
  lines.push_back(setup.peer_name ? "socket commands (6.7; peer addresses, unacknowledged bytes): in use"
                                  : "socket commands (6.7; peer addresses, unacknowledged bytes): missing, one accept "
                                    "at a time and only completed sends count as progress");
  lines.push_back(setup.install ? "descriptors of sockets (6.8; for disk.zero_copy): in use"
                                : "descriptors of sockets (6.8; for disk.zero_copy): missing, every file is copied");
  lines.push_back(setup.restricted ? "ring restrictions: in use (with server.sandbox)"
                                   : "ring restrictions: refused: " + errno_text(setup.restriction_errno));
  lines.push_back("io-wq workers per ring: at most disk.kernel_threads for files, as many for what may wait for ever");
  lines.push_back("memory-lock limit: " + limit_text(RLIMIT_MEMLOCK, true) + " (per user; does not bind CAP_IPC_LOCK)");
  lines.push_back("open-files limit: " + limit_text(RLIMIT_NOFILE, false));
  for (const std::string& fault : known_faults(name.release, name.version)) {
    lines.push_back("known fault here: " + fault);
  }
  return lines;
}

}  // namespace uringd::uring
