// errno → status. Missing in any way is 404; refused, or led out of the root, is 403 (openat2(2): EXDEV, ELOOP); ours
// or the disk's trouble is 503 where it can pass, 500 where it will not.
#include "uringd/disk/failure.hpp"

#include <cerrno>

namespace uringd::disk {

Failure classify(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
    case EILSEQ:  // a name that the file system cannot hold
    case EINVAL: return {404, false};
    case EACCES:
    case EPERM:
    case ELOOP:
    case EXDEV:
    case ENXIO:   // a socket, or a FIFO's other end
    case ENODEV:  // a device without a driver
      return {403, false};
    case EAGAIN:  // a rename storm, after bounded retries
    case EBUSY:
    case EINTR:
    case ETIMEDOUT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS: return {503, true};
    default: return {500, true};
  }
}

}  // namespace uringd::disk
