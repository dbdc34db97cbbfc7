// Merge: one source after another into one Config, by the rows of the schema. Owned by one load; on its thread.
// Knows unknown keys, keys set in two files and where each value came from; what a value may be is read_value's.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "document.hpp"
#include "expand.hpp"
#include "problems.hpp"
#include "read_value.hpp"
#include "schema.hpp"

namespace uringd::config {

class Merge {
 public:
  /// Starts from the defaults, without any site. Borrows both for its life.
  Merge(const Lookup& lookup, Problems& problems);

  /// Takes in what `table` says. Sites of files are appended; a flag's `site.KEY` changes every site.
  void apply(const Table& table, const Source& source);
  /// One more site with the defaults; `base_directory` is where the default root starts.
  void add_site(const Place& place, std::string_view base_directory);
  /// Forgets all sites and what was set in them.
  void drop_sites();
  /// Reads the entry's value as that of `key` (of site or map `index` for keys of sites and maps).
  void set(const Key& key, const Entry& entry, const Source& source, std::size_t index = 0);

  Config& config() { return config_; }
  /// Where `path` ("server.workers", "site.0.root") was set, or null for a default.
  [[nodiscard]] const Place* origin(const std::string& path) const;
  /// Whether some value for `path` had problems: what is stored then is a default or a part, not what was meant.
  [[nodiscard]] bool refused(const std::string& path) const { return refused_.contains(path); }
  [[nodiscard]] const std::map<std::string, Place>& origins() const { return origins_; }
  [[nodiscard]] const Place& site_place(std::size_t index) const { return site_places_[index]; }
  [[nodiscard]] const Place& map_place(const std::string& name) const { return map_places_.at(name); }

 private:
  void apply_section(std::string_view section, const Entry& entry, const Source& source);
  void apply_sites(const Entry& entry, const Source& source);
  void apply_site(const Table& table, const Source& source, std::size_t index);
  void apply_maps(const Entry& entry, const Source& source);
  void apply_map(const Table& table, const Source& source, std::size_t index);
  std::optional<std::size_t> take_map(const Entry& entry, const Source& source);
  [[nodiscard]] std::string path_of(const Key& key, std::size_t index) const;
  /// `shown`: the section's name in messages, where that is not `section`.
  void unknown_key(std::string_view section, const Entry& entry, const Source& source, std::string_view shown = {});
  void expand(const Key& key, Value& value, std::vector<Finding>& findings) const;
  bool set_twice(const std::string& path, const Key& key, const Entry& entry, const Source& source);

  const Lookup& lookup_;
  Problems& problems_;
  Config config_;
  Site default_site_;
  Map default_map_;
  std::vector<Place> site_places_;
  std::map<std::string, Place> map_places_;  // by name
  std::map<std::string, Place> origins_;
  std::set<std::string> refused_;
};

/// Replaces ${…} in every string of `value`.
void expand_strings(Value& value, const Lookup& lookup, std::vector<Finding>& findings);

/// The schema's row for `path`, or null.
const Key* find_key(std::string_view path);

/// "server.workers: ", or nothing where the source's name says it already.
std::string key_prefix(std::string_view path, const Source& source);

}  // namespace uringd::config
