// SPDX-License-Identifier: MIT
#include "microlink/control/early_payload.h"

#include <algorithm>

#include "microlink/base/reader.h"

namespace microlink::control {

namespace {
constexpr Bytes<5> MAGIC = {0xFF, 0xFF, 0xFF, 'T', 'S'};
}  // namespace

void EarlyPayload::handle_bytes(ByteView &in) {
  if (this->state_ == State::HEADER) {
    const size_t n = copy(in, ByteSpan(this->header_).subspan(this->size_));
    this->size_ += n;
    in = in.subspan(n);
    if (this->size_ != HEADER_BYTES)
      return;
    Reader header(this->header_);
    const bool is_magic = equal(header.take(MAGIC.size()), MAGIC);
    this->left_ = header.u32be();
    if (!is_magic) {
      this->state_ = State::ABSENT;
    } else {
      this->state_ = this->left_ > MAX_BYTES ? State::BAD : State::SKIPPING;
    }
  }
  if (this->state_ == State::SKIPPING) {
    const size_t n = std::min<size_t>(in.size(), this->left_);
    in = in.subspan(n);
    this->left_ -= static_cast<uint32_t>(n);
    if (this->left_ == 0)
      this->state_ = State::DONE;
  }
}

}  // namespace microlink::control
