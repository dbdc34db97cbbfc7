// How a fetch comes from its key to an open file: the names that are tried one after the other, and what each of them
// turns out to be. A file's path means itself, else one of the site's extensions behind it; with a slash at its end it
// means an index name below it, else the directory itself. A sibling has one name, and so has a directory's list.
#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "stamp.hpp"
#include "uringd/base/check.hpp"
#include "uringd/disk/disk.hpp"
#include "uringd/disk/fetch.hpp"

namespace uringd::disk {
namespace {

// What the kernel keeps for an open file, and the OpenFile.
constexpr size_t kept_file_bytes = 1024;

bool offers_siblings(const cache::Entry& entry) {
  if (entry.kind() == cache::Kind::content) return entry.facts().siblings;
  return entry.kind() == cache::Kind::file &&
         static_cast<const KeptFile*>(entry.payload())->file->facts().description.siblings;
}

}  // namespace

// The file may be open yet, since its path was last looked at: its bytes are read without another open.
bool Fetch::borrow() {
  if (of_directory() || known_ || attempts_ > 0 || !disk_.kept_share_.has(hash_)) return false;
  cache::Entry* kept = disk_.kept_.find(key(), disk_.clock_.monotonic_ms);
  if (!kept || kept->generation() != generation()) return false;
  if (disk_.clock_.monotonic_ms - kept->looked_at_ms() > disk_.options_.stale_after_ms) return false;
  const OpenFileRef& file = static_cast<const KeptFile*>(kept->payload())->file;
  if (!disk_.cache_.has_room(file->attributes().size_bytes)) return false;
  const std::string_view found = kept->name();
  std::ranges::copy(found, path_.begin());
  path_[found.size()] = '\0';
  name_bytes_ = static_cast<uint32_t>(found.size());
  root_ = state_of_site_->root.get();
  Lines lines;
  if (!make_entry(describe(lines), file->attributes().size_bytes)) return false;
  borrowed_ = file;
  looked_ms_ = kept->looked_at_ms();
  descriptor_ = file->descriptor();
  before_ = file->attributes();
  ++disk_.counters_.borrowed;
  disk_.kept_share_.borrowed();
  become(State::reading);
  begin_read();
  return true;
}

// For who asks next, once the cache has had to let the bytes go. What is said about them is asked for anew then.
void Fetch::keep_descriptor() {
  const bool of_this_tree = root_ == state_of_site_->root.get();
  if (borrowed_ || doubtful_ || !of_this_tree || foreign() || !disk_.active(site_)) return;
  if (before_.size_bytes == 0 || !disk_.keeps_descriptors() || !disk_.kept_share_.has(hash_)) return;
  const OpenFile::Place place{.site = site_};
  auto* opened = new (std::nothrow) OpenFile(disk_.ring_, descriptor_, before_, {}, place, &disk_);
  if (!opened) return;
  disk_.held_.add(site_);
  descriptor_ = -1;
  auto kept = disk_.kept_.make_holder(key(), name(), cache::Kind::file, std::make_unique<KeptFile>(OpenFileRef(opened)),
                                      kept_file_bytes);
  if (!kept) return;
  kept->looked(disk_.clock_.monotonic_ms, generation(), {});
  disk_.kept_.insert(kept, disk_.clock_.monotonic_ms);
  disk_.kept_share_.kept(disk_.kept_.count());
}

void Fetch::begin_tree(const Root& root) {
  root_ = &root;
  candidate_ = 0;
  directory_found_ = false;
  begin_open();
}

// From the kernel's name cache where that needs no thread: not on a remote root, where an open asks the server.
void Fetch::begin_open() {
  become(State::opening);
  if (root_->remote) return with_thread();
  open(uring::Walk::cached);
}

// --- names to be tried ---

size_t Fetch::candidates() const {
  if (kind_ != SpecialKey::Kind::file) return 1;
  const SiteRules& rules = disk_.sites_.rules(site_);
  return (directory_asked_ ? rules.index.size() : rules.extensions.size()) + 1;
}

bool Fetch::last_candidate() const { return candidate_ + size_t{1} == candidates(); }

std::string_view Fetch::suffix() const {
  if (kind_ != SpecialKey::Kind::file) return http::coding_suffix(coding_);
  const SiteRules& rules = disk_.sites_.rules(site_);
  if (directory_asked_) return last_candidate() ? std::string_view() : rules.index[candidate_];
  return candidate_ == 0 ? std::string_view() : rules.extensions[candidate_ - 1];
}

bool Fetch::try_next() {
  if (last_candidate()) return false;
  close();
  ++candidate_;
  begin_open();
  return true;
}

void Fetch::open(uring::Walk walk) {
  CHECK(state_ == State::opening);
  walk_ = walk;
  const std::string_view more = suffix();
  CHECK(more.size() <= name_limit);
  std::ranges::copy(more, path_.begin() + base_bytes_);
  name_bytes_ = base_bytes_ + static_cast<uint32_t>(more.size());
  path_[name_bytes_] = '\0';
  const char* relative = path_.data() + 1;
  if (*relative == '\0' || *relative == '/') relative = ".";
  ++lent_;
  disk_.ring_.open_beneath(root_->directory, relative, disk_.sites_.rules(site_).resolve, walk, tag(Step::open));
}

// --- what was opened ---

void Fetch::on_open(int result) {
  CHECK(state_ == State::opening);
  if (walk_ == uring::Walk::cached && (result == -EAGAIN || result == -EXDEV)) return with_thread();
  give_thread();
  opened_ns_ = disk_.clock_.monotonic_ns;
  if (result < 0) return on_open_failed(-result);
  descriptor_ = result;
  const auto attributes = disk_.ring_.attributes_of(descriptor_);
  if (!attributes) return fail(attributes.error());
  before_ = *attributes;
  switch (attributes->type) {
    case uring::FileType::regular: return on_regular(*attributes);
    case uring::FileType::directory: return on_directory();
    case uring::FileType::other: break;  // a FIFO, a device: opened without waiting, never read
  }
  if (kind_ == SpecialKey::Kind::sibling) return settle_verdict(404);
  const bool named_as_asked = directory_asked_ || candidate_ == 0;
  if (named_as_asked) return settle_verdict(403);
  if (!try_next()) end_of_candidates();
}

void Fetch::on_open_failed(int error_number) {
  if (error_number == EAGAIN && ++attempts_ < attempt_limit) return with_thread();  // openat2(2): a rename raced
  // A name that is too long with what is added to it is no name either.
  const bool longer = directory_asked_ || candidate_ > 0;
  if (error_number == ENOENT || (error_number == ENAMETOOLONG && longer)) {
    if (try_next()) return;
    if (directory_found_) return settle_verdict(301);
  }
  fail(error_number);
}

void Fetch::end_of_candidates() { directory_found_ ? settle_verdict(301) : settle_or_ask_previous(404); }

void Fetch::on_directory() {
  switch (kind_) {
    case SpecialKey::Kind::names: return list(before_);
    case SpecialKey::Kind::listing: return list_files();
    case SpecialKey::Kind::sibling: return settle_verdict(404);
    case SpecialKey::Kind::file: break;
  }
  if (directory_asked_) {  // an index name that is a directory is none
    if (try_next()) return;
    return settle_or_ask_previous(disk_.sites_.rules(site_).listing ? 200 : 403);
  }
  if (candidate_ == 0) directory_found_ = true;
  if (!try_next()) end_of_candidates();
}

bool Fetch::of_tree_before() const { return root_ == state_of_site_->previous.get(); }

// Another name may lead to the very same bytes, and be of another media type.
bool Fetch::same_as_known(const uring::Attributes& attributes) const {
  if (known_ && of_tree_before() && offers_siblings(*known_)) return false;  // it was of the current tree
  return known_ && !doubtful_ && known_->in_cache() && known_->kind() != cache::Kind::verdict &&
         known_->stamp() == stamp_of(attributes) && known_->name() == name();
}

void Fetch::on_regular(const uring::Attributes& attributes) {
  const bool is_the_directory = of_directory() || (directory_asked_ && last_candidate());
  if (is_the_directory) return settle_or_ask_previous(404);  // "/file/" is no file
  const bool small = attributes.size_bytes <= disk_.options_.max_cached_file_bytes;
  const bool readable = attributes.size_bytes == 0 || (small && disk_.cache_.has_room(attributes.size_bytes));
  const bool streamed_for_want_of_room = readable && known_ && known_->kind() == cache::Kind::file;
  if (same_as_known(attributes) && !streamed_for_want_of_room) return settle_known();
  if (readable) return read();
  keep_open(attributes);
}

// A sibling is a representation of the file that it lies beside, of that one's media type.
std::string_view Fetch::describe(Lines& lines) {
  const std::string_view described = kind_ == SpecialKey::Kind::sibling ? name().substr(0, base_bytes_) : name();
  description_ = disk_.sites_.describer(site_).describe(described, lines);
  CHECK(description_.lines_bytes <= lines.size());
  // Beside a file that only the tree before still has lie siblings of nothing, or of another release.
  if (coding_ != http::Coding::identity || of_tree_before()) description_.siblings = false;
  return {lines.data(), description_.lines_bytes};
}

// Too large for the cache: the open file itself is what is kept.
void Fetch::keep_open(const uring::Attributes& attributes) {
  const bool unchanging = attributes.immutable || (root_->read_only && attributes.device == root_->device);
  const OpenFile::Place place{.site = site_, .unchanging = unchanging, .foreign = foreign()};
  Lines memory;
  const std::string_view lines = describe(memory);
  const size_t payload_bytes = kept_file_bytes + lines.size() + name().size();
  OpenFile::Facts facts{description_, std::string(lines), std::string(name()), coding_};
  auto* opened = new (std::nothrow) OpenFile(disk_.ring_, descriptor_, attributes, std::move(facts), place, &disk_);
  if (!opened) return settle({.status = 503});
  disk_.held_.add(site_);
  descriptor_ = -1;  // the file's now
  OpenFileRef file(opened);
  auto kept =
      disk_.cache_.make_holder(key(), name(), cache::Kind::file, std::make_unique<KeptFile>(file), payload_bytes);
  if (kept) {
    kept->looked(disk_.clock_.monotonic_ms, generation(), stamp_of(attributes));
    insert(kept);
  }
  settle({.status = 200, .file = file});
}

}  // namespace uringd::disk
