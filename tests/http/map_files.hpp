// Map files as tests write them, and a site whose paths /go/KEY lead where a map says. Tables of all kinds; switched
// links and files renamed over, as deploys do it. One thread.
#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hot_client.hpp"
#include "rule_rows.hpp"

namespace uringd::testing {

// A change rests a tenth of a second before it is read, and a map is made anew once a second at most; the rest is the
// machine's.
constexpr Milliseconds kMapSeen{sanitized() ? 6000 : 3500};

inline std::string leads_to(std::string_view target, Client& client) { return client.get(target).field("Location"); }

struct MapTree {
  MapTree() {
    site.file("probe.txt", kProbe);
    for (const char* name : {"one", "two", "three"}) site.file(std::string("pick/") + name, std::string(name) + "\n");
  }
  // As deploys and editors do it.
  void replace(const std::string& name, std::string_view content) const {
    site.outside_file(name + ".next", content);
    std::filesystem::rename(site.outside(name + ".next"), site.outside(name));
  }
  void switch_link(const std::string& name, const std::string& target) const {
    REQUIRE(::symlink(target.c_str(), site.outside(name + ".next").c_str()) == 0);
    REQUIRE(::rename(site.outside(name + ".next").c_str(), site.outside(name).c_str()) == 0);
  }
  // Until /go/KEY leads there; how long it took, kMapSeen if it did not.
  Milliseconds until(Client& client, std::string_view target, const std::string& location) const {
    const Milliseconds took = until_answer(
        client, get_request(target), [&](const Response& r) { return r.field("Location") == location; }, kMapSeen);
    INFO(target, " leads to ", leads_to(target, client), "; expected ", location);
    CHECK(took < kMapSeen);
    return took;
  }
  Site site;
};

// /go/KEY leads where the map says, or to /none.
inline const std::string kGo = rewrite("^/go/(.*)$", "${m:$1|/none}", 302);

inline Setup setup_with(const std::string& file = "m.txt", const std::string& kind = "txt",
                        const std::string& more = "") {
  return {.server = "workers = 2", .headers = kGo, .more = map_table("m", file, kind, more)};
}

// D. J. Bernstein's constant database, written as his page describes it.
inline std::string cdb_of(const std::vector<std::pair<std::string, std::string>>& pairs) {
  const auto number = [](std::string& out, std::uint32_t n) {
    for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(n >> shift & 0xff);
  };
  std::array<std::vector<std::pair<std::uint32_t, std::uint32_t>>, 256> tables;
  std::string records;
  for (const auto& [key, value] : pairs) {
    std::uint32_t hash = 5381;
    for (const char c : key) hash = ((hash << 5) + hash) ^ static_cast<unsigned char>(c);
    tables[hash & 255].emplace_back(hash, static_cast<std::uint32_t>(2048 + records.size()));
    number(records, static_cast<std::uint32_t>(key.size()));
    number(records, static_cast<std::uint32_t>(value.size()));
    records += key + value;
  }
  std::string head;
  std::string slots;
  for (const auto& table : tables) {
    const std::size_t size = table.size() * 2;
    number(head, static_cast<std::uint32_t>(2048 + records.size() + slots.size()));
    number(head, static_cast<std::uint32_t>(size));
    std::vector<std::pair<std::uint32_t, std::uint32_t>> places(size);
    for (const auto& one : table) {
      std::size_t slot = (one.first >> 8) % size;
      while (places[slot].second != 0) slot = (slot + 1) % size;
      places[slot] = one;
    }
    for (const auto& [hash, position] : places) {
      number(slots, hash);
      number(slots, position);
    }
  }
  return head + records + slots;
}

// `count` lines, each key leading to its number in that version.
inline std::string many_lines(int count, const std::string& version) {
  std::string text;
  text.reserve(static_cast<std::size_t>(count) * 40);
  for (int i = 0; i < count; ++i) {
    text += "key-" + std::to_string(i) + " /" + version + "/some/longer/place/" + std::to_string(i) + "\n";
  }
  return text;
}

}  // namespace uringd::testing
