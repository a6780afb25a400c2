// SPDX-License-Identifier: MIT
#include "microlink/tls/record_buffers.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "microlink/tls/mbedtls.h"

static_assert(MBEDTLS_VERSION_MAJOR == 3, "see what record_buffers.h says of mbedTLS's records, then go on");

namespace microlink::tls {

namespace {

#if defined(CONFIG_MBEDTLS_DYNAMIC_BUFFER) || defined(MBEDTLS_SSL_VARIABLE_BUFFER_LENGTH)
constexpr bool OURS = false;
#else
constexpr bool OURS = true;
#endif

/// A record counter of 8 bytes stands in front of each header.
constexpr size_t COUNTER_BYTES = 8;
/// What stays of an input buffer: the counter, a header, and an explicit nonce, up to which there are pointers.
constexpr size_t IN_REST_BYTES = 48;
/// What stays of an output buffer has room for an alert.
constexpr size_t ALERT_BYTES = 2;
/// A record's padding beyond what mbedTLS says that encryption adds (TLS 1.3 rounds up).
constexpr size_t PADDING_BYTES = 16;
/// RFC 8446 §5.2 and RFC 5246 §6.2.3: 16 KiB, and what encryption may add.
constexpr size_t MAX_CIPHERTEXT_BYTES = 16384 + 2048;
/// A buffer that is this much too long for the next record is replaced all the same.
constexpr size_t SLACK_BYTES = 512;

/// One of the two buffers, and everything that points into it.
struct Buffer {
  uint8_t *&memory;
  std::array<uint8_t **, 6> pointers;

