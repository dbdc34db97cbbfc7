// The schema's rows as the key list of uringd.toml(5), in scdoc's markup, and as the list that the shells' completions
// offer after --set. Like print.cpp both walk the rows in the table's order.
#include <algorithm>
#include <string>
#include <string_view>

#include "read_value.hpp"
#include "schema.hpp"
#include "uringd/config/print.hpp"

namespace uringd::config {
namespace {

/// `text` so that scdoc takes every byte of it for itself. A line of ours never begins with one of these: scdoc hands
/// "\." on as a bare dot, which roff would take for a request.
std::string escaped(std::string_view text) {
  constexpr std::string_view special = "\\*_[]|#~`<>";
  std::string out;
  for (const char byte : text) {
    if (special.contains(byte)) out += '\\';
    out += byte;
  }
  return out;
}

/// What stands above a section's keys: "[server]", "[[site]]".
std::string heading(std::string_view section) {
  return section == "site" ? "[[site]]" : "[" + std::string(section) + "]";
}

std::string section_of(const Key& key) {
  return std::string(key.section().empty() && key.form.is_table() ? key.name() : key.section());
}

/// The lines of one block, as it would stand in a file, indented for scdoc.
std::string literal_example(const Key& key) {
  std::string out = "\n\t```\n\t[[" + std::string(key.path) + "]]\n";
  for (std::string_view rest = key.shipped; !rest.empty();) {
    const std::size_t end = rest.find('\n') + 1;
    out += '\t' + std::string(rest.substr(0, end));
    rest.remove_prefix(end);
  }
  return out + "\t```\n";
}

/// The meaning by itself, as it is in no table or comment here.
std::string sentence(std::string_view meaning) {
  std::string out = std::string(meaning) + ".";
  if (out.front() >= 'a' && out.front() <= 'z') out.front() = static_cast<char>(out.front() - 'a' + 'A');
  return out;
}

std::string entry(const Key& key) {
  const bool required = key.default_text.empty();
  std::string out = "*" + escaped(key.path) + "*";
  out += required ? " (required)\n" : " = " + escaped(key.default_text) + "\n";
  out += "\tTakes " + escaped(expected(key.form)) + ".";
  if (key.change == Change::restart) out += " A new value needs a restart.";
  out += "\n\n\t" + escaped(sentence(key.meaning)) + "\n";
  if (key.is_blocks()) out += literal_example(key);
  return out + "\n";
}

std::string without_quotes(std::string_view word) {
  const bool quoted = word.size() >= 2 && word.starts_with('"') && word.ends_with('"');
  return std::string(quoted ? word.substr(1, word.size() - 2) : word);
}

/// The values that can be told beforehand, each with a space in front.
std::string known_values(const Key& key) {
  if (key.form.kind == Form::Kind::flag) return " true false";
  if (key.form.kind == Form::Kind::log_target) return " off stdout";
  std::string out;
  if (key.form.kind == Form::Kind::codings) return out;  // an array of them, not one
  for (const std::string_view word : key.form.words) out += " " + without_quotes(word);
  return out;
}

}  // namespace

std::string reference_scdoc() {
  std::string out;
  std::string section;
  for (const Key& key : schema()) {
    if (section_of(key) != section) {
      section = section_of(key);
      out += "## " + heading(section) + "\n\n";  // scdoc takes headings as they are
      for (const SectionNote& note : section_notes()) {
        if (note.section == section) out += escaped(note.note) + "\n\n";
      }
    }
    out += entry(key);
  }
  return out;
}

std::string completion_keys() {
  std::string out;
  for (const Key& key : schema()) {
    if (!key.in_map()) out += std::string(key.path) + known_values(key) + "\n";
  }
  return out;
}

}  // namespace uringd::config
