// SPDX-License-Identifier: MIT
/// ChaCha20 with the vector registers of a 64-bit host: word i of several blocks lies in vector i, so every step of the
/// algorithm is done for all of them at once. Eight blocks a time with AVX2 or AVX-512, which is
/// looked for at run time, else four.
#include "microlink/crypto/chacha20_wide.h"

#ifdef MICROLINK_WIDE_CRYPTO

namespace microlink::crypto {

namespace {

template<size_t N> struct VectorOf {
  typedef uint32_t Type __attribute__((vector_size(4 * N)));
};

#define MICROLINK_INLINE [[gnu::always_inline]] inline

typedef uint8_t Bytes16 __attribute__((vector_size(16)));
typedef uint8_t Bytes32 __attribute__((vector_size(32)));

/// Rotations by whole bytes are one shuffle where the machine has a byte shuffle.
MICROLINK_INLINE void rotate_16(VectorOf<4>::Type &x) {
  const auto in = reinterpret_cast<Bytes16>(x);
  x = reinterpret_cast<VectorOf<4>::Type>(
      __builtin_shufflevector(in, in, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
}

MICROLINK_INLINE void rotate_8(VectorOf<4>::Type &x) {
  const auto in = reinterpret_cast<Bytes16>(x);
  x = reinterpret_cast<VectorOf<4>::Type>(
      __builtin_shufflevector(in, in, 3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14));
}

MICROLINK_INLINE void rotate_16(VectorOf<8>::Type &x) {
  const auto in = reinterpret_cast<Bytes32>(x);
  x = reinterpret_cast<VectorOf<8>::Type>(__builtin_shufflevector(in, in, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15,
                                                                  12, 13, 18, 19, 16, 17, 22, 23, 20, 21, 26, 27, 24,
                                                                  25, 30, 31, 28, 29));
}

MICROLINK_INLINE void rotate_8(VectorOf<8>::Type &x) {
  const auto in = reinterpret_cast<Bytes32>(x);
  x = reinterpret_cast<VectorOf<8>::Type>(__builtin_shufflevector(in, in, 3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12,
                                                                  13, 14, 19, 16, 17, 18, 23, 20, 21, 22, 27, 24, 25,
                                                                  26, 31, 28, 29, 30));
}

template<int BITS, bool SHUFFLE, typename V> MICROLINK_INLINE void rotate(V &x) {
  if constexpr (SHUFFLE && BITS == 16) {
    rotate_16(x);
  } else if constexpr (SHUFFLE && BITS == 8) {
    rotate_8(x);
  } else {
    x = x << BITS | x >> (32 - BITS);
  }
}

template<bool SHUFFLE, typename V> MICROLINK_INLINE void quarter_round(V &a, V &b, V &c, V &d) {
  a += b;
  d ^= a;
  rotate<16, SHUFFLE>(d);
  c += d;
  b ^= c;
  rotate<12, SHUFFLE>(b);
  a += b;
  d ^= a;
  rotate<8, SHUFFLE>(d);
  c += d;
  b ^= c;
  rotate<7, SHUFFLE>(b);
}

/// Four words of N blocks, a vector for each word, become a vector for each block; with N = 8 the upper half of vector
/// b is block b + 4.
MICROLINK_INLINE void transpose(VectorOf<4>::Type *v) {
  const auto a = __builtin_shufflevector(v[0], v[1], 0, 4, 1, 5), b = __builtin_shufflevector(v[0], v[1], 2, 6, 3, 7);
  const auto c = __builtin_shufflevector(v[2], v[3], 0, 4, 1, 5), d = __builtin_shufflevector(v[2], v[3], 2, 6, 3, 7);
  v[0] = __builtin_shufflevector(a, c, 0, 1, 4, 5);
  v[1] = __builtin_shufflevector(a, c, 2, 3, 6, 7);
  v[2] = __builtin_shufflevector(b, d, 0, 1, 4, 5);
  v[3] = __builtin_shufflevector(b, d, 2, 3, 6, 7);
}

MICROLINK_INLINE void transpose(VectorOf<8>::Type *v) {
  const auto a = __builtin_shufflevector(v[0], v[1], 0, 8, 1, 9, 4, 12, 5, 13);
  const auto b = __builtin_shufflevector(v[0], v[1], 2, 10, 3, 11, 6, 14, 7, 15);
  const auto c = __builtin_shufflevector(v[2], v[3], 0, 8, 1, 9, 4, 12, 5, 13);
  const auto d = __builtin_shufflevector(v[2], v[3], 2, 10, 3, 11, 6, 14, 7, 15);
  v[0] = __builtin_shufflevector(a, c, 0, 1, 8, 9, 4, 5, 12, 13);
  v[1] = __builtin_shufflevector(a, c, 2, 3, 10, 11, 6, 7, 14, 15);
  v[2] = __builtin_shufflevector(b, d, 0, 1, 8, 9, 4, 5, 12, 13);
  v[3] = __builtin_shufflevector(b, d, 2, 3, 10, 11, 6, 7, 14, 15);
}

template<typename V> MICROLINK_INLINE void xor_into(Word *words, const V &stream) {
  V value;
  std::memcpy(&value, words, sizeof(value));
  value ^= stream;
  std::memcpy(words, &value, sizeof(value));
}

MICROLINK_INLINE void apply_to(Word *block, const VectorOf<4>::Type *v) {
  for (size_t b = 0; b != 4; b++) {
    for (size_t group = 0; group != 4; group++)
      xor_into(block + b * CHACHA_BLOCK_WORDS + 4 * group, v[4 * group + b]);
  }
}

MICROLINK_INLINE void apply_to(Word *block, const VectorOf<8>::Type *v) {
  for (size_t b = 0; b != 4; b++) {
    for (size_t half = 0; half != 2; half++) {
      const auto first = v[8 * half + b], second = v[8 * half + 4 + b];
      Word *const out = block + b * CHACHA_BLOCK_WORDS + 8 * half;
      xor_into(out, __builtin_shufflevector(first, second, 0, 1, 2, 3, 8, 9, 10, 11));
      xor_into(out + 4 * CHACHA_BLOCK_WORDS, __builtin_shufflevector(first, second, 4, 5, 6, 7, 12, 13, 14, 15));
    }
  }
}

/// XORs N blocks of key stream in and counts them.
template<size_t N, bool SHUFFLE> MICROLINK_INLINE void apply_several(uint32_t *state, Word *block) {
  using V = typename VectorOf<N>::Type;
  V counter{};
  for (size_t b = 0; b != N; b++)
    counter[b] = static_cast<uint32_t>(b);
  counter += state[12];
  V v[CHACHA_BLOCK_WORDS];
  for (size_t i = 0; i != CHACHA_BLOCK_WORDS; i++)
    v[i] = V{} + state[i];
  v[12] = counter;
  for (int i = 10; i != 0; i--) {
    quarter_round<SHUFFLE>(v[0], v[4], v[8], v[12]);
    quarter_round<SHUFFLE>(v[1], v[5], v[9], v[13]);
    quarter_round<SHUFFLE>(v[2], v[6], v[10], v[14]);
    quarter_round<SHUFFLE>(v[3], v[7], v[11], v[15]);
    quarter_round<SHUFFLE>(v[0], v[5], v[10], v[15]);
    quarter_round<SHUFFLE>(v[1], v[6], v[11], v[12]);
    quarter_round<SHUFFLE>(v[2], v[7], v[8], v[13]);
    quarter_round<SHUFFLE>(v[3], v[4], v[9], v[14]);
  }
  for (size_t i = 0; i != CHACHA_BLOCK_WORDS; i++)
    v[i] += i == 12 ? counter : V{} + state[i];
  for (size_t group = 0; group != 4; group++)
    transpose(v + 4 * group);
  apply_to(block, v);
  state[12] += static_cast<uint32_t>(N);
}

/// As many as N at a time can do; how many.
template<size_t N, bool SHUFFLE> MICROLINK_INLINE size_t apply_many(uint32_t *state, Word *block, size_t blocks) {
  const size_t done = blocks - blocks % N;
  for (size_t i = 0; i != done; i += N)
    apply_several<N, SHUFFLE>(state, block + i * CHACHA_BLOCK_WORDS);
  return done;
}

}  // namespace

namespace wide {

size_t apply_fours(uint32_t *state, Word *block, size_t blocks) { return apply_many<4, false>(state, block, blocks); }

#ifdef __x86_64__
[[gnu::target("avx2")]] size_t apply_avx2(uint32_t *state, Word *block, size_t blocks) {
  const size_t done = apply_many<8, true>(state, block, blocks);
  return done + apply_many<4, true>(state, block + done * CHACHA_BLOCK_WORDS, blocks - done);
}

[[gnu::target("avx512f,avx512vl")]] size_t apply_avx512(uint32_t *state, Word *block, size_t blocks) {
  const size_t done = apply_many<8, true>(state, block, blocks);
  return done + apply_many<4, true>(state, block + done * CHACHA_BLOCK_WORDS, blocks - done);
}
#endif

}  // namespace wide

void ChaCha20::apply(Word *block, size_t blocks) {
  size_t done = 0;
  if (blocks >= 4) {
    uint32_t *const state = this->state_.data();
#ifdef __x86_64__
    // Asked each time, which is a load and a test: a variable would not be set yet when other constructors run.
    if (__builtin_cpu_supports("avx512vl"))
      done = wide::apply_avx512(state, block, blocks);
    else if (__builtin_cpu_supports("avx2"))
      done = wide::apply_avx2(state, block, blocks);
    else
#endif
      done = wide::apply_fours(state, block, blocks);
  }
  this->apply_each_(block + done * CHACHA_BLOCK_WORDS, blocks - done);
}

}  // namespace microlink::crypto

#endif
