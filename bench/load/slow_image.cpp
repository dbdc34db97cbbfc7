// uringd_slow_image MODE MOUNTPOINT DELAY_MS AT_ONCE ...: a file system that takes its time, for the cold benchmark.
//   image MOUNTPOINT DELAY_MS AT_ONCE IMAGE          one file, `image`: the bytes of IMAGE. Each read takes the delay.
//   names MOUNTPOINT DELAY_MS AT_ONCE FILES SIZE     file.txt (1 KiB) and the tree of bench/load/tree.py, made of text.
//                                                    Each look-up of a file of the tree and each open takes the
//                                                    delay; reads do not.
// AT_ONCE operations are worked on at the same time, like the heads of AT_ONCE disks: one that waits for each answer
// gets 1/DELAY of them a second, one that keeps the queue full AT_ONCE/DELAY. Both modes also have `count`: the number
// of delayed operations that were answered so far.
//
// Two threads: main() reads the kernel's requests and answers what is not delayed; the second answers the delayed ones
// when they are due. A request is in the queue exactly once, and its answer is sent by the second thread alone. Mounted
// read-only; SIGTERM or SIGINT unmounts and ends it. Bounds: what the kernel has in flight (max_background below).
#define FUSE_USE_VERSION 314
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned max_background = 1024;  // the kernel's own default of 12 would be the limit instead of AT_ONCE
constexpr double name_seconds = 3600;      // how long the kernel may keep a name: once asked for, it is in its cache
constexpr fuse_ino_t count_inode = 2;
constexpr fuse_ino_t image_inode = 3;
constexpr fuse_ino_t hot_inode = 4;
constexpr fuse_ino_t first_directory = 10;
constexpr fuse_ino_t first_file = 1000;
constexpr unsigned directories = 100;  // as in bench/load/tree.py: file N is /NN/NNNNNN.txt, NN its last two digits
constexpr size_t hot_size = 1024;      // as uringd_floor and bench/load/servers.py: the alphabet, again and again

/// The disk: answers handed to it are sent DELAY later, AT_ONCE at a time, in the order they came.
class Disk {
 public:
  Disk(std::chrono::microseconds delay, size_t at_once)
      : delay_{delay}, free_at_(at_once, Clock::time_point{}), thread_{[this] { run(); }} {}

