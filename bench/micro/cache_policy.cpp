// Which entries to keep: hit rates of Cache beside plain LRU and LRU with a probation segment (SLRU, 20 % probation),
// on a made-up trace: files asked for by Zipf's law, sizes lognormal around 7 KiB and at most 64 KiB, and a crawler
// that asks for every file in turn as some share of the requests; or, where there is news, files that become popular.
// Prints the visitors' hit rates, in percent of their requests and of their bytes; the crawler's own requests are not
// counted. The second half of the trace counts, the first one warms up.
//
//   cache_policy           100,000 files, 2,000,000 requests a row
//   cache_policy --quick   a small trace; fails unless Cache beats plain LRU while a crawler runs (a test)
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <list>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "uringd/cache/cache.hpp"

namespace uringd::cache {
namespace {

struct File {
  std::string path;
  Key key;
  size_t body_bytes = 0;
  size_t charge_bytes = 0;
};

std::vector<File> make_files(size_t count) {
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> size(std::log(7.0 * 1024), 0.8);
  std::vector<File> files(count);
  for (size_t number = 0; number < count; ++number) {
    File& file = files[number];
    file.path = "/thumbs/" + std::to_string(number) + ".jpg";
    file.key = make_key(0, file.path, 42);
    file.body_bytes = std::min(static_cast<size_t>(size(random)), size_t{64} << 10);
    file.charge_bytes = Entry::make(file.key, file.key.path, 0, file.body_bytes)->charge();
  }
  return files;
}

/// Draws ranks, the most popular most often, and says which file has which rank.
class Popularity {
 public:
  Popularity(size_t count, double skew) : sums_(count), files_(count) {
    double sum = 0;
    for (size_t rank = 0; rank < count; ++rank) sums_[rank] = sum += std::pow(static_cast<double>(rank + 1), -skew);
    std::iota(files_.begin(), files_.end(), 0U);
    std::shuffle(files_.begin(), files_.end(), std::mt19937_64(11));
  }
  uint32_t draw(std::mt19937_64& random) const {
    const double point = std::uniform_real_distribution<double>(0, sums_.back())(random);
    const auto place = std::ranges::lower_bound(sums_, point);
    return files_[static_cast<size_t>(std::min(place, sums_.end() - 1) - sums_.begin())];
  }
  /// A file that hardly anybody asked for takes the rank of one of the most popular percent.
  void shift(std::mt19937_64& random) {
    std::swap(files_[random() % (files_.size() / 100)], files_[random() % files_.size()]);
  }

 private:
  std::vector<double> sums_;
  std::vector<uint32_t> files_;
};

struct Request {
  uint32_t file;
  bool by_crawler;
};

struct Mix {
  double crawled = 0;     // of the requests
  bool shifting = false;  // news: every 100 requests another file becomes popular
};

std::vector<Request> make_trace(Popularity popularity, size_t file_count, size_t requests, const Mix& mix) {
  std::mt19937_64 random(23);
  std::uniform_real_distribution<double> point(0, 1);
  std::vector<Request> trace;
  uint32_t next = 0;
  while (trace.size() < requests) {
    if (mix.shifting && trace.size() % 100 == 0) popularity.shift(random);
    if (point(random) >= mix.crawled) {
      trace.push_back({popularity.draw(random), false});
    } else {
      trace.push_back({next, true});
      next = static_cast<uint32_t>((next + 1) % file_count);
    }
  }
  return trace;
}

class Policy {
 public:
  virtual ~Policy() = default;
  /// Whether the file was held; it is afterwards, where the policy thinks so.
  virtual bool ask(uint32_t number, const File& file) = 0;
};

/// LRU in two segments: new ones enter the first, those used again the second, which gives back to the first what is
/// beyond its share. With a share of nothing it is plain LRU.
class Segmented final : public Policy {
 public:
  Segmented(size_t capacity_bytes, double kept_share)
      : capacity_bytes_(capacity_bytes),
        most_kept_bytes_(static_cast<size_t>(kept_share * static_cast<double>(capacity_bytes))) {}

  bool ask(uint32_t number, const File& file) override {
    const auto found = places_.find(number);
    if (found != places_.end()) {
      use(found->second);
      return true;
    }
    while (bytes_[0] + bytes_[1] + file.charge_bytes > capacity_bytes_) evict();
    held_[0].push_front({number, file.charge_bytes, 0});
    bytes_[0] += file.charge_bytes;
    places_[number] = held_[0].begin();
    return false;
  }

 private:
  struct Held {
    uint32_t number;
    size_t bytes;
    int segment;
  };
  using Place = std::list<Held>::iterator;

