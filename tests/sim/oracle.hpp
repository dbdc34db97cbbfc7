// Oracle: may this request have this answer? It knows what the files were at any time, and what the server has said
// before. Pure but for what it learns. An answer's window begins when the request's last byte was sent, less what a
// cache may be behind, and ends when the answer's last byte was read.
#pragma once

#include <cstdint>
#include <string>

#include "files.hpp"
#include "overlaid.hpp"
#include "releases.hpp"
#include "request.hpp"
#include "response.hpp"

namespace uringd::sim {

/// What this scenario makes possible beyond a plain answer.
struct Excuses {
  bool open_errors = false;  // the kernel may refuse to open: 503
  bool read_errors = false;  // the disk may fail: 500
  bool queue_full = false;   // 503
  bool slow_disk = false;    // disk.timeout may pass: 503
  bool timeouts = false;     // 408
  uint64_t stale_ns = 0;     // how far behind an answer may be
  uint64_t missing_ns = 0;   // the same of "not found"
};

class Oracle {
 public:
  Oracle(const Files& files, const Releases& releases, const Overlaid& overlaid, const Excuses& excuses)
      : files_(files), releases_(releases), overlaid_(overlaid), excuses_(excuses) {}

  /// Empty, or what is wrong with this complete answer.
  [[nodiscard]] std::string judge(const Request& request, const Response& response, uint64_t now_ns);
  /// The same for what has arrived of an answer's body before the connection ended: it must be a beginning of some
  /// version.
  [[nodiscard]] bool may_break_off(const Request& request, uint64_t now_ns) const;
  [[nodiscard]] const Knowledge& knowledge() const { return knowledge_; }
  [[nodiscard]] uint64_t make_newest() { return ++knowledge_.newest; }

 private:
  [[nodiscard]] std::string judge_content(const Request& request, const Response& response, uint64_t now_ns);
  [[nodiscard]] std::string judge_range(const Request& request, const Response& response, uint64_t size) const;
  [[nodiscard]] std::string judge_not_modified(const Request& request, const Response& response, uint64_t now_ns) const;
  [[nodiscard]] std::string judge_failed(const Request& request, uint64_t now_ns) const;
  [[nodiscard]] std::string judge_status(const Request& request, const Response& response, uint64_t now_ns) const;
  [[nodiscard]] std::vector<Place> places(const Request& request, const std::string& path, uint64_t now_ns) const;
  /// The versions that an answer may be of.
  [[nodiscard]] std::vector<const Version*> candidates(const Request& request, uint64_t now_ns) const;
  /// Paths at which an overlay answers the request, the first before the others.
  [[nodiscard]] static std::vector<std::string> overlay_paths(const Request& request);
  /// There was an overlay at one of them all the time, at the first.
  [[nodiscard]] bool surely_there(const Request& request, uint64_t now_ns) const;
  [[nodiscard]] bool needs_no_disk(const Request& request, uint64_t now_ns) const;
  [[nodiscard]] bool any_alive(const Request& request, Version::Kind kind, uint64_t now_ns) const;
  [[nodiscard]] bool alive(const std::string& path, Version::Kind kind, uint64_t from_ns, uint64_t now_ns) const;
  /// How far behind an answer may be.
  [[nodiscard]] uint64_t behind_ns(const Request& request) const;
  [[nodiscard]] uint64_t missing_ns(const Request& request) const;
  /// What it asks for may have been taken for missing.
  [[nodiscard]] bool may_lack(const Request& request, uint64_t now_ns) const;
  /// The tree before has no index there either.
  [[nodiscard]] bool no_index(const Request& request, const Place& place, uint64_t now_ns) const;
  [[nodiscard]] bool unreliable(const Request& request, uint64_t now_ns) const;
  [[nodiscard]] size_t changes(const Request& request, uint64_t now_ns) const;
  struct Part;
  [[nodiscard]] std::string existed(const Request& request, const Part& part, const Response& response) const;
  [[nodiscard]] std::string learn(const Request& request, const Response& response, const std::string& content,
                                  uint64_t now_ns);

  const Files& files_;
  const Releases& releases_;
  const Overlaid& overlaid_;
  Excuses excuses_;
  Knowledge knowledge_;
};

}  // namespace uringd::sim
