// uringd: from the command line to an exit code. 0: done, or a clean stop; 1: could not start or run; 2: a wrong
// command line or configuration.
#include <cstdio>
#include <cstdlib>
#include <span>

#include "uringd/config/load.hpp"
#include "uringd/config/print.hpp"
#include "uringd/daemon/explain.hpp"
#include "uringd/daemon/health.hpp"
#include "uringd/daemon/options.hpp"
#include "uringd/daemon/privileges.hpp"
#include "uringd/daemon/serve.hpp"
#include "uringd/daemon/upgrade.hpp"
#include "uringd/daemon/version.hpp"
#include "uringd/uring/features.hpp"

namespace {

using uringd::daemon::Options;

int print_features() {
  const auto lines = uringd::uring::describe_features();
  if (!lines) {
    std::fprintf(stderr, "uringd: %s\n", lines.error().message.c_str());
    return 1;
  }
  for (const std::string& line : *lines) std::printf("%s\n", line.c_str());
  const auto sandbox = uringd::daemon::describe_sandbox();
  std::printf("sandbox: %s%s\n", sandbox.active ? "" : "not available: ", sandbox.text.c_str());
  return 0;
}

int with_configuration(const Options& options, std::span<char* const> arguments) {
  const auto loaded = uringd::config::load(options.sources);
  if (!loaded) {
    for (const auto& problem : loaded.error()) {
      std::fprintf(stderr, "uringd: %s\n", uringd::config::to_line(problem).c_str());
    }
    return 2;
  }
  if (options.action == Options::Action::serve) {
    return uringd::daemon::serve(*loaded, options.sources, uringd::daemon::remember_invocation(arguments));
  }
  if (options.action == Options::Action::check) return uringd::daemon::check(*loaded);
  if (options.action == Options::Action::explain) return uringd::daemon::explain(*loaded, options.question);
  for (const auto& warning : loaded->warnings) {
    std::fprintf(stderr, "uringd: %s\n", uringd::config::to_line(warning).c_str());
  }
  std::fputs(uringd::config::print_config(*loaded).c_str(), stdout);
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  const std::span<char* const> words(arguments + (count > 0 ? 1 : 0), arguments + count);
  const auto options = uringd::daemon::parse_options(words, std::getenv("URINGD_CONFIG"));
  if (!options) {
    std::fprintf(stderr, "uringd: %s\n", options.error().message.c_str());
    return 2;
  }
  switch (options->action) {
    case Options::Action::version: std::fputs(uringd::daemon::version_text().c_str(), stdout); return 0;
    case Options::Action::help: std::fputs(uringd::daemon::help_text().c_str(), stdout); return 0;
    case Options::Action::features: return print_features();
    case Options::Action::health: return uringd::daemon::ask_health(options->sources, options->health_url);
    case Options::Action::serve:
    case Options::Action::check:
    case Options::Action::print_config:
    case Options::Action::explain: return with_configuration(*options, {arguments, static_cast<size_t>(count)});
  }
}
