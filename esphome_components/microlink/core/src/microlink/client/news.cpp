// SPDX-License-Identifier: MIT
#include "microlink/client/news.h"

namespace microlink::client {

std::optional<Event> News::take(size_t &slot) {
  for (size_t i = 0; i != KINDS; i++) {
    const auto kind = static_cast<Kind>(i);
    if (kind == Kind::PEER_CHANGED && take_first_(this->changed_, slot))
      return Event{.kind = kind};
    if (kind == Kind::PING_TIMED_OUT && take_first_(this->timed_out_, slot))
      return Event{.kind = kind};
    if (kind == Kind::PONG) {
      if (const auto pong = this->pongs_.pop())
        return Event{
            .kind = kind, .peer = pong->peer, .path = pong->path, .region = pong->region, .latency = pong->latency};
    }
    if (this->raised_.test(i)) {
      this->raised_.reset(i);
      return Event{.kind = kind};
    }
  }
  return std::nullopt;
}

bool News::take_first_(std::bitset<MAX_PEERS> &slots, size_t &slot) {
  for (size_t i = 0; i != slots.size(); i++) {
    if (!slots.test(i))
      continue;
    slots.reset(i);
    slot = i;
    return true;
  }
  return false;
}

}  // namespace microlink::client
