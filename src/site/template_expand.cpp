// Expanding a template: one pass over its parts into a writer. A map's key is put together on the stack, where it is
// more than one slice.
#include <array>

#include "template_writer.hpp"
#include "uringd/site/template.hpp"

namespace uringd::site {
namespace {

constexpr size_t most_key_bytes = 8192;  // longer than any path that is served

bool goes_on_with_host(std::string_view text) {
  return !text.empty() && std::string_view("/?#").find(text[0]) == std::string_view::npos;
}

}  // namespace

struct Template::Expander {
  const TemplateInputs& inputs;
  const Maps& maps;
  Random& random;
  std::vector<MapLookup>* lookups;

  std::string_view capture(uint32_t number) const {
    return number < inputs.captures.size() ? inputs.captures[number] : std::string_view{};
  }

  /// What a part stands for, of all kinds but maps.
  std::string_view bytes_of(const Part& part) const {
    switch (part.kind) {
      case Part::Kind::literal: return part.text;
      case Part::Kind::capture: return capture(part.number);
      case Part::Kind::host: return inputs.host;
      case Part::Kind::path: return inputs.path;
      case Part::Kind::query: return inputs.query;
      case Part::Kind::scheme: return inputs.scheme;
      case Part::Kind::map: break;
    }
    return {};
  }

  std::string joined(const std::vector<Part>& parts) const {
    std::string all;
    for (const Part& part : parts) all += bytes_of(part);
    return all;
  }

  void note(const Part& part, std::string_view key, std::optional<std::string_view> value) const {
    if (!lookups) return;
    lookups->push_back({.map = part.number,
                        .key = std::string(key),
                        .value = value ? std::string(*value) : joined(part.fallback),
                        .found = value.has_value()});
  }

  template <typename Writer>
  void look_up(const Part& part, std::string_view key, Writer& writer, bool host_follows) const {
    const auto value = maps.table(part.number).find(key, random);
    note(part, key, value);
    if (value) return writer.text(*value);
    for (size_t i = 0; i < part.fallback.size(); ++i) {
      const bool last = i + 1 == part.fallback.size();
      const bool follows = last ? host_follows : goes_on_with_host(part.fallback[i + 1].text);
      if (part.fallback[i].kind == Part::Kind::literal) {
        writer.text(part.fallback[i].text);
      } else {
        put(part.fallback[i], writer, follows);
      }
    }
  }

  /// Apart, for its memory on the stack. False: the key is too long to be one.
  template <typename Writer>
  [[gnu::noinline]] bool join_and_look_up(const Part& part, Writer& writer, bool host_follows) const {
    char memory[most_key_bytes];
    BoundedWriter key(memory);
    for (const Part& each : part.key) key.put(bytes_of(each));
    if (key.fits()) look_up(part, key.written(), writer, host_follows);
    return key.fits();
  }

  /// All but literal text and maps.
  template <typename Writer>
  void put(const Part& part, Writer& writer, bool host_follows) const {
    if (part.kind == Part::Kind::host) return writer.host(inputs.host);
    if (part.kind == Part::Kind::query) return writer.query(inputs.query, host_follows);
    writer.data(bytes_of(part), host_follows);
  }

  template <typename Writer>
  bool expand(const std::vector<Part>& parts, Writer& writer) const {
    for (size_t i = 0; i < parts.size(); ++i) {
      const Part& part = parts[i];
      const bool host_follows = i + 1 < parts.size() && goes_on_with_host(parts[i + 1].text);
      if (part.kind == Part::Kind::literal) {
        writer.literal(part.text);
      } else if (part.kind != Part::Kind::map) {
        put(part, writer, host_follows);
      } else if (part.key.size() == 1) {
        look_up(part, bytes_of(part.key[0]), writer, host_follows);
      } else if (!join_and_look_up(part, writer, host_follows)) {
        return false;
      }
    }
    return true;
  }
};

Expansion Template::expand_path(const TemplateInputs& inputs, const Maps& maps, Random& random, std::span<char> out,
                                std::vector<MapLookup>* lookups) const {
  PathWriter writer(out);
  if (!Expander{inputs, maps, random, lookups}.expand(parts_, writer)) return {};
  const BoundedWriter& written = writer.finish();
  if (!written.fits()) return {};
  return {.fits = true,
          .path = written.written().substr(0, writer.path_bytes()),
          .query = written.written(writer.path_bytes()),
          .has_query = writer.has_query()};
}

Expansion Template::expand_location(const TemplateInputs& inputs, bool has_query, const Maps& maps, Random& random,
                                    std::span<char> out, std::vector<MapLookup>* lookups) const {
  LocationWriter writer(out, inputs.query, has_query);
  if (!Expander{inputs, maps, random, lookups}.expand(parts_, writer)) return {};
  const BoundedWriter& written = writer.finish();
  if (!written.fits()) return {};
  return {.fits = true, .path = written.written(), .query = {}, .has_query = false};
}

}  // namespace uringd::site
