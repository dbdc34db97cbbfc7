// What a restricted ring may do: the operations that Ring has, the flags that they carry, and the few registrations
// that its end needs; nothing else, for whoever comes to write into our submission queue. The kernel refuses the rest
// with -EACCES, before the operation looks at its arguments (io_uring_register(2), IORING_REGISTER_RESTRICTIONS).
// Called once, by set_up(), on a ring that is still disabled: registrations made before it are not restricted.
// Bounds: one restriction per operation, below 64.
#include <array>
#include <cerrno>
#include <memory>
#include <vector>

#include "implementation.hpp"

namespace uringd::uring {

namespace {

// Every io_uring_prep_* of this room, one by one; FIXED_FD_INSTALL is unknown before 6.8.
constexpr std::array operations = {
    IORING_OP_NOP,  // set-up's own question
    IORING_OP_ACCEPT,   IORING_OP_RECV,     IORING_OP_SEND,      IORING_OP_SENDMSG,
    IORING_OP_POLL_ADD, IORING_OP_SHUTDOWN, IORING_OP_URING_CMD, IORING_OP_FIXED_FD_INSTALL,
    IORING_OP_OPENAT,   IORING_OP_OPENAT2,  IORING_OP_READ,      IORING_OP_READ_FIXED,
    IORING_OP_WRITE,  // the access log; which files can be open for writing is the file system sandbox's to say
    IORING_OP_STATX,    IORING_OP_CLOSE,    IORING_OP_TIMEOUT,   IORING_OP_ASYNC_CANCEL,
};

constexpr unsigned flags =
    IOSQE_FIXED_FILE | IOSQE_IO_LINK | IOSQE_IO_HARDLINK | IOSQE_ASYNC | IOSQE_BUFFER_SELECT | IOSQE_CQE_SKIP_SUCCESS;

// set_workers(), and what Ring's destructor and liburing's io_uring_queue_exit() ask for. No new buffers, files, rings
// or credentials.
constexpr std::array registrations = {
    IORING_REGISTER_IOWQ_MAX_WORKERS,
    IORING_REGISTER_SYNC_CANCEL,
    IORING_UNREGISTER_PBUF_RING,
    IORING_UNREGISTER_RING_FDS,
};

std::vector<io_uring_restriction> allow_list(const io_uring_probe& known) {
  std::vector<io_uring_restriction> list;
  const auto add = [&list](unsigned what, unsigned value) {
    io_uring_restriction one{};
    one.opcode = static_cast<uint16_t>(what);
    one.sqe_op = static_cast<uint8_t>(value);  // a union: register_op and sqe_flags lie there too
    list.push_back(one);
  };
  // One operation that the kernel does not know, and it refuses the whole list.
  for (const auto operation : operations)
    if (io_uring_opcode_supported(&known, operation) != 0) add(IORING_RESTRICTION_SQE_OP, operation);
  for (const auto registration : registrations) add(IORING_RESTRICTION_REGISTER_OP, registration);
  add(IORING_RESTRICTION_SQE_FLAGS_ALLOWED, flags);
  return list;
}

}  // namespace

int Ring::Implementation::restrict_operations() {
  const std::unique_ptr<io_uring_probe, void (*)(io_uring_probe*)> known(io_uring_get_probe_ring(&ring),
                                                                         io_uring_free_probe);
  if (known == nullptr) return -ENOSYS;
  std::vector<io_uring_restriction> list = allow_list(*known);
  return io_uring_register_restrictions(&ring, list.data(), static_cast<unsigned>(list.size()));
}

}  // namespace uringd::uring
