// SPDX-License-Identifier: MIT
#pragma once

#include <nghttp2/nghttp2.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "microlink/base/bytes.h"

namespace microlink::testing {

/// An HTTP/2 server in memory: nghttp2's session, and what the test lets it say.
class Nghttp2Server {
 public:
  struct Request {
    std::string method, path, authority, content_type, body;
    int64_t content_length{-1};
    bool complete{false};
    bool reset{false};
    uint32_t reset_code{0};
  };
  using Headers = std::vector<std::pair<std::string, std::string>>;

  explicit Nghttp2Server(const std::vector<nghttp2_settings_entry> &settings = {});
  ~Nghttp2Server();
  Nghttp2Server(const Nghttp2Server &) = delete;

  /// Bytes from the client; false when nghttp2 calls them a fatal mistake.
  bool feed(ByteView in);
  /// Bytes for the client.
  std::string drain();

  /// Head of a response; the body follows with data().
  void respond(int32_t stream, int status, const Headers &headers = {});
  void data(int32_t stream, const std::string &bytes, bool end);
  void respond_whole(int32_t stream, int status, const std::string &body, const Headers &headers = {}) {
    this->respond(stream, status, headers);
    this->data(stream, body, true);
  }
  void interim(int32_t stream, int status);
  void trailer_after(int32_t stream) { this->out_[stream].trailer = true; }
  void reset(int32_t stream, uint32_t code);
  void goaway(int32_t last_stream, uint32_t code);
  void ping();
  void settings(const std::vector<nghttp2_settings_entry> &entries);
  void pad_frames(size_t bytes) { this->padding_ = bytes; }

  std::map<int32_t, Request> requests;
  int pings_answered{0};
  bool client_went_away{false};
  uint32_t client_goaway_code{0};
  nghttp2_session *session() { return this->session_; }

 private:
  struct Out {
    std::string bytes;
    bool end{false};
    bool trailer{false};
  };
  static ssize_t read_(nghttp2_session *, int32_t, uint8_t *, size_t, uint32_t *, nghttp2_data_source *, void *);
  static int frame_(nghttp2_session *, const nghttp2_frame *, void *);
  static int header_(nghttp2_session *, const nghttp2_frame *, const uint8_t *, size_t, const uint8_t *, size_t,
                     uint8_t, void *);
  static int chunk_(nghttp2_session *, uint8_t, int32_t, const uint8_t *, size_t, void *);
  static ssize_t pad_(nghttp2_session *, const nghttp2_frame *, size_t, void *);

  nghttp2_session *session_{nullptr};
  std::map<int32_t, Out> out_;
  size_t padding_{0};
};

}  // namespace microlink::testing
