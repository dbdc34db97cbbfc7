// cdb maps: tinycdb's cdb_find on bytes that lie in our memory; no descriptor, no mmap (a mapped file that shrinks is
// SIGBUS). Format (cr.yp.to/cdb/cdb.txt): 256 pairs {position, slots} of hash tables; records {key size, value size,
// key, value}; the tables, slots being {hash, position of the record, 0 for none}. All numbers are 32 bits, little end
// first. cdb_find stays within [0, cdb_fsize) whatever the bytes are, as long as there are 2048 and cdb_dend is between
// those and cdb_fsize, and ends after one round of a table. The build looks at everything that can be found all the
// same: a file that is cut off or half written is an error then, not a surprise in a look-up.
// States of a build: head → slots of the tables, one after the other → done.
#include <cdb.h>

#include <cstring>
#include <utility>

#include "map_build.hpp"

namespace uringd::site {
namespace {

constexpr uint32_t head_bytes = 2048;
constexpr uint32_t tables = 256;

class CdbTable final : public MapTable {
 public:
  CdbTable(std::unique_ptr<char[]> bytes, const struct cdb& database, uint64_t entries)
      : bytes_(std::move(bytes)), database_(database), entries_(entries) {}

  [[nodiscard]] std::optional<std::string_view> find(std::string_view key, Random&) const override {
    if (key.size() > MapBuilder::most_line_bytes) return std::nullopt;
    struct cdb found = database_;  // cdb_find writes into it
    if (cdb_find(&found, key.empty() ? "" : key.data(), static_cast<unsigned>(key.size())) != 1) return std::nullopt;
    return std::string_view{&bytes_[cdb_datapos(&found)], cdb_datalen(&found)};
  }
  [[nodiscard]] uint64_t entries() const override { return entries_; }
  [[nodiscard]] size_t bytes() const override { return sizeof *this + database_.cdb_fsize; }

 private:
  std::unique_ptr<char[]> bytes_;
  struct cdb database_;
  uint64_t entries_;
};

class CdbBuild final : public TableBuild {
 public:
  CdbBuild(std::unique_ptr<char[]> bytes, size_t size) : bytes_(std::move(bytes)), size_(static_cast<uint32_t>(size)) {}

  bool step() override {
    const MapWork begin = work_;
    if (end_of_records_ == 0) look_at_head();
    while (!error_ && table_ < tables && step_goes_on(begin)) {
      if (slot_ == table_slots(table_)) {
        ++table_;
        slot_ = 0;
      } else {
        look_at_slot(table_position(table_) + 8 * slot_++);
      }
    }
    return !error_ && table_ < tables;
  }

  std::unique_ptr<const MapTable> table() override {
    struct cdb database = CDB_STATIC_INIT;
    database.cdb_fd = -1;
    database.cdb_fsize = size_;
    database.cdb_dend = end_of_records_;
    database.cdb_mem = memory();
    return std::make_unique<const CdbTable>(std::move(bytes_), database, entries_);
  }

 private:
  [[nodiscard]] const unsigned char* memory() const { return reinterpret_cast<const unsigned char*>(bytes_.get()); }
  [[nodiscard]] uint32_t number(uint32_t at) const { return cdb_unpack(memory() + at); }
  [[nodiscard]] uint32_t table_position(uint32_t table) const { return number(table * 8); }
  [[nodiscard]] uint32_t table_slots(uint32_t table) const { return number(table * 8 + 4); }
  void fail(std::string message) { error_ = {0, std::move(message)}; }

  void look_at_head() {
    if (size_ < head_bytes) return fail("this is no cdb: it is shorter than 2048 bytes");
    // The first table begins where the records end (cdb_init takes it so). Makers write the head last: 0 is half a
    // file.
    end_of_records_ = table_position(0);
    if (end_of_records_ < head_bytes || end_of_records_ > size_) {
      return fail("this is no cdb, or half of one: its first table is outside of it");
    }
    uint64_t slots = 0;
    for (uint32_t table = 0; table < tables; ++table) {
      const uint64_t position = table_position(table), count = table_slots(table);
      if (count > 0 && (position < end_of_records_ || position + 8 * count > size_)) {
        return fail("the cdb is damaged or cut off: table " + std::to_string(table) + " is outside of it");
      }
      slots += count;
    }
    // Tables that overlap would make the work ahead larger than the file.
    if (slots > (size_ - end_of_records_) / 8) return fail("the cdb is damaged: its tables overlap");
    records_left_ = end_of_records_ - head_bytes;
    work_.bytes += head_bytes;
  }

  void look_at_slot(uint32_t at) {
    const uint32_t hash = number(at), record = number(at + 4);
    work_.bytes += 8;
    ++work_.items;
    if (record == 0) return;
    const std::string where = "the record at byte " + std::to_string(record);
    if (record < head_bytes || record > end_of_records_ - 8) return fail("the cdb is damaged: " + where + " is none");
    const uint64_t key_size = number(record), value_size = number(record + 4);
    if (key_size + value_size > end_of_records_ - 8 - record) {
      return fail("the cdb is damaged: " + where + " goes beyond its end");
    }
    if (key_size > MapBuilder::most_line_bytes || value_size > MapBuilder::most_line_bytes) {
      return fail(where + ": its key or value is longer than " + std::to_string(MapBuilder::most_line_bytes) +
                  " bytes");
    }
    // As with tables: every record has one slot, so together they are no longer than the space for them.
    const uint64_t record_size = 8 + key_size + value_size;
    if (record_size > records_left_) return fail("the cdb is damaged: its records overlap");
    records_left_ -= record_size;
    work_.bytes += record_size;
    const unsigned char* const key = memory() + record + 8;
    if (hash != cdb_hash(key, static_cast<unsigned>(key_size)) || hash % tables != table_) {
      return fail("the cdb is damaged: " + where + " does not belong to its slot");
    }
    if (std::memchr(key + key_size, 0, value_size)) return fail(where + ": a NUL byte in its value");
    ++entries_;
  }

  std::unique_ptr<char[]> bytes_;
  uint32_t size_;
  uint32_t end_of_records_ = 0;
  uint32_t table_ = 0, slot_ = 0;  // the next to look at
  uint64_t records_left_ = 0;      // bytes
  uint64_t entries_ = 0;
};

}  // namespace

std::unique_ptr<TableBuild> build_cdb(std::unique_ptr<char[]> bytes, size_t size) {
  return std::make_unique<CdbBuild>(std::move(bytes), size);
}

}  // namespace uringd::site
