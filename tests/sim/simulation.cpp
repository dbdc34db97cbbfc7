// The course of a run: build the tree, open, serve until every client is done, drain, and see that nothing is left.
#include "simulation.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <cerrno>

#include "trace.hpp"
#include "uringd/base/check.hpp"
#include "uringd/disk/disk.hpp"
#include "uringd/server/snapshot.hpp"

namespace uringd::sim {
namespace {

constexpr uint64_t second_ns = 1'000'000'000;
constexpr uint64_t longest_run_ns = 400 * second_ns;  // more than all timeouts of all clients, one after the other
constexpr uint64_t longest_drain_ns = 30 * second_ns;
constexpr uint64_t most_turns = 150'000;  // a server that spins is as bad as one that hangs

class Simulation {
 public:
  Simulation(const Scenario& scenario, log::Logger& logger, const Meddle& meddle)
      : scenario_(scenario),
        meddle_(meddle),
        world_(scenario.seed, scenario.mischief),
        files_(world_),
        oracle_(files_, scenario.excuses),
        random_(scenario.seed ^ 0x5eed) {
    shared_.connection_limit = scenario.connection_limit;
    make_tree();
    open(logger);
    plan_changes();
    for (uint32_t number = 0; number < scenario.clients.size(); ++number) {
      players_.push_back(
          std::make_unique<Player>(world_, oracle_, scenario.sites, scenario.clients[number], number, random_.next()));
      players_.back()->start(listener_);
    }
  }

  Played run() {
    const uint64_t start_ns = world_.now_ns();
    if (scenario_.drain_at_ns > 0) world_.after(scenario_.drain_at_ns, [this](uring::World&) { drain_wanted_ = true; });
    while (!all_done()) {
      turn();
      if (world_.now_ns() - start_ns > longest_run_ns)
        fail("clients are left waiting after 400 s\n%s", world_.held().c_str());
    }
    for (const auto& player : players_) {
      if (scenario_.gentle) player->must_be_served(draining_);
      played_.answers += player->answers();
      player->leave();
    }
    drain();
    played_.simulated_ns = world_.now_ns() - start_ns;
    played_.counters = worker_->counters();
    CHECK(played_.counters.accepted >= played_.counters.closed);
    worker_.reset();
    if (!world_.held().empty()) fail("held when the worker is gone:\n%s", world_.held().c_str());
    return played_;
  }

 private:
  void make_tree() {
    for (uint32_t site = 0; site < scenario_.sites.count; ++site) {
      const std::string prefix = "s" + std::to_string(site) + "/";
      const uint64_t edge = scenario_.config->cache.max_file_size_bytes;
      files_.rewrite(prefix + "empty.txt", "");
      put(prefix + "small.html", 1 + random_.below(200));
      put(prefix + "edge.bin", edge);
      put(prefix + "over.bin", edge + 1);
      put(prefix + "big.bin", scenario_.big_bytes);
      put(prefix + "odd name.css", 40);
      put(prefix + "dir/index.html", 60);
      put(prefix + "alt/index.htm", 70);
      put(prefix + ".hidden", 10);
      files_.make_directory(prefix + "dir");
      files_.make_directory(prefix + "bare");
      files_.make_directory(prefix + "nest/index.html");  // an index name that is no file
      put(prefix + "nest/index.htm", 80);
      files_.make_other(prefix + "pipe");
      world_.put_symlink(prefix + "link", "small.html");
      world_.put_symlink(prefix + "out", "../../etc");
      world_.put_symlink(prefix + "loop", "loop");
    }
    if (random_.chance(500)) world_.advance(second_ns);  // else the files are racily young
  }

  void put(const std::string& path, uint64_t size) { files_.rewrite(path, bytes_of_version(random_.next(), size)); }

  void open(log::Logger& logger) {
    std::vector<disk::SiteFiles> roots;
    for (uint32_t site = 0; site < scenario_.sites.count; ++site) {
      roots.push_back(
          {.root = world_.root("s" + std::to_string(site)),
           .resolve = scenario_.sites.symlinks ? uring::Resolve::symlinks_inside : uring::Resolve::no_symlinks,
           .index = scenario_.sites.index});
    }
    server::WorkerOptions options = scenario_.options;
    options.ring.world = &world_;
    auto snapshot = std::make_shared<const server::Snapshot>(scenario_.config, std::move(roots));
    auto worker = server::Worker::create(options, std::move(snapshot), shared_, logger);
    if (!worker) fail("no worker: %s", worker.error().message.c_str());
    worker_ = std::move(*worker);
    listener_ = world_.listen();
    const server::Worker::Listener listeners[] = {{listener_, true, sizeof(sockaddr_in)}};
    worker_->listen(listeners);
  }

