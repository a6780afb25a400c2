// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

// The test server forgets what it negotiated, which mbedTLS has no function for.
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include "microlink/tls/mbedtls.h"

#include "microlink/base/random.h"
#include "microlink/tls/session.h"
#include "tests/tls/certificates.h"
#include "tests/support/seeded_random.h"

namespace microlink::tls::testing {

using microlink::testing::SeededRandom;

/// A TLS server in memory: what the client sends goes in, what it gets comes out.
class Server {
 public:
  struct Options {
    std::string_view chain = LEAF;  ///< PEM, server's certificate first
    std::string_view key = LEAF_KEY;
    std::string_view extra{};  ///< PEM of one more certificate that is sent as it is, readable or not
    mbedtls_ssl_protocol_version version = MBEDTLS_SSL_VERSION_TLS1_3;
    bool renegotiation = false;
  };

  explicit Server(const Options &options);
  ~Server();
  Server(const Server &) = delete;

  /// Take bytes from the client, answer them, and keep what the client wrote in `received`.
  void handle(const std::string &bytes);
  /// One call, one or more records; at most 16 KiB a record.
  void write(const std::string &plaintext);
  void say_goodbye();
  void ask_to_renegotiate();
  /// What is to be sent to the client.
  std::string take();

  bool is_open() { return mbedtls_ssl_is_handshake_over(&this->ssl_) == 1; }
  std::string server_name() const { return this->server_name_; }
  std::string received;
  int error = 0;

 private:
  static int send(void *self, const unsigned char *data, size_t size);
  static int receive(void *self, unsigned char *data, size_t size);
  void load_(const Options &options);
  void configure_(const Options &options);
  void pump_();

  SeededRandom random_{7};
  mbedtls_ssl_context ssl_;
  mbedtls_ssl_config config_;
  mbedtls_x509_crt chain_;
  mbedtls_x509_crt extra_;
  std::vector<uint8_t> extra_der_;
  mbedtls_pk_context key_;
  std::string in_;
  std::string out_;
  std::string server_name_;
};

/// The certificate's DER.
std::vector<uint8_t> der_of(std::string_view pem);

}  // namespace microlink::tls::testing
