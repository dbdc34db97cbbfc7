// See generator_chunks.hpp.
#include "generator_chunks.hpp"

#include <utility>

namespace uringd::load {

namespace {

constexpr unsigned most_digits = 16;
constexpr uint64_t most_skipped = 64 << 10;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

Chunks::Next Chunks::take(std::string_view& bytes, uint64_t& size) {
  while (!bytes.empty()) {
    char c = bytes.front();
    bytes.remove_prefix(1);
    Next next = on(c);
    if (next == Next::data) size = size_;
    if (next != Next::more) return next;
  }
  return Next::more;
}

Chunks::Next Chunks::on(char c) {
  auto expect = [this, c](char wanted, Part then, Next next = Next::more) {
    part_ = then;
    return c == wanted ? next : Next::broken;
  };
  switch (part_) {
    case Part::size: return on_size(c);
    case Part::skipped:
    case Part::trailer_rest:
      if (c == '\n' || ++skipped_ > most_skipped) return Next::broken;
      if (c == '\r') part_ = part_ == Part::skipped ? Part::size_end : Part::trailer_end;
      return Next::more;
    case Part::size_end:
      digits_ = 0;
      return size_ > 0 ? expect('\n', Part::data_end, Next::data) : expect('\n', Part::trailer);
    case Part::data_end: size_ = 0; return expect('\r', Part::data_end_lf);
    case Part::data_end_lf: return expect('\n', Part::size);
    case Part::trailer: part_ = c == '\r' ? Part::last_end : Part::trailer_rest; return Next::more;
    case Part::trailer_end: return expect('\n', Part::trailer);
    case Part::last_end: return expect('\n', Part::size, Next::end);
  }
  std::unreachable();
}

Chunks::Next Chunks::on_size(char c) {
  if (int digit = hex_digit(c); digit >= 0) {
    size_ = size_ << 4 | static_cast<uint64_t>(digit);
    return ++digits_ > most_digits ? Next::broken : Next::more;
  }
  if (digits_ == 0) return Next::broken;
  if (c == '\r') {
    part_ = Part::size_end;
    return Next::more;
  }
  part_ = Part::skipped;
  return c == ';' || c == ' ' || c == '\t' ? Next::more : Next::broken;
}

}  // namespace uringd::load
