// Schema: what keys exist. One row of one table is all there is to say about a key: path, default, what it takes,
// whether a change needs a restart, its meaning and where it is stored. Parsing, checking, --print-config,
// config.toml, README's reference, the manual and what shells complete are derived from the rows; a new key is a new
// row (and a member of Config).
// Constant data; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

#include "uringd/config/config.hpp"

namespace uringd::config {

/// What a key takes. Bounds are inclusive and in the unit of the kind (count, bytes, ms).
struct Form {
  enum class Kind {
    count,
    size,
    duration,
    flag,
    word,
    listen,
    one_listen,
    user,
    address_blocks,
    hosts,
    path,
    optional_path,
    log_target,
    file_names,
    globs,
    media_types,
    error_pages,
    extensions,
    page,
    codings,
    cache_control,
    mounts,
    header_rules,
    rewrites
  };
  Kind kind;
  std::uint64_t least = 0;
  std::uint64_t most = 0;
  /// TOML texts taken as they stand, in the order of the enumeration they are stored in (size: "auto" = nothing;
  /// codings: what the array's elements may be).
  std::span<const std::string_view> words = {};

  /// Kinds that are tables with free keys; their entries add up instead of replacing each other. cache_control is
  /// none of them: its default has an entry, and who writes another table does not want that one.
  [[nodiscard]] bool is_table() const {
    return kind == Kind::media_types || kind == Kind::error_pages || kind == Kind::mounts;
  }
};

/// Where a value is stored.
using Slot = std::variant<std::uint32_t*, std::uint64_t*, std::optional<std::uint64_t>*, Duration*, bool*, Pin*,
                          Symlinks*, LogLevel*, ZeroCopy*, MapKind*, LogFormat*, AdminRead*, std::string*,
                          std::vector<std::string>*, std::vector<ListenAddress>*, std::optional<ListenAddress>*,
                          CidrSet*, std::vector<std::pair<std::string, std::string>>*, std::vector<Coding>*,
                          std::vector<HeaderRule>*, std::vector<Rewrite>*>;

enum class Change { reload, restart };  // what it takes for a new value to have its effect
/// Of [maps.NAME], in Key::path; each table there has a name of its own.
inline constexpr std::string_view map_section = "maps.NAME";
/// For Key::shipped: the shipped config.toml shows the key commented out, with its default.
inline constexpr std::string_view as_default;

struct Key {
  std::string_view path;          // "server.workers"; "site.root" exists once per [[site]], "maps.NAME.kind" once per
                                  // map; "types" is a table
  std::string_view default_text;  // TOML, read through the same door as a file's value; empty: the key is required
  Form form;
  Change change;
  std::string_view shipped;  // what the shipped config.toml sets it to, for the sample site; of a map, and of an array
                             // of tables (the lines of one of them), an example, shown commented out
  std::string_view meaning;  // one line, no full stop at its end
  Slot (*slot)(Config&, Site&, Map&);

  [[nodiscard]] std::string_view section() const;  // "server"; empty for "types"
  [[nodiscard]] std::string_view name() const;     // "workers"
  [[nodiscard]] bool in_site() const { return section() == "site"; }
  [[nodiscard]] bool in_map() const { return section() == map_section; }
  /// Written as [[site.headers]] blocks, which must follow the other keys of their section.
  [[nodiscard]] bool is_blocks() const {
    return form.kind == Form::Kind::header_rules || form.kind == Form::Kind::rewrites;
  }
};

/// A line of explanation above a section in config.toml.
struct SectionNote {
  std::string_view section;
  std::string_view note;
};

/// All keys, those of one section side by side, sites last.
std::span<const Key> schema();
std::span<const SectionNote> section_notes();

}  // namespace uringd::config
