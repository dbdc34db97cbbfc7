// HandledRequest: what a connection remembers of a request that a handler answers: where its body goes, and that an
// answer is still to come or never ends. Part of a Talk, and allocated: only workers with a handler have any.
#pragma once

#include <cstdint>
#include <memory>

#include "uringd/server/handler.hpp"

namespace uringd::server {

struct HandledRequest {
  enum class Wait : uint8_t { nothing, answer, pieces };

  std::unique_ptr<BodySink> sink;
  std::unique_ptr<const Answer> early;  // what on_body() said in the place of a plan
  uint64_t request = 0;                 // of the ticket
  int refused = 0;                      // the sink's word on its body
  Wait wait = Wait::nothing;
};

}  // namespace uringd::server
