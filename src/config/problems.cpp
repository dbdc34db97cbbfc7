// Places and problems as lines. A line is one line whatever a file's name or a value holds.
#include "problems.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace uringd::config {
namespace {

constexpr std::size_t told = 100;

std::string one_line(std::string text) {
  for (char& byte : text) {
    if (static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f) byte = '?';
  }
  return text;
}

}  // namespace

Place place_in(const Source& source, Position at) {
  if (source.is_flag || at.line == 0) return {source.number, at, source.name};
  return {source.number, at, source.name + ":" + std::to_string(at.line) + ":" + std::to_string(at.column)};
}

bool Problems::full() const { return noted_.size() >= told; }

void Problems::add(const Place& place, std::string message) {
  if (full()) {
    ++left_out_;
  } else {
    noted_.push_back({place, std::move(message)});
  }
}

std::vector<Problem> Problems::list() const {
  std::vector<Noted> sorted = noted_;
  std::ranges::stable_sort(sorted, {}, [](const Noted& noted) { return std::tie(noted.place.source, noted.place.at); });
  std::vector<Problem> problems;
  problems.reserve(sorted.size() + 1);
  for (Noted& noted : sorted) {
    problems.push_back({one_line(std::move(noted.place.where)), one_line(std::move(noted.message))});
  }
  if (left_out_ > 0) {
    problems.push_back({problems.back().where, "and " + std::to_string(left_out_) + " problems more"});
  }
  return problems;
}

std::string to_line(const Problem& problem) { return problem.where + ": " + problem.message; }

}  // namespace uringd::config
