// Writers: what is encoded where, and how a client's bytes are kept from becoming a scheme, a host, a query, or a line.
#include "template_writer.hpp"

namespace uringd::site {
namespace {

bool is_class(char c, UrlClass wanted) { return (url_classes[static_cast<unsigned char>(c)] & wanted) != 0; }

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

}  // namespace

void BoundedWriter::put(std::string_view bytes) {
  if (!fits_ || bytes.size() > out_.size() - size_) {
    fits_ = false;
    return;
  }
  size_ += bytes.copy(out_.data() + size_, bytes.size());
}

void BoundedWriter::put(char c, UrlClass allowed) {
  if (is_class(c, allowed)) return put(c);
  constexpr std::string_view digits = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  const char encoded[] = {'%', digits[byte >> 4], digits[byte & 15]};
  put(std::string_view(encoded, sizeof encoded));
}

void BoundedWriter::put_url_text(std::string_view text, size_t at) {
  if (text[at] == '%' && at + 2 < text.size() && is_hex(text[at + 1]) && is_hex(text[at + 2])) return put('%');
  put(text[at], url_text);
}

void BoundedWriter::put_query_text(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '#') {
      put('#', url_query_data);
    } else {
      put_url_text(text, i);
    }
  }
}

/// What of the owner's text is a scheme, or "//". Only both slashes of one and the same piece make a host: two that met
/// by chance are one.
size_t LocationWriter::begin(std::string_view piece) {
  for (std::string_view scheme : {"http://", "https://", "//"}) {
    if (!piece.starts_with(scheme)) continue;
    scheme_ = scheme;
    where_ = Where::host;
    return scheme.size();
  }
  if (!piece.starts_with('/')) slash();
  return 0;
}

void LocationWriter::slash() {
  if (where_ == Where::root) return;
  writer_.put('/');
  where_ = where_ == Where::start ? Where::root : Where::path;
}

/// A byte of the path that is no slash comes.
void LocationWriter::begin_path() {
  if (where_ == Where::start) slash();
  where_ = Where::path;
}

void LocationWriter::host_bytes_come() {
  writer_.put(scheme_);
  scheme_ = {};
}

/// Without a host "https:///a.example" would be taken for "https://a.example": it stays with this one.
void LocationWriter::end_host() {
  where_ = scheme_.empty() ? Where::path : Where::start;
  scheme_ = {};
}

void LocationWriter::keep_query() {
  if (where_ == Where::host) end_host();
  if (where_ == Where::start) slash();
  if (own_query_ || !has_query_) return;
  writer_.put('?');
  writer_.put_query_text(query_);
}

void LocationWriter::text(std::string_view piece) {
  if (piece.empty()) return;
  for (size_t i = where_ == Where::start ? begin(piece) : 0; i < piece.size(); ++i) {
    const char c = piece[i];
    if (c == '#') {
      if (where_ == Where::fragment) {
        writer_.put(c, url_query_data);  // there is but one
        continue;
      }
      keep_query();
      writer_.put(c);
      where_ = Where::fragment;
      continue;
    }
    if (where_ == Where::host && (c == '/' || c == '?')) end_host();
    switch (where_) {
      case Where::host:
        host_bytes_come();
        writer_.put_url_text(piece, i);
        host_joins_ = c == '.' || c == '-';
        break;
      case Where::start:
      case Where::root:
      case Where::path:
        if (c == '/') {
          slash();
          break;
        }
        begin_path();
        if (c == '?') {
          where_ = Where::query;
          own_query_ = true;
        }
        writer_.put_url_text(piece, i);
        break;
      case Where::query:
      case Where::fragment: writer_.put_url_text(piece, i); break;
    }
  }
}

void LocationWriter::data(std::string_view piece, bool host_follows) {
  if (where_ == Where::host) {
    const bool begun = scheme_.empty();
    const bool in_host = begun && host_joins_ && host_follows;
    if (in_host || (!begun && !piece.starts_with('/'))) {
      if (piece.empty()) return;
      host_bytes_come();
      host_joins_ = true;
      return writer_.put_data(piece, url_unreserved);
    }
    // Here the path begins, or a client could go on with the host: "https://example.com$1" and ".evil.example".
    end_host();
    writer_.put('/');
    where_ = Where::root;
  }
  if (where_ == Where::query || where_ == Where::fragment) return writer_.put_data(piece, url_query_data);
  // Also where it is empty: text behind it is no beginning any more, or a client would choose whether it is.
  if (where_ == Where::start) slash();
  for (char c : piece) {
    if (c == '/') {
      slash();
    } else {
      begin_path();
      writer_.put(c, url_path_data);
    }
  }
}

void LocationWriter::host(std::string_view canonical) {
  if (where_ != Where::host) return data(canonical, false);
  if (canonical.empty()) return;
  host_bytes_come();
  host_joins_ = false;
  for (size_t i = 0; i < canonical.size(); ++i) writer_.put_url_text(canonical, i);
}

void LocationWriter::query(std::string_view sent, bool host_follows) {
  if (where_ != Where::query) return data(sent, host_follows);
  writer_.put_query_text(sent);
}

const BoundedWriter& LocationWriter::finish() {
  if (where_ != Where::fragment) keep_query();
  return writer_;
}

/// Begins with a slash whatever comes first.
void PathWriter::path(std::string_view bytes) {
  if (bytes.empty()) return;
  if (writer_.size() == 0 && !bytes.starts_with('/')) writer_.put('/');
  writer_.put(bytes);
}

void PathWriter::literal(std::string_view piece) {
  const size_t mark = in_query_ ? std::string_view::npos : piece.find('?');
  if (mark == std::string_view::npos) return text(piece);
  path(piece.substr(0, mark));
  if (writer_.size() == 0) writer_.put('/');
  path_bytes_ = writer_.size();
  in_query_ = true;
  text(piece.substr(mark + 1));
}

void PathWriter::text(std::string_view piece) {
  if (in_query_) {
    writer_.put_query_text(piece);
  } else {
    path(piece);
  }
}

void PathWriter::data(std::string_view piece, bool) {
  if (in_query_) {
    writer_.put_data(piece, url_query_data);
  } else {
    path(piece);
  }
}

void PathWriter::query(std::string_view sent, bool host_follows) {
  if (in_query_) return writer_.put_query_text(sent);
  data(sent, host_follows);
}

const BoundedWriter& PathWriter::finish() {
  if (writer_.size() == 0) writer_.put('/');
  if (!in_query_) path_bytes_ = writer_.size();
  return writer_;
}

}  // namespace uringd::site