  void move(Place place, int segment) {
    bytes_[place->segment] -= place->bytes;
    bytes_[segment] += place->bytes;
    held_[segment].splice(held_[segment].begin(), held_[place->segment], place);
    place->segment = segment;
  }
  void use(Place place) {
    move(place, most_kept_bytes_ > 0 ? 1 : 0);
    while (bytes_[1] > most_kept_bytes_) move(std::prev(held_[1].end()), 0);
  }
  void evict() {
    const int segment = held_[0].empty() ? 1 : 0;
    const Held& oldest = held_[segment].back();
    bytes_[segment] -= oldest.bytes;
    places_.erase(oldest.number);
    held_[segment].pop_back();
  }

  size_t capacity_bytes_;
  size_t most_kept_bytes_;
  size_t bytes_[2] = {};
  std::list<Held> held_[2];
  std::unordered_map<uint32_t, Place> places_;
};

class Ours final : public Policy {
 public:
  explicit Ours(size_t capacity_bytes) : cache_({.capacity_bytes = capacity_bytes}) {}
  bool ask(uint32_t, const File& file) override {
    if (cache_.find(file.key, 0)) return true;
    cache_.insert(cache_.make(file.key, file.key.path, 0, file.body_bytes), 0);
    return false;
  }

 private:
  Cache cache_;
};

struct Rates {
  double requests = 0;  // percent
  double bytes = 0;
};

Rates play(Policy&& policy, const std::vector<Request>& trace, const std::vector<File>& files) {
  size_t asked = 0, hits = 0, asked_bytes = 0, hit_bytes = 0;
  for (size_t turn = 0; turn < trace.size(); ++turn) {
    const File& file = files[trace[turn].file];
    const bool hit = policy.ask(trace[turn].file, file);
    if (trace[turn].by_crawler || turn < trace.size() / 2) continue;
    ++asked;
    hits += hit;
    asked_bytes += file.body_bytes;
    hit_bytes += hit ? file.body_bytes : 0;
  }
  const auto percent = [](size_t part, size_t whole) {
    return 100 * static_cast<double>(part) / static_cast<double>(whole);
  };
  return {percent(hits, asked), percent(hit_bytes, asked_bytes)};
}

struct Scale {
  size_t files;
  size_t requests;
  std::vector<double> skews;
  std::vector<double> cache_shares;
  std::vector<Mix> mixes;
};

/// Prints the table. The rows with a crawler in which Cache is not better than plain LRU.
int print_table(const Scale& scale) {
  const std::vector<File> files = make_files(scale.files);
  size_t all_bytes = 0;
  for (const File& file : files) all_bytes += file.charge_bytes;
  std::printf("%zu files, %zu MiB, %zu requests; visitors' hit rates in %%: requests/bytes\n", files.size(),
              all_bytes >> 20, scale.requests);
  std::printf("skew  cache  crawler  news          LRU        SLRU       Cache\n");
  int worse = 0;
  for (const double skew : scale.skews) {
    const Popularity popularity(files.size(), skew);
    for (const Mix& mix : scale.mixes) {
      const std::vector<Request> trace = make_trace(popularity, files.size(), scale.requests, mix);
      for (const double share : scale.cache_shares) {
        const auto capacity_bytes = static_cast<size_t>(share * static_cast<double>(all_bytes));
        const Rates lru = play(Segmented(capacity_bytes, 0), trace, files);
        const Rates slru = play(Segmented(capacity_bytes, 0.8), trace, files);
        const Rates ours = play(Ours(capacity_bytes), trace, files);
        std::printf("%4.1f  %4.0f%%  %6.0f%%  %-4s   %4.1f /%5.1f %5.1f /%5.1f %5.1f /%5.1f\n", skew, 100 * share,
                    100 * mix.crawled, mix.shifting ? "yes" : "no", lru.requests, lru.bytes, slru.requests, slru.bytes,
                    ours.requests, ours.bytes);
        std::fflush(stdout);
        worse += mix.crawled > 0 && ours.requests <= lru.requests;
      }
    }
  }
  return worse;
}

}  // namespace
}  // namespace uringd::cache

int main(int argument_count, char** arguments) {
  const bool quick = argument_count > 1 && std::string_view(arguments[1]) == "--quick";
  const int worse = uringd::cache::print_table(
      quick ? uringd::cache::Scale{10'000, 200'000, {1.0}, {0.05, 0.1}, {{0.1, false}, {0.5, false}}}
            : uringd::cache::Scale{100'000,
                                   2'000'000,
                                   {0.8, 1.0, 1.2},
                                   {0.01, 0.05, 0.1},
                                   {{0, false}, {0.1, false}, {0.5, false}, {0, true}}});
  if (worse > 0) std::printf("Cache is not better than plain LRU in %d rows with a crawler\n", worse);
  return quick && worse > 0 ? 1 : 0;
}
