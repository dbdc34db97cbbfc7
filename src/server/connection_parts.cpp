// An answer with several ranges (multipart/byteranges): part heads are composed into the output, bytes come from the
// held entry or from one stream after the other.
#include <sys/random.h>

#include <array>
#include <cstring>
#include <utility>

#include "connection.hpp"
#include "source.hpp"
#include "uringd/base/check.hpp"
#include "uringd/http/range.hpp"

namespace uringd::server {
namespace {

// Asked of the kernel each time: whatever is made of a secret of ours would tell of it.
uint64_t fresh_nonce() {
  uint64_t nonce = 0;
  CHECK(getrandom(&nonce, sizeof nonce, GRND_INSECURE) == sizeof nonce);  // never waits (getrandom(2))
  return nonce;
}

}  // namespace

Connection::Handled Connection::reply_parts(const Source& source, http::ReplyHead& head) {
  const std::string_view value = talk_->parser.request().field(http::Field::range).value_or("");
  auto parts = std::unique_ptr<Parts>(
      new Parts{.multipart = {http::parse_ranges(value, source.size), source.size, source.content_type, fresh_nonce()},
                .body = source.body,
                .entry = cache::EntryRef(source.entry),
                .owner = source.owner,
                .file = source.file ? *source.file : disk::OpenFileRef{}});
  head.content_type = parts->multipart.content_type();
  head.content_length = parts->multipart.content_length();
  if (!talk_->output.add_head(head, more_input_)) return Handled::flush_first;
  talk_->exchange.status = 206;
  talk_->exchange.before_body = talk_->output.composed_bytes();
  talk_->exchange.body_bytes = parts->multipart.content_length();
  talk_->parts = std::move(parts);
  return add_parts();
}

// As many as fit before something must be sent or read. Replied: the end is in the output.
Connection::Handled Connection::add_parts() {
  Parts& parts = *talk_->parts;
  while (true) {
    const std::span<char> space = talk_->output.room(http::Multipart::most_head_bytes, true);
    if (space.size() < http::Multipart::most_head_bytes) {
      flush();
      return Handled::streaming;
    }
    talk_->output.commit(parts.multipart.write_head(parts.next, space.first<http::Multipart::most_head_bytes>()));
    if (parts.next == parts.multipart.count()) break;
    const http::ByteRange range = parts.multipart.range(parts.next++);
    if (!parts.file) {
      talk_->output.add_body(parts.body.subspan(range.first, range.length), true, parts.entry, parts.owner);
      continue;
    }
    talk_->stream = context_.disk.stream(parts.file, range.first, range.length, *this, socket_);
    if (!talk_->stream) return refuse_part();
    begin_stream();
    return Handled::streaming;
  }
  talk_->parts.reset();
  return Handled::replied;
}

// There are too many streams. An answer that has begun has announced its length: the client sees that it is not whole.
Connection::Handled Connection::refuse_part() {
  if (!talk_->answer_begun) {
    talk_->parts.reset();
    talk_->output.clear();  // of a streamed answer it holds nothing but its own head
    return reply_status(503);
  }
  ++context_.counters.aborted;
  begin_close();
  return Handled::streaming;
}

// What was composed, or a stream's range, is sent: on with the next part.
void Connection::continue_parts() {
  become(State::receiving);
  if (add_parts() == Handled::replied) flush();
}

}  // namespace uringd::server
