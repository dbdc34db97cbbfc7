// MapBuilder: picks the builder of a file's kind and keeps its findings in bounds. Nothing here knows a format.
#include "uringd/site/map_table.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "map_build.hpp"
#include "uringd/base/check.hpp"

namespace uringd::site {

void MapWarnings::add(uint32_t line, std::string message) {
  if (full()) return count_one();
  const auto behind = std::ranges::upper_bound(kept_, line, {}, &MapFinding::line);
  kept_.insert(behind, {line, std::move(message)});
}

void MapWarnings::close() {
  if (more_ > 0) kept_.push_back({0, std::to_string(more_) + " more warnings"});
  more_ = 0;
}

struct MapBuilder::Implementation {
  std::unique_ptr<TableBuild> build;  // none: the file is too large
  bool more = true;
  bool finished = false;
  std::vector<MapFinding> no_warnings;
};

MapBuilder::MapBuilder(config::MapKind kind, std::unique_ptr<char[]> bytes, size_t size)
    : implementation_(std::make_unique<Implementation>()) {
  CHECK(bytes || size == 0);
  if (size > std::numeric_limits<uint32_t>::max()) return;
  implementation_->build = kind == config::MapKind::cdb
                               ? build_cdb(std::move(bytes), size)
                               : build_text(std::move(bytes), size, kind == config::MapKind::rnd);
}

MapBuilder::~MapBuilder() = default;

bool MapBuilder::step() {
  Implementation& self = *implementation_;
  CHECK(!self.finished);
  if (self.more) self.more = self.build && self.build->step();
  return self.more;
}

MapWork MapBuilder::work() const { return implementation_->build ? implementation_->build->work() : MapWork{}; }

std::expected<std::unique_ptr<const MapTable>, MapFinding> MapBuilder::finish() {
  Implementation& self = *implementation_;
  CHECK(!self.more);
  CHECK(!self.finished);
  self.finished = true;
  if (!self.build) return std::unexpected(MapFinding{0, "it is 4 GiB or larger"});
  if (self.build->error()) return std::unexpected(*self.build->error());
  return self.build->table();
}

const std::vector<MapFinding>& MapBuilder::warnings() const {
  const Implementation& self = *implementation_;
  return self.build ? self.build->warnings().kept() : self.no_warnings;
}

}  // namespace uringd::site
