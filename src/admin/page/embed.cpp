// embed OUT FILE...: writes the files as a C++ table of admin::Asset, each with its media type, a gzip copy and the
// strong entity tags of both. Runs while building, uses what the server uses: a tag or a copy made here is the one that
// the server would make. index.html is "/". Equal files give equal output. What goes wrong ends the build with a line.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "uringd/cache/encode.hpp"
#include "uringd/cache/etag.hpp"
#include "uringd/http/media_type.hpp"

namespace {

using namespace uringd;

[[noreturn]] void fail(const std::string& what) {
  std::cerr << "embed: " << what << '\n';
  std::exit(1);
}

std::string read_file(const std::string& name) {
  std::ifstream file{name, std::ios::binary};
  if (!file) fail(name + ": cannot be read");
  return {std::istreambuf_iterator<char>{file}, {}};
}

std::string etag_of(std::string_view bytes) {
  std::array<char, cache::etag_bytes> tag{};
  cache::write_etag(bytes, tag);
  return {tag.data(), tag.size()};
}

/// A string literal, in pieces of a line each: "std::string_view{"...", size}". Bytes that are not plain text are three
/// octal digits, which end by themselves, unlike hexadecimal ones.
std::string literal(std::string_view bytes) {
  constexpr size_t line_bytes = 100;
  std::string text = "std::string_view{\n    \"";
  size_t column = 0;
  for (const char character : bytes) {
    const auto byte = static_cast<uint8_t>(character);
    const bool is_plain = byte >= 0x20 && byte < 0x7f && character != '"' && character != '\\' && character != '?';
    if (is_plain) {
      text += character;
      column += 1;
    } else {
      for (const char digit : {'\\', char('0' + (byte >> 6)), char('0' + (byte >> 3 & 7)), char('0' + (byte & 7))})
        text += digit;
      column += 4;
    }
    if (column >= line_bytes) {
      text += "\"\n    \"";
      column = 0;
    }
  }
  return text + "\", " + std::to_string(bytes.size()) + "}";
}

struct Row {
  std::string path, text;
};

Row row_of(const std::string& file, const http::MediaTypes& types) {
  const std::string name = file.substr(file.rfind('/') + 1);
  const std::string path = name == "index.html" ? "/" : "/" + name;
  const std::string bytes = read_file(file);
  const http::MediaType type = types.of(name);
  if (type.density != http::Density::plain) fail(file + ": a media type that does not belong to a page");
  const std::string gzip =
      cache::encode(bytes, http::Coding::gzip, cache::Effort::best, true, bytes.size()).value_or(std::string{});
  std::string text = "    {.path = " + literal(path) + ",\n     .content_type = " + literal(type.value);
  text += ",\n     .identity = " + literal(bytes) + ",\n     .gzip = " + literal(gzip);
  text += ",\n     .etag = " + literal(etag_of(bytes));
  text += ",\n     .gzip_etag = " + literal(gzip.empty() ? std::string{} : etag_of(gzip)) + "},\n";
  return {path, text};
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) fail("usage: embed OUT FILE...");
  const http::MediaTypes types;
  std::vector<Row> rows;
  for (int at = 2; at < count; ++at) rows.push_back(row_of(arguments[at], types));
  std::ranges::sort(rows, {}, &Row::path);
  std::ofstream out{arguments[1], std::ios::binary};
  out << "constexpr Asset table[] = {\n";
  for (const Row& row : rows) out << row.text;
  out << "};\n";
  out.close();
  if (!out) fail(std::string{arguments[1]} + ": cannot be written");
}
