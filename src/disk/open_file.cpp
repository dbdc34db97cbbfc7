// The validators of a streamed file, and the look that tells whether it held still.
#include "uringd/disk/open_file.hpp"

#include "uringd/cache/etag.hpp"

namespace uringd::disk {

OpenFile::OpenFile(uring::Ring& ring, int descriptor, const uring::Attributes& attributes,
                   std::string_view content_type)
    : ring_(ring), descriptor_(descriptor), attributes_(attributes), content_type_(content_type) {
  const uint64_t facts[] = {attributes.size_bytes,  static_cast<uint64_t>(attributes.modified_s),
                            attributes.modified_ns, static_cast<uint64_t>(attributes.changed_s),
                            attributes.changed_ns,  attributes.inode};
  cache::write_etag({reinterpret_cast<const char*>(facts), sizeof facts}, etag_);
}

bool OpenFile::held_still() const {
  auto now = ring_.attributes_of(descriptor_);
  if (!now) return false;
  // A name that went away (a deploy renames another file over it, or removes it) moves ctime, not the bytes.
  if (now->link_count != attributes_.link_count) {
    now->link_count = attributes_.link_count;
    now->changed_s = attributes_.changed_s;
    now->changed_ns = attributes_.changed_ns;
  }
  return *now == attributes_;
}

}  // namespace uringd::disk
