// SPDX-License-Identifier: MIT
#include "microlink/wireguard/messages.h"

namespace microlink::wireguard {

Result<MessageType> classify(ByteView message) {
  const size_t size = message.size();
  if (size < sizeof(uint32_t))
    return Error::TRUNCATED;
  const uint32_t type = u32le_at(message.data());
  switch (static_cast<MessageType>(type)) {
    case MessageType::INITIATION:
      return size == INITIATION_BYTES ? Result(MessageType::INITIATION) : Error::MALFORMED;
    case MessageType::RESPONSE:
      return size == RESPONSE_BYTES ? Result(MessageType::RESPONSE) : Error::MALFORMED;
    case MessageType::COOKIE_REPLY:
      return size == COOKIE_REPLY_BYTES ? Result(MessageType::COOKIE_REPLY) : Error::MALFORMED;
    case MessageType::TRANSPORT:
      return size >= MIN_TRANSPORT_BYTES ? Result(MessageType::TRANSPORT) : Error::TRUNCATED;
  }
  return Error::MALFORMED;
}

}  // namespace microlink::wireguard
