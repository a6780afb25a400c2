// SPDX-License-Identifier: MIT
#ifdef ESP_PLATFORM
#include "microlink/port/esp_idf/entropy.h"

#include <bootloader_random.h>
#include <esp_random.h>

namespace microlink::esp_idf {

void Entropy::gather() {
  Secret<32> seed;
  bootloader_random_enable();
  esp_fill_random(seed.writable().data(), Secret<32>::SIZE);
  bootloader_random_disable();
  this->gathered_.seed(seed.bytes());
  this->is_gathered_ = true;
}

bool Entropy::fill(ByteSpan out) {
  if (!this->is_gathered_)
    return false;
  Secret<32> fresh;
  esp_fill_random(fresh.writable().data(), Secret<32>::SIZE);
  this->gathered_.seed(fresh.bytes());  // mixed with what is there: never worse than it was
  this->gathered_.fill(out);
  return true;
}

}  // namespace microlink::esp_idf
#endif  // ESP_PLATFORM
