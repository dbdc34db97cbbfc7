// Reader: one method per kind of value, in the order of Form::Kind. The variant of slots and the kind of the form are
// two halves of one row of the schema; that they fit is a programmer's matter, so slot<T>() checks it.
#include "read_value.hpp"

#include <algorithm>
#include <charconv>
#include <type_traits>

#include "read_fields.hpp"
#include "read_listen.hpp"
#include "read_process.hpp"
#include "read_rewrites.hpp"
#include "source_file.hpp"
#include "spelling.hpp"
#include "uringd/base/check.hpp"
#include "uringd/config/nearest.hpp"
#include "uringd/config/quantity.hpp"

namespace uringd::config {
namespace {

using Kind = Form::Kind;
using Pairs = std::vector<std::pair<std::string, std::string>>;

// Each is a tree that is kept open and watched, as a root is.
constexpr std::size_t most_mounts = 1000;

class Reader {
 public:
  Reader(const Form& form, const Slot& slot, std::string_view base_directory, std::vector<Finding>& findings)
      : form_(form), slot_(slot), base_directory_(base_directory), findings_(findings) {}

  void read(const Value& value) {
    switch (form_.kind) {
      case Kind::count: return count(value);
      case Kind::size: return size(value);
      case Kind::duration: return duration(value);
      case Kind::flag: return flag(value);
      case Kind::word: return word(value);
      case Kind::listen: return listen(value);
      case Kind::one_listen:
        return read_one_listen(value, base_directory_, slot<std::optional<ListenAddress>>(), findings_);
      case Kind::user: return read_user(value, slot<std::string>(), findings_);
      case Kind::address_blocks: return read_address_blocks(value, slot<CidrSet>(), findings_);
      case Kind::hosts: return hosts(value);
      case Kind::path:
      case Kind::optional_path: return path(value);
      case Kind::log_target: return read_log_target(value, base_directory_, slot<std::string>(), findings_);
      case Kind::file_names: return file_names(value);
      case Kind::globs: return globs(value);
      case Kind::media_types: return media_types(value);
      case Kind::error_pages: return error_pages(value);
      case Kind::extensions: return extensions(value);
      case Kind::page: return page(value);
      case Kind::codings: return codings(value);
      case Kind::cache_control: return cache_control(value);
      case Kind::mounts: return mounts(value);
      case Kind::header_rules: return header_rules(value);
      case Kind::rewrites: return rewrites(value);
    }
  }

 private:
  template <typename T>
  T& slot() {
    T* const* place = std::get_if<T*>(&slot_);
    CHECK(place != nullptr);
    return **place;
  }

  void unexpected(const Value& value, const std::string& hint = {}) {
    wrong(value.at, describe(value), expected(form_), hint);
  }
  void wrong(Position at, const std::string& found, const std::string& what, const std::string& hint = {}) {
    config::wrong(findings_, at, found, what, hint);
  }

  void store_number(std::uint64_t number) {
    if (auto* const* narrow = std::get_if<std::uint32_t*>(&slot_)) {
      **narrow = static_cast<std::uint32_t>(number);
    } else if (auto* const* optional = std::get_if<std::optional<std::uint64_t>*>(&slot_)) {
      **optional = number;
    } else {
      slot<std::uint64_t>() = number;
    }
  }
  [[nodiscard]] bool in_range(std::uint64_t number) const { return number >= form_.least && number <= form_.most; }

  void count(const Value& value) {
    std::optional<std::int64_t> number;
    if (const auto* integer = value.as<std::int64_t>()) number = *integer;
    const auto* text = value.as<std::string>();
    if (text && value.expanded) {  // workers = "${WORKERS:-2}": a variable cannot be a number in any other way
      std::int64_t parsed = 0;
      const auto [rest, error] = std::from_chars(text->data(), text->data() + text->size(), parsed);
      if (error == std::errc{} && rest == text->data() + text->size()) number = parsed;
    }
    if (number && *number >= 0 && in_range(static_cast<std::uint64_t>(*number))) {
      return store_number(static_cast<std::uint64_t>(*number));
    }
    unexpected(value, text && !value.expanded && only(*text, digits) ? "without quotes" : "");
  }

