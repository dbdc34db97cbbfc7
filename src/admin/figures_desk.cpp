// Nothing renders figures in this build.
#include "figures_desk.hpp"

#include "say.hpp"

namespace uringd::admin {

server::Handling FiguresDesk::answer(const server::Asked& /*asked*/, const Routed& /*routed*/) {
  return say_error(404, "this build has no figures", "use /cache, /healthz, /readyz");
}

void FiguresDesk::on_turn(uint64_t /*now_ms*/) {}

}  // namespace uringd::admin
