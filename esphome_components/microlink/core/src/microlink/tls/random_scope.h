// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/random.h"

namespace microlink::tls {

/// mbedTLS's public-key code of TLS 1.3 (PSA) takes its random bytes from the process, not from a session. This is
/// where they come from while a scope lives: the session's source while one of its functions runs. Without a scope
/// there are none, and PSA fails. (ESP-IDF has a source of its own.)
class RandomScope {
 public:
  explicit RandomScope(Random &random);
  ~RandomScope();
  RandomScope(const RandomScope &) = delete;
  RandomScope &operator=(const RandomScope &) = delete;

 private:
  Random *outer_;
};

}  // namespace microlink::tls