  /// Replace it, keeping the first `keep` bytes; the old one is wiped as far as it is known.
  bool replace(size_t old_capacity, size_t capacity, size_t keep) {
    auto *fresh = static_cast<uint8_t *>(mbedtls_calloc(1, capacity));
    if (fresh == nullptr)
      return false;
    std::memcpy(fresh, this->memory, std::min(keep, capacity));
    for (uint8_t **pointer : this->pointers) {
      if (pointer != nullptr && *pointer != nullptr)
        *pointer = fresh + (*pointer - this->memory);
    }
    mbedtls_platform_zeroize(this->memory, std::max(old_capacity, keep));
    mbedtls_free(this->memory);
    this->memory = fresh;
    return true;
  }
};

Buffer in_of(mbedtls_ssl_context &ssl) {
  uint8_t **cid = nullptr;
#ifdef MBEDTLS_SSL_DTLS_CONNECTION_ID
  cid = &ssl.MBEDTLS_PRIVATE(in_cid);
#endif
  return {ssl.MBEDTLS_PRIVATE(in_buf),
          {&ssl.MBEDTLS_PRIVATE(in_ctr), &ssl.MBEDTLS_PRIVATE(in_hdr), cid, &ssl.MBEDTLS_PRIVATE(in_len),
           &ssl.MBEDTLS_PRIVATE(in_iv), &ssl.MBEDTLS_PRIVATE(in_msg)}};
}

Buffer out_of(mbedtls_ssl_context &ssl) {
  uint8_t **cid = nullptr;
#ifdef MBEDTLS_SSL_DTLS_CONNECTION_ID
  cid = &ssl.MBEDTLS_PRIVATE(out_cid);
#endif
  return {ssl.MBEDTLS_PRIVATE(out_buf),
          {&ssl.MBEDTLS_PRIVATE(out_ctr), &ssl.MBEDTLS_PRIVATE(out_hdr), cid, &ssl.MBEDTLS_PRIVATE(out_len),
           &ssl.MBEDTLS_PRIVATE(out_iv), &ssl.MBEDTLS_PRIVATE(out_msg)}};
}

size_t header_offset(const mbedtls_ssl_context &ssl) {
  return static_cast<size_t>(ssl.MBEDTLS_PRIVATE(in_hdr) - ssl.MBEDTLS_PRIVATE(in_buf));
}

/// Nothing of a record is in the input buffer, nor a part of a message that goes on in the next one.
bool is_between_records(const mbedtls_ssl_context &ssl) {
  return ssl.MBEDTLS_PRIVATE(in_left) == 0 && ssl.MBEDTLS_PRIVATE(in_offt) == nullptr &&
         ssl.MBEDTLS_PRIVATE(in_hslen) == 0 && ssl.MBEDTLS_PRIVATE(keep_current_message) == 0 &&
         header_offset(ssl) == COUNTER_BYTES;
}

}  // namespace

bool RecordBuffers::begin(mbedtls_ssl_context &ssl) {
  *this = {};
  return !OURS || this->resize_in_(ssl, IN_REST_BYTES);
}

void RecordBuffers::end(mbedtls_ssl_context &ssl) {
  if (this->in_capacity_ != 0) {
    mbedtls_platform_zeroize(ssl.MBEDTLS_PRIVATE(in_buf), this->in_capacity_);
    mbedtls_free(std::exchange(ssl.MBEDTLS_PRIVATE(in_buf), nullptr));
  }
  if (this->out_capacity_ != 0) {
    mbedtls_platform_zeroize(ssl.MBEDTLS_PRIVATE(out_buf), this->out_capacity_);
    mbedtls_free(std::exchange(ssl.MBEDTLS_PRIVATE(out_buf), nullptr));
  }
  *this = {};
}

int RecordBuffers::receive(mbedtls_ssl_context &ssl, ByteView &in, uint8_t *to, size_t size) {
  if (in.empty())
    return MBEDTLS_ERR_SSL_WANT_READ;
  if (ssl.MBEDTLS_PRIVATE(in_left) == 0)
    return size == HEADER_BYTES ? this->begin_record_(ssl, in, to) : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
  if (OURS) {
    const auto offset = static_cast<size_t>(to - ssl.MBEDTLS_PRIVATE(in_buf));
    if (offset > this->in_capacity_ || size > this->in_capacity_ - offset)
      return MBEDTLS_ERR_SSL_INVALID_RECORD;
  }
  const size_t n = copy(in.first(std::min(size, in.size())), {to, size});
  in = in.subspan(n);
  return static_cast<int>(n);
}

/// Hands over a header once it is whole: the record behind it then fits.
int RecordBuffers::begin_record_(mbedtls_ssl_context &ssl, ByteView &in, uint8_t *to) {
  const size_t n = std::min<size_t>(in.size(), HEADER_BYTES - this->header_size_);
  (void) copy(in.first(n), ByteSpan(this->header_).subspan(this->header_size_));
  in = in.subspan(n);
  this->header_size_ = static_cast<uint8_t>(this->header_size_ + n);
  if (this->header_size_ != HEADER_BYTES)
    return MBEDTLS_ERR_SSL_WANT_READ;
  if (OURS) {
    const size_t payload = static_cast<size_t>(this->header_[3]) << 8 | this->header_[4];
    const size_t needed = header_offset(ssl) + HEADER_BYTES + payload;
    if (payload > MAX_CIPHERTEXT_BYTES)
      return MBEDTLS_ERR_SSL_INVALID_RECORD;
    if ((this->in_capacity_ < needed || this->in_capacity_ > needed + SLACK_BYTES) &&
        !this->resize_in_(ssl, std::max(needed, IN_REST_BYTES)))
      return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    to = ssl.MBEDTLS_PRIVATE(in_hdr);
  }
  this->header_size_ = 0;
  return static_cast<int>(copy(this->header_, {to, HEADER_BYTES}));
}

bool RecordBuffers::make_room_to_write(mbedtls_ssl_context &ssl, size_t plaintext) {
  if (!OURS || this->out_capacity_ == 0)
    return true;
  const int added = mbedtls_ssl_get_record_expansion(&ssl);
  if (added < 0)
    return false;
  const size_t needed = COUNTER_BYTES + static_cast<size_t>(added) + plaintext + PADDING_BYTES;
  return this->out_capacity_ >= needed || ssl.MBEDTLS_PRIVATE(out_left) != 0 || this->resize_out_(ssl, needed);
}

void RecordBuffers::rest(mbedtls_ssl_context &ssl) {
  if (!OURS || mbedtls_ssl_is_handshake_over(&ssl) == 0)
    return;
  // Without memory for a short one the long one stays.
  if (this->in_capacity_ > IN_REST_BYTES && is_between_records(ssl))
    (void) this->resize_in_(ssl, IN_REST_BYTES);
  const int added = mbedtls_ssl_get_record_expansion(&ssl);
  if (added < 0 || ssl.MBEDTLS_PRIVATE(out_left) != 0)
    return;
  const size_t enough = COUNTER_BYTES + static_cast<size_t>(added) + ALERT_BYTES + PADDING_BYTES;
  if (this->out_capacity_ == 0 || this->out_capacity_ > enough)
    (void) this->resize_out_(ssl, enough);
}

/// What stands before the next header is kept: the counter, and parts of a message that is in several records.
bool RecordBuffers::resize_in_(mbedtls_ssl_context &ssl, size_t capacity) {
  if (!in_of(ssl).replace(this->in_capacity_, capacity, header_offset(ssl)))
    return false;
  this->in_capacity_ = capacity;
  return true;
}

bool RecordBuffers::resize_out_(mbedtls_ssl_context &ssl, size_t capacity) {
  if (!out_of(ssl).replace(this->out_capacity_, capacity, COUNTER_BYTES))
    return false;
  this->out_capacity_ = capacity;
  return true;
}

}  // namespace microlink::tls
