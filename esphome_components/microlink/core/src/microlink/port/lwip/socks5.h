// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "microlink/base/bytes.h"
#include "microlink/base/ip.h"

namespace microlink::lwip {

/// The server's side of a SOCKS 5 conversation (RFC 1928) up to the answer to the request: CONNECT without
/// authentication, to an IPv4 or IPv6 address or a name. Bytes in, bytes out.
class Socks5 {
 public:
  enum class State : uint8_t {
    GREETING,  ///< waits for the methods. Exits: REQUEST, REFUSED
    REQUEST,   ///< waits for the request. Exits: READY, REFUSED
    READY,     ///< host() and port() are known; reply() is the owner's to choose
    REFUSED,   ///< after take_output() was sent: close
  };

  /// Section 6.
  enum class Reply : uint8_t {
    SUCCEEDED = 0,
    FAILURE = 1,
    HOST_UNREACHABLE = 4,
    CONNECTION_REFUSED = 5,
    COMMAND_NOT_SUPPORTED = 7,
    ADDRESS_NOT_SUPPORTED = 8,
  };

  State state() const { return this->state_; }
  /// How many bytes it can use next; never more than the conversation has, so that what follows stays with the reader.
  size_t wants() const;
  /// At most wants() bytes.
  void take(ByteView bytes);
  /// What must be sent, once.
  std::string take_output();
  /// The bytes of an answer to the request.
  static std::string reply(Reply reply);

  /// READY: a name or an address in text.
  const std::string &host() const { return this->host_; }
  uint16_t port() const { return this->port_; }

 private:
  /// Of the message under way; as far as it is known yet.
  size_t message_bytes_() const;
  void finish_greeting_();
  void finish_request_();
  void refuse_(const std::string &output);

  State state_{State::GREETING};
  std::string message_;
  std::string output_;
  std::string host_;
  uint16_t port_{0};
};

}  // namespace microlink::lwip
