// Loader: one load from its sources, in the order of precedence, then what concerns several keys or the disk.
//   defaults → file → its includes → a site where none is written → DIR → --set → --listen → checks
// A file that cannot be read or parsed ends what it would have said; the flags are still looked at, the checks not:
// they would blame what is only missing.
#include "uringd/config/load.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <exception>

#include "check_together.hpp"
#include "merge.hpp"
#include "source_file.hpp"
#include "uringd/base/check.hpp"

namespace uringd::config {
namespace {

constexpr std::size_t included_files = 1024;

class Loader {
 public:
  explicit Loader(const Sources& sources)
      : sources_(sources),
        lookup_(sources.environment ? sources.environment : [](const char* name) { return std::getenv(name); }),
        merge_(lookup_, problems_) {}

  void read_main_file(const std::string& path) {
    auto text = read_source_file(path, false);
    if (text) return read_main_text(*text, path);
    whole_ = false;
    problems_.add(place_in(next_source(path), {}), text.error().message);
  }

  void read_main_text(std::string_view text, const std::string& name) {
    const Source source = next_source(name);
    main_name_ = name;
    auto table = parse(text, source);
    if (!table) return;
    const std::vector<std::string> included = take_includes(*table, source);
    merge_.apply(*table, source);
    for (const std::string& path : included) read_included(path);
  }

  std::expected<Loaded, std::vector<Problem>> finish() {
    ensure_site();
    for (const auto& [key, value] : sources_.sets) apply_set(key, value);
    apply_listen();
    if (whole_) check_together(sources_, merge_, problems_, warnings_);
    if (!problems_.empty()) return std::unexpected(problems_.list());
    Loaded loaded{std::make_shared<const Config>(std::move(merge_.config())), warnings_.list(), {}};
    for (const auto& [path, place] : merge_.origins()) loaded.origins[path] = place.where;
    return loaded;
  }

 private:
  Source next_source(const std::string& name) { return {++source_count_, name, false, directory_of(name)}; }
  Source next_flag(const std::string& name) { return {++source_count_, name, true, {}}; }

  std::optional<Table> parse(std::string_view text, const Source& source) {
    auto table = text.size() <= file_size_limit
                     ? parse_document(text)
                     : std::unexpected(SyntaxError{{}, "larger than 1MiB; expected a configuration file"});
    if (table) return std::move(*table);
    whole_ = false;
    problems_.add(place_in(source, table.error().at), "syntax error: " + table.error().message);
    return std::nullopt;
  }

