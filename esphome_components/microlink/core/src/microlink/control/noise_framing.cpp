// SPDX-License-Identifier: MIT
#include "microlink/control/noise_framing.h"

#include <algorithm>

#include "microlink/base/reader.h"
#include "microlink/base/writer.h"
#include "microlink/noise/control_ik.h"

namespace microlink::control {

namespace {

/// Length of the whole record, 0 when the header is not one.
size_t record_size(ByteView header) {
  Reader in(header);
  const uint8_t type = in.u8();
  const size_t length = in.u16be();
  if (type != noise::MESSAGE_RECORD || length < crypto::TAG_BYTES || length > NoiseFraming::MAX_CIPHERTEXT_BYTES)
    return 0;
  return NoiseFraming::HEADER_BYTES + length;
}

}  // namespace

void NoiseFraming::start(const Secret<32> &tx_key, const Secret<32> &rx_key) {
  this->clear();
  this->tx_key_.copy_from(tx_key);
  this->rx_key_.copy_from(rx_key);
  this->tx_counter_ = this->rx_counter_ = 0;
  this->error_ = Error::NONE;
}

void NoiseFraming::clear() {
  this->tx_key_.clear();
  this->rx_key_.clear();
  wipe(this->buffer_);
  this->buffered_ = 0;
  this->error_ = Error::CLOSED;
}

ByteSpan NoiseFraming::room() {
  const size_t known = this->buffered_ < HEADER_BYTES ? HEADER_BYTES : record_size(this->buffer_);
  return ByteSpan(this->buffer_).subspan(this->buffered_, known - std::min(known, this->buffered_));
}

Result<ByteSpan> NoiseFraming::read(ByteSpan &in) {
  while (this->error_ == Error::NONE && !in.empty()) {
    ByteSpan record;
    if (this->buffered_ == 0 && in.size() >= HEADER_BYTES) {
      const size_t size = record_size(in);
      if (size == 0)
        return this->fail_(Error::MALFORMED);
      if (in.size() >= size) {
        record = in.first(size);
        in = in.subspan(size);
      }
    }
    if (record.empty()) {
      const size_t known = this->buffered_ < HEADER_BYTES ? HEADER_BYTES : record_size(this->buffer_);
      if (known == 0)
        return this->fail_(Error::MALFORMED);
      const size_t n = std::min(in.size(), known - this->buffered_);
      if (in.data() != this->buffer_.data() + this->buffered_)
        copy(in.first(n), ByteSpan(this->buffer_).subspan(this->buffered_));
      this->buffered_ += n;
      in = in.subspan(n);
      if (this->buffered_ < HEADER_BYTES)
        continue;
      const size_t size = record_size(this->buffer_);
      if (size == 0)
        return this->fail_(Error::MALFORMED);
      if (this->buffered_ < size)
        continue;
      this->buffered_ = 0;
      record = ByteSpan(this->buffer_).first(size);
    }
    const Result<ByteSpan> plaintext = this->open_(record);
    if (!plaintext || !plaintext->empty())
      return plaintext;  // a record without content is legal and means nothing
  }
  if (this->error_ != Error::NONE)
    return this->error_;
  return ByteSpan{};
}

Result<ByteSpan> NoiseFraming::open_(ByteSpan record) {
  if (this->rx_counter_ == UINT64_MAX)
    return this->fail_(Error::CLOSED);
  const ByteSpan sealed = record.subspan(HEADER_BYTES);
  if (!crypto::open(this->rx_key_, crypto::nonce_be(this->rx_counter_++), {}, sealed))
    return this->fail_(Error::AUTH_FAILED);
  return sealed.first(sealed.size() - crypto::TAG_BYTES);
}

Result<size_t> NoiseFraming::seal(ByteSpan record, size_t plaintext) {
  if (this->error_ != Error::NONE || this->tx_counter_ == UINT64_MAX)
    return Error::CLOSED;
  if (plaintext > MAX_PLAINTEXT_BYTES || record.size() < plaintext + OVERHEAD_BYTES)
    return Error::NO_SPACE;
  Writer header(record);
  header.u8(noise::MESSAGE_RECORD).u16be(static_cast<uint16_t>(plaintext + crypto::TAG_BYTES));
  crypto::seal(this->tx_key_, crypto::nonce_be(this->tx_counter_++), {},
               record.subspan(HEADER_BYTES, plaintext + crypto::TAG_BYTES));
  return plaintext + OVERHEAD_BYTES;
}

Error NoiseFraming::fail_(Error error) {
  this->clear();
  this->error_ = error;
  return error;
}

}  // namespace microlink::control
