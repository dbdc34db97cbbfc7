// Values are compared by the text that --print-config has for them: equal texts load to equal values (print_test).
#include "uringd/config/compare.hpp"

#include <algorithm>

#include "read_value.hpp"
#include "schema.hpp"

namespace uringd::config {
namespace {

std::vector<const Key*> changed(const Config& before, const Config& after) {
  Config old_one = before;  // slots point to what may be written
  Config new_one = after;
  Site no_site;
  Map no_map;
  std::vector<const Key*> keys;
  for (const Key& key : schema()) {
    if (key.in_site() || key.in_map()) continue;
    const std::string old_text = text_of(key.form, key.slot(old_one, no_site, no_map));
    if (old_text != text_of(key.form, key.slot(new_one, no_site, no_map))) keys.push_back(&key);
  }
  return keys;
}

bool same_rule(const HeaderRule& a, const HeaderRule& b) {
  return a.match == b.match && a.remove == b.remove && a.set == b.set;
}

}  // namespace

std::vector<std::string> changed_keys(const Config& before, const Config& after) {
  std::vector<std::string> paths;
  for (const Key* key : changed(before, after)) paths.emplace_back(key->path);
  return paths;
}

std::vector<std::string> need_restart(const Config& before, const Config& after) {
  std::vector<std::string> paths;
  for (const Key* key : changed(before, after)) {
    if (key->change == Change::restart) paths.emplace_back(key->path);
  }
  return paths;
}

bool same_tree_answers(const Site& a, const Site& b) {
  return a.precompressed == b.precompressed && a.compress == b.compress && a.index == b.index &&
         a.extensions == b.extensions && a.cache_control == b.cache_control &&
         std::ranges::equal(a.headers, b.headers, same_rule) && a.hidden == b.hidden && a.listing == b.listing &&
         a.symlinks == b.symlinks && a.error_pages == b.error_pages && a.keep_previous == b.keep_previous;
}

}  // namespace uringd::config
