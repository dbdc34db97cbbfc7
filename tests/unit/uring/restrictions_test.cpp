// A restricted ring: what it refuses to whoever holds its descriptor, asked for as an intruder would, by mapping the
// same ring once more and submitting what Ring itself never does. What a restricted ring still does is told by all the
// other tests here: meson runs them a second time with URINGD_TEST_RESTRICTED=1.
#include <fcntl.h>
#include <liburing.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <set>

#include "harness.hpp"
#include "uringd/uring/features.hpp"

using namespace uringd;
using namespace uringd::uring;
using namespace uringd::uring::test;

namespace {

std::set<int> ring_descriptors() {
  std::set<int> found;
  for (const auto& link : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    if (std::filesystem::read_symlink(link.path(), gone) == "anon_inode:[io_uring]")
      found.insert(std::stoi(link.path().filename()));
  }
  return found;
}

RingOptions options_of(bool restricted) {
  RingOptions options;
  options.submission_entries = 64;
  options.completion_entries = 256;
  options.restricted = restricted;
  return options;
}

/// Not make_ring(): these tests say themselves what is restricted.
Ring ring_with(const RingOptions& options) {
  auto ring = Ring::create(options);
  if (!ring) FAIL(ring.error().message);
  return std::move(*ring);
}

/// A second mapping of a Ring's queues. The Ring itself is not to be used while this is.
class Intruder {
 public:
  explicit Intruder(bool restricted) : before_(ring_descriptors()), ring_(ring_with(options_of(restricted))) {
    for (const int descriptor : ring_descriptors())
      if (!before_.contains(descriptor)) descriptor_ = descriptor;
    REQUIRE(descriptor_ >= 0);
    // The layout of the queues is a matter of sizes and flags: that of a twin is that of the ring.
    io_uring twin{};
    io_uring_params layout{};
    layout.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
                   IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CLAMP;
    layout.cq_entries = ring_.setup().completion_entries;
    REQUIRE(io_uring_queue_init_params(ring_.setup().submission_entries, &twin, &layout) == 0);
    io_uring_queue_exit(&twin);
    REQUIRE(io_uring_queue_mmap(descriptor_, &layout, &mapped_) == 0);
    mapped_.ring_fd = mapped_.enter_ring_fd = descriptor_;
    mapped_.flags = layout.flags;
    mapped_.sq.sqe_head = mapped_.sq.sqe_tail = *mapped_.sq.ktail;
  }
  Intruder(const Intruder&) = delete;
  Intruder& operator=(const Intruder&) = delete;
  ~Intruder() {
    munmap(mapped_.sq.sqes, size_t{setup().submission_entries} * sizeof(io_uring_sqe));
    munmap(mapped_.sq.ring_ptr, mapped_.sq.ring_sz);
  }

  [[nodiscard]] const RingSetup& setup() const { return ring_.setup(); }
  io_uring& raw() { return mapped_; }
  io_uring_sqe* entry() { return io_uring_get_sqe(&mapped_); }
  /// The result of the one entry that was filled in.
  int result() {
    REQUIRE(io_uring_submit_and_wait(&mapped_, 1) == 1);
    io_uring_cqe* completion = nullptr;
    REQUIRE(io_uring_wait_cqe(&mapped_, &completion) == 0);
    const int result = completion->res;
    io_uring_cqe_seen(&mapped_, completion);
    return result;
  }

 private:
  std::set<int> before_;
  Ring ring_;
  int descriptor_ = -1;
  io_uring mapped_{};
};

}  // namespace

TEST_CASE("a restricted ring refuses with EACCES what the server never submits (io_uring_register(2))") {
  Directory directory;
  directory.write("kept.txt", "kept");
  const std::string kept = directory.path / "kept.txt";
  const std::string other = directory.path / "other.txt";
  const std::string made = directory.path / "made";
  for (const bool restricted : {true, false}) {
    CAPTURE(restricted);
    Intruder intruder(restricted);
    REQUIRE(intruder.setup().restricted == restricted);
    // The same entries work on a plain ring: what refuses them is the restriction.
    const auto is_refused = [&](int result) { return restricted ? result == -EACCES : result >= 0; };
    io_uring_prep_mkdirat(intruder.entry(), AT_FDCWD, made.c_str(), 0700);
    CHECK(is_refused(intruder.result()));
    CHECK(std::filesystem::exists(made) != restricted);
    io_uring_prep_linkat(intruder.entry(), AT_FDCWD, kept.c_str(), AT_FDCWD, other.c_str(), 0);
    CHECK(is_refused(intruder.result()));
    io_uring_prep_unlinkat(intruder.entry(), AT_FDCWD, kept.c_str(), 0);
    CHECK(is_refused(intruder.result()));
    CHECK(std::filesystem::exists(kept) == restricted);
    io_uring_prep_socket(intruder.entry(), AF_INET, SOCK_STREAM, 0, 0);
    const int socket = intruder.result();
    CHECK(is_refused(socket));
    if (socket >= 0) ::close(socket);
  }
}