  void size(const Value& value) {
    std::optional<std::uint64_t> bytes;
    if (const auto* integer = value.as<std::int64_t>(); integer && *integer >= 0) {
      bytes = static_cast<std::uint64_t>(*integer);
    }
    if (const auto* text = value.as<std::string>()) {
      if (word_index(value)) {
        slot<std::optional<std::uint64_t>>().reset();
        return;
      }
      bytes = parse_size(*text);
    }
    if (bytes && in_range(*bytes)) return store_number(*bytes);
    if (bytes || value.as<std::int64_t>()) return unexpected(value);
    const std::string word = word_hint(value);
    unexpected(value, word.empty() ? "units: KB, MB, GB, KiB, MiB, GiB" : word);
  }

  void duration(const Value& value) {
    std::optional<Duration> time;
    if (const auto* text = value.as<std::string>()) time = parse_duration(*text);
    if (time && in_range(static_cast<std::uint64_t>(time->count()))) {
      slot<Duration>() = *time;
      return;
    }
    unexpected(value, time ? "" : R"(units: ms, s, m, h)");
  }

  void flag(const Value& value) {
    const std::string text = plain_text(value);
    if (text != "true" && text != "false") return unexpected(value);
    slot<bool>() = text == "true";
  }

  void word(const Value& value) {
    const auto index = word_index(value);
    if (!index) return unexpected(value, word_hint(value));
    std::visit(
        [&](auto* place) {
          using T = std::remove_pointer_t<decltype(place)>;
          if constexpr (std::is_enum_v<T>) {
            *place = static_cast<T>(*index);
          } else {
            CHECK(!"a word is stored in an enumeration");
          }
        },
        slot_);
  }

  /// The value as TOML would write it; what came out of ${…} may stand for true and false too.
  static std::string plain_text(const Value& value) {
    const auto* text = value.as<std::string>();
    if (text && value.expanded && (*text == "true" || *text == "false")) return *text;
    return describe(value);
  }

  [[nodiscard]] std::optional<std::size_t> word_index(const Value& value) const {
    const auto found = std::ranges::find(form_.words, plain_text(value));
    if (found == form_.words.end()) return std::nullopt;
    return static_cast<std::size_t>(found - form_.words.begin());
  }
  [[nodiscard]] std::string word_hint(const Value& value) const {
    if (!value.as<std::string>()) return {};
    return did_you_mean(nearest(lower(describe(value)), form_.words));
  }

  void listen(const Value& value) {
    auto addresses = read_listen(value, base_directory_, findings_);
    if (!addresses.empty()) slot<std::vector<ListenAddress>>() = std::move(addresses);
  }

  void hosts(const Value& value) {
    std::vector<std::string> names;
    elements(value, [&](const Value& element) {
      const auto* text = element.as<std::string>();
      std::string host = text ? canonical_host(lower(*text)) : "";
      if (is_host(host)) {
        names.push_back(std::move(host));
      } else {
        wrong(element.at, describe(element), R"(a host name without port, such as "example.com", or "*")",
              text && std::ranges::any_of(*text, [](char byte) { return static_cast<signed char>(byte) < 0; })
                  ? "names beyond ASCII in their xn-- form"
                  : "");
      }
    });
    if (value.as<Array>() && value.as<Array>()->empty()) wrong(value.at, "an empty array", "at least one host");
    slot<std::vector<std::string>>() = std::move(names);
  }

  void path(const Value& value) {
    const auto* text = value.as<std::string>();
    const bool none = text && text->empty() && form_.kind == Kind::optional_path;
    if (!text || (text->empty() && !none) || text->contains('\0')) return unexpected(value);
    if (none) return slot<std::string>().clear();
    slot<std::string>() = resolve_path(base_directory_, *text);
  }

