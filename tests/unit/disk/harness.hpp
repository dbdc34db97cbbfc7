// Bench: a Disk on the fake ring, with a world of files, a clock that follows it, sites whose trees can be switched,
// and a helper thread's door that writes down what it is asked. Waiting asks and records as a connection does,
// Downloading records a stream. One thread; friendly kernel, so that a test says itself what goes wrong. At its end a
// Bench lets go and stops the process if anything is left. doctest comes last: both it and the program have a CHECK.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "recording_door.hpp"
#include "uringd/base/check.hpp"
#include "uringd/cache/key.hpp"
#include "uringd/disk/disk.hpp"
#include "uringd/uring/fake.hpp"

namespace uringd::testing {

constexpr uint64_t second_ns = 1'000'000'000;
constexpr uint64_t hash_seed = 7;

struct BenchOptions {
  size_t memory_bytes = size_t{1} << 20;
  disk::DiskOptions disk{.queue_size = 512, .max_cached_file_bytes = 4096, .stream_piece_bytes = size_t{64} << 10};
  cache::CacheOptions cache{.capacity_bytes = size_t{1} << 20};
  uint32_t sites = 1;  // their trees: root, root1, root2 …
  bool remote = false;
  uint64_t device = 1;  // of the roots; every file of the world is on device 1
  bool helped = true;   // there is a helper thread
  disk::SiteRules rules{.index = {"index.html", "index.txt"}};
};

/// What a configuration says of files: nosniff and the name that was asked for, unless a test sets other lines.
struct TestDescriber final : disk::Describer {
  disk::Description describe(std::string_view name, std::span<char, most_lines_bytes> lines) const override {
    ++asked;
    const std::string text = "X-Of: " + std::string(name) + "\r\n" + more_lines;
    std::copy(text.begin(), text.end(), lines.begin());
    disk::Description description = said;
    description.type = types.of(name);
    description.lines_bytes = text.size();
    return description;
  }
  http::MediaTypes types;
  disk::Description said;
  std::string more_lines;
  mutable int asked = 0;
};

class Bench {
 public:
  explicit Bench(const BenchOptions& options = {})
      : world(1, uring::Mischief::none()),
        cache(options.cache),
        memory(options.memory_bytes),
        logger(log::Level::info, make_pipe(log_ends)),
        options_(options),
        sites(make_sites()) {
    uring::RingOptions ring_options;
    ring_options.world = &world;
    ring.emplace(std::move(*uring::Ring::create(ring_options)));
    disk::DiskOptions disk_options = options.disk;
    disk_options.hash_seed = hash_seed;
    disk.emplace(*ring, cache, memory, clock, logger, sites, options.helped ? &door : nullptr, disk_options);
    door.close = [this](int directory) { ring->close_file(directory); };
    look_at_clock();
  }
  ~Bench() {
    world.mischief() = uring::Mischief::none();
    disk->let_go();
    run();
    while (!door.listings.empty()) answer_list(false), run();
    for (const RecordingDoor::FileListing& listing : door.file_listings) door.close(listing.directory);
    run();
    CHECK(disk->idle());
    CHECK(world.held().empty());
    CHECK(door.replaced.empty() || retired_later_);
    for (const int end : log_ends) ::close(end);
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  void put(const std::string& name, std::string content) { world.put_file("root/" + name, std::move(content)); }
  /// Files put until now are no longer racily young.
  void age(uint64_t ns = second_ns) {
    world.advance(ns);
    look_at_clock();
  }
  [[nodiscard]] static cache::Key key(std::string_view path, uint32_t site = 0) {
    return cache::make_key(site, path, hash_seed);
  }
  [[nodiscard]] cache::Entry* held(std::string_view path, uint32_t site = 0) { return cache.peek(key(path, site)); }
  void invalidate(std::string path, uint32_t site = 0) {
    disk->on_notice(disk::Invalidated{.site = site, .path = std::move(path)});
  }

  // --- turns ---

  /// Completions of one turn; false when nothing will ever happen.
  bool step() {
    const auto completions = ring->turn(true);
    look_at_clock();
    for (const uring::Completion& completion : completions) disk->on_completion(completion);
    world.check();
    return !completions.empty();
  }
  /// Until nothing will ever happen. A turn ends where downloads wait for its end.
  void run() {
    while (step() || disk->eager()) {
      if (disk->eager()) disk->on_tick();
    }
  }
  /// Everything that happens within this time, as a worker's loop lets it happen.
  void pass(uint64_t ms) {
    const uint64_t until_ns = world.now_ns() + ms * 1'000'000;
    world.at(until_ns, [](uring::World& w) { w.interrupt(); });
    while (world.now_ns() < until_ns) {
      step();
      disk->on_tick();
    }
  }
  /// The same; `change` happens each time that a fetch has asked for bytes and not got them yet.
  void run_changing_while_read(const std::function<void()>& change) {
    do {
      if (under_way(1) > 0) change();
    } while (step());
  }
  /// Fetch operations of that step (0 open, 1 read, 2 look) that the kernel has not answered.
  [[nodiscard]] size_t under_way(uint8_t step) const {
    const std::vector<uring::Tag> tags = world.operations();
    return static_cast<size_t>(std::count_if(tags.begin(), tags.end(), [&](const uring::Tag& tag) {
      return tag.kind == uring::Kind::fetch && tag.step == step;
    }));
  }
  /// From now on every walk needs a disk, and what is asked of the disk comes back after days, if `hangs`; what is
  /// under way stays as it is.
  void cold(bool hangs) {
    world.mischief().uncached = 1000;
    world.mischief().slow = hangs ? 1000 : 0;
    world.mischief().slowest_ns = hangs ? second_ns * 1'000'000 : 0;
  }
  void warm() { world.mischief() = uring::Mischief::none(); }

  // --- the helper thread's part ---

  [[nodiscard]] std::shared_ptr<const disk::Root> make_root(const std::string& directory) {
    world.put_directory(directory);
    auto* root = new disk::Root{
        .directory = world.root(directory), .device = options_.device, .remote = options_.remote, .read_only = false};
    return {root, [this](const disk::Root* gone) {
              world.close_root(gone->directory);
              delete gone;
            }};
  }
  /// Switches the site to `directory`; the one before is asked for what is missing until `previous_until_ms`. Returns
  /// the state that was replaced, of which the worker hears at once unless `tell` says otherwise.
  const disk::SiteState* release(const std::string& directory, uint64_t previous_until_ms = 0, bool tell = true,
                                 uint32_t site = 0) {
    auto next = std::make_unique<disk::SiteState>();
    next->generation = next->release = sites.state(site).generation + 1;
    next->root = make_root(directory);
    next->pages = sites.state(site).pages;
    if (previous_until_ms > 0) {
      next->previous = sites.state(site).root;
      next->previous_until_ms = previous_until_ms;
    }
    door.replaced.push_back(sites.publish(site, std::move(next)));
    const disk::SiteState* before = door.replaced.back().get();
    retired_later_ = !tell;
    if (tell) disk->on_notice(disk::Retired{before});
    return before;
  }
  /// The oldest request for a list of names is answered: truly, or with nothing.
  void answer_list(bool truly = true) {
    CHECK(!door.listings.empty());
    const RecordingDoor::Listing listing = door.listings.front();
    door.listings.erase(door.listings.begin());
    std::unique_ptr<disk::Names> names;
    if (truly) {
      const std::vector<std::string> all = world.names(listing.directory);
      names = std::make_unique<disk::Names>(all.size());
      for (const std::string& name : all) names->add(name);
    }
    disk->on_notice(disk::Listed{.ticket = listing.ticket, .names = std::move(names)});
  }
  /// The oldest request for a listing is answered: with its names one a line, or with nothing.
  void answer_listing(bool truly = true) {
    CHECK(!door.file_listings.empty());
    const RecordingDoor::FileListing listing = std::move(door.file_listings.front());
    door.file_listings.erase(door.file_listings.begin());
    std::string body = listing.order.path + ":";
    for (const std::string& name : world.names(listing.directory)) body += "\n" + name;
    door.close(listing.directory);
    disk->on_notice(disk::Rendered{.ticket = listing.ticket, .body = truly ? std::optional(body) : std::nullopt});
  }
  /// The oldest order of a copy is answered with these bytes, or as not worth it.
  void answer_encoding(std::optional<std::string> bytes) {
    CHECK(!door.encodings.empty());
    const uint64_t ticket = door.encodings.front().ticket;
    door.encodings.erase(door.encodings.begin());
    disk->on_notice(disk::Encoded{.ticket = ticket,
                                  .bytes = bytes ? std::make_shared<const std::string>(std::move(*bytes)) : nullptr});
  }
  [[nodiscard]] std::string log_lines() {
    logger.drain();
    char text[4096];
    const ssize_t size = ::read(log_ends[0], text, sizeof text);
    return {text, static_cast<size_t>(size > 0 ? size : 0)};
  }

  uring::World world;
  cache::Cache cache;
  disk::PieceMemory memory;
  Clock clock;
  int log_ends[2] = {-1, -1};
  log::Logger logger;
  TestDescriber describer;
  RecordingDoor door;

 private:
  BenchOptions options_;
  bool retired_later_ = false;

 public:
  disk::Sites sites;
  std::optional<uring::Ring> ring;
  std::optional<disk::Disk> disk;

 private:
  std::vector<disk::Sites::Site> make_sites() {
    std::vector<disk::Sites::Site> all;
    for (uint32_t site = 0; site < options_.sites; ++site) {
      const std::string directory = site == 0 ? "root" : "root" + std::to_string(site);
      disk::SiteRules rules = options_.rules;
      rules.root_path = directory;
      all.push_back({.rules = std::move(rules), .describer = borrowed(describer), .root = make_root(directory)});
    }
    return all;
  }
  [[nodiscard]] static std::shared_ptr<const disk::Describer> borrowed(const disk::Describer& describer) {
    return {std::shared_ptr<void>(), &describer};
  }
  static int make_pipe(int (&ends)[2]) { return ::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0 ? ends[1] : -1; }
  void look_at_clock() {
    clock.monotonic_ns = ring->monotonic_ns();
    clock.monotonic_ms = clock.monotonic_ns / 1'000'000;
    clock.wall_ns = ring->wall_ns();
    clock.wall_s = clock.wall_ns / 1'000'000'000;
  }
};

/// Who asks for a path. `then` may ask for more.
struct Waiting final : disk::Waiter {
  Waiting() = default;
  Waiting(Bench& bench, std::string_view path, uint32_t site = 0) { ask(bench, path, site); }
  ~Waiting() {
    if (linked()) unlink();
  }
  /// As a connection does: what is known, else the disk.
  void ask(Bench& bench, std::string_view path, uint32_t site = 0) {
    const cache::Key key = Bench::key(path, site);
    const disk::Found found = bench.disk->find(key);
    at_once = found.entry || found.status != 0;
    if (at_once) {
      return on_fetched({.status = found.status, .entry = cache::EntryRef(found.entry), .stale = found.stale});
    }
    refused = !bench.disk->fetch(key, *this);
  }
  void on_fetched(const disk::Outcome& outcome) override {
    ++told;
    status = outcome.status;
    stale = outcome.stale;
    unchanged = outcome.unchanged;
    entry = cache::EntryRef(outcome.entry);
    file = outcome.file;
    if (entry) status = entry->kind() == cache::Kind::verdict ? entry->status() : 200;
    if (entry && entry->kind() == cache::Kind::file) file = static_cast<disk::KeptFile*>(entry->payload())->file;
    if (then) then();
  }
  [[nodiscard]] std::string body() const {
    const bool content = entry && entry->kind() == cache::Kind::content;
    return content ? std::string(entry->body().begin(), entry->body().end()) : "no content";
  }
  int told = 0;
  int status = 0;
  bool at_once = false;
  bool refused = false;
  bool stale = false;
  bool unchanged = false;
  cache::EntryRef entry;
  disk::OpenFileRef file;
  std::function<void()> then;
};

/// Who downloads, and holds each piece until take() or until `at_once` says so.
struct Downloading final : disk::StreamClient {
  void on_piece(std::span<const char> bytes) override {
    piece.assign(bytes.begin(), bytes.end());
    if (order) order->push_back(this);
  }
  void on_stream_failed(int) override { failed = true; }
  void on_memory_wanted() override { ++memory_wanted; }
  void start(Bench& bench, const disk::OpenFileRef& file, uint64_t first, uint64_t length) {
    stream = bench.disk->stream(file, first, length, *this);
    stream->next();
  }
  /// Has sent its piece.
  void take() {
    got += std::exchange(piece, {});
    stream->sent_all();
  }
  void leave() { std::exchange(stream, nullptr)->abandon(); }
  /// To the end or to a failure; leaves then.
  void run(Bench& bench) {
    for (bench.run(); stream->holds_piece(); bench.run()) {
      take();
      if (!stream->finished()) stream->next();
    }
    leave();
  }

  disk::Stream* stream = nullptr;
  std::string piece;
  std::string got;
  bool failed = false;
  int memory_wanted = 0;
  std::vector<Downloading*>* order = nullptr;
};

}  // namespace uringd::testing
