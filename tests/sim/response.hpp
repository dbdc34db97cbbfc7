// Response and its reader: what a strict client makes of the bytes that a server sent, written without the program's
// own http room, so that both must agree with RFC 9112 and not only with each other. Pure; borrows nothing.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

namespace uringd::sim {

struct Response {
  int status = 0;
  std::map<std::string, std::string> fields;  // names as sent; a name that comes twice is a fault
  std::string body;
  bool close = false;         // Connection: close
  size_t content_length = 0;  // as the field says; of HEAD and 304 too

  [[nodiscard]] std::string_view field(const std::string& name) const {
    const auto found = fields.find(name);
    return found == fields.end() ? std::string_view() : std::string_view(found->second);
  }
};

enum class Reading { need_more, complete, faulty };

struct ReadResult {
  Reading reading = Reading::need_more;
  size_t used = 0;        // bytes of the complete response
  std::string fault;      // what is wrong with it
  size_t head_bytes = 0;  // 0: the head is not whole yet
};

/// Reads one response from the front of `bytes`. `to_head`: the request was a HEAD. On need_more with head_bytes > 0
/// the status and fields are there, and `body` is what has arrived of it.
ReadResult read_response(std::string_view bytes, bool to_head, Response& response);

}  // namespace uringd::sim
