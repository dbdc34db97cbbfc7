// See generator_requests.hpp.
#include "generator_requests.hpp"

#include <strings.h>
#include <algorithm>

namespace uringd::load {

namespace {

__extension__ using Wide = unsigned __int128;  // -Wpedantic knows none

constexpr std::string_view version = " HTTP/1.1\r\n";

std::string tail_of(const std::vector<std::string>& fields, bool close) {
  bool has_host = std::ranges::any_of(fields, [](auto& field) { return strncasecmp(field.c_str(), "host:", 5) == 0; });
  std::string tail;
  if (!has_host) tail += "Host: 127.0.0.1\r\n";
  for (const std::string& field : fields) tail += field + "\r\n";
  if (close) tail += "Connection: close\r\n";
  return tail + "\r\n";
}

}  // namespace

Requests::Requests(const std::vector<std::string>& targets, const std::vector<std::string>& fields, bool close,
                   Order order, uint64_t most)
    : order_{order}, most_{most} {
  std::string tail = tail_of(fields, close);
  starts_.reserve(targets.size() + 1);
  for (const std::string& target : targets) {
    starts_.push_back(text_.size());
    size_t end = std::min(target.find('\t'), target.size());  // after that: a field of its own
    text_.append("GET ").append(target, 0, end).append(version);
    if (end != target.size()) text_.append(target, end + 1).append("\r\n");
    text_.append(tail);
  }
  starts_.push_back(text_.size());
}

Requests::Batch Requests::next(unsigned depth) {
  if (most_ != 0) depth = static_cast<unsigned>(std::min<uint64_t>(depth, most_ - given_));
  given_ += depth;
  if (depth == 0) return {};
  if (depth == 1) return {at(draw()), 1, false};
  batch_.clear();
  for (unsigned i = 0; i != depth; ++i) batch_ += at(draw());
  return {batch_, depth, true};
}

std::string_view Requests::at(size_t index) const {
  return {text_.data() + starts_[index], starts_[index + 1] - starts_[index]};
}

size_t Requests::draw() {
  size_t count = starts_.size() - 1;
  if (order_ == Order::walk) {
    size_t index = place_;
    place_ = place_ + 1 == count ? 0 : place_ + 1;
    return index;
  }
  random_ ^= random_ << 13;  // xorshift64
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  return static_cast<size_t>((static_cast<Wide>(random_) * count) >> 64);
}

}  // namespace uringd::load
