// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include "microlink/base/result.h"
#include "microlink/base/secret.h"

namespace microlink::control {

/// An auth key that is to be used for the next registration, and wiped after it.
class AuthKey {
 public:
  static constexpr size_t MAX_BYTES = 128;

  /// NO_SPACE above MAX_BYTES, unchanged then.
  Error assign(std::string_view text) {
    if (text.size() > MAX_BYTES)
      return Error::NO_SPACE;
    this->clear();
    this->size_ = copy(as_bytes(text), this->bytes_.writable());
    return Error::NONE;
  }
  void clear() {
    this->bytes_.clear();
    this->size_ = 0;
  }
  bool empty() const { return this->size_ == 0; }
  std::string_view view() const { return as_text(this->bytes_.bytes().first(this->size_)); }

 private:
  Secret<MAX_BYTES> bytes_;
  size_t size_{0};
};

}  // namespace microlink::control
