// The format of a line of a txt or rnd map, and of UTF-8. Pure; a line's bytes are changed in place where quotes have
// escapes in them. White space is a space or a tab, and a CR at the very end.
#pragma once

#include <string_view>

namespace uringd::site {

struct MapLine {
  enum class Kind {
    nothing,   // white space, or a comment
    entry,     // key and value
    no_value,  // a key alone
    unclosed,  // a quote that no other follows
    glued,     // text right behind a key's closing quote
  };
  Kind kind = Kind::nothing;
  bool ignored_text = false;    // of an entry: something stands behind it that is no comment
  std::string_view key, value;  // of an entry; in the line
};

/// Reads [first, last), a line without its LF. In quotes \" is ", \\ is \, and any other \ is itself.
MapLine read_map_line(char* first, char* last);

/// RFC 3629 §4: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text);

}  // namespace uringd::site
