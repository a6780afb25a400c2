// SPDX-License-Identifier: MIT
#include "microlink/crypto/chacha20.h"

#include <gtest/gtest.h>
#include <sodium.h>

#include <vector>

#include "microlink/crypto/chacha20_wide.h"

namespace microlink::crypto {
namespace {

constexpr size_t MAX_BLOCKS = 41;

std::vector<uint32_t> expected_stream(const Secret<32> &key, const Nonce &nonce, uint32_t counter) {
  std::vector<uint32_t> out(MAX_BLOCKS * CHACHA_BLOCK_WORDS);
  auto *const bytes = reinterpret_cast<uint8_t *>(out.data());
  crypto_stream_chacha20_ietf_xor_ic(bytes, bytes, MAX_BLOCKS * CHACHA_BLOCK_BYTES, nonce.data(), counter,
                                     key.bytes().data());
  return out;
}

TEST(ChaCha20, any_number_of_blocks_at_a_time_is_libsodiums_stream) {
  const Secret<32> key(Bytes<32>{1, 2, 3});
  const Nonce nonce{4, 5, 6};
  const auto expected = expected_stream(key, nonce, 7);
  for (size_t first = 0; first != MAX_BLOCKS; first++) {
    ChaCha20 stream(key, nonce, 7);
    std::vector<uint32_t> out(expected.size());
    stream.apply(out.data(), first);
    stream.apply(out.data() + first * CHACHA_BLOCK_WORDS, MAX_BLOCKS - first);
    ASSERT_EQ(out, expected) << first;
  }
}

#ifdef MICROLINK_WIDE_CRYPTO
/// RFC 8439 §2.3, so that each width can be asked for by name.
void expect_wide(size_t (*apply)(uint32_t *, Word *, size_t)) {
  const Secret<32> key(Bytes<32>{1, 2, 3});
  const Nonce nonce{4, 5, 6};
  const uint32_t near_the_end = 0xffffffff - MAX_BLOCKS;
  for (const uint32_t counter : {0U, 7U, near_the_end}) {
    const auto expected = expected_stream(key, nonce, counter);
    for (size_t blocks = 0; blocks <= MAX_BLOCKS; blocks++) {
      uint32_t state[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
      std::memcpy(state + 4, key.bytes().data(), 32);
      state[12] = counter;
      std::memcpy(state + 13, nonce.data(), 12);
      std::vector<uint32_t> out(expected.size());
      const size_t done = apply(state, out.data(), blocks);
      ASSERT_EQ(done, blocks - blocks % 4);
      ASSERT_EQ(state[12], counter + done);
      for (size_t i = 0; i != out.size(); i++)
        ASSERT_EQ(out[i], i < done * CHACHA_BLOCK_WORDS ? expected[i] : 0U) << blocks << " blocks, word " << i;
    }
  }
}

TEST(ChaCha20, every_width_is_libsodiums_stream) {
  expect_wide(wide::apply_fours);
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2"))
    expect_wide(wide::apply_avx2);
  if (__builtin_cpu_supports("avx512vl"))
    expect_wide(wide::apply_avx512);
#endif
}
#endif

}  // namespace
}  // namespace microlink::crypto