  ~Disk() {
    {
      std::lock_guard hold{mutex_};
      stopping_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

  void answer_later(std::function<void()> answer) {
    std::lock_guard hold{mutex_};
    auto& head = *std::ranges::min_element(free_at_);
    head = std::max(head, Clock::now()) + delay_;
    queue_.push_back({head, std::move(answer)});  // the delay is the same for all, so these are in order
    changed_.notify_one();
  }

  [[nodiscard]] std::string count() const { return std::to_string(count_.load(std::memory_order_relaxed)) + "\n"; }

 private:
  struct Due {
    Clock::time_point at;
    std::function<void()> answer;
  };

  void run() {
    std::unique_lock hold{mutex_};
    while (true) {
      if (queue_.empty()) {
        if (stopping_) return;
        changed_.wait(hold);
      } else if (!stopping_ && queue_.front().at > Clock::now()) {
        changed_.wait_until(hold, queue_.front().at);
      } else {
        Due due = std::move(queue_.front());
        queue_.pop_front();
        hold.unlock();
        count_.fetch_add(1, std::memory_order_relaxed);
        due.answer();
        hold.lock();
      }
    }
  }

  std::chrono::microseconds delay_;
  std::vector<Clock::time_point> free_at_;  // when each head has done what it was given
  std::deque<Due> queue_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<size_t> count_{0};
  bool stopping_ = false;
  std::thread thread_;  // last: it uses all of the above
};

/// What is served. `image` is empty in names mode.
struct Content {
  bool names = false;
  const char* image = nullptr;
  size_t image_size = 0;
  size_t files = 0;
  size_t file_size = 0;
  std::string hot;
  Disk* disk = nullptr;
};

Content& content(fuse_req_t request) { return *static_cast<Content*>(fuse_req_userdata(request)); }

/// Exactly what bench/load/tree.py writes into file `number`.
std::string text_of(size_t number, size_t size) {
  char line[16];
  std::snprintf(line, sizeof line, "%08zu\n", number);
  std::string text;
  while (text.size() < size) text += line;
  text.resize(size);
  return text;
}

bool attributes_of(const Content& all, fuse_ino_t inode, struct stat& attributes) {
  attributes = {};
  attributes.st_ino = inode;
  attributes.st_nlink = 1;
  attributes.st_mtim.tv_sec = 1'600'000'000;
  attributes.st_ctim = attributes.st_mtim;
  bool directory = inode == FUSE_ROOT_ID || (inode >= first_directory && inode < first_directory + directories);
  attributes.st_mode = directory ? S_IFDIR | 0755 : S_IFREG | 0444;
  if (directory) return inode == FUSE_ROOT_ID || all.names;
  if (inode == count_inode) return true;  // its size is not known ahead; it is read with direct_io
  size_t size = inode == image_inode ? all.image_size : inode == hot_inode ? all.hot.size() : all.file_size;
  attributes.st_size = static_cast<off_t>(size);
  if (inode == image_inode) return !all.names;
  return all.names && (inode == hot_inode || (inode >= first_file && inode - first_file < all.files));
}

/// The inode of `name` in `parent`, or 0.
fuse_ino_t inode_of(const Content& all, fuse_ino_t parent, const std::string& name) {
  if (parent == FUSE_ROOT_ID) {
    if (name == "count") return count_inode;
    if (!all.names) return name == "image" ? image_inode : 0;
    if (name == "file.txt") return hot_inode;
    if (name.size() != 2 || name.find_first_not_of("0123456789") != name.npos) return 0;
    return first_directory + std::stoul(name);
  }
  if (!all.names || name.size() != 10 || name.compare(6, 4, ".txt") != 0) return 0;
  if (name.find_first_not_of("0123456789") != 6) return 0;
  size_t number = std::stoul(name.substr(0, 6));
  return number < all.files && number % directories == parent - first_directory ? first_file + number : 0;
}

void look_up(fuse_req_t request, fuse_ino_t parent, const char* name) {
  const Content& all = content(request);
  fuse_entry_param entry{};
  entry.ino = inode_of(all, parent, name);  // 0 with a timeout: the kernel remembers that there is none
  entry.attr_timeout = entry.entry_timeout = name_seconds;
  if (entry.ino != 0) attributes_of(all, entry.ino, entry.attr);
  auto answer = [request, entry] { fuse_reply_entry(request, &entry); };
  // In one directory the kernel looks up one name at a time (see begin), and all must first find their directory.
  if (parent != FUSE_ROOT_ID) return all.disk->answer_later(answer);
  answer();
}

void get_attributes(fuse_req_t request, fuse_ino_t inode, fuse_file_info*) {
  struct stat attributes;
  if (!attributes_of(content(request), inode, attributes)) return void(fuse_reply_err(request, ENOENT));
  fuse_reply_attr(request, &attributes, name_seconds);
}

void open_file(fuse_req_t request, fuse_ino_t inode, fuse_file_info* info) {
  if ((info->flags & O_ACCMODE) != O_RDONLY) return void(fuse_reply_err(request, EROFS));
  const Content& all = content(request);
  info->direct_io = inode == count_inode;
  info->keep_cache = !info->direct_io;
  auto answer = [request, copy = *info] { fuse_reply_open(request, &copy); };
  if (all.names && inode != count_inode) return all.disk->answer_later(answer);
  answer();
}

void read_file(fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset, fuse_file_info*) {
  const Content& all = content(request);
  auto reply = [request, size, offset](const char* data, size_t length) {
    size_t from = std::min(static_cast<size_t>(offset), length);
    fuse_reply_buf(request, data + from, std::min(size, length - from));
  };
  if (inode == image_inode) return all.disk->answer_later([=, &all] { reply(all.image, all.image_size); });
  std::string text = inode == count_inode ? all.disk->count()
                     : inode == hot_inode ? all.hot
                                          : text_of(inode - first_file, all.file_size);
  reply(text.data(), text.size());
}

void read_directory(fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset, fuse_file_info*) {
  const Content& all = content(request);
  std::string listing;
  char name[32];
  for (size_t at = static_cast<size_t>(offset);; ++at) {
    struct stat attributes{};
    size_t number = inode == FUSE_ROOT_ID ? at : at * directories + (inode - first_directory);
    if (!all.names || number >= (inode == FUSE_ROOT_ID ? directories : all.files)) break;
    std::snprintf(name, sizeof name, inode == FUSE_ROOT_ID ? "%02zu" : "%06zu.txt", number);
    attributes_of(all, (inode == FUSE_ROOT_ID ? first_directory : first_file) + number, attributes);
    size_t used = listing.size();
    size_t needed = fuse_add_direntry(request, nullptr, 0, name, nullptr, 0);
    if (used + needed > size) break;
    listing.resize(used + needed);
    fuse_add_direntry(request, listing.data() + used, needed, name, &attributes, static_cast<off_t>(at + 1));
  }
  fuse_reply_buf(request, listing.data(), listing.size());
}

void begin(void*, fuse_conn_info* connection) {
  connection->max_background = max_background;
  connection->congestion_threshold = max_background;
  // Without it the kernel looks names up one by one in each directory. Debian 12's libfuse (3.14) does not pass it on:
  // https://github.com/libfuse/libfuse/pull/861
  connection->want |= connection->capable & FUSE_CAP_PARALLEL_DIROPS;
}

int serve(const char* mountpoint, Content& all) {
  fuse_lowlevel_ops operations{};
  operations.init = begin;
  operations.lookup = look_up;
  operations.getattr = get_attributes;
  operations.open = open_file;
  operations.read = read_file;
  operations.readdir = read_directory;
  std::vector<std::string> words = {"uringd_slow_image", "-o", "ro,default_permissions,fsname=uringd_slow_image"};
  if (geteuid() == 0) words.back() += ",allow_other";
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  fuse_args options = FUSE_ARGS_INIT(static_cast<int>(arguments.size()), arguments.data());
  fuse_session* session = fuse_session_new(&options, &operations, sizeof operations, &all);
  if (session == nullptr || fuse_set_signal_handlers(session) != 0) return 1;
  if (fuse_session_mount(session, mountpoint) != 0) return 1;
  int result = fuse_session_loop(session);
  fuse_session_unmount(session);
  fuse_remove_signal_handlers(session);
  return result < 0 ? 1 : 0;  // a signal is a clean end
}

bool map_image(const char* path, Content& all) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  struct stat attributes;
  if (descriptor < 0 || fstat(descriptor, &attributes) != 0) return false;
  all.image_size = static_cast<size_t>(attributes.st_size);
  void* mapped = mmap(nullptr, all.image_size, PROT_READ, MAP_SHARED, descriptor, 0);
  close(descriptor);
  all.image = static_cast<const char*>(mapped);
  return mapped != MAP_FAILED;
}

}  // namespace

int main(int count, char** arguments) {
  std::string mode = count > 1 ? arguments[1] : "";
  if (!(mode == "image" && count == 6) && !(mode == "names" && count == 7)) {
    std::fprintf(stderr,
                 "usage: uringd_slow_image image MOUNTPOINT DELAY_MS AT_ONCE IMAGE\n"
                 "       uringd_slow_image names MOUNTPOINT DELAY_MS AT_ONCE FILES SIZE\n");
    return 2;
  }
  Content all;
  all.names = mode == "names";
  if (all.names) {
    all.files = std::strtoul(arguments[5], nullptr, 10);
    all.file_size = std::strtoul(arguments[6], nullptr, 10);
    while (all.hot.size() < hot_size) all.hot += "abcdefghijklmnopqrstuvwxyz";
    all.hot.resize(hot_size);
  } else if (!map_image(arguments[5], all)) {
    std::perror(arguments[5]);
    return 1;
  }
  auto delay = std::chrono::microseconds{static_cast<long>(std::strtod(arguments[3], nullptr) * 1000)};
  Disk disk{delay, std::max<size_t>(1, std::strtoul(arguments[4], nullptr, 10))};
  all.disk = &disk;
  return serve(arguments[2], all);
}
