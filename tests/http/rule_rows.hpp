// Rows about rules: TOML of [[site.rewrites]] and [maps.NAME] as tests write it, and the table rows that ask a server
// with such rules. Patterns and `to` stand in literal strings ('…'), so that what a test shows is what the file says.
// No state.
#pragma once

#include <string>
#include <string_view>

#include "case_table.hpp"

namespace uringd::testing {

/// One block. `more`: further lines, such as "when = { … }\n".
inline std::string rewrite(std::string_view match, std::string_view to, int status = 0, std::string_view more = "") {
  std::string text = "[[site.rewrites]]\nmatch = '" + std::string(match) + "'\n";
  if (!to.empty()) text += "to = '" + std::string(to) + "'\n";
  if (status != 0) text += "status = " + std::to_string(status) + "\n";
  return text + std::string(more) + "\n";
}

/// "[maps.NAME]": for Setup::more. A relative file is below the configuration's directory, Site::outside("").
inline std::string map_table(std::string_view name, std::string_view file, std::string_view kind = "txt",
                             std::string_view more = "") {
  return "[maps." + std::string(name) + "]\nfile = \"" + std::string(file) + "\"\nkind = \"" + std::string(kind) +
         "\"\n" + std::string(more) + "\n";
}

/// A redirect: the status and exactly that Location.
inline Answer leads(int status, std::string location) { return answer(status).field("Location", std::move(location)); }

/// A GET of `target` and what it must get. `fields`: each ended by CRLF.
inline Case asks(std::string name, std::string_view target, Answer expected, std::string_view fields = "") {
  return {.section = "contract [[site.rewrites]]",
          .name = std::move(name),
          .bytes = get_request(target, fields),
          .answers = std::move(expected)};
}

}  // namespace uringd::testing