  void plan_changes() {
    for (uint32_t planned = 0; planned < scenario_.changes; ++planned) {
      world_.after(random_.below(scenario_.changes_within_ns), [this](uring::World&) { change_something(); });
    }
  }

  void change_something() {
    static constexpr const char* names[] = {"small.html", "edge.bin", "over.bin",       "big.bin",
                                            "late.txt",   "big.bin",  "dir/index.html", "bare/index.html"};
    const std::string path = "s" + std::to_string(random_.below(scenario_.sites.count)) + "/" + names[random_.below(8)];
    const std::string* now = files_.content_now(path);
    const uint64_t size = now && random_.chance(600) ? now->size() : random_.below(2 * scenario_.big_bytes);
    switch (random_.below(scenario_.failing_files ? 10 : 7)) {
      case 0:
      case 1:
      case 2: return files_.rewrite(path, bytes_of_version(random_.next(), size));
      case 3:
      case 4: return files_.replace(path, bytes_of_version(random_.next(), size));
      case 5:
        if (random_.chance(300) && scenario_.wall_steps) {
          return files_.step_wall_clock((static_cast<int64_t>(random_.below(20)) - 10) * 700'000'000);
        }
        return files_.resize(path, random_.below(scenario_.big_bytes));
      case 6: return now ? files_.remove(path) : files_.rewrite(path, bytes_of_version(random_.next(), size));
      case 7: return files_.fail_open(path, random_.chance(300) ? 0 : error());
      default: return files_.fail_read(path, random_.chance(300) ? 0 : EIO);
    }
  }

  int error() {
    static constexpr int errors[] = {EIO, EACCES, EMFILE, ENFILE, ENOMEM, EAGAIN, ELOOP, EXDEV, ENXIO, EPERM, ESTALE};
    return errors[random_.below(std::size(errors))];
  }

  void turn() {
    if (drain_wanted_ && !std::exchange(draining_, true)) begin_drain();
    if (meddle_) meddle_(played_.turns, world_, files_);
    worker_->turn(!random_.chance(100));
    if (++played_.turns > most_turns) fail("%llu turns: the server spins", static_cast<unsigned long long>(most_turns));
    world_.check();
    check_bounds();
    for (const auto& player : players_) player->observe();
  }

  void check_bounds() const {
    const disk::Disk& disk = worker_->disk();
    CHECK(world_.lent_buffers() == 0);  // receive buffers go back in the turn that brings them
    CHECK(worker_->connections() <= scenario_.connection_limit);
    CHECK(shared_.connections.load() == worker_->connections());
    CHECK(disk.in_flight() <= scenario_.options.disk_queue_size);
    CHECK(worker_->cache().bytes() <= scenario_.options.cache_bytes);
    if (world_.open_files() > disk.in_flight() + worker_->connections() + 2 * scenario_.clients.size()) {
      fail("descriptors are lost:\n%s", world_.held().c_str());
    }
  }

  [[nodiscard]] bool all_done() const {
    return std::all_of(players_.begin(), players_.end(), [](const auto& player) { return player->done(); });
  }

  void begin_drain() {
    trace(world_.now_ns(), "drain");
    worker_->begin_drain();
  }

  void drain() {
    if (!std::exchange(draining_, true)) begin_drain();
    const uint64_t start_ns = world_.now_ns();
    while (!worker_->drained() || !quiet()) {
      turn();
      if (world_.now_ns() - start_ns > longest_drain_ns) fail("not drained after 30 s:\n%s", world_.held().c_str());
    }
    CHECK(worker_->connections() == 0);
    CHECK(shared_.connections.load() == 0);
    CHECK(worker_->disk().idle());
  }

  // Only the timer and the mailbox are still with the kernel.
  [[nodiscard]] bool quiet() const {
    if (world_.open_sockets() > 0 || world_.open_files() > 0 || !worker_->disk().idle()) return false;
    const std::vector<uring::Tag> tags = world_.operations();
    return std::all_of(tags.begin(), tags.end(), [](const uring::Tag& tag) {
      return tag.kind == uring::Kind::timer || tag.kind == uring::Kind::mailbox;
    });
  }

  const Scenario& scenario_;
  const Meddle& meddle_;
  server::Shared shared_;
  uring::World world_;
  Files files_;
  Oracle oracle_;
  uring::Random random_;
  std::vector<std::unique_ptr<Player>> players_;
  std::unique_ptr<server::Worker> worker_;
  int listener_ = -1;
  bool drain_wanted_ = false;
  bool draining_ = false;
  Played played_;
};

}  // namespace

Played play(const Scenario& scenario, log::Logger& quiet, log::Logger& chatty, const Meddle& meddle) {
  trace_scenario(scenario.text());
  Simulation simulation(scenario, scenario.debug_log ? chatty : quiet, meddle);
  return simulation.run();
}

}  // namespace uringd::sim
