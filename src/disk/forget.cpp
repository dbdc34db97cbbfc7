// What is dropped because somebody asked for it: one path, or all below a directory, in slices. Between two slices
// other requests fetch anew, which is what was wanted; what was being read before is doubted, so that nobody keeps it.
#include <string>

#include "uringd/disk/disk.hpp"

namespace uringd::disk {

using cache::Gone;

namespace {

// A drop frees memory and may close a file: some 0.5 us each. Empty buckets are looked over quickly.
constexpr size_t slice_entries = 64;
constexpr size_t slice_buckets = 4096;

// "/dir", "/dir/…" of the directory "/dir", and "/dir//…", what is held of it as a directory. Everything, of "".
bool below(std::string_view path, std::string_view directory) {
  return path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
}

}  // namespace

// A list of names may say that the path is not there.
void Disk::drop_names_above(uint32_t site, std::string_view path) {
  while (!path.empty()) {
    path = directory_of(path);
    drop_and_doubt(key_of(site, std::string(path).append(names_suffix)), Gone::admin);
  }
}

size_t Disk::forget(uint32_t site, std::string_view path) {
  if (!active(site) && !uses(site)) return 0;  // the slot may be empty
  if (path.size() + 1 >= key_path_limit) return 0;
  const size_t before = cache_.count() + kept_.count();
  drop_names_above(site, path);
  drop_name(site, path, Gone::admin);
  for (const http::Coding coding : http::real_codings) {
    drop_and_doubt(key_of(site, std::string(path).append(special_mark).append(http::coding_name(coding))), Gone::admin);
  }
  drop_listings(site, std::string(path) + "/", Gone::admin);
  return before - (cache_.count() + kept_.count());
}

bool Disk::forget_below(uint32_t site, std::string_view path, Forgetting& so_far) {
  if (!active(site) && !uses(site)) return true;
  const size_t before = cache_.count() + kept_.count();
  if (!so_far.begun) {
    so_far.begun = true;
    drop_names_above(site, path);
    List<Fetch, OfSite>& fetches = uses_[site].fetches;
    for (Fetch* fetch = fetches.front(); fetch; fetch = fetches.after(*fetch)) {
      if (below(fetch->key().path, path)) fetch->doubt();
    }
  }
  const auto drop_below = [&](cache::Cache& held, size_t first) {
    return held.look_through(first, slice_buckets, slice_entries, [&](cache::Entry& entry) {
      const cache::Key key = entry.key();
      if (key.site == site && below(key.path, path)) held.drop(entry, Gone::admin);
    });
  };
  if (so_far.cache_at < cache_.bucket_count()) {
    so_far.cache_at = drop_below(cache_, so_far.cache_at);
  } else {
    so_far.kept_at = drop_below(kept_, so_far.kept_at);
  }
  so_far.dropped += before - (cache_.count() + kept_.count());
  return so_far.cache_at >= cache_.bucket_count() && so_far.kept_at >= kept_.bucket_count();
}

}  // namespace uringd::disk
