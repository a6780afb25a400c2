// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace microlink::testing {

/// A server's end of a TLS 1.2 connection, with nothing of mbedTLS in sight: whoever includes this may be built with
/// another configuration of it (bench/memory).
class TlsEnd {
 public:
  struct Identity {
    std::string_view chain, key;  ///< PEM
  };

  /// That of tests/tls/certificates.h: "relay.example".
  TlsEnd();
  explicit TlsEnd(const Identity &identity);
  ~TlsEnd();

  /// Take bytes of the client; plain ones are appended to `received`.
  void handle(const std::string &bytes);
  void write(const std::string &plain);
  /// What is to be sent to the client.
  std::string take();

  bool has_begun() const;
  bool is_in_handshake() const;

  std::string received;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace microlink::testing
