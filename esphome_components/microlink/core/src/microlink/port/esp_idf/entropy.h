// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/crypto/drbg.h"

namespace microlink::esp_idf {

/// Randomness for a node's keys. A chip's generator gives true random numbers only while a radio runs or the source of
/// noise is on that the bootloader uses; otherwise, as with Ethernet or before Wi-Fi is enabled, they are pseudo-random
/// (ESP-IDF, "Random Number Generation"). That source occupies the ADC, on an ESP32 I2S as well, and disturbs a radio.
/// So it is switched on once, before any of them is used, and what was drawn then has a part in all that is drawn
/// later.
class Entropy {
 public:
  /// On the main task, before a radio, the ADC or I2S is started.
  void gather();
  /// False before gather().
  bool fill(ByteSpan out);

 private:
  crypto::Drbg gathered_;
  bool is_gathered_{false};
};

}  // namespace microlink::esp_idf
