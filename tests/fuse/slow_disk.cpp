// slow_disk BACKING MOUNTPOINT: shows the tree BACKING at MOUNTPOINT, slowly, wrongly or not at all, as it is told.
// A test holds its standard input and output: one command a line, one answer ("ok …" or "no …") a line; when the input
// ends (the test is over, or has died) the mount goes and so does this process, whatever hangs.
//
//   rule OP PREFIX [delay=MS] [error=ERRNO] [hang=1] [from=OFFSET] [limit=BYTES] [split=MS] [pause=MS]
//       OP: any lookup getattr readlink open read flush release opendir readdir releasedir; PREFIX: a path, "/" for
//       all. Of two rules for the same request the later counts. from: reads at or behind that offset only. limit: a
//       read returns no more (a short read). split: a read takes half of its bytes, waits, and takes the rest. pause:
//       the delay comes after the deed and before the answer (a delay comes before both)
//   clear            forgets all rules; what hangs goes on
//   waiting          how many requests hang now
//   seen OP PREFIX   how many requests of that kind have come
//
// It speaks the kernel's own protocol (linux/fuse.h): libfuse 3.14 does not pass FUSE_PARALLEL_DIROPS on, so one name
// that hangs would lock its whole directory. No attribute and no name is cached by the kernel and files are opened for
// direct I/O, so that each look, open and read comes here; each request is a thread, so that none holds up another.
#include <dirent.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "orders.hpp"
#include "tree.hpp"

namespace slow_disk {
namespace {

std::string by_descriptor(int descriptor) { return "/proc/self/fd/" + std::to_string(descriptor); }

template <typename T>
std::string bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

// What an operation gives: a negative errno or the bytes of its answer.
struct Answer {
  int error = 0;
  std::string bytes;
};

struct Request {
  fuse_in_header head;
  std::string bytes;  // behind the head

  template <typename T>
  [[nodiscard]] T as() const {
    T value{};
    std::memcpy(&value, bytes.data(), std::min(sizeof value, bytes.size()));
    return value;
  }
};

class Disk {
 public:
  Disk(const char* backing, int device) : tree(backing), device_(device) {}

  /// Takes requests until the mount is gone.
  void serve() {
    std::vector<char> buffer(FUSE_MIN_READ_BUFFER + max_write_bytes);
    for (;;) {
      const ssize_t got = ::read(device_, buffer.data(), buffer.size());
      if (got < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT)) continue;
      if (got < static_cast<ssize_t>(sizeof(fuse_in_header))) return;
      Request request{};
      std::memcpy(&request.head, buffer.data(), sizeof request.head);
      request.bytes.assign(buffer.data() + sizeof request.head, static_cast<std::size_t>(got) - sizeof request.head);
      take(std::move(request));
    }
  }

  Orders orders;
  Tree tree;

 private:
  static constexpr std::uint32_t max_write_bytes = 128 * 1024;

  // What is answered at once or not at all is done here, the rest in a thread of its own.
  void take(Request request) {
    switch (request.head.opcode) {
      case FUSE_INIT: return reply(request, init(request));
      case FUSE_FORGET: return tree.forget(request.head.nodeid, request.as<fuse_forget_in>().nlookup);
      case FUSE_BATCH_FORGET: return forget_many(request);
      case FUSE_INTERRUPT: return;  // a disk that hangs does not care
      case FUSE_DESTROY: return reply(request, {});
      default: std::thread([this, request = std::move(request)] { reply(request, perform(request)); }).detach();
    }
  }

  void reply(const Request& request, const Answer& answer) const {
    fuse_out_header head{};
    head.unique = request.head.unique;
    head.error = answer.error;
    head.len = static_cast<std::uint32_t>(sizeof head + (answer.error == 0 ? answer.bytes.size() : 0));
    iovec parts[] = {{&head, sizeof head}, {const_cast<char*>(answer.bytes.data()), head.len - sizeof head}};
    // ENOENT: the asker is gone. Nothing is to be done about it.
    [[maybe_unused]] const ssize_t written = ::writev(device_, parts, 2);
  }

  static Answer init(const Request& request) {
    const auto asked = request.as<fuse_init_in>();
    fuse_init_out result{};
    result.major = FUSE_KERNEL_VERSION;
    result.minor = std::min<std::uint32_t>(asked.minor, FUSE_KERNEL_MINOR_VERSION);
    result.max_readahead = asked.max_readahead;
    // Without FUSE_ASYNC_DIO the kernel (6.18) goes on after a short direct read of a ring at the old offset.
    result.flags = asked.flags & (FUSE_PARALLEL_DIROPS | FUSE_ASYNC_DIO | FUSE_ASYNC_READ | FUSE_MAX_PAGES);
    result.max_background = 512;  // releases are of that kind: slow ones must not be all there is room for
    result.congestion_threshold = 512;
    result.max_write = max_write_bytes;
    result.max_pages = max_write_bytes / 4096;
    result.time_gran = 1;
    return {0, bytes_of(result)};
  }

