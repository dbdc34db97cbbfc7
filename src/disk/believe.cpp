// What makes held entries unbelievable, and what is known of names that are not there.
#include <cstring>

#include "uringd/base/check.hpp"
#include "uringd/disk/disk.hpp"

namespace uringd::disk {

// --- notices of the helper thread ---

void Disk::on_notice(Notice notice) {
  if (auto* invalidated = std::get_if<Invalidated>(&notice)) return on_invalidated(*invalidated);
  if (auto* retired = std::get_if<Retired>(&notice)) {
    retiring_.push_back({retired->state, next_sequence_});
    return acknowledge();
  }
  if (auto* listed = std::get_if<Listed>(&notice)) return on_listed(std::move(*listed));
  auto& preload = std::get<Preload>(notice);
  for (std::string& path : preload.paths) preloads_.emplace_back(preload.site, std::move(path));
  start_preloads();
}

// "/dir/name": the file itself, what stands for it as a directory, the directory whose index it may be, and the list of
// names that it may be new in.
void Disk::on_invalidated(const Invalidated& notice) {
  CHECK(!notice.path.empty() && notice.path.front() == '/');
  ++counters_.invalidated;
  drop_and_doubt(key_of(notice.site, notice.path));
  drop_and_doubt(key_of(notice.site, notice.path + "/"));
  const std::string_view directory = directory_of(notice.path);
  const std::string_view name = std::string_view(notice.path).substr(directory.size() + 1);
  for (const std::string& index : sites_.rules(notice.site).index) {
    if (name == index) drop_and_doubt(key_of(notice.site, std::string(directory) + "/"));
  }
  if (cache_.count(cache::Kind::names) > 0) {
    if (Names* names = names_of(notice.site, directory)) names->add(name);
  }
  if (Fetch* listing = under_way(key_of(notice.site, std::string(directory).append(names_suffix)))) listing->doubt();
}

void Disk::drop_and_doubt(const cache::Key& key) {
  if (cache::Entry* entry = cache_.peek(key)) cache_.drop(*entry, cache::Gone::watch);
  if (cache::Entry* kept = kept_.peek(key)) kept_.drop(*kept, cache::Gone::watch);
  if (Fetch* fetch = under_way(key)) fetch->doubt();
}

void Disk::on_listed(Listed notice) {
  Fetch* fetch = fetches_.find(static_cast<uint32_t>(notice.ticket >> 32), static_cast<uint32_t>(notice.ticket));
  CHECK(fetch);  // it waits until it hears
  fetch->on_listed(std::move(notice.names));
}

// A replaced state may go when nothing that began before we heard of it is under way: whatever began later read the
// new one.
void Disk::acknowledge() {
  const Fetch* oldest = by_age_.front();
  std::erase_if(retiring_, [&](const Retiring& retiring) {
    if (oldest && oldest->sequence_ < retiring.sequence) return false;
    helper_->done_with(retiring.state);
    return true;
  });
}

// --- names that are not there ---

Names* Disk::names_of(uint32_t site, std::string_view directory) {
  cache::Entry* entry = cache_.peek(key_of(site, std::string(directory).append(names_suffix)));
  return entry ? static_cast<Names*>(entry->payload()) : nullptr;
}

// The directories above a missing path, the nearest first: one whose names are known and that has no such name answers
// for all that is below. A list that grows old is looked at ahead, as any entry; an aged one says nothing.
bool Disk::missing_by_name(const cache::Key& key) {
  if (cache_.count(cache::Kind::names) == 0) return false;
  const SiteState& site = sites_.state(key.site);
  if (site.previous) return false;  // what the new tree lacks may be in the old one
  std::array<char, Fetch::path_limit + names_suffix.size()> path;
  std::string_view directory = directory_of(key.path);
  std::string_view below = key.path.substr(directory.size() + 1);
  constexpr int most_levels = 4;
  for (int level = 0; level < most_levels; ++level) {
    if (!below.empty()) {
      std::memcpy(path.data(), directory.data(), directory.size());
      std::memcpy(path.data() + directory.size(), names_suffix.data(), names_suffix.size());
      const cache::Key list = key_of(key.site, {path.data(), directory.size() + names_suffix.size()});
      cache::Entry* entry = cache_.find(list, clock_.monotonic_ms);
      const uint64_t age_ms = entry ? clock_.monotonic_ms - entry->looked_at_ms() : 0;
      if (entry && (entry->generation() != site.generation || age_ms > lasting_ms(*entry) / 2)) {
        if (entry->look() == cache::Entry::Look::none && !under_way(list)) {
          static_cast<void>(start(list, entry, Fetch::Purpose::list));
        }
      }
      if (entry && entry->generation() == site.generation && age_ms <= lasting_ms(*entry) &&
          !static_cast<const Names*>(entry->payload())->may_contain(below.substr(0, below.find('/')))) {
        ++counters_.missing_by_name;
        return true;
      }
    }
    if (directory.empty()) return false;
    const std::string_view above = directory_of(directory);
    below = key.path.substr(above.size() + 1);
    directory = above;
  }
  return false;
}

void Disk::note_missing(uint32_t site, std::string_view path) {
  if (!helper_ || gone_ || sites_.state(site).root->remote) return;
  constexpr int most_levels = 4;
  std::string_view directory = directory_of(path);
  for (int level = 0; level < most_levels; ++level) {
    const cache::Key key = key_of(site, directory);
    if (missing_.note(key.hash, clock_.monotonic_ms)) {
      const std::string path_of_list = std::string(directory).append(names_suffix);
      const cache::Key list = key_of(site, path_of_list);
      if (!cache_.peek(list) && !under_way(list)) static_cast<void>(start(list, nullptr, Fetch::Purpose::list));
    }
    if (directory.empty()) return;
    directory = directory_of(directory);
  }
}

}  // namespace uringd::disk
