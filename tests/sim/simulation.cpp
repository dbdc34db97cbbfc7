// The course of a run: build the tree, open, serve until every client is done, drain, and see that nothing is left.
#include "simulation.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <cerrno>

#include "reloads.hpp"
#include "trace.hpp"
#include "uringd/base/check.hpp"
#include "uringd/disk/disk.hpp"
#include "uringd/server/figures.hpp"

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
        releases_(scenario.sites.count),
        oracle_(files_, releases_, overlaid_, scenario.excuses),
        helper_(world_, files_, releases_, scenario.helping, scenario.seed ^ 0x4e19),
        reloads_(world_, releases_, helper_, scenario, scenario.seed ^ 0x3e10),
        random_(scenario.seed ^ 0x5eed) {
    world_.set_remote(scenario.helping.remote);
    if (scenario.coarse_times) world_.set_timestamp_granularity(4'000'000);
    shared_.connection_limit = scenario.connection_limit;
    for (uint32_t site = 0; site < scenario_.sites.count; ++site) {
      for (uint32_t tree = 0; tree < scenario_.helping.trees; ++tree)
        make_tree(Releases::tree_of(site, tree), tree == 0);
    }
    if (random_.chance(500)) world_.advance(second_ns);  // else the files are racily young
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
    if (!draining_) let_go_of_trees();
    drain();
    played_.simulated_ns = world_.now_ns() - start_ns;
    played_.counters = worker_->counters();
    CHECK(played_.counters.accepted >= played_.counters.closed);
    played_.disk = worker_->disk().counters();
    played_.cache = worker_->cache().counters();
    played_.switches = helper_.switched();
    played_.reloads = reloads_.reloaded();
    played_.overlays = overlaid_.put_count();
    worker_.reset();
    if (overlaid_.held_without_table() > 0) fail("overlays are held when the worker is gone");
    if (!world_.held().empty()) fail("held when the worker is gone:\n%s", world_.held().c_str());
    return played_;
  }

 private:
  // Later trees lack some of the files.
  void make_tree(const std::string& tree, bool whole) {
    const auto there = [&] { return whole || random_.chance(700); };
    const auto put = [&](const char* name, uint64_t size) {
      if (there()) files_.rewrite(tree + name, bytes_of_version(random_.next(), size));
    };
    const uint64_t edge = scenario_.config->cache.max_file_size_bytes;
    put("empty.txt", 0);
    put("small.html", 1 + random_.below(200));
    put("edge.bin", edge);
    put("over.bin", edge + 1);
    put("big.bin", scenario_.big_bytes);
    put("odd name.css", 40);
    put("dir/index.html", 60);
    put("alt/index.htm", 70);
    put(".hidden", 10);
    if (there()) files_.make_directory(tree + "dir");
    if (there()) files_.make_directory(tree + "bare");
    if (there()) {
      files_.make_directory(tree + "nest/index.html");  // an index name that is no file
      put("nest/index.htm", 80);
    }
    files_.make_other(tree + "pipe");
    world_.put_symlink(tree + "link", "small.html");
    world_.put_symlink(tree + "out", "../../etc");
    world_.put_symlink(tree + "loop", "loop");
  }

  void open(log::Logger& logger) {
    server::WorkerOptions options = scenario_.options;
    options.ring.world = &world_;
    disk::HelperDoor* door = scenario_.helping.there ? &helper_ : nullptr;
    auto worker = server::Worker::create(options, reloads_.first(), shared_, mailbox_, door, logger);
    if (!worker) fail("no worker: %s", worker.error().message.c_str());
    worker_ = std::move(*worker);
    listener_ = world_.listen();
    std::vector<server::Worker::Listener> listeners(1);
    listeners.front() = {.descriptor = Fd(listener_), .only_ours = true, .peer_size = sizeof(sockaddr_in)};
    worker_->listen(std::move(listeners));
  }

  void plan_changes() {
    for (uint32_t planned = 0; planned < scenario_.changes; ++planned) {
      world_.after(random_.below(scenario_.changes_within_ns), [this](uring::World&) { change_something(); });
    }
    const Helping& helping = scenario_.helping;
    const auto any_time = [&] { return random_.below(scenario_.changes_within_ns); };
    for (uint32_t planned = 0; planned < helping.switches; ++planned) helper_.plan_switch(any_time());
    for (uint32_t planned = 0; planned < helping.bumps; ++planned) helper_.plan_bump(any_time());
    for (uint32_t planned = 0; planned < helping.preloads; ++planned) helper_.plan_preload(any_time());
    for (uint32_t planned = 0; planned < scenario_.reloads; ++planned) {
      world_.after(any_time(), [this](uring::World& world) {
        ++reloads_wanted_;
        world.interrupt();
      });
    }
    for (uint32_t planned = 0; planned < scenario_.overlays; ++planned) {
      world_.after(any_time(), [this](uring::World& world) {
        ++overlays_wanted_;
        world.interrupt();
      });
    }
  }

  void change_overlays() {
    static constexpr const char* names[] = {"small.html", "edge.bin",      "over.bin", "big.bin",        "late.txt",
                                            "small.html", "alt/index.htm", "dir/",     "bare/index.html"};
    const std::string site = "s" + std::to_string(random_.below(scenario_.sites.count)) + "/";
    const std::string path = site + (random_.chance(150) ? "dir/index.html" : names[random_.below(std::size(names))]);
    if (random_.chance(350)) {
      trace(world_.now_ns(), "no overlay at %s", path.c_str());
      overlaid_.remove(path, world_.now_ns());
    } else {
      const uint64_t size = random_.below(random_.chance(500) ? 200 : 2 * scenario_.big_bytes);
      trace(world_.now_ns(), "overlay of %llu bytes at %s", static_cast<unsigned long long>(size), path.c_str());
      overlaid_.put(path, bytes_of_version(random_.next(), size), world_.now_ns());
    }
    worker_->serve(overlaid_.table());
  }

  void change_something() {
    static constexpr const char* names[] = {"small.html", "edge.bin", "over.bin",       "big.bin",
                                            "late.txt",   "big.bin",  "dir/index.html", "bare/index.html"};
    const auto site = static_cast<uint32_t>(random_.below(scenario_.sites.count));
    std::string tree = releases_.current(site).tree;
    if (random_.chance(200))
      tree = Releases::tree_of(site, static_cast<uint32_t>(random_.below(scenario_.helping.trees)));
    if (random_.chance(50)) return files_.remove_directory(tree + "dir");
    if (scenario_.sites.hot && random_.chance(scenario_.sites.missing)) {
      const std::string name = (random_.chance(300) ? "dir/n" : "n") + std::to_string(oracle_.make_newest());
      return files_.rewrite(tree + name, bytes_of_version(random_.next(), random_.below(200)));
    }
    if (scenario_.coarse_times) {
      const std::string small = tree + (random_.chance(700) ? "small.html" : "dir/index.html");
      const uint64_t largest = scenario_.config->cache.max_file_size_bytes;
      return files_.rewrite(small, bytes_of_version(random_.next(), std::min<uint64_t>(largest, 50)));
    }
    const std::string path = tree + names[random_.below(8)];
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
    for (; reloads_wanted_ > 0; --reloads_wanted_) reload();
    for (; overlays_wanted_ > 0; --overlays_wanted_) change_overlays();
    helper_.hand_over([this](disk::Notice notice) { worker_->notify(std::move(notice)); });
    worker_->turn(!random_.chance(100));
    if (++played_.turns > most_turns) fail("%llu turns: the server spins", static_cast<unsigned long long>(most_turns));
    world_.check();
    check_bounds();
    if (played_.turns % 16 == 0) check_figures();
    if (worker_->disk().counters().stale > 0) releases_.forgive();
    for (const auto& player : players_) player->observe();
  }

  void reload() {
    Reloads::Next next = reloads_.next();
    most_places_ = std::max(most_places_, next.options.disk_queue_size);
    worker_->reconfigure(std::move(next.snapshot), next.options);
  }

  void check_bounds() {
    const disk::Disk& disk = worker_->disk();
    CHECK(world_.lent_buffers() == 0);  // receive buffers go back in the turn that brings them
    CHECK(worker_->connections() <= scenario_.connection_limit);
    CHECK(shared_.connections.load() == worker_->connections());
    CHECK(disk.in_flight() <= most_places_);
    CHECK(worker_->cache().behind() || worker_->cache().bytes() <= worker_->cache().capacity_bytes());
    // What ended in this turn has its close queued: it counts as it did a turn ago.
    const size_t kept = 2 * (scenario_.options.kept_files + scenario_.options.kept_descriptors) + disk.closing();
    const size_t looks = std::max(most_places_ / 8, 4U);
    const size_t working = std::max(disk.in_flight(), std::exchange(in_flight_before_, disk.in_flight())) + looks;
    if (world_.open_files() > working + kept + worker_->connections() + 2 * scenario_.clients.size()) {
      fail("descriptors are lost: %zu of %u in flight, %zu kept\n%s", world_.open_files(), disk.in_flight(), kept,
           world_.held().c_str());
    }
  }

  // Between two turns nothing is being counted: all must agree.
  void check_figures() {
    const server::Figures figures = server::gather(*worker_);
    const server::Figures::Connections& now = figures.connections;
    const uint64_t requests = worker_->counters().requests();
    CHECK(figures.requests() <= requests);
    CHECK(requests - figures.requests() <= worker_->connections());  // downloads are counted when they end
    CHECK(figures.of(server::Phase::request).count() <= requests);
    CHECK(figures.of(server::Phase::request).count() == figures.of(server::Phase::send).count());
    CHECK(now.open >= worker_->connections());  // others wait for a place
    CHECK(now.idle + now.reading + now.waiting + now.sending + now.closing == now.open);
    const server::Figures::Cache& cache = figures.cache;
    CHECK(cache.content_bytes + cache.compressed_bytes + cache.negative_bytes + cache.files_bytes + cache.names_bytes ==
          worker_->cache().bytes());
  }

  [[nodiscard]] bool all_done() const {
    return std::all_of(players_.begin(), players_.end(), [](const auto& player) { return player->done(); });
  }

  void begin_drain() {
    trace(world_.now_ns(), "drain");
    worker_->begin_drain();
  }

  // Without requests, configurations that were replaced and the trees that only they had are gone in bounded time.
  void let_go_of_trees() {
    const uint64_t start_ns = world_.now_ns();
    while (worker_->held_snapshots() > 0) {
      turn();
      if (world_.now_ns() - start_ns > longest_drain_ns) {
        fail("%zu configurations are held after 30 s:\n%s", worker_->held_snapshots(), world_.held().c_str());
      }
    }
    if (!reloads_.settled()) fail("a slot of a tree before was not given back");
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
    check_figures();
    const server::Figures figures = server::gather(*worker_);
    CHECK(figures.requests() == worker_->counters().requests());
    CHECK(figures.connections.open == 0);
    check_watches();
    if (!reloads_.settled()) fail("a slot of a tree before was not given back");
  }

  // Directories of which nothing is held any more are watched for a while, and then no longer.
  void check_watches() {
    CHECK(worker_->cache().count() == 0);
    for (int round = 0; round < 3; ++round) {
      world_.advance(11 * second_ns);
      worker_->turn(false);
    }
    if (helper_.watched() > 0) fail("%zu directories are still watched", helper_.watched());
  }

  // Only the timer and the mailbox are still with the kernel.
  [[nodiscard]] bool quiet() const {
    if (world_.open_sockets() > 0 || world_.open_files() > 0 || !worker_->disk().idle() || !helper_.idle() ||
        worker_->held_snapshots() > 0)
      return false;
    const std::vector<uring::Tag> tags = world_.operations();
    return std::all_of(tags.begin(), tags.end(), [](const uring::Tag& tag) {
      return tag.kind == uring::Kind::timer || tag.kind == uring::Kind::mailbox;
    });
  }

  const Scenario& scenario_;
  const Meddle& meddle_;
  server::Shared shared_;
  server::Mailbox mailbox_;
  uring::World world_;
  Files files_;
  Releases releases_;
  Overlaid overlaid_;
  Oracle oracle_;
  Helper helper_;
  Reloads reloads_;
  uring::Random random_;
  std::vector<std::unique_ptr<Player>> players_;
  std::unique_ptr<server::Worker> worker_;
  int listener_ = -1;
  uint32_t in_flight_before_ = 0;
  uint32_t most_places_ = scenario_.options.disk_queue_size;  // of any configuration
  uint32_t reloads_wanted_ = 0;
  uint32_t overlays_wanted_ = 0;
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
