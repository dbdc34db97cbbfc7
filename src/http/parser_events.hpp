// ParserEvents: what llhttp calls while RequestParser feeds it a head. Private to http/, for request_parser.cpp alone.
// Offsets count from the request's first byte, so that the bytes may move between calls. A function that finds a fault
// leaves the status in the parser and returns -1, which ends llhttp_execute.
#pragma once

#include <llhttp.h>

#include <cstring>
#include <string_view>

#include "uringd/http/request_parser.hpp"

namespace uringd::http {

struct ParserEvents {
  static RequestParser& parser(llhttp_t* engine) { return *static_cast<RequestParser*>(engine->data); }
  static uint32_t offset(const RequestParser& self, const char* at) {
    return static_cast<uint32_t>(at - self.request_.base_);
  }
  static Slice slice(const RequestParser& self, std::string_view text) {
    return {static_cast<uint32_t>(text.data() - self.request_.base_), static_cast<uint32_t>(text.size())};
  }
  static int fail(RequestParser& self, int status) {
    self.status_ = static_cast<uint16_t>(status);
    return -1;
  }

  static int on_url(llhttp_t* engine, const char* at, size_t size) {
    RequestParser& self = parser(engine);
    Slice& target = self.request_.target_;
    if (target.offset == 0) target.offset = offset(self, at);  // it never lies at 0: there is a method before it
    target.size += static_cast<uint32_t>(size);
    return 0;
  }

  static int on_url_complete(llhttp_t* engine) {
    RequestParser& self = parser(engine);
    self.target_complete_ = true;
    // The byte that ended the target was seen. Without a version behind it this is a request of HTTP/0.9.
    const Slice& target = self.request_.target_;
    return self.request_.base_[target.offset + target.size] == ' ' ? 0 : fail(self, 505);
  }

  static int on_version_complete(llhttp_t* engine) {
    RequestParser& self = parser(engine);
    const Slice& target = self.request_.target_;
    constexpr std::string_view expected = " HTTP/";  // one space, and not RTSP/ or ICE/
    if (std::memcmp(self.request_.base_ + target.offset + target.size, expected.data(), expected.size()) != 0) {
      return fail(self, 400);
    }
    if (engine->http_major != 1) return fail(self, 505);
    // A higher minor version is answered as the highest that we know (RFC 9110 §6.2).
    self.request_.minor_version_ = engine->http_minor > 0 ? 1 : 0;
    return 0;
  }

  static int on_header_field(llhttp_t* engine, const char* at, size_t size) {
    RequestParser& self = parser(engine);
    if (!self.in_name_) {
      self.in_name_ = true;
      self.name_ = {offset(self, at), 0};
    }
    self.name_.size += static_cast<uint32_t>(size);
    return 0;
  }

  static int on_header_value(llhttp_t* engine, const char* at, size_t size) {
    if (size == 0) return 0;  // of an empty value, said at the beginning of the next line
    RequestParser& self = parser(engine);
    if (self.in_name_) {
      self.in_name_ = false;
      self.value_ = {offset(self, at), 0};
    }
    self.value_.size += static_cast<uint32_t>(size);
    return 0;
  }

  static int on_header_value_complete(llhttp_t* engine) {
    RequestParser& self = parser(engine);
    if (self.in_name_) {  // a value without bytes
      self.in_name_ = false;
      self.value_ = {self.name_.offset + self.name_.size, 0};
    }
    const int status = self.add_field(self.name_, self.value_);
    return status == 0 ? 0 : fail(self, status);
  }

  static int pause(llhttp_t*) { return HPE_PAUSED; }

  static constexpr llhttp_settings_t head_settings() {
    llhttp_settings_t settings{};
    settings.on_url = on_url;
    settings.on_url_complete = on_url_complete;
    settings.on_version_complete = on_version_complete;
    settings.on_header_field = on_header_field;
    settings.on_header_value = on_header_value;
    settings.on_header_value_complete = on_header_value_complete;
    settings.on_headers_complete = pause;
    return settings;
  }
};

}  // namespace uringd::http
