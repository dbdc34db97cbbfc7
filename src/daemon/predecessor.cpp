// The new process' end of an upgrade's channel. It is our parent who speaks, but a variable in the environment is only
// a claim: what it names is looked at before it is believed.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "upgrade_channel.hpp"
#include "uringd/daemon/upgrade.hpp"

namespace uringd::daemon {
namespace {

constexpr int receive_timeout_ms = 5000;  // all was sent before we were started

struct Message {
  std::string text;
  std::vector<Fd> descriptors;
};

bool wait_for(int channel, std::chrono::milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    pollfd event{channel, POLLIN, 0};
    const int ready = poll(&event, 1, static_cast<int>(std::max<int64_t>(left.count(), 0)));
    if (ready >= 0 || errno != EINTR) return ready == 1;
  }
}

Result<Message> receive(int channel) {
  if (!wait_for(channel, std::chrono::milliseconds(receive_timeout_ms))) return failure("it says nothing");
  Message message;
  message.text.resize(channel::message_bytes);
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * 253)> control{};
  iovec part{message.text.data(), message.text.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  const ssize_t size = recvmsg(channel, &header, MSG_CMSG_CLOEXEC);
  if (size <= 0) return failure(size == 0 ? "it is gone" : errno_text(errno));
  message.text.resize(static_cast<size_t>(size));
  for (cmsghdr* part_of = CMSG_FIRSTHDR(&header); part_of; part_of = CMSG_NXTHDR(&header, part_of)) {
    if (part_of->cmsg_level != SOL_SOCKET || part_of->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (part_of->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t place = 0; place < count; ++place) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(part_of) + place * sizeof number, sizeof number);
      message.descriptors.emplace_back(number);
    }
  }
  if (header.msg_flags & MSG_CTRUNC) {
    return failure("its listening sockets do not fit below our limit of open files (ulimit -n, LimitNOFILE=)");
  }
  if (header.msg_flags & MSG_TRUNC) return failure("a message of it is too long");
  return message;
}

// The number after `name` in the head, which is one line of words.
std::optional<size_t> number_in(std::string_view head, std::string_view name) {
  const size_t begin = head.find(name);
  if (begin == head.npos) return std::nullopt;
  const char* const first = head.data() + begin + name.size();
  size_t number = 0;
  if (std::from_chars(first, head.data() + head.size(), number).ec != std::errc{}) return std::nullopt;
  return number;
}

Result<void> take(Message& message, std::string_view lines, PassedSockets& sockets) {
  for (Fd& descriptor : message.descriptors) {
    const size_t end = lines.find('\n');
    const std::string_view line = lines.substr(0, end);
    lines = end == lines.npos ? std::string_view{} : lines.substr(end + 1);
    const size_t space = line.find(' ');
    if (space == line.npos) return failure("a line is missing for one of its sockets");
    const std::string_view owner = line.substr(0, space);
    auto socket = look_at_passed_socket(std::move(descriptor));
    if (!socket) return failure("one of its sockets " + socket.error().message);
    socket->name = line.substr(space + 1);
    socket->only_ours = owner == "ours";
    socket->from_manager = owner == "manager";
    sockets.sockets.push_back(std::move(*socket));
  }
  return {};
}

Result<Fd> channel_of_environment(const std::string& value) {
  int number = -1;
  std::from_chars(value.data(), value.data() + value.size(), number);
  int type = 0;
  socklen_t size = sizeof type;
  if (number < 0 || getsockopt(number, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_SEQPACKET) {
    return failure(std::string(channel::variable) + " is \"" + value +
                   "\", which is no upgrade's channel; it is set by a running uringd only: unset it");
  }
  fcntl(number, F_SETFD, FD_CLOEXEC);
  return Fd(number);
}

}  // namespace

Result<std::optional<Predecessor>> Predecessor::from_environment() {
  const char* const named = getenv(channel::variable);
  if (!named) return std::nullopt;
  const std::string value = named;
  unsetenv(channel::variable);
  auto opened = channel_of_environment(value);
  if (!opened) return std::unexpected(opened.error());
  Predecessor predecessor;
  predecessor.channel_ = std::move(*opened);
  const auto refuse = [](const std::string& why) { return failure("the process to take over from: " + why); };
  for (size_t total = 1; predecessor.sockets_.sockets.size() < total;) {
    auto message = receive(predecessor.channel_.number());
    if (!message) return refuse(message.error().message);
    const std::string_view text = message->text;
    const size_t head_size = text.find('\n');
    const std::string_view head = text.substr(0, head_size);
    const auto sandboxed = number_in(head, " sandboxed=");
    const auto count = number_in(head, " total=");
    if (!head.starts_with(channel::version) || head_size == text.npos || !sandboxed || !count) {
      return refuse("it speaks of upgrades in another way than this version: restart instead");
    }
    if (*count > 0 && message->descriptors.empty()) return refuse("a message of it has no sockets");
    total = *count;
    predecessor.sandboxed_ = *sandboxed != 0;
    auto taken = take(*message, text.substr(head_size + 1), predecessor.sockets_);
    if (!taken) return refuse(taken.error().message);
  }
  return predecessor;
}

PassedSockets Predecessor::take_sockets() { return std::move(sockets_); }

bool Predecessor::sandboxed() const { return sandboxed_; }

Result<void> Predecessor::ready(std::chrono::milliseconds patience) {
  if (send(channel_.number(), &channel::ready, 1, MSG_NOSIGNAL) != 1) {
    return failure("the old process is gone: " + errno_text(errno));
  }
  if (!wait_for(channel_.number(), patience)) {
    return failure("the old process has not confirmed in " + std::to_string(patience.count()) + " ms");
  }
  char byte = 0;
  const ssize_t size = recv(channel_.number(), &byte, 1, 0);
  channel_.close();
  if (size != 1 || byte != channel::confirmed) return failure("the old process is gone before it confirmed");
  return {};
}

}  // namespace uringd::daemon
