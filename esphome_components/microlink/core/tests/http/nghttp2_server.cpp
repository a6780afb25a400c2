// SPDX-License-Identifier: MIT
#include "tests/http/nghttp2_server.h"

#include <algorithm>
#include <cstring>

namespace microlink::testing {

namespace {

std::vector<nghttp2_nv> to_nv(const Nghttp2Server::Headers &headers) {
  std::vector<nghttp2_nv> out;
  for (const auto &[name, value] : headers)
    out.push_back({reinterpret_cast<uint8_t *>(const_cast<char *>(name.data())),
                   reinterpret_cast<uint8_t *>(const_cast<char *>(value.data())), name.size(), value.size(), 0});
  return out;
}

Nghttp2Server::Headers head(int status, const Nghttp2Server::Headers &headers) {
  Nghttp2Server::Headers all = {{":status", std::to_string(status)}};
  all.insert(all.end(), headers.begin(), headers.end());
  return all;
}

}  // namespace

Nghttp2Server::Nghttp2Server(const std::vector<nghttp2_settings_entry> &settings) {
  nghttp2_session_callbacks *callbacks;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frame_);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, header_);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, chunk_);
  nghttp2_session_callbacks_set_select_padding_callback(callbacks, pad_);
  nghttp2_session_server_new(&this->session_, callbacks, this);
  nghttp2_session_callbacks_del(callbacks);
  this->settings(settings);
}

Nghttp2Server::~Nghttp2Server() { nghttp2_session_del(this->session_); }

bool Nghttp2Server::feed(ByteView in) {
  return nghttp2_session_mem_recv(this->session_, in.data(), in.size()) == static_cast<ssize_t>(in.size());
}

std::string Nghttp2Server::drain() {
  std::string out;
  const uint8_t *data;
  for (ssize_t n; (n = nghttp2_session_mem_send(this->session_, &data)) > 0;)
    out.append(reinterpret_cast<const char *>(data), static_cast<size_t>(n));
  return out;
}

void Nghttp2Server::respond(int32_t stream, int status, const Headers &headers) {
  const Headers all = head(status, headers);
  const auto nv = to_nv(all);
  nghttp2_data_provider provider{};
  provider.read_callback = read_;
  this->out_[stream];
  nghttp2_submit_response(this->session_, stream, nv.data(), nv.size(), &provider);
}

void Nghttp2Server::interim(int32_t stream, int status) {
  const Headers all = head(status, {});
  const auto nv = to_nv(all);
  nghttp2_submit_headers(this->session_, NGHTTP2_FLAG_NONE, stream, nullptr, nv.data(), nv.size(), nullptr);
}

void Nghttp2Server::data(int32_t stream, const std::string &bytes, bool end) {
  Out &out = this->out_[stream];
  out.bytes += bytes;
  out.end = end;
  nghttp2_session_resume_data(this->session_, stream);
}

void Nghttp2Server::reset(int32_t stream, uint32_t code) {
  nghttp2_submit_rst_stream(this->session_, NGHTTP2_FLAG_NONE, stream, code);
}

void Nghttp2Server::goaway(int32_t last_stream, uint32_t code) {
  nghttp2_submit_goaway(this->session_, NGHTTP2_FLAG_NONE, last_stream, code, nullptr, 0);
}

void Nghttp2Server::ping() { nghttp2_submit_ping(this->session_, NGHTTP2_FLAG_NONE, nullptr); }

void Nghttp2Server::settings(const std::vector<nghttp2_settings_entry> &entries) {
  nghttp2_submit_settings(this->session_, NGHTTP2_FLAG_NONE, entries.data(), entries.size());
}

ssize_t Nghttp2Server::read_(nghttp2_session *session, int32_t stream, uint8_t *buffer, size_t size, uint32_t *flags,
                             nghttp2_data_source *, void *self) {
  Out &out = static_cast<Nghttp2Server *>(self)->out_[stream];
  const size_t n = std::min(size, out.bytes.size());
  std::memcpy(buffer, out.bytes.data(), n);
  out.bytes.erase(0, n);
  if (out.bytes.empty() && out.end) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (out.trailer) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      const Headers trailer = {{"x-checksum", "1"}};
      const auto nv = to_nv(trailer);
      nghttp2_submit_trailer(session, stream, nv.data(), nv.size());
    }
    return static_cast<ssize_t>(n);
  }
  return n == 0 ? ssize_t{NGHTTP2_ERR_DEFERRED} : static_cast<ssize_t>(n);
}

int Nghttp2Server::frame_(nghttp2_session *, const nghttp2_frame *frame, void *self) {
  auto &server = *static_cast<Nghttp2Server *>(self);
  const int32_t stream = frame->hd.stream_id;
  if (frame->hd.type == NGHTTP2_RST_STREAM) {
    server.requests[stream].reset = true;
    server.requests[stream].reset_code = frame->rst_stream.error_code;
  } else if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK)) {
    server.pings_answered++;
  } else if (frame->hd.type == NGHTTP2_GOAWAY) {
    server.client_went_away = true;
    server.client_goaway_code = frame->goaway.error_code;
  } else if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
             (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) {
    server.requests[stream].complete = true;
  }
  return 0;
}

int Nghttp2Server::header_(nghttp2_session *, const nghttp2_frame *frame, const uint8_t *name, size_t name_size,
                           const uint8_t *value, size_t value_size, uint8_t, void *self) {
  Request &request = static_cast<Nghttp2Server *>(self)->requests[frame->hd.stream_id];
  const std::string field(reinterpret_cast<const char *>(name), name_size);
  const std::string text(reinterpret_cast<const char *>(value), value_size);
  if (field == ":method")
    request.method = text;
  if (field == ":path")
    request.path = text;
  if (field == ":authority")
    request.authority = text;
  if (field == "content-type")
    request.content_type = text;
  if (field == "content-length")
    request.content_length = std::stoll(text);
  return 0;
}

int Nghttp2Server::chunk_(nghttp2_session *, uint8_t, int32_t stream, const uint8_t *data, size_t size, void *self) {
  static_cast<Nghttp2Server *>(self)->requests[stream].body.append(reinterpret_cast<const char *>(data), size);
  return 0;
}

ssize_t Nghttp2Server::pad_(nghttp2_session *, const nghttp2_frame *frame, size_t most, void *self) {
  return static_cast<ssize_t>(std::min(most, frame->hd.length + static_cast<Nghttp2Server *>(self)->padding_));
}

}  // namespace microlink::testing
