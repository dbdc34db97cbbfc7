// Overlaid: the overlays of a simulation together with their past, so that an oracle can ask what lay over a path at
// some time. A path is that of a request in the tree: "s0/small.html"; "s0/dir/" is the directory's own. Belongs to one
// simulation, which tells the worker of each new table between two turns.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "files.hpp"
#include "uringd/server/overlays.hpp"

namespace uringd::sim {

class Overlaid {
 public:
  void put(const std::string& path, std::string content, uint64_t now_ns);
  void remove(const std::string& path, uint64_t now_ns);
  /// nullptr: none.
  [[nodiscard]] server::Overlays::Shared table() const { return table_->count() > 0 ? table_ : nullptr; }
  /// Bodies that somebody still holds, when the table itself has let go of them.
  [[nodiscard]] size_t held_without_table();

  /// Those that were there at some time in [from_ns, to_ns].
  [[nodiscard]] std::vector<const Version*> alive(const std::string& path, uint64_t from_ns, uint64_t to_ns) const;
  /// There was one all the time.
  [[nodiscard]] bool covers(const std::string& path, uint64_t from_ns, uint64_t to_ns) const;
  [[nodiscard]] const std::string* content_now(const std::string& path) const;
  [[nodiscard]] uint64_t put_count() const { return bodies_.size(); }

 private:
  void write_down(const std::string& path, Version version);

  std::map<std::string, std::vector<Version>> past_;  // one that was removed is absent since then
  server::Overlays::Shared table_ = std::make_shared<const server::Overlays>(1);
  std::vector<std::weak_ptr<const std::string>> bodies_;
};

}  // namespace uringd::sim
