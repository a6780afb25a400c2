// SPDX-License-Identifier: MIT
#if defined(ESP_PLATFORM) || defined(__linux__)
#include "microlink/port/chip/bsd.h"

namespace microlink::chip {

void Selection::wait(int64_t microseconds) {
  timeval timeout{};
  timeout.tv_sec = static_cast<decltype(timeout.tv_sec)>(microseconds / 1'000'000);
  timeout.tv_usec = static_cast<decltype(timeout.tv_usec)>(microseconds % 1'000'000);
  if (select_sockets(this->count_, &this->readable_, &this->writable_, microseconds < 0 ? nullptr : &timeout) > 0)
    return;
  // Nothing, or an interrupted wait, which leaves the sets as they were.
  FD_ZERO(&this->readable_);
  FD_ZERO(&this->writable_);
}

}  // namespace microlink::chip
#endif  // ESP_PLATFORM || __linux__
