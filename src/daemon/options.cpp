// One table of flags; a parser that walks the words from left to right and stops at the first mistake. getopt_long is
// not used: it keeps its state in globals, prints by itself and knows no nearest name.
#include "uringd/daemon/options.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "uringd/config/nearest.hpp"

namespace uringd::daemon {
namespace {

using Action = Options::Action;

enum class Flag { config, listen, set, check, print_config, explain, host, header, features, health, version, help };

struct FlagRow {
  Flag flag;
  std::string_view name;   // without dashes
  char letter;             // 0 = none
  std::string_view value;  // what it takes, as help shows it; empty = nothing
  std::string_view help;
};

constexpr std::array<FlagRow, 12> flags = {{
    {Flag::config, "config", 'c', "FILE", "serve what FILE (TOML) says; default: $URINGD_CONFIG"},
    {Flag::listen, "listen", 'l', "ADDRESS", "listen here (repeatable): 127.0.0.1:8080, [::1]:8080, :8080, unix:PATH"},
    {Flag::set, "set", 's', "KEY=VALUE", "override a key (repeatable): --set server.workers=2"},
    {Flag::check, "check", 't', "", "check the configuration, print every problem, exit 0 or 2"},
    {Flag::print_config, "print-config", 0, "", "print the effective configuration and where each value came from"},
    {Flag::explain, "explain", 0, "PATH", "tell which site, rule, file, variant and headers PATH would get, and why"},
    {Flag::host, "host", 0, "NAME", "with --explain: the host asked for; default: the first name of the first site"},
    {Flag::header, "header", 0, "FIELD", "with --explain (repeatable): a field of the request, 'Accept-Encoding: br'"},
    {Flag::features, "features", 0, "", "print what this kernel's io_uring offers"},
    {Flag::health, "health", 0, "[URL]",
     "ask a running server whether it is well: exit 0 or 1; default: its admin.listen"},
    {Flag::version, "version", 'V', "", "print the version"},
    {Flag::help, "help", 'h', "", "print this help"},
}};

const FlagRow* find_name(std::string_view name) {
  for (const FlagRow& row : flags) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

const FlagRow* find_letter(char letter) {
  for (const FlagRow& row : flags) {
    if (row.letter != 0 && row.letter == letter) return &row;
  }
  return nullptr;
}

Error unknown(std::string_view written, std::string_view name) {
  std::vector<std::string_view> names;
  for (const FlagRow& row : flags) names.push_back(row.name);
  const std::string_view close = config::nearest(name, names);
  return {std::string(written) + ": unknown option; " +
          (close.empty() ? "uringd --help lists them" : "did you mean --" + std::string(close) + "?")};
}

class Parser {
 public:
  explicit Parser(std::span<char* const> words) : words_(words) {}

  Result<Options> parse(const char* config_env) {
    bool only_directories = false;
    while (next_ < words_.size()) {
      const std::string_view word = words_[next_++];
      std::optional<Error> error;
      if (only_directories || word == "-" || !word.starts_with('-')) {
        error = directory(word);
      } else if (word == "--") {
        only_directories = true;
      } else if (word.starts_with("--")) {
        error = long_flag(word);
      } else {
        error = letters(word);
      }
      if (error) return std::unexpected(std::move(*error));
      if (done_) return std::move(options_);
    }
    return complete(config_env);
  }

 private:
  std::optional<Error> directory(std::string_view word) {
    if (word.empty()) return Error{"an empty word; expected a directory to serve"};
    if (options_.sources.directory) {
      return Error{std::string(word) + ": a second directory; expected one (several: [[site]] in a --config FILE)"};
    }
    options_.sources.directory = word;
    return std::nullopt;
  }

  std::optional<Error> long_flag(std::string_view word) {
    const std::size_t equals = word.find('=');
    const std::string_view written = word.substr(0, equals);
    const std::string_view name = written.substr(2);
    const FlagRow* row = find_name(name);
    if (!row) return unknown(written, name);
    if (row->flag == Flag::health) return health(written, word);
    if (row->value.empty()) {
      if (equals != word.npos) return Error{std::string(written) + ": takes no value"};
      return take(*row, written, {});
    }
    if (equals != word.npos) return take(*row, written, word.substr(equals + 1));
    return take_next(*row, written);
  }

  /// "-t", "-tc FILE", "-cFILE".
  std::optional<Error> letters(std::string_view word) {
    for (std::size_t index = 1; index < word.size(); ++index) {
      const std::string written = std::string("-") + word[index];
      const FlagRow* row = find_letter(word[index]);
      // A whole name after one dash ("-config") is a name, not letters.
      if (!row || (index == 1 && find_name(word.substr(1)))) return unknown(word, word.substr(1));
      if (!row->value.empty()) {
        return index + 1 < word.size() ? take(*row, written, word.substr(index + 1)) : take_next(*row, written);
      }
      if (auto error = take(*row, written, {}); error || done_) return error;
    }
    return std::nullopt;
  }

  std::optional<Error> take_next(const FlagRow& row, std::string_view written) {
    if (next_ == words_.size())
      return Error{std::string(written) + ": expected " + std::string(row.value) + " after it"};
    return take(row, written, words_[next_++]);
  }

  std::optional<Error> take(const FlagRow& row, std::string_view written, std::string_view value) {
    if (!row.value.empty() && value.empty()) {
      return Error{std::string(written) + ": an empty value; expected " + std::string(row.value)};
    }
    config::Sources& sources = options_.sources;
    switch (row.flag) {
      case Flag::config:
        if (sources.file) return Error{std::string(written) + ": given twice; a file may include others"};
        sources.file = value;
        return std::nullopt;
      case Flag::listen: sources.listen.emplace_back(value); return std::nullopt;
      case Flag::set: return set(written, value);
      case Flag::check: return act(Action::check, written);
      case Flag::print_config: return act(Action::print_config, written);
      case Flag::explain: return explain(written, value);
      case Flag::host: return host(written, value);
      case Flag::header: return header(written, value);
      case Flag::features: return act(Action::features, written);
      case Flag::health: break;  // see health()
      case Flag::version: return answer(Action::version);
      case Flag::help: return answer(Action::help);
    }
    return std::nullopt;
  }

  std::optional<Error> set(std::string_view written, std::string_view value) {
    const std::size_t equals = value.find('=');
    if (equals == value.npos || equals == 0) {
      return Error{std::string(written) + " " + std::string(value) +
                   ": expected KEY=VALUE, such as --set server.workers=2"};
    }
    options_.sources.sets.emplace_back(value.substr(0, equals), value.substr(equals + 1));
    return std::nullopt;
  }

  /// Its URL may be left out: another word is one where it begins as one.
  std::optional<Error> health(std::string_view written, std::string_view word) {
    std::string_view url;
    if (word.size() > written.size()) {
      url = word.substr(written.size() + 1);
      if (url.empty()) return Error{std::string(written) + ": an empty value; expected a URL, or none"};
    } else if (next_ < words_.size()) {
      const std::string_view next = words_[next_];
      if (next.contains("://") || next.starts_with("unix:")) url = words_[next_++];
    }
    options_.health_url = url;
    return act(Action::health, written);
  }

  // What they say becomes lines of a request's head.
  static std::optional<Error> one_line(std::string_view written, std::string_view value) {
    if (value.find_first_of("\r\n") == value.npos) return std::nullopt;
    return Error{std::string(written) + ": a line break in the value; a request has it encoded (%0A)"};
  }

  std::optional<Error> explain(std::string_view written, std::string_view path) {
    if (auto error = one_line(written, path)) return error;
    if (!options_.question.target.empty()) return Error{std::string(written) + ": given twice; expected one path"};
    options_.question.target = path;
    return act(Action::explain, written);
  }

  std::optional<Error> host(std::string_view written, std::string_view name) {
    if (auto error = one_line(written, name)) return error;
    if (options_.question.host) return Error{std::string(written) + ": given twice; expected one host"};
    options_.question.host = name;
    return std::nullopt;
  }

  std::optional<Error> header(std::string_view written, std::string_view field) {
    if (auto error = one_line(written, field)) return error;
    const std::size_t colon = field.find(':');
    if (colon == field.npos || colon == 0) {
      return Error{std::string(written) + " " + std::string(field) +
                   ": expected NAME: VALUE, such as --header 'Accept-Encoding: br'"};
    }
    constexpr std::string_view host = "host";
    const auto folded = [](char a, char b) { return (a | 0x20) == b; };
    if (std::ranges::equal(field.substr(0, colon), host, folded)) {
      return Error{std::string(written) + " " + std::string(field) + ": expected --host NAME for the host"};
    }
    options_.question.fields.emplace_back(field);
    return std::nullopt;
  }

  std::optional<Error> act(Action action, std::string_view written) {
    if (options_.action != Action::serve && options_.action != action) {
      return Error{std::string(written) + ": expected one of --check, --print-config, --explain, --features, --health"};
    }
    options_.action = action;
    return std::nullopt;
  }

  std::optional<Error> answer(Action action) {
    options_.action = action;
    done_ = true;
    return std::nullopt;
  }

  /// The rules about several words, and the environment where the words name nothing.
  Result<Options> complete(const char* config_env) {
    config::Sources& sources = options_.sources;
    if (sources.file && sources.directory) {
      return failure("both --config " + *sources.file + " and a directory, " + *sources.directory +
                     "; expected one (root of [[site]] names the directory in a file)");
    }
    const Question& question = options_.question;
    if (options_.action != Action::explain && (question.host || !question.fields.empty())) {
      return failure(std::string(question.host ? "--host" : "--header") + ": only with --explain PATH");
    }
    if (!sources.file && !sources.directory && config_env && *config_env != '\0') sources.file = config_env;
    const bool needs_none = options_.action == Action::features || options_.action == Action::health;
    if (!sources.file && !sources.directory && !needs_none) {
      return failure("no configuration: give --config FILE or a directory");
    }
    return std::move(options_);
  }

  std::span<char* const> words_;
  std::size_t next_ = 0;
  bool done_ = false;
  Options options_;
};

}  // namespace

Result<Options> parse_options(std::span<char* const> arguments, const char* uringd_config_env) {
  return Parser(arguments).parse(uringd_config_env);
}

std::string help_text() {
  std::string out =
      "uringd serves static files over HTTP, on io_uring.\n\n"
      "  uringd --config FILE               serve what FILE says\n"
      "  uringd DIR [--listen ADDRESS]      serve DIR, by default at http://127.0.0.1:8080\n\n"
      "Options:\n";
  constexpr std::size_t column = 28;
  for (const FlagRow& row : flags) {
    std::string left = row.letter != 0 ? std::string("  -") + row.letter + ", --" : std::string("      --");
    left += row.name;
    if (!row.value.empty()) left += " " + std::string(row.value);
    left.resize(std::max(column, left.size() + 2), ' ');
    out += left + std::string(row.help) + "\n";
  }
  return out +
         "\nSIGTERM and SIGINT let responses in flight finish; a second one stops at once.\n"
         "Exit codes: 0 clean stop; 1 could not start or run; 2 a wrong command line or configuration.\n"
         "Of --explain: 0 where the answer is 2xx or 3xx, 1 where it is 4xx or 5xx.\n";
}

}  // namespace uringd::daemon
