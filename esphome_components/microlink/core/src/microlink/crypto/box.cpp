// SPDX-License-Identifier: MIT
#include "microlink/crypto/box.h"

#include <sodium.h>

#include <cassert>

namespace microlink::crypto {

static_assert(crypto_box_NONCEBYTES == BOX_NONCE_BYTES);
static_assert(crypto_box_MACBYTES == BOX_TAG_BYTES);
static_assert(crypto_box_BEFORENMBYTES == KEY_BYTES);

bool BoxKey::precompute(const SecretKey &mine, const PublicKey &theirs) {
  if (crypto_box_beforenm(this->shared_.writable().data(), theirs.data(), mine.bytes().data()) == 0)
    return true;
  this->shared_.clear();
  return false;
}

void BoxKey::seal(Random &random, ByteView in, ByteSpan out) const {
  Bytes<BOX_NONCE_BYTES> nonce;
  random.fill(nonce);
  this->seal_with_nonce(nonce, in, out);
}

void BoxKey::seal_with_nonce(const Bytes<BOX_NONCE_BYTES> &nonce, ByteView in, ByteSpan out) const {
  assert(out.size() == in.size() + BOX_OVERHEAD);
  if (out.size() != in.size() + BOX_OVERHEAD)
    return;
  copy(nonce, out);
  crypto_box_easy_afternm(out.data() + BOX_NONCE_BYTES, in.data(), in.size(), nonce.data(),
                          this->shared_.bytes().data());
}

Result<size_t> BoxKey::open(ByteView sealed, ByteSpan out) const {
  if (sealed.size() < BOX_OVERHEAD)
    return Error::TRUNCATED;
  const size_t size = sealed.size() - BOX_OVERHEAD;
  if (out.size() < size)
    return Error::NO_SPACE;
  const ByteView box = sealed.subspan(BOX_NONCE_BYTES);
  if (crypto_box_open_easy_afternm(out.data(), box.data(), box.size(), sealed.data(), this->shared_.bytes().data()) !=
      0)
    return Error::AUTH_FAILED;
  return size;
}

}  // namespace microlink::crypto
