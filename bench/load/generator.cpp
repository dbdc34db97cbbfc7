// uringd_load PORT ...: asks a server on 127.0.0.1 for files and prints one line of JSON that says how it went: the
// load generator of the benchmarks. `uringd_load --help` lists the options.
//
// One thread, one ring, nothing allocated per request: a server that spends 5 us on a request must be the bottleneck,
// not this. Measured against the floor at 64 connections, CPU of the generator per request: 6.1 us; the same program on
// epoll 7.6, wrk 9.9. With --realtime SCHED_FIFO where allowed, so that a busy generator on the same core does not
// delay it; `late_us` says how late it was through no fault of the server's.
//
//   generator_options      the command line
//   generator_requests     what is asked for, rendered once
//   generator_client       when a question is asked; generator_events: what came of it
//   generator_connection   a socket and what it owes; generator_answer: reads what comes;
//                          generator_chunks: pieces of it
//   generator_ring         io_uring
//   generator_tally        what is counted, and printed; generator_histogram: times
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <cstdio>
#include <cstring>
#include <string>

#include "generator_client.hpp"
#include "generator_options.hpp"

namespace {

constexpr const char* usage =
    R"(uringd_load PORT (--path TARGET | --paths FILE) [option...]: asks 127.0.0.1:PORT and prints one line of JSON
  --connections N     64
  --seconds S         3; with --once and without this: until the end
  --rate R            questions a second, of all connections together (open loop); without: closed loop
  --depth D           requests in one write on a connection; the next ones follow when all are answered (closed loop)
  --close             a connection for each request
  --header 'N: V'     one more field; several times, if need be
  --paths FILE        a target in each line; --order walk (all, one after the other, and again) or random
  --once              each target of --paths once; with --path: once by each connection
  --status 200[,...]  those expected; others count as wrong
  --expect FILE       bodies that differ from it count as wrong
  --drop              bodies are dropped in the kernel: for large files
  --patience S        10; then what is still owed on a connection is a timeout
  --realtime          SCHED_FIFO
)";

bool become_realtime() {
  sched_param priority{.sched_priority = 1};
  return sched_setscheduler(0, SCHED_FIFO, &priority) == 0;
}

void raise_descriptor_limit() {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace

int main(int count, char** arguments) {
  if (count == 2 && std::strcmp(arguments[1], "--help") == 0) {
    std::fputs(usage, stdout);
    return 0;
  }
  std::string complaint;
  auto options = uringd::load::parse_options(count, arguments, complaint);
  if (!options) {
    std::fprintf(stderr, "uringd_load: %s\n", complaint.c_str());
    return 2;
  }
  raise_descriptor_limit();
  prctl(PR_SET_TIMERSLACK, 1UL);
  bool realtime = options->realtime && become_realtime();
  uringd::load::Client{*options}.run().print(stdout, realtime);
  return 0;
}