  /// The files that `include` names, in order; the key itself is taken out of the table.
  std::vector<std::string> take_includes(Table& table, const Source& source) {
    std::vector<std::string> paths;
    const auto include = std::ranges::find(table, "include", &Entry::key);
    if (include == table.end()) return paths;
    std::vector<Finding> findings;
    expand_strings(include->value, lookup_, findings);
    const auto take = [&](const Value& value) {
      const auto* pattern = value.as<std::string>();
      if (!pattern || pattern->empty()) {
        findings.push_back({value.at, "found " + describe(value) + R"(; expected a glob such as "sites/*.toml")"});
        return;
      }
      for (std::string& path : matching_paths(resolve_path(source.base_directory, *pattern))) {
        paths.push_back(std::move(path));
      }
    };
    if (findings.empty()) {
      if (const auto* array = include->value.as<Array>()) {
        std::ranges::for_each(*array, take);
      } else {
        take(include->value);
      }
    }
    if (paths.size() > included_files) {
      findings.push_back({include->value.at, "matches " + std::to_string(paths.size()) + " files; expected at most " +
                                                 std::to_string(included_files)});
      paths.clear();
    }
    for (const Finding& finding : findings) problems_.add(place_in(source, finding.at), "include: " + finding.message);
    include_place_ = place_in(source, include->at);
    table.erase(include);
    return paths;
  }

  void read_included(const std::string& path) {
    auto text = read_source_file(path, true);
    if (!text) {
      whole_ = false;
      return problems_.add(include_place_, "include: " + path + ": " + text.error().message);
    }
    const Source source = next_source(path);
    auto table = parse(*text, source);
    if (!table) return;
    const auto nested = std::ranges::find(*table, "include", &Entry::key);
    if (nested != table->end()) {
      problems_.add(place_in(source, nested->at), "include: only the file given by --config may include others");
      table->erase(nested);
    }
    merge_.apply(*table, source);
  }

  void ensure_site() {
    if (sources_.directory) {
      const Source source = next_flag(*sources_.directory);
      const Key* key = find_key("site.root");
      CHECK(key != nullptr);
      merge_.drop_sites();
      merge_.add_site(place_in(source, {}), {});
      merge_.set(*key, {"root", {}, {protect(*sources_.directory), {}, false}}, source);
    } else if (merge_.config().sites.empty()) {
      merge_.add_site(Place{1, {}, main_name_.empty() ? "default" : main_name_}, directory_of(main_name_));
    }
  }

  /// `--set KEY=VALUE` is the TOML line `KEY = VALUE`; where that is none, VALUE is a string without its quotes.
  void apply_set(const std::string& key, const std::string& value) {
    const Source source = next_flag("--set " + key);
    const Place place = place_in(source, {});
    const bool one_line = !key.contains('\n') && !value.contains('\n');
    if (!one_line || key.find_first_of("[#=") != std::string::npos || !parse_document(key + " = 0")) {
      return problems_.add(place, "not a key; expected KEY=VALUE such as server.workers=2");
    }
    auto table = parse_document(key + " = " + value);
    if (!table) table = parse_document(key + " = " + in_quotes(value));
    if (!table) return problems_.add(place, "the value is not UTF-8 text");
    if (table->front().key == "include") return problems_.add(place, "only a file can include others");
    merge_.apply(*table, source);
  }

  void apply_listen() {
    if (sources_.listen.empty()) return;
    Array addresses;
    for (const std::string& text : sources_.listen) addresses.push_back({text, {}, false});
    // The shell has expanded what it wanted to: `$` in a path of the command line is a `$`.
    for (Value& address : addresses) address.data = protect(*address.as<std::string>());
    const Source source = next_flag("--listen");
    const Key* key = find_key("server.listen");
    CHECK(key != nullptr);
    merge_.set(*key, {"listen", {}, {std::move(addresses), {}, false}}, source);
  }

  const Sources& sources_;
  const Lookup lookup_;
  Problems problems_;
  Problems warnings_;
  Merge merge_;
  std::size_t source_count_ = 0;
  std::string main_name_;
  Place include_place_;
  bool whole_ = true;  // every file was read and parsed
};

/// The parser and the standard library may run out of memory; that too is a line, not an exception.
template <typename Load>
std::expected<Loaded, std::vector<Problem>> guarded(const std::string& name, Load load) {
  try {
    return load();
  } catch (const std::exception& error) {
    return std::unexpected(std::vector<Problem>{{name, error.what()}});
  }
}

}  // namespace

std::expected<Loaded, std::vector<Problem>> load(const Sources& sources) {
  return guarded(sources.file.value_or("configuration"), [&] {
    Loader loader(sources);
    if (sources.file) loader.read_main_file(*sources.file);
    return loader.finish();
  });
}

std::expected<Loaded, std::vector<Problem>> load_text(std::string_view text, const std::string& name,
                                                      const Sources& sources) {
  return guarded(name, [&] {
    Loader loader(sources);
    loader.read_main_text(text, name);
    return loader.finish();
  });
}

Config default_config() {
  Problems problems;
  const Lookup lookup = [](const char*) -> const char* { return nullptr; };
  Merge merge(lookup, problems);
  merge.add_site({0, {}, "default"}, {});
  return merge.config();
}

}  // namespace uringd::config
