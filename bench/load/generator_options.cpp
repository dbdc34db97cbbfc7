// See generator_options.hpp.
#include "generator_options.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <string_view>

namespace uringd::load {

namespace {

using Complaint = std::string;  // empty: none

template <class Number>
bool to_number(const std::string& text, Number least, Number most, Number& number) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() && number >= least && number <= most;
}

bool read_file(const std::string& path, std::string& text) {
  std::ifstream file{path, std::ios::binary};
  text.assign(std::istreambuf_iterator<char>{file}, {});
  return file.good() || file.eof();
}

/// A tab and a header field of this request alone may follow: "/big.bin\tRange: bytes=0-65535".
bool is_target(const std::string& text) {
  size_t end = std::min(text.find('\t'), text.size());
  bool field = end == text.size() || text.find(':', end) != std::string::npos;
  return text.starts_with('/') && text.find_first_of(" \r\n") >= end && text.find('\r') == std::string::npos && field;
}

Complaint read_targets(const std::string& path, Options& options) {
  std::string text;
  if (!read_file(path, text)) return "cannot read " + path;
  for (size_t start = 0; start < text.size();) {
    size_t end = std::min(text.find('\n', start), text.size());
    if (end > start) options.targets.push_back(text.substr(start, end - start));
    if (end > start && !is_target(options.targets.back())) return "not a target: " + options.targets.back();
    start = end + 1;
  }
  options.listed = true;
  return options.targets.empty() ? "no target in " + path : "";
}

bool read_statuses(const std::string& text, Options& options) {
  options.statuses.clear();
  for (size_t start = 0; start <= text.size();) {
    size_t end = std::min(text.find(',', start), text.size());
    if (!to_number(text.substr(start, end - start), 200, 599, options.statuses.emplace_back())) return false;
    start = end + 1;
  }
  return true;
}

bool read_order(const std::string& text, Options& options) {
  options.order = text == "random" ? Order::random : Order::walk;
  return text == "random" || text == "walk";
}

bool add_field(const std::string& text, Options& options) {
  options.fields.push_back(text);
  return text.find(':') != std::string::npos && text.find_first_of("\r\n") == std::string::npos;
}

bool read_expected(const std::string& path, Options& options) { return read_file(path, options.expected.emplace()); }

bool add_target(const std::string& text, Options& options) {
  options.targets.push_back(text);
  return is_target(text);
}

/// An option's value goes into `options`; false: it makes no sense.
bool set(const std::string& name, const std::string& value, Options& options) {
  if (name == "--connections") return to_number(value, 1u, 1'000'000u, options.connections);
  if (name == "--seconds") return to_number(value, 0.001, 1e6, options.seconds);
  if (name == "--rate") return to_number(value, 0.001, 1e8, options.rate);
  if (name == "--depth") return to_number(value, 1u, 10'000u, options.depth);
  if (name == "--patience") return to_number(value, 0.001, 1e6, options.patience_seconds);
  if (name == "--header") return add_field(value, options);
  if (name == "--path") return add_target(value, options);
  if (name == "--order") return read_order(value, options);
  if (name == "--status") return read_statuses(value, options);
  return name == "--expect" && read_expected(value, options);
}

bool* switch_of(const std::string& name, Options& options) {
  if (name == "--close") return &options.close;
  if (name == "--drop") return &options.drop;
  if (name == "--realtime") return &options.realtime;
  return name == "--once" ? &options.once : nullptr;
}

Complaint contradiction(const Options& options) {
  if (options.targets.empty()) return "--path TARGET or --paths FILE is missing";
  if (!options.listed && options.targets.size() > 1) return "more than one --path";
  if (options.rate > 0 && options.depth > 1) return "--rate and --depth contradict each other";
  if (options.close && options.depth > 1) return "--close and --depth contradict each other";
  if (options.drop && options.depth > 1) return "--drop and --depth contradict each other";
  if (options.drop && options.expected) return "--drop and --expect contradict each other";
  if (options.once && options.order == Order::random) return "--once and --order random contradict each other";
  return "";
}

constexpr std::string_view known =
    "--connections --seconds --rate --depth --patience --header --path --paths "
    "--order --status --expect ";

Complaint parse(const std::vector<std::string>& words, Options& options) {
  if (words.empty() || !to_number(words[0], uint16_t{1}, uint16_t{65535}, options.port)) return "PORT is missing";
  bool seconds_given = false;
  for (size_t i = 1; i < words.size(); ++i) {
    const std::string& name = words[i];
    if (bool* on = switch_of(name, options)) {
      *on = true;
      continue;
    }
    if (!name.starts_with("--") || known.find(name + " ") == std::string::npos) return "unknown option: " + name;
    if (++i == words.size()) return name + ": its value is missing";
    if (name == "--paths") {
      if (Complaint complaint = read_targets(words[i], options); !complaint.empty()) return complaint;
    } else if (!set(name, words[i], options)) {
      return name + ": not possible: " + words[i];
    }
    seconds_given = seconds_given || name == "--seconds";
  }
  options.timed = !options.once || seconds_given;
  return contradiction(options);
}

}  // namespace

std::optional<Options> parse_options(int count, char** arguments, std::string& complaint) {
  Options options;
  complaint = parse({arguments + 1, arguments + count}, options);
  if (!complaint.empty()) return std::nullopt;
  return options;
}

}  // namespace uringd::load
