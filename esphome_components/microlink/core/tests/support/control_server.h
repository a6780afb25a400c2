// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <map>
#include <string>

#include "microlink/control/noise_framing.h"
#include "microlink/keys/keys.h"
#include "tests/support/seeded_random.h"

namespace microlink::testing {

/// The value of a text member of some JSON, wherever it stands; empty if it is not there.
std::string text_member(const std::string &json, const std::string &name);

/// A control server for one node, over plain HTTP: GET /key, the ts2021 upgrade, and as much HTTP/2 as a registration
/// and a map stream need. Small on purpose, and without a library, so that it runs in every build.
class ControlServer {
 public:
  explicit ControlServer(uint32_t seed);

  /// Bytes of a connection, from its beginning; what it answers is appended to `out`.
  class Connection {
   public:
    explicit Connection(ControlServer &server) : server_(server) {}
    void handle(const std::string &bytes);
    /// Push a framed map message; needs an open map stream.
    void send_map(const std::string &json);
    std::string take();
    bool is_streaming() const { return this->map_stream_ != 0; }

   private:
    struct Request {
      std::string head;
      std::string body;
    };
    void upgrade_(const std::string &request);
    void frames_();
    void frame_(uint8_t type, uint8_t flags, uint32_t stream, const std::string &payload);
    void request_(uint32_t stream);
    void settings_(const std::string &payload);
    void respond_(uint32_t stream, const std::string &body, bool end);
    void write_frame_(uint8_t type, uint8_t flags, uint32_t stream, const std::string &payload);
    void flush_data_();
    void seal_(const std::string &plaintext);

    ControlServer &server_;
    bool upgraded_{false};
    control::NoiseFraming framing_;
    std::string in_, plain_, out_;
    std::map<uint32_t, Request> requests_;
    uint32_t map_stream_{0};
    int64_t window_{65535};  ///< of the connection
    int64_t initial_window_{65535};
    int64_t stream_window_{65535};  ///< of the map stream
    std::string map_out_;           ///< waits for the windows
  };

  std::string node_key;   ///< of the last registration
  std::string disco_key;  ///< of the last map request
  size_t registrations{0};
  size_t pings{0};          ///< requests for a ping, over a connection of their own
  uint32_t map_streams{0};  ///< that were asked for
  /// What a registration is answered with; yes, unless something else is set.
  std::function<std::string(const std::string &body)> answer_registration{[](const std::string &) {
    return std::string(R"({"User":{"ID":1},"Login":{"ID":1},"MachineAuthorized":true})");
  }};
  std::function<void(const std::string &body, bool is_stream)> hear_map_request{[](const std::string &, bool) {}};

 private:
  SeededRandom random_;
  crypto::SecretKey secret_;
};

}  // namespace microlink::testing
