// cdb maps: what tinycdb itself writes is found, and a file that is cut off, half written or hostile is an error before
// a look-up could meet it.
#include <cdb.h>
#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "built_map.hpp"
#include "naive_map.hpp"

using namespace uringd;
using config::MapKind;
using testing::Built;
using testing::lines;

namespace {

/// As tinycdb itself writes it.
std::string tinycdb_of(const std::vector<std::pair<std::string, std::string>>& entries) {
  const int file = memfd_create("cdb", 0);
  REQUIRE(file >= 0);
  cdb_make maker;
  REQUIRE(cdb_make_start(&maker, file) == 0);
  for (const auto& [key, value] : entries) {
    REQUIRE(cdb_make_add(&maker, key.data(), static_cast<unsigned>(key.size()), value.data(),
                         static_cast<unsigned>(value.size())) == 0);
  }
  REQUIRE(cdb_make_finish(&maker) == 0);
  std::string bytes(static_cast<size_t>(lseek(file, 0, SEEK_END)), '\0');
  REQUIRE(pread(file, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  close(file);
  return bytes;
}

void put_number(std::string& file, size_t at, uint32_t value) {
  for (size_t i = 0; i < 4; ++i) file[at + i] = static_cast<char>(static_cast<unsigned char>(value >> 8 * i));
}

/// Where the slot of the only record of a cdb is.
size_t only_slot(const std::string& file) {
  for (size_t at = testing::naive_number(file, 0);; at += 8) {
    if (testing::naive_number(file, at + 4) != 0) return at;
  }
}

}  // namespace

TEST_CASE("a cdb: what tinycdb writes is found, the first of equal keys, and every record counts") {
  std::vector<std::pair<std::string, std::string>> entries = {
      {"a", "first"}, {"a", "second"}, {"", "of nothing"}, {"nothing", ""}, {std::string("n\0l", 3), "key with NUL"}};
  for (int i = 0; i < 3000; ++i) entries.emplace_back("/old/" + std::to_string(i), "/new/" + std::to_string(i));
  const Built map(tinycdb_of(entries), MapKind::cdb);
  REQUIRE(map.table);
  CHECK(map.table->entries() == entries.size());
  CHECK(map["a"] == "first");
  CHECK(map[""] == "of nothing");
  CHECK(map["nothing"].empty());
  CHECK(map[std::string("n\0l", 3)] == "key with NUL");
  for (int i = 0; i < 3000; ++i) REQUIRE(map["/old/" + std::to_string(i)] == "/new/" + std::to_string(i));
  CHECK(map["/old/3000"] == "(none)");
  CHECK(map[std::string(70'000, 'a')] == "(none)");
}

TEST_CASE("a cdb: one without records is a table of 0 entries") {
  const Built map(tinycdb_of({}), MapKind::cdb);
  REQUIRE(map.table);
  CHECK(map.table->entries() == 0);
  CHECK(map["a"] == "(none)");
}

TEST_CASE("a cdb: text, an empty file and a cdb whose maker has not come to its head are errors") {
  CHECK(Built("", MapKind::cdb).error_text() == "0: this is no cdb: it is shorter than 2048 bytes");
  CHECK(Built("a 1\n", MapKind::cdb).error_text() == "0: this is no cdb: it is shorter than 2048 bytes");
  CHECK(Built(lines(100), MapKind::cdb).error_text().starts_with("0: this is no cdb, or half of one"));
  CHECK(Built(std::string(4096, '\0'), MapKind::cdb).error_text().starts_with("0: this is no cdb, or half of one"));
}

TEST_CASE("a cdb: cut off at any byte it is an error") {
  const std::string file = tinycdb_of({{"one", "1"}, {"two", "22"}});
  for (size_t size = 0; size < file.size(); ++size) {
    CAPTURE(size);
    REQUIRE(Built(file.substr(0, size), MapKind::cdb).table == nullptr);
  }
  CHECK(Built(file, MapKind::cdb)["two"] == "22");
}

TEST_CASE("a cdb: pointers that lead astray are errors that say where") {
  const std::string good = tinycdb_of({{"key", "value"}});
  const size_t slot = only_slot(good), table = testing::naive_cdb_hash("key") % 256;
  const auto error_with = [&](size_t at, uint32_t value) {
    std::string file = good;
    put_number(file, at, value);
    return Built(file, MapKind::cdb).error_text();
  };
  CHECK(error_with(table * 8, 2048).find("table " + std::to_string(table) + " is outside") != std::string::npos);
  CHECK(error_with(table * 8, 0xfffffff8).find("is outside") != std::string::npos);
  CHECK(error_with(table * 8 + 4, 0x20000001).find("is outside") != std::string::npos);
  CHECK(error_with(0, 0xffffffff).find("its first table is outside") != std::string::npos);
  CHECK(error_with(slot + 4, 0xffffffff).find("the record at byte 4294967295 is none") != std::string::npos);
  CHECK(error_with(slot + 4, 1).find("the record at byte 1 is none") != std::string::npos);
  CHECK(error_with(2048, 0xffffffff).find("the record at byte 2048 goes beyond its end") != std::string::npos);
  CHECK(error_with(2052, 6).find("goes beyond its end") != std::string::npos);
  CHECK(error_with(slot, 1).find("does not belong to its slot") != std::string::npos);
  CHECK(error_with(2056, 0x7a7a7a7a).find("does not belong to its slot") != std::string::npos);
  CHECK(error_with(2059, 0).find("a NUL byte in its value") != std::string::npos);
}

TEST_CASE("a cdb: a record in the table of another hash, where no look-up would find it, is an error") {
  std::string file = tinycdb_of({{"key", "value"}});
  const size_t table = testing::naive_cdb_hash("key") % 256, other = table ^ 1;
  std::memcpy(&file[other * 8], std::string(&file[table * 8], 8).data(), 8);
  put_number(file, table * 8 + 4, 0);
  CHECK(Built(file, MapKind::cdb).error_text().find("does not belong to its slot") != std::string::npos);
}

TEST_CASE("a cdb: tables and records that overlap are an error before their work exceeds the file's size") {
  const std::string good = tinycdb_of({{"key", "value"}});
  const uint64_t table = testing::naive_cdb_hash("key") % 256;
  std::string file = good;
  for (size_t other = 0; other < 256; ++other) std::memcpy(&file[other * 8], &good[table * 8], 8);
  put_number(file, 0, testing::naive_number(good, 0));
  CHECK(Built(file, MapKind::cdb).error_text().find("its tables overlap") != std::string::npos);
  file = good;
  const size_t begin = testing::naive_number(good, table * 8), slot = only_slot(good);
  std::memcpy(&file[slot == begin ? begin + 8 : begin], &good[slot], 8);
  CHECK(Built(file, MapKind::cdb).error_text().find("its records overlap") != std::string::npos);
}

TEST_CASE("a cdb: a key or value of 65536 bytes is an error") {
  CHECK(Built(testing::naive_cdb({{"k", std::string(65'535, 'v')}}), MapKind::cdb)["k"].size() == 65'535);
  CHECK(Built(testing::naive_cdb({{"k", std::string(65'536, 'v')}}), MapKind::cdb)
            .error_text()
            .find("longer than 65535 bytes") != std::string::npos);
  CHECK(Built(testing::naive_cdb({{std::string(65'536, 'k'), "v"}}), MapKind::cdb).table == nullptr);
}