  void forget_many(const Request& request) {
    const auto count = request.as<fuse_batch_forget_in>().count;
    for (std::size_t i = 0; i < count; ++i) {
      fuse_forget_one one{};
      std::memcpy(&one, request.bytes.data() + sizeof(fuse_batch_forget_in) + i * sizeof one, sizeof one);
      tree.forget(one.nodeid, one.nlookup);
    }
  }

  Answer perform(const Request& request) {
    const std::uint64_t node = request.head.nodeid;
    switch (request.head.opcode) {
      case FUSE_LOOKUP: return lookup(node, request.bytes.c_str());
      case FUSE_GETATTR: return getattr(node);
      case FUSE_READLINK: return readlink(node);
      case FUSE_OPEN: return open(node);
      case FUSE_READ: return read(node, request.as<fuse_read_in>());
      case FUSE_FLUSH: return ordered("flush", node);
      case FUSE_RELEASE: return release(node, request.as<fuse_release_in>());
      case FUSE_OPENDIR: return opendir(node);
      case FUSE_READDIR: return readdir(node, request.as<fuse_read_in>());
      case FUSE_RELEASEDIR: return releasedir(node, request.as<fuse_release_in>());
      default: return {-ENOSYS, ""};
    }
  }

  // Waits as ordered. Not 0: fail with that.
  int meet(const char* operation, const std::string& path, Rule& rule, std::uint64_t offset = UINT64_MAX) {
    rule = orders.meet(operation, path, offset);
    return -rule.error;
  }

  Answer ordered(const char* operation, std::uint64_t node) {
    Rule rule;
    return {meet(operation, tree.path(node), rule), ""};
  }

  Answer lookup(std::uint64_t parent, const char* name) {
    const std::string directory = tree.path(parent);
    Rule rule;
    if (const int error = meet("lookup", (directory == "/" ? "" : directory) + "/" + name, rule)) return {error, ""};
    fuse_entry_out entry{};
    const int error = tree.find(parent, name, entry);
    sleep_ms(rule.pause_ms);
    return {error, bytes_of(entry)};
  }

  Answer getattr(std::uint64_t node) {
    Rule rule;
    if (const int error = meet("getattr", tree.path(node), rule)) return {error, ""};
    struct stat found{};
    if (::fstatat(tree.descriptor(node), "", &found, AT_EMPTY_PATH) != 0) return {-errno, ""};
    fuse_attr_out result{};
    result.attr = attributes_of(found);
    sleep_ms(rule.pause_ms);
    return {0, bytes_of(result)};
  }

  Answer readlink(std::uint64_t node) {
    Rule rule;
    if (const int error = meet("readlink", tree.path(node), rule)) return {error, ""};
    char target[4096];
    const ssize_t size = ::readlinkat(tree.descriptor(node), "", target, sizeof target);
    return size < 0 ? Answer{-errno, ""} : Answer{0, std::string(target, static_cast<std::size_t>(size))};
  }

  Answer open(std::uint64_t node) {
    Rule rule;
    if (const int error = meet("open", tree.path(node), rule)) return {error, ""};
    const int opened = ::open(by_descriptor(tree.descriptor(node)).c_str(), O_RDONLY | O_CLOEXEC);
    if (opened < 0) return {-errno, ""};
    fuse_open_out result{};
    result.fh = static_cast<std::uint64_t>(opened);
    result.open_flags = FOPEN_DIRECT_IO;
    sleep_ms(rule.pause_ms);
    return {0, bytes_of(result)};
  }

  Answer read(std::uint64_t node, const fuse_read_in& asked) {
    Rule rule;
    if (const int error = meet("read", tree.path(node), rule, asked.offset)) return {error, ""};
    std::string bytes(std::min<std::size_t>(asked.size, rule.limit), '\0');
    std::size_t got = 0;
    const std::size_t half = rule.split_ms > 0 ? bytes.size() / 2 : bytes.size();
    for (const std::size_t until : {half, bytes.size()}) {
      if (got == half && until > half) sleep_ms(rule.split_ms);
      const ssize_t piece =
          ::pread(static_cast<int>(asked.fh), bytes.data() + got, until - got, static_cast<off_t>(asked.offset + got));
      if (piece < 0) return {-errno, ""};
      got += static_cast<std::size_t>(piece);
    }
    bytes.resize(got);
    sleep_ms(rule.pause_ms);
    return {0, std::move(bytes)};
  }

  Answer release(std::uint64_t node, const fuse_release_in& asked) {
    const Answer answer = ordered("release", node);
    ::close(static_cast<int>(asked.fh));
    return answer;
  }

