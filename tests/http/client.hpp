// Client: a bare HTTP client on one socket, for tests that must see every byte and every way a connection ends.
// It never blocks without a bound: each call gives up after kPatience (or the time given) and fails the test case.
// Answers are checked for form as they are read (CRLF, field syntax, one Content-Length, a valid Date), so every
// test of the suite is also a test of that. One thread; not shared.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace uringd::testing {

using Milliseconds = std::chrono::milliseconds;

/// Generous on purpose: the machine has two cores and other tests beside us. Only a hang reaches it.
constexpr Milliseconds kPatience{40000};

/// How the peer left: `open` means that it had not when the time was over.
enum class Ending { open, closed, reset };

struct Response {
  int status = 0;          // 0: the connection ended before a whole head came
  bool complete = false;   // the body has the length that the head announced
  int minor_version = -1;  // of HTTP/1.x
  std::string reason;
  std::string head;  // as received, with the final empty line
  std::string body;
  std::vector<std::pair<std::string, std::string>> fields;

  /// The value of the first field of that name (any case), "" when there is none.
  [[nodiscard]] std::string field(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const;
  [[nodiscard]] std::uint64_t content_length() const;
  /// Connection has that token, in any case.
  [[nodiscard]] bool connection_says(std::string_view token) const;
};

/// "METHOD TARGET HTTP/1.1", Host: test.example, then `fields` (each ended by CRLF), then the empty line.
[[nodiscard]] std::string request(std::string_view method, std::string_view target, std::string_view fields = "");
[[nodiscard]] std::string get_request(std::string_view target, std::string_view fields = "");

/// Everything but unreserved characters and "/" as %XX: any file name becomes a valid target.
[[nodiscard]] std::string percent_encoded(std::string_view path);

/// IMF-fixdate of RFC 9110 §5.6.7.
[[nodiscard]] std::string http_date(std::time_t seconds);

/// `text` in lower case, ASCII only.
[[nodiscard]] std::string lower(std::string_view text);

class Client {
 public:
  // `receive_buffer_bytes` is set before connecting, so that the first window is small already; 0 leaves it.
  [[nodiscard]] static Client tcp(int port, int receive_buffer_bytes = 0);
  [[nodiscard]] static Client tcp6(int port);
  [[nodiscard]] static Client unix_socket(const std::string& path);
  /// A client whose connect was refused has connected() == false instead of failing the test.
  [[nodiscard]] static Client try_tcp(int port);

  Client(Client&& other) noexcept;
  Client& operator=(Client&& other) noexcept;
  ~Client() { close(); }

  [[nodiscard]] bool connected() const { return fd_ >= 0; }

  /// Sends all bytes and takes in what arrives meanwhile, so that a deep pipeline cannot lock both sides. False when
  /// the peer left first; the test fails when nothing moves.
  bool send(std::string_view bytes);
  /// As many of `bytes` as go out before nothing has moved for `quiet`; reads nothing. The number sent.
  std::size_t send_without_reading(std::string_view bytes, Milliseconds quiet);

  /// The next answer, interim ones (1xx) included. Fails the test unless it comes whole.
  Response read_response(std::string_view method = "GET");
  /// The same, but an ending before its end is a result: look at status and complete.
  Response read_response_or_end(std::string_view method = "GET", Milliseconds patience = kPatience);
  /// Only the head; the body is for read_some or read_body.
  Response read_head(Milliseconds patience = kPatience);
  /// Up to `limit_bytes` that have come or come next; "" when the peer left or the time is over.
  std::string read_some(std::size_t limit_bytes, Milliseconds patience = kPatience);
  /// Gives `size_bytes` of body to `sink`, in pieces; the number given (less when the connection ended).
  std::uint64_t read_body(std::uint64_t size_bytes, const std::function<void(std::string_view)>& sink);
  /// All bytes until the peer leaves. Fails the test when it does not.
  std::string read_until_end();

  /// send and read_response in one. Target and fields as for request().
  Response get(std::string_view target, std::string_view fields = "");
  Response head(std::string_view target, std::string_view fields = "");
  Response ask(std::string_view bytes, std::string_view method = "GET");

  /// Waits for the peer to leave without a further byte; bytes that come instead fail the test.
  Ending wait_for_end(Milliseconds patience = kPatience);
  /// Whether any byte can be read within `patience` (an ending counts as none).
  bool anything_within(Milliseconds patience);
  /// Whether a unix socket's peer has closed within `patience`; reads nothing, so it is seen behind unread bytes too.
  [[nodiscard]] bool hung_up_within(Milliseconds patience) { return wait(0, patience); }
  /// How the peer has left, as far as reading has noticed.
  [[nodiscard]] Ending ending() const { return ending_; }

  /// A byte of TCP's urgent data, outside of the stream.
  void send_urgent();
  void half_close();
  /// Leaves with RST, as a machine that crashed would.
  void reset();
  void close();

 private:
  explicit Client(int fd) : fd_(fd) {}
  static Client connect(int family, const void* address, std::size_t size, int receive_buffer_bytes, bool must);
  bool wait(short events, Milliseconds patience);
  bool fill(Milliseconds patience);
  void take_in();
  [[nodiscard]] std::string_view unread() const { return std::string_view(in_).substr(start_); }
  void consume(std::size_t count);
  void parse_head(Response& response) const;

  int fd_ = -1;
  std::string in_;  // received, not yet given out: from start_ on
  std::size_t start_ = 0;
  Ending ending_ = Ending::open;
};

}  // namespace uringd::testing
