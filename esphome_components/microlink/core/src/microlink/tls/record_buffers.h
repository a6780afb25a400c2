// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/bytes.h"

struct mbedtls_ssl_context;

namespace microlink::tls {

/// The two record buffers of a session. mbedTLS takes 16 KiB and more for a session's whole life; here they are as long
/// as the record that is under way, and a few bytes while there is none (docs/adr/0016-tls-records-as-they-come.md).
///
/// It depends on how mbedTLS 3.6 uses them: a record is read header first, its length is known before the rest is asked
/// for, and no pointer into a buffer lives outside the context while it asks. Whatever it asks for, nothing is written
/// beyond a buffer: receive() refuses.
///
/// Where mbedTLS moves its buffers itself (ESP-IDF's CONFIG_MBEDTLS_DYNAMIC_BUFFER, MBEDTLS_SSL_VARIABLE_BUFFER_LENGTH:
/// a choice for the whole firmware) they are left alone, and only headers are still handed over whole.
class RecordBuffers {
 public:
  /// Right after mbedtls_ssl_setup(). False: no memory.
  bool begin(mbedtls_ssl_context &ssl);
  /// Before mbedtls_ssl_free(), which believes that the buffers have their full length.
  void end(mbedtls_ssl_context &ssl);

  /// mbedTLS's receive callback: takes from the front of `in`. What it returns is what mbedTLS wants to have.
  int receive(mbedtls_ssl_context &ssl, ByteView &in, uint8_t *to, size_t size);
  /// Before `plaintext` bytes are encrypted, after the handshake. False: no memory.
  bool make_room_to_write(mbedtls_ssl_context &ssl, size_t plaintext);
  /// Between two calls of mbedTLS: give back what no record needs.
  void rest(mbedtls_ssl_context &ssl);

 private:
  static constexpr size_t HEADER_BYTES = 5;

  int begin_record_(mbedtls_ssl_context &ssl, ByteView &in, uint8_t *to);
  bool resize_in_(mbedtls_ssl_context &ssl, size_t capacity);
  bool resize_out_(mbedtls_ssl_context &ssl, size_t capacity);

  size_t in_capacity_{0};
  size_t out_capacity_{0};  ///< 0: it is still the one that mbedTLS took
  Bytes<HEADER_BYTES> header_{};
  uint8_t header_size_{0};  ///< so much of the next record's header has come
};

}  // namespace microlink::tls
