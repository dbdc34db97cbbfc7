// What makes held entries unbelievable, and what is known of names that are not there.
#include <algorithm>
#include <array>
#include <cstring>

#include "uringd/base/check.hpp"
#include "uringd/disk/disk.hpp"

namespace uringd::disk {

using cache::Gone;

// --- notices of the helper thread ---

void Disk::on_notice(Notice notice) {
  if (auto* invalidated = std::get_if<Invalidated>(&notice)) return on_invalidated(*invalidated);
  if (auto* retired = std::get_if<Retired>(&notice)) {
    retiring_.push_back({retired->state, next_sequence_});
    return acknowledge();
  }
  if (auto* listed = std::get_if<Listed>(&notice)) return on_listed(std::move(*listed));
  if (auto* rendered = std::get_if<Rendered>(&notice)) return on_rendered(*rendered);
  if (auto* encoded = std::get_if<Encoded>(&notice)) return copies_.on_encoded(*encoded);
  auto& preload = std::get<Preload>(notice);
  if (gone_ || !active(preload.site)) return;
  for (std::string& path : preload.paths) {
    if (path.empty()) continue;
    preloads_.emplace_back(preload.site, std::move(path));
    held_.add(preload.site);
  }
  start_preloads();
}

void Disk::on_invalidated(const Invalidated& notice) {
  CHECK(!notice.path.empty() && notice.path.front() == '/');
  if (!active(notice.site) && !uses(notice.site)) return;  // the slot may be empty
  ++counters_.invalidated;
  drop_name(notice.site, notice.path, Gone::watch);
  for (const http::Coding coding : http::real_codings) {
    const std::string_view suffix = http::coding_suffix(coding);
    if (!notice.path.ends_with(suffix)) continue;
    const std::string_view base = std::string_view(notice.path).substr(0, notice.path.size() - suffix.size());
    if (base.ends_with('/')) continue;
    drop_and_doubt(key_of(notice.site, std::string(base).append(special_mark).append(http::coding_name(coding))),
                   Gone::watch);
    drop_name(notice.site, base, Gone::watch);  // it may remember that it has no such sibling
  }
  const std::string_view directory = directory_of(notice.path);
  if (sites_.rules(notice.site).listing) {
    drop_listings(notice.site, std::string(directory) + "/", Gone::watch);
    drop_listings(notice.site, notice.path + "/", Gone::watch);
  }
  if (cache_.count(cache::Kind::names) > 0) {
    const std::string_view name = std::string_view(notice.path).substr(directory.size() + 1);
    if (Names* names = names_of(notice.site, directory)) names->add(name);
  }
  if (Fetch* listing = under_way(key_of(notice.site, std::string(directory).append(names_suffix)))) listing->doubt();
}

// All that "/dir/name" may be found by: its path, the path without its extension, what stands for it as a directory,
// the directory whose index it may be.
void Disk::drop_name(uint32_t site, std::string_view path, Gone why) {
  const SiteRules& rules = sites_.rules(site);
  const std::string_view directory = directory_of(path);
  const std::string_view name = path.substr(directory.size() + 1);
  drop_and_doubt(key_of(site, path), why);
  drop_and_doubt(key_of(site, std::string(path) + "/"), why);
  for (const std::string& index : rules.index) {
    if (name == index) drop_and_doubt(key_of(site, std::string(directory) + "/"), why);
  }
  for (const std::string& extension : rules.extensions) {
    if (name.size() <= extension.size() || !name.ends_with(extension)) continue;
    drop_and_doubt(key_of(site, path.substr(0, path.size() - extension.size())), why);
  }
}

void Disk::drop_listings(uint32_t site, std::string_view directory, Gone why) {
  if (directory.size() >= key_path_limit) return;
  std::array<char, key_path_limit> path;
  using Form = http::ListingForm;
  for (const auto format : {Form::Format::html, Form::Format::json}) {
    for (const auto sort : {Form::Sort::name, Form::Sort::size, Form::Sort::time}) {
      for (const bool descending : {false, true}) {
        const std::string_view key =
            listing_key_path(directory, {.format = format, .sort = sort, .descending = descending}, path);
        if (!key.empty()) drop_and_doubt(key_of(site, key), why);
      }
    }
  }
}

void Disk::drop_and_doubt(const cache::Key& key, Gone why) {
  if (cache::Entry* entry = cache_.peek(key)) cache_.drop(*entry, why);
  if (cache::Entry* kept = kept_.peek(key)) kept_.drop(*kept, why);
  if (Fetch* fetch = under_way(key)) fetch->doubt();
}

void Disk::on_listed(Listed notice) {
  Fetch* fetch = fetches_.find(static_cast<uint32_t>(notice.ticket >> 32), static_cast<uint32_t>(notice.ticket));
  CHECK(fetch);  // it waits until it hears
  fetch->on_listed(std::move(notice.names));
}

// The thread that renders may come back when nobody waits any more.
void Disk::on_rendered(const Rendered& notice) {
  Fetch* fetch = fetches_.find(static_cast<uint32_t>(notice.ticket >> 32), static_cast<uint32_t>(notice.ticket));
  if (fetch) fetch->on_rendered(notice.body);
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

// Whether `name` is none of the directory's, and nothing that a path could mean by it is.
bool Disk::lacks(const Names& names, std::string_view name, const SiteRules& rules, const SpecialKey& asked) const {
  if (asked.kind != SpecialKey::Kind::sibling && names.may_contain(name)) return false;
  std::array<char, Fetch::path_limit + Fetch::name_limit> longer;
  const auto may_contain = [&](std::string_view suffix) {
    char* end = std::ranges::copy(name, longer.data()).out;
    end = std::ranges::copy(suffix, end).out;
    return names.may_contain({longer.data(), end});
  };
  if (asked.kind == SpecialKey::Kind::sibling) return !may_contain(http::coding_suffix(asked.coding));
  return std::ranges::none_of(rules.extensions, may_contain);
}

// The directories above a missing path, the nearest first: one whose names are known and that has no such name answers
// for all that is below. A list that grows old is looked at ahead, as any entry; an aged one says nothing.
Found Disk::missing_by_name(const cache::Key& key) {
  if (cache_.count(cache::Kind::names) == 0) return {};
  const SiteState& site = sites_.state(key.site);
  if (site.previous) return {};  // what the new tree lacks may be in the old one
  const SpecialKey asked = special_key(key.path);
  std::array<char, Fetch::path_limit + names_suffix.size()> path;
  std::string_view directory = directory_of(asked.path);
  std::string_view below = asked.path.substr(directory.size() + 1);
  constexpr int most_levels = 4;
  for (int level = 0; level < most_levels; ++level) {
    if (!below.empty()) {
      std::memcpy(path.data(), directory.data(), directory.size());
      std::memcpy(path.data() + directory.size(), names_suffix.data(), names_suffix.size());
      const cache::Key list = key_of(key.site, {path.data(), directory.size() + names_suffix.size()});
      cache::Entry* entry = list.path.size() < key_path_limit ? cache_.find(list, clock_.monotonic_ms) : nullptr;
      const uint64_t age_ms = entry ? clock_.monotonic_ms - entry->looked_at_ms() : 0;
      if (entry && (entry->generation() != site.generation || age_ms > lasting_ms(*entry) / 2)) {
        if (entry->look() == cache::Entry::Look::none && !under_way(list)) {
          static_cast<void>(start(list, entry, Fetch::Purpose::list));
        }
      }
      if (entry && entry->generation() == site.generation && age_ms <= lasting_ms(*entry)) {
        const auto& names = *static_cast<const Names*>(entry->payload());
        const std::string_view name = below.substr(0, below.find('/'));
        const bool whole = name.size() == below.size();  // else a directory on the way, which is what it is called
        if (whole ? lacks(names, name, sites_.rules(key.site), asked) : !names.may_contain(name)) {
          ++counters_.missing_by_name;
          return {.status = 404, .fresh_until_ms = fresh_until_ms(*entry)};
        }
      }
    }
    if (directory.empty()) return {};
    const std::string_view above = directory_of(directory);
    below = asked.path.substr(above.size() + 1);
    directory = above;
  }
  return {};
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
      const bool too_long = path_of_list.size() >= key_path_limit;
      if (!too_long && !cache_.peek(list) && !under_way(list))
        static_cast<void>(start(list, nullptr, Fetch::Purpose::list));
    }
    if (directory.empty()) return;
    directory = directory_of(directory);
  }
}

}  // namespace uringd::disk
