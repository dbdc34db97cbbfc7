// Walking tables by the schema. Entries come in the order of the file, so problems do too.
#include "merge.hpp"

#include <algorithm>

#include "read_rewrites.hpp"
#include "source_file.hpp"
#include "uringd/base/check.hpp"
#include "uringd/config/nearest.hpp"

namespace uringd::config {
namespace {

// All are kept in memory, and each has a watch.
constexpr std::size_t most_maps = 1000;

bool is_section(std::string_view name) {
  return std::ranges::any_of(schema(), [&](const Key& key) { return !name.empty() && key.section() == name; });
}

std::string dotted(std::string_view section, std::string_view name) {
  return section.empty() ? std::string(name) : std::string(section) + "." + std::string(name);
}

std::string shown_key(std::string_view key) {
  return is_bare_key(key) && key.size() <= 60 ? std::string(key) : describe(key);
}

void read_default(const Key& key, Config& config, Site& site, Map& map) {
  if (key.default_text.empty()) return;
  const auto table = parse_document("value = " + std::string(key.default_text));
  CHECK(table.has_value());
  std::vector<Finding> findings;
  read_value(key.form, table->front().value, key.slot(config, site, map), {}, findings);
  CHECK(findings.empty());
}

/// Names that could stand where a key of `section` was written; the top holds sections, tables and include.
std::vector<std::string_view> names_in(std::string_view section) {
  std::vector<std::string_view> names;
  if (section.empty()) names.push_back("include");
  for (const Key& key : schema()) {
    if (key.section() == section) names.push_back(key.name());
    if (section.empty() && !key.section().empty()) names.push_back(key.section().substr(0, key.section().find('.')));
  }
  return names;
}

/// The place of a key that was written in the wrong section, or the nearest name in this one.
std::string suggestion(std::string_view section, std::string_view name) {
  const auto elsewhere = std::ranges::find(schema(), name, &Key::name);
  if (elsewhere != schema().end()) return std::string(elsewhere->path);
  return std::string(nearest(name, names_in(section)));
}

void note_places(HeaderRule& rule, const Value& block, const Source& source) {
  rule.where = place_in(source, block.at).where;
}

void note_places(Rewrite& rule, const Value& block, const Source& source) {
  const auto where_is = [&](std::string_view key) {
    const Table& table = *block.as<Table>();
    const auto entry = std::ranges::find(table, key, &Entry::key);
    return place_in(source, entry == table.end() ? block.at : entry->value.at).where;
  };
  rule.where = place_in(source, block.at).where;
  rule.match_where = where_is("match");
  rule.to_where = where_is("to");
  rule.when_where = where_is("when");
}

/// Where each of the rules that came out of `blocks` was written.
void note_places(const Slot& slot, const Array& blocks, const Source& source) {
  std::visit(
      [&](auto* rules) {
        if constexpr (requires { note_places(rules->front(), blocks.front(), source); }) {
          CHECK(rules->size() == blocks.size());
          for (std::size_t index = 0; index < blocks.size(); ++index) {
            note_places((*rules)[index], blocks[index], source);
          }
        } else {
          CHECK(!"blocks are header rules or rewrites");
        }
      },
      slot);
}

}  // namespace

const Key* find_key(std::string_view path) {
  const auto found = std::ranges::find(schema(), path, &Key::path);
  return found == schema().end() ? nullptr : &*found;
}

std::string key_prefix(std::string_view path, const Source& source) {
  return source.is_flag && source.name.ends_with(" " + std::string(path)) ? "" : std::string(path) + ": ";
}

void expand_strings(Value& value, const Lookup& lookup, std::vector<Finding>& findings) {
  if (auto* text = value.as<std::string>()) {
    auto expanded = expand(*text, lookup);
    if (!expanded) {
      findings.push_back({value.at, "found " + describe(value) + "; " + expanded.error().message});
      return;
    }
    *text = std::move(expanded->text);
    value.expanded = expanded->changed;
  } else if (auto* array = value.as<Array>()) {
    for (Value& element : *array) expand_strings(element, lookup, findings);
  } else if (auto* table = value.as<Table>()) {
    for (Entry& entry : *table) expand_strings(entry.value, lookup, findings);
  }
}

Merge::Merge(const Lookup& lookup, Problems& problems) : lookup_(lookup), problems_(problems) {
  for (const Key& key : schema()) read_default(key, config_, default_site_, default_map_);
}

void Merge::apply(const Table& table, const Source& source) {
  for (const Entry& entry : table) {
    if (const Key* key = find_key(entry.key); key && key->section().empty()) {
      set(*key, entry, source);
    } else if (entry.key == "site") {
      apply_sites(entry, source);
    } else if (entry.key == "maps") {
      apply_maps(entry, source);
    } else if (is_section(entry.key)) {
      apply_section(entry.key, entry, source);
    } else {
      unknown_key({}, entry, source);
    }
  }
}

void Merge::apply_section(std::string_view section, const Entry& entry, const Source& source) {
  const auto* table = entry.value.as<Table>();
  if (!table) {
    return problems_.add(place_in(source, entry.value.at), key_prefix(section, source) + "found " +
                                                               describe(entry.value) + "; expected a table: [" +
                                                               std::string(section) + "]");
  }
  for (const Entry& inner : *table) {
    if (const Key* key = find_key(dotted(section, inner.key))) {
      set(*key, inner, source);
    } else {
      unknown_key(section, inner, source);
    }
  }
}

void Merge::apply_sites(const Entry& entry, const Source& source) {
  const auto* table = entry.value.as<Table>();
  const auto* array = entry.value.as<Array>();
  if (source.is_flag && table) {
    for (std::size_t index = 0; index < config_.sites.size(); ++index) {
      // What is wrong for the first site is wrong for all: say it once.
      if (index > 0 && !problems_.empty()) return;
      apply_site(*table, source, index);
    }
    return;
  }
  if (source.is_flag || !array) {
    const char* right = source.is_flag ? "site.KEY=VALUE, which changes every site" : "an array of tables: [[site]]";
    return problems_.add(place_in(source, entry.at),
                         key_prefix("site", source) + "found " + describe(entry.value) + "; expected " + right);
  }
  for (const Value& element : *array) {
    const Place place = place_in(source, element.at);
    const auto* site = element.as<Table>();
    if (!site) {
      problems_.add(place, "site: found " + describe(element) + "; expected a table: [[site]]");
      continue;
    }
    add_site(place, source.base_directory);
    apply_site(*site, source, config_.sites.size() - 1);
  }
}

void Merge::apply_site(const Table& table, const Source& source, std::size_t index) {
  for (const Entry& entry : table) {
    if (const Key* key = find_key(dotted("site", entry.key))) {
      set(*key, entry, source, index);
    } else {
      unknown_key("site", entry, source);
    }
  }
}

void Merge::apply_maps(const Entry& entry, const Source& source) {
  const auto* table = entry.value.as<Table>();
  if (!table) {
    return problems_.add(place_in(source, entry.at), key_prefix("maps", source) + "found " + describe(entry.value) +
                                                         "; expected a table per map: [" + std::string(map_section) +
                                                         "]");
  }
  for (const Entry& map : *table) {
    const auto index = take_map(map, source);
    if (index) apply_map(*map.value.as<Table>(), source, *index);
  }
}

/// The map that `entry` speaks of, made where it is not there yet; or nothing and a problem. Names are what `${name:…}`
/// can hold. Flags may change a map of a file, a file none of another.
std::optional<std::size_t> Merge::take_map(const Entry& entry, const Source& source) {
  const std::string shown = "maps." + shown_key(entry.key);
  const Place place = place_in(source, entry.at);
  const auto refuse = [&](const std::string& message) {
    problems_.add(place, key_prefix(shown, source) + message);
    return std::nullopt;
  };
  if (!entry.value.as<Table>()) {
    return refuse("found " + describe(entry.value) + "; expected a table: [" + std::string(map_section) + "]");
  }
  if (!is_bare_key(entry.key)) return refuse(R"(unfit as a name; expected letters, digits, "_" and "-")");
  const auto earlier = map_places_.find(entry.key);
  if (earlier != map_places_.end() && !source.is_flag && earlier->second.source != source.number) {
    return refuse("already set at " + earlier->second.where + "; expected once");
  }
  const auto at = std::ranges::lower_bound(config_.maps, entry.key, {}, &Map::name);
  const std::size_t index = static_cast<std::size_t>(at - config_.maps.begin());
  if (earlier != map_places_.end()) return index;
  if (config_.maps.size() == most_maps) {
    return refuse("one map too many; expected at most " + std::to_string(most_maps));
  }
  Map map = default_map_;
  map.name = entry.key;
  map.where = place.where;
  config_.maps.insert(at, std::move(map));
  map_places_.emplace(entry.key, place);
  return index;
}

void Merge::apply_map(const Table& table, const Source& source, std::size_t index) {
  for (const Entry& entry : table) {
    if (const Key* key = find_key(dotted(map_section, entry.key))) {
      set(*key, entry, source, index);
    } else {
      unknown_key(map_section, entry, source, "maps." + config_.maps[index].name);
    }
  }
}

void Merge::add_site(const Place& place, std::string_view base_directory) {
  Site site = default_site_;
  site.root = resolve_path(base_directory, site.root);
  site.where = place.where;
  config_.sites.push_back(std::move(site));
  site_places_.push_back(place);
}

void Merge::drop_sites() {
  config_.sites.clear();
  site_places_.clear();
  std::erase_if(origins_, [](const auto& origin) { return origin.first.starts_with("site."); });
}

/// "server.workers", "site.0.root", "maps.legacy.file".
std::string Merge::path_of(const Key& key, std::size_t index) const {
  if (key.in_site()) return "site." + std::to_string(index) + "." + std::string(key.name());
  if (key.in_map()) return "maps." + config_.maps[index].name + "." + std::string(key.name());
  return std::string(key.path);
}

/// `$1` and `${map:key}` in a rewrite's pattern and `to` are the rewrite's own.
void Merge::expand(const Key& key, Value& value, std::vector<Finding>& findings) const {
  auto* blocks = value.as<Array>();
  if (key.form.kind != Form::Kind::rewrites || !blocks) return expand_strings(value, lookup_, findings);
  for (Value& block : *blocks) {
    auto* table = block.as<Table>();
    if (!table) continue;
    for (Entry& entry : *table) {
      if (!is_verbatim_in_rewrite(entry.key)) expand_strings(entry.value, lookup_, findings);
    }
  }
}

void Merge::set(const Key& key, const Entry& entry, const Source& source, std::size_t index) {
  const std::string path = path_of(key, index);
  if (set_twice(path, key, entry, source)) return;
  Site no_site;
  Map no_map;
  const Slot slot =
      key.slot(config_, key.in_site() ? config_.sites[index] : no_site, key.in_map() ? config_.maps[index] : no_map);
  Value value = entry.value;
  std::vector<Finding> findings;
  expand(key, value, findings);
  if (findings.empty()) read_value(key.form, value, slot, source.base_directory, findings);
  for (const Finding& finding : findings) {
    const std::string shown = key.in_map() ? path : std::string(key.path);
    problems_.add(place_in(source, finding.at), key_prefix(shown, source) + finding.message);
  }
  if (!findings.empty()) refused_.insert(path);
  if (findings.empty() && key.is_blocks()) note_places(slot, *value.as<Array>(), source);
  origins_[path] = place_in(source, entry.at);
}

/// Two files that disagree would make the order of their names decide; flags are meant to override.
bool Merge::set_twice(const std::string& path, const Key& key, const Entry& entry, const Source& source) {
  const Place* earlier = origin(path);
  if (!earlier || source.is_flag || earlier->source == source.number || key.form.is_table()) return false;
  problems_.add(place_in(source, entry.at), path + ": already set at " + earlier->where + "; expected once");
  return true;
}

void Merge::unknown_key(std::string_view section, const Entry& entry, const Source& source, std::string_view shown) {
  const std::string path = dotted(shown.empty() ? section : shown, shown_key(entry.key));
  std::string message = key_prefix(path, source) + "unknown key";
  const std::string close = problems_.full() ? "" : suggestion(section, entry.key);
  if (!close.empty()) message += "; did you mean " + close + "?";
  problems_.add(place_in(source, entry.at), std::move(message));
}

const Place* Merge::origin(const std::string& path) const {
  const auto found = origins_.find(path);
  return found == origins_.end() ? nullptr : &found->second;
}

}  // namespace uringd::config