TEST_CASE("a restricted ring refuses entries of the other kinds: connecting, renaming, splicing, messages, epoll") {
  Intruder intruder(true);
  REQUIRE(intruder.setup().restricted);
  for (const int operation :
       {IORING_OP_CONNECT, IORING_OP_RENAMEAT, IORING_OP_SYMLINKAT, IORING_OP_SPLICE, IORING_OP_TEE, IORING_OP_MSG_RING,
        IORING_OP_EPOLL_CTL, IORING_OP_WRITEV, IORING_OP_WRITE_FIXED, IORING_OP_FALLOCATE, IORING_OP_SETXATTR,
        IORING_OP_FILES_UPDATE, IORING_OP_PROVIDE_BUFFERS, IORING_OP_MADVISE, IORING_OP_RECVMSG}) {
    CAPTURE(operation);
    io_uring_sqe* entry = intruder.entry();
    io_uring_prep_nop(entry);
    entry->opcode = static_cast<uint8_t>(operation);
    CHECK(intruder.result() == -EACCES);
  }
}

TEST_CASE("a restricted ring refuses the flag that nothing here uses, IOSQE_IO_DRAIN, and takes the others") {
  Intruder intruder(true);
  REQUIRE(intruder.setup().restricted);
  io_uring_sqe* draining = intruder.entry();
  io_uring_prep_nop(draining);
  draining->flags |= IOSQE_IO_DRAIN;
  CHECK(intruder.result() == -EACCES);
  io_uring_sqe* in_thread = intruder.entry();
  io_uring_prep_nop(in_thread);
  in_thread->flags |= IOSQE_ASYNC;
  CHECK(intruder.result() == 0);
}

TEST_CASE("a restricted ring takes no further registrations: no buffers, files, credentials, and no wider list") {
  Intruder intruder(true);
  REQUIRE(intruder.setup().restricted);
  std::array<char, 4096> memory{};
  const iovec area{memory.data(), memory.size()};
  const int descriptor = 0;
  io_uring_restriction all{};
  CHECK(io_uring_register_buffers(&intruder.raw(), &area, 1) == -EACCES);
  CHECK(io_uring_register_files_update(&intruder.raw(), 0, &descriptor, 1) == -EACCES);
  CHECK(io_uring_register_personality(&intruder.raw()) == -EACCES);
  CHECK(io_uring_register_restrictions(&intruder.raw(), &all, 1) < 0);
  CHECK(io_uring_register_iowq_max_workers(&intruder.raw(), std::array<unsigned, 2>{9, 9}.data()) == 0);  // a reload's
}

TEST_CASE("a restricted ring has what a plain one has: sizes, direct slots, registered memory, socket commands") {
  alignas(4096) static std::array<char, 65536> area;
  RingOptions options;
  options.registered_memory = area;
  const Ring plain = ring_with(options);
  options.restricted = true;
  const Ring restricted = ring_with(options);
  const RingSetup& one = plain.setup();
  const RingSetup& other = restricted.setup();
  CHECK(other.restricted);
  CHECK(other.restriction_errno == 0);
  CHECK(other.submission_entries == one.submission_entries);
  CHECK(other.completion_entries == one.completion_entries);
  CHECK(other.direct_slots == one.direct_slots);
  CHECK(other.receive_buffers == one.receive_buffers);
  CHECK(other.registered_memory == one.registered_memory);
  CHECK(other.peer_name == one.peer_name);
  CHECK(other.install == one.install);
}

TEST_CASE("a restricted ring leaves nothing behind: no descriptor, no mapping") {
  const auto virtual_pages = [] {
    long pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    return pages;
  };
  const auto once = [] { ring_with(options_of(true)); };
  once();
  const auto before = virtual_pages();
  const auto descriptors = ring_descriptors();
  for (int round = 0; round < 20; ++round) once();  // registered ring descriptors: 16 a thread, kept ones would run out
  CHECK(ring_descriptors() == descriptors);
  CHECK(virtual_pages() <= before + 20);  // a buffer ring alone is two
}

TEST_CASE("--features says that ring restrictions are in use") {
  const auto lines = describe_features();
  REQUIRE(lines.has_value());
  CHECK(std::find(lines->begin(), lines->end(), "ring restrictions: in use (with server.sandbox)") != lines->end());
}