  void file_names(const Value& value) {
    std::vector<std::string> names;
    elements(value, [&](const Value& element) {
      const auto* text = element.as<std::string>();
      if (!text || !is_file_name(*text)) return wrong(element.at, describe(element), "a file name without slashes");
      names.push_back(*text);
    });
    slot<std::vector<std::string>>() = std::move(names);
  }

  void globs(const Value& value) {
    std::vector<std::string> patterns;
    elements(value, [&](const Value& element) {
      const auto* text = element.as<std::string>();
      if (!text || text->empty() || text->contains('\0')) {
        return wrong(element.at, describe(element), R"(a pattern such as "/assets/**")");
      }
      if (const std::string_view problem = brace_problem(*text); !problem.empty()) {
        findings_.push_back({element.at, "found " + describe(element) + "; " + std::string(problem)});
        return;
      }
      patterns.push_back(*text);
    });
    slot<std::vector<std::string>>() = std::move(patterns);
  }

  /// Calls `each(entry, text)` for the entries of a table of strings.
  template <typename Each>
  void table_entries(const Value& value, Each each) {
    const auto* table = value.as<Table>();
    if (!table) return unexpected(value);
    entries(*table, findings_, each);
  }
  static void put(Pairs& pairs, std::string key, std::string text) {
    const auto same = std::ranges::find(pairs, key, &Pairs::value_type::first);
    if (same != pairs.end()) {
      same->second = std::move(text);
    } else {
      pairs.emplace_back(std::move(key), std::move(text));
    }
  }

  void media_types(const Value& value) {
    table_entries(value, [&](const Entry& entry, const std::string& type) {
      const std::string_view name = std::string_view(entry.key).substr(entry.key.starts_with('.') ? 1 : 0);
      if (name.size() == entry.key.size() || !is_file_name(name) || name.contains('.')) {
        return wrong(entry.at, describe(std::string_view(entry.key)), R"(an extension with its dot, such as ".foo")");
      }
      if (!is_media_type(type)) {
        return wrong(entry.value.at, describe(entry.value), R"(a media type such as "application/x-foo")");
      }
      put(slot<Pairs>(), lower(entry.key), type);
    });
  }

  void error_pages(const Value& value) {
    table_entries(value, [&](const Entry& entry, const std::string& page) {
      if (!is_error_status(entry.key)) {
        return wrong(entry.at, describe(std::string_view(entry.key)), R"(a status from 400 to 599, "4xx" or "5xx")");
      }
      if (!is_page_path(page)) {
        return wrong(entry.value.at, describe(entry.value), R"(a file's path below root, such as "/404.html")");
      }
      put(slot<Pairs>(), entry.key, page);
    });
  }

  void extensions(const Value& value) {
    std::vector<std::string> names;
    elements(value, [&](const Value& element) {
      const auto* text = element.as<std::string>();
      std::string name = text ? text->substr(text->starts_with('.') ? 1 : 0) : "";
      if (!is_extension(name)) {
        wrong(element.at, describe(element), R"(an extension without slashes, such as "html")");
      } else if (std::ranges::find(names, name) != names.end()) {
        wrong(element.at, describe(element) + " twice", "each extension once");
      } else {
        names.push_back(std::move(name));
      }
    });
    slot<std::vector<std::string>>() = std::move(names);
  }

  void page(const Value& value) {
    const auto* text = value.as<std::string>();
    if (!text || !(text->empty() || is_page_path(*text))) {
      return unexpected(value, text && is_page_path('/' + *text) ? did_you_mean(describe('/' + *text)) : "");
    }
    slot<std::string>() = *text;
  }

  void codings(const Value& value) {
    std::vector<Coding> codings;
    elements(value, [&](const Value& element) {
      const auto index = word_index(element);
      if (!index) {
        return wrong(element.at, describe(element), expected({Kind::word, 0, 0, form_.words}), coding_hint(element));
      }
      const auto coding = static_cast<Coding>(*index);
      if (std::ranges::find(codings, coding) != codings.end()) {
        return wrong(element.at, describe(element) + " twice", "each coding once");
      }
      codings.push_back(coding);
    });
    slot<std::vector<Coding>>() = std::move(codings);
  }
  /// The coding that goes by the name of a file's ending, a tool or an alias of RFC 9110 §8.4.1.3.
  [[nodiscard]] std::string coding_hint(const Value& value) const {
    constexpr std::pair<std::string_view, std::string_view> other_names[] = {
        {"brotli", "\"br\""}, {"gz", "\"gzip\""}, {"x-gzip", "\"gzip\""}, {"zstandard", "\"zstd\""}};
    const auto* text = value.as<std::string>();
    if (!text) return {};
    for (const auto& [name, word] : other_names) {
      if (lower(*text) == name) return did_you_mean(word);
    }
    return word_hint(value);
  }

  void cache_control(const Value& value) {
    if (!value.as<Table>() && !value.as<std::string>()) return unexpected(value);
    slot<Pairs>() = read_cache_control(value, findings_);
  }

  /// Within one table a prefix may stand once; a later one (a flag's) replaces the directory.
  void mounts(const Value& value) {
    if (const auto* table = value.as<Table>(); table && table->size() > most_mounts) {
      return too_many_mounts(value, table->size());
    }
    std::vector<std::string> seen;
    table_entries(value, [&](const Entry& entry, const std::string& directory) {
      const std::string prefix = without_last_slash(entry.key);
      const std::string found = describe(std::string_view(entry.key));
      if (!is_page_path(prefix)) {
        const std::string meant = without_last_slash('/' + entry.key);
        return wrong(entry.at, found, R"(a path such as "/uploads", without empty, "." and ".." parts)",
                     is_page_path(meant) ? did_you_mean(describe(meant))
                     : prefix.empty()    ? "root is the directory of \"/\""
                                         : "");
      }
      if (prefix.size() > mount_prefix_most_bytes) {
        return wrong(entry.at, found, "at most " + std::to_string(mount_prefix_most_bytes) + " bytes");
      }
      if (std::ranges::find(seen, prefix) != seen.end()) {
        return wrong(entry.at, found + " twice", "each prefix once", "a slash at its end does not count");
      }
      seen.push_back(prefix);
      if (directory.empty() || directory.contains('\0')) {
        return wrong(entry.value.at, found + " = " + describe(entry.value), "a directory");
      }
      put(slot<Pairs>(), prefix, resolve_path(base_directory_, directory));
    });
    if (slot<Pairs>().size() > most_mounts) too_many_mounts(value, slot<Pairs>().size());
  }
  void too_many_mounts(const Value& value, std::size_t count) {
    wrong(value.at, std::to_string(count) + " prefixes", "at most " + std::to_string(most_mounts));
  }
  static std::string without_last_slash(std::string_view path) {
    return std::string(path.substr(0, path.size() - (path.ends_with('/') ? 1 : 0)));
  }

  void header_rules(const Value& value) {
    if (!value.as<Array>()) return unexpected(value);
    slot<std::vector<HeaderRule>>() = read_header_rules(*value.as<Array>(), findings_);
  }

  void rewrites(const Value& value) {
    if (!value.as<Array>()) return unexpected(value);
    slot<std::vector<Rewrite>>() = read_rewrites(*value.as<Array>(), findings_);
  }

  const Form& form_;
  const Slot& slot_;
  std::string_view base_directory_;
  std::vector<Finding>& findings_;
};

}  // namespace

void read_value(const Form& form, const Value& value, const Slot& slot, std::string_view base_directory,
                std::vector<Finding>& findings) {
  Reader(form, slot, base_directory, findings).read(value);
}

}  // namespace uringd::config