  Answer opendir(std::uint64_t node) {
    Rule rule;
    if (const int error = meet("opendir", tree.path(node), rule)) return {error, ""};
    DIR* directory = ::opendir(by_descriptor(tree.descriptor(node)).c_str());
    if (!directory) return {-errno, ""};
    fuse_open_out result{};
    result.fh = reinterpret_cast<std::uint64_t>(directory);
    return {0, bytes_of(result)};
  }

  Answer readdir(std::uint64_t node, const fuse_read_in& asked) {
    Rule rule;
    if (const int error = meet("readdir", tree.path(node), rule)) return {error, ""};
    DIR* directory = reinterpret_cast<DIR*>(asked.fh);
    ::seekdir(directory, static_cast<long>(asked.offset));
    std::string bytes;
    while (const dirent* item = ::readdir(directory)) {
      const std::string_view name = item->d_name;
      fuse_dirent head{};
      head.ino = item->d_ino;
      head.off = static_cast<std::uint64_t>(item->d_off);
      head.namelen = static_cast<std::uint32_t>(name.size());
      head.type = item->d_type;
      const std::size_t size = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + name.size());
      if (bytes.size() + size > asked.size) break;
      const std::size_t start = bytes.size();
      bytes.append(reinterpret_cast<const char*>(&head), FUSE_NAME_OFFSET).append(name);
      bytes.resize(start + size, '\0');
    }
    return {0, std::move(bytes)};
  }

  Answer releasedir(std::uint64_t node, const fuse_release_in& asked) {
    const Answer answer = ordered("releasedir", node);
    ::closedir(reinterpret_cast<DIR*>(asked.fh));
    return answer;
  }

  int device_;
};

std::string answer(Disk& disk, const std::string& line) {
  std::istringstream words(line);
  std::string command;
  Rule rule;
  words >> command >> rule.operation >> rule.prefix;
  if (command == "clear") {
    disk.orders.clear();
    return "ok";
  }
  if (command == "waiting") return "ok " + std::to_string(disk.orders.waiting());
  if (rule.prefix.empty()) return "no such command";
  if (command == "seen") return "ok " + std::to_string(disk.orders.seen(rule.operation, rule.prefix));
  for (std::string word; words >> word;) {
    const std::string name = word.substr(0, word.find('='));
    const unsigned long value = std::strtoul(word.c_str() + std::min(name.size() + 1, word.size()), nullptr, 10);
    if (name == "delay")
      rule.delay_ms = static_cast<long>(value);
    else if (name == "pause")
      rule.pause_ms = static_cast<long>(value);
    else if (name == "split")
      rule.split_ms = static_cast<long>(value);
    else if (name == "error")
      rule.error = static_cast<int>(value);
    else if (name == "hang")
      rule.hang = value != 0;
    else if (name == "from")
      rule.from = value;
    else if (name == "limit")
      rule.limit = value;
    else
      return "no " + name;
  }
  if (command != "rule") return "no " + command;
  disk.orders.add(std::move(rule));
  return "ok";
}

// The device that the mount at `point` speaks through; -1 and a word on stderr where that fails.
int mount_at(const char* point) {
  const int device = ::open("/dev/fuse", O_RDWR | O_CLOEXEC);
  const std::string options =
      "fd=" + std::to_string(device) + ",rootmode=40000,user_id=0,group_id=0,allow_other,max_read=131072";
  if (device >= 0 && ::mount("slow_disk", point, "fuse.slow_disk", MS_NOSUID | MS_NODEV, options.c_str()) == 0) {
    return device;
  }
  std::fprintf(stderr, "slow_disk: %s: %s\n", point, std::strerror(errno));
  return -1;
}

}  // namespace
}  // namespace slow_disk

int main(int count, char** arguments) {
  if (count != 3) {
    std::fprintf(stderr, "usage: slow_disk BACKING MOUNTPOINT (commands on standard input)\n");
    return 2;
  }
  // Whoever ends the test from a terminal must not leave a dead mount behind: the end of the input is what counts.
  for (const int number : {SIGINT, SIGHUP, SIGPIPE}) ::signal(number, SIG_IGN);
  const int device = slow_disk::mount_at(arguments[2]);
  if (device < 0) return 1;
  slow_disk::Disk disk(arguments[1], device);
  if (!disk.tree.usable()) std::fprintf(stderr, "slow_disk: %s: %s\n", arguments[1], std::strerror(errno));
  std::thread([&] { disk.serve(); }).detach();
  std::cout << "ok mounted" << std::endl;
  for (std::string line; std::getline(std::cin, line);) std::cout << slow_disk::answer(disk, line) << std::endl;
  disk.orders.clear();
  ::umount2(arguments[2], MNT_DETACH);
  // The kernel ends every request that is left when our descriptor of /dev/fuse goes. No join: it may never end.
  ::_exit(0);
}
