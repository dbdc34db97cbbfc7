// What both floors share, so that nothing but the way they talk to the kernel differs: arguments, the answer, finding
// blank lines, the listening socket, the signals that end them. Bounds: 4,096 connections, answers laid end to end in
// one text of about 1 MiB. Header only; each floor is one thread.
#pragma once

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace uringd::bench {

constexpr unsigned max_connections = 4096;
constexpr size_t batch_bytes = 1 << 20;  // answers laid end to end, 1 to 64 of them: the most that one send takes

struct Options {
  std::uint16_t port = 0;
  size_t body_bytes = 0;
  size_t answer_bytes = 0;  // of the whole answer, if not 0
  bool close = false;       // after the first answer
};

[[noreturn]] inline void die(const char* what, int error) {
  std::fprintf(stderr, "uringd_floor: %s: %s\n", what, std::strerror(error));
  std::exit(1);
}

/// The whole of `text` as a number of 1 to `most`, or of 0 where `least` is.
inline bool number(std::string_view text, size_t least, size_t most, size_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value >= least && value <= most;
}

inline Options options_of(int count, char** arguments) {
  Options options;
  size_t port = 0;
  constexpr size_t most_bytes = size_t{1} << 30;
  bool good =
      count >= 3 && number(arguments[1], 1, 65535, port) && number(arguments[2], 0, most_bytes, options.body_bytes);
  for (int i = 3; i < count && good; ++i) {
    const std::string_view word = arguments[i];
    if (word == "close") {
      options.close = true;
    } else {
      // Less than 64 leaves no room for the fields that a client needs.
      good = word.starts_with("answer=") && number(word.substr(7), 64, most_bytes, options.answer_bytes);
    }
  }
  if (!good) {
    std::fprintf(stderr, "usage: %s PORT BODY_SIZE [close] [answer=BYTES, 64 or more]\n", arguments[0]);
    std::exit(2);
  }
  options.port = static_cast<std::uint16_t>(port);
  return options;
}

/// A head as long as a file server's, with all the fields that fit `most_bytes`; its length without the value.
inline std::string make_head(size_t most_bytes, bool close) {
  constexpr std::string_view fields[] = {"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n",
                                         "Server: floor\r\n",
                                         "Content-Type: text/plain; charset=utf-8\r\n",
                                         "Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT\r\n",
                                         "ETag: \"0123456789abcdef\"\r\n",
                                         "Accept-Ranges: bytes\r\n"};
  std::string head = "HTTP/1.1 200 OK\r\n";
  if (close) head += "Connection: close\r\n";
  constexpr size_t length_bytes = sizeof "Content-Length: 1234567890\r\n\r\n";
  for (const std::string_view field : fields) {
    if (head.size() + field.size() + length_bytes <= most_bytes) head += field;
  }
  return head + "Content-Length: ";
}

/// The answer: a head, and a body that the driver knows (the alphabet, over and over).
inline std::string make_answer(const Options& options) {
  std::string answer = make_head(options.answer_bytes == 0 ? SIZE_MAX : options.answer_bytes, options.close);
  size_t body = options.body_bytes;
  std::string length = std::to_string(body);
  if (options.answer_bytes != 0) {
    // As many digits as the longest value would take, with zeros in front (RFC 9110 section 8.6: 1*DIGIT).
    const size_t room = options.answer_bytes - answer.size() - 4;
    const size_t digits = std::to_string(room).size();
    body = room - digits;
    length = std::to_string(body);
    length.insert(0, digits - length.size(), '0');
  }
  answer += length + "\r\n\r\n";
  for (size_t i = 0; i < body; ++i) answer += static_cast<char>('a' + i % 26);
  return answer;
}

/// So many of them, end to end, that n pipelined requests are one send.
inline std::string laid_end_to_end(const std::string& answer) {
  std::string answers;
  for (size_t i = 0; i < std::clamp<size_t>(batch_bytes / answer.size(), 1, 64); ++i) answers += answer;
  return answers;
}

/// The blank lines that end in [data, data + size); `matched` carries a beginning from one piece to the next.
inline size_t count_blank_lines(const char* data, size_t size, unsigned& matched) {
  size_t count = 0;
  for (const char* end = data + size; data != end;) {
    if (matched == 0) {
      data = static_cast<const char*>(std::memchr(data, '\r', static_cast<size_t>(end - data)));
      if (data == nullptr) break;
    }
    const char c = *data++;
    matched = c == "\r\n\r\n"[matched] ? matched + 1 : c == '\r' ? 1 : 0;
    if (matched == 4) {
      ++count;
      matched = 0;
    }
  }
  return count;
}

inline void raise_descriptor_limit() {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

/// A listening socket on loopback; accepted sockets inherit TCP_NODELAY.
inline int listen_on(std::uint16_t port, int flags) {
  const int one = 1;
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) die("bind", errno);
  if (listen(listener, max_connections) < 0) die("listen", errno);
  return listener;
}

/// Readable once SIGTERM or SIGINT has come; neither ends the process by itself any more.
inline int end_signals(int flags) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  return signalfd(-1, &signals, SFD_CLOEXEC | flags);
}

}  // namespace uringd::bench
