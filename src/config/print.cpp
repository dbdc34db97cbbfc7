// Three views of the schema's rows and one of a loaded configuration. All walk the rows in the table's order, so a
// new row appears everywhere at once.
#include "uringd/config/print.hpp"

#include <algorithm>
#include <vector>

#include "document.hpp"
#include "expand.hpp"
#include "read_value.hpp"
#include "schema.hpp"

namespace uringd::config {
namespace {

constexpr std::size_t prose_width = 112;

std::vector<std::string_view> sections() {
  std::vector<std::string_view> names;
  for (const Key& key : schema()) {
    const std::string_view name = key.form.is_table() && key.section().empty() ? key.name() : key.section();
    if (names.empty() || names.back() != name) names.push_back(name);
  }
  return names;
}

/// Of the shipped file, where a map has the name of the examples.
std::string header(std::string_view section) {
  if (section == map_section) return "#[maps.legacy]";
  return section == "site" ? "[[site]]" : "[" + std::string(section) + "]";
}

/// `text` as comment lines of at most prose_width bytes.
std::string comment(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    std::size_t cut = text.size();
    if (text.size() > prose_width) {
      cut = text.rfind(' ', prose_width);
      if (cut == text.npos) cut = text.size();
    }
    out += "# " + std::string(text.substr(0, cut)) + "\n";
    text.remove_prefix(std::min(text.size(), cut + 1));
  }
  return out;
}

/// Lines `left  # right`, the comments in one column where the left sides are short.
class Lines {
 public:
  void add(std::string left, std::string right) { lines_.emplace_back(std::move(left), std::move(right)); }
  [[nodiscard]] std::string text() const {
    constexpr std::size_t widest = 48;
    std::size_t width = 0;
    for (const auto& [left, right] : lines_) {
      if (left.size() <= widest) width = std::max(width, left.size());
    }
    std::string out;
    for (const auto& [left, right] : lines_) {
      const std::size_t gap = left.size() < width ? width - left.size() : 0;
      out += left + std::string(gap, ' ') + "  # " + right + "\n";
    }
    return out;
  }

 private:
  std::vector<std::pair<std::string, std::string>> lines_;
};

class Printer {
 public:
  explicit Printer(const Loaded& loaded) : loaded_(loaded), config_(*loaded.config) {}

  std::string print() {
    std::string out;
    for (const std::string_view section : sections()) {
      const std::size_t blocks = section == "site"        ? config_.sites.size()
                                 : section == map_section ? config_.maps.size()
                                                          : 1;
      for (std::size_t index = 0; index < blocks; ++index) {
        const bool is_map = section == map_section;
        out += out.empty() ? "" : "\n";
        out += (is_map ? "[maps." + config_.maps[index].name + "]" : header(section)) + "\n" + block(section, index);
      }
    }
    return out;
  }

 private:
  std::string block(std::string_view section, std::size_t index) {
    Lines lines;
    std::string blocks;
    Site no_site;
    Map no_map;
    Site& site = section == "site" ? config_.sites[index] : no_site;
    Map& map = section == map_section ? config_.maps[index] : no_map;
    for (const Key& key : schema()) {
      const Slot slot = key.slot(config_, site, map);
      if (key.section() == section) {
        // `headers = []` and [[site.headers]] cannot stand side by side.
        const std::string own_blocks = key.is_blocks() ? blocks_of(key, slot) : "";
        blocks += own_blocks;
        if (!own_blocks.empty()) continue;
        lines.add(std::string(key.name()) + " = " + text_of(key.form, slot), origin(path_of(key, index)));
      } else if (key.section().empty() && key.name() == section) {
        // A table at the top is a section of its own, one line per entry.
        for (const auto& [name, value] : *std::get<std::vector<std::pair<std::string, std::string>>*>(slot)) {
          lines.add(in_quotes(name) + " = " + in_quotes(protect(value)), origin(std::string(key.path)));
        }
      }
    }
    return lines.text() + blocks;
  }

  [[nodiscard]] std::string path_of(const Key& key, std::size_t index) const {
    if (key.in_site()) return "site." + std::to_string(index) + "." + std::string(key.name());
    if (key.in_map()) return "maps." + config_.maps[index].name + "." + std::string(key.name());
    return std::string(key.path);
  }

  std::string origin(const std::string& path) const {
    const auto found = loaded_.origins.find(path);
    return found == loaded_.origins.end() ? "default" : found->second;
  }

  const Loaded& loaded_;
  Config config_;  // slots point to what may be written; a copy keeps the shared one untouched
};

std::string meaning_of(const Key& key) {
  return std::string(key.meaning) + (key.change == Change::restart ? "; needs a restart" : "");
}

/// [[site.headers]] and the lines of one, commented out.
std::string example_block(const Key& key) {
  std::string out = "#[[" + std::string(key.path) + "]]\n";
  for (std::string_view rest = key.shipped; !rest.empty();) {
    const std::size_t end = rest.find('\n') + 1;
    out += '#' + std::string(rest.substr(0, end));
    rest.remove_prefix(end);
  }
  return out;
}

std::string template_section(std::string_view section) {
  std::string out = "\n";
  for (const SectionNote& note : section_notes()) {
    if (note.section == section) out += comment(note.note);
  }
  out += header(section) + "\n";
  for (const Key& key : schema()) {
    if (key.section() == section && key.is_blocks()) {
      out += "\n" + comment(meaning_of(key)) + example_block(key);
    } else if (key.section() == section) {
      out += comment(meaning_of(key));
      if (key.shipped.empty() || key.in_map()) out += '#';
      out += std::string(key.name()) + " = " + std::string(key.shipped.empty() ? key.default_text : key.shipped) + "\n";
    } else if (key.section().empty() && key.name() == section) {
      out += comment(meaning_of(key));
    }
  }
  return out;
}

std::string table_cell(std::string_view text) {
  std::string out;
  for (const char byte : text) {
    if (byte == '|') out += '\\';
    out += byte;
  }
  return out;
}

}  // namespace

std::string print_config(const Loaded& loaded) { return Printer(loaded).print(); }

std::string commented_template() {
  std::string out =
      "# uringd: try it with `uringd --config config.toml`, check it with `uringd --check --config config.toml`.\n"
      "# Lines that begin with #KEY show the default; remove the # and change it. Lines below a #[ are an example.\n"
      "# Sizes: bytes or \"64KiB\", \"1MB\";\n"
      "# durations: \"500ms\", \"2s\", \"5m\", \"1h\". Relative paths start at this file. \"${NAME:-default}\" inside "
      "a\n"
      "# string takes an environment variable.\n"
      "\n"
      "# further files, their [[site]] blocks after those of this one\n"
      "#include = [\"sites/*.toml\"]\n";
  for (const std::string_view section : sections()) out += template_section(section);
  return out;
}

std::string reference_markdown() {
  std::string out = "| Key | Default | Takes | Meaning |\n| --- | --- | --- | --- |\n";
  for (const Key& key : schema()) {
    const std::string default_text = key.default_text.empty() ? "required" : "`" + table_cell(key.default_text) + "`";
    out += "| `" + std::string(key.path) + "` | " + default_text + " | " + table_cell(expected(key.form)) + " | " +
           table_cell(meaning_of(key)) + " |\n";
  }
  return out;
}

}  // namespace uringd::config
