// SPDX-License-Identifier: MIT
/// Runs the secret paths of `crypto` with secrets marked undefined, under valgrind's memcheck, which then reports every
/// branch and every address that depends on one. ctest also runs it with a leak planted, to see that it is found:
///
///   constant_time_crypto [branch|index]
#include <valgrind/memcheck.h>

#include <cstdio>
#include <string_view>

#include "microlink/crypto/aead.h"
#include "microlink/crypto/blake2s.h"
#include "microlink/crypto/drbg.h"
#include "microlink/crypto/x25519.h"

namespace {

using namespace microlink;

void make_secret(ByteSpan bytes) { VALGRIND_MAKE_MEM_UNDEFINED(bytes.data(), bytes.size()); }
void make_public(ByteSpan bytes) { VALGRIND_MAKE_MEM_DEFINED(bytes.data(), bytes.size()); }

int failures = 0;

void require(bool ok, const char *what) {
  if (ok)
    return;
  std::printf("wrong result: %s\n", what);
  failures++;
}

Secret<32> &secret_key(uint8_t first, Secret<32> &key) {
  for (size_t i = 0; i != key.bytes().size(); i++)
    key.writable()[i] = static_cast<uint8_t>(first + i);
  make_secret(key.writable());
  return key;
}

void run_aead() {
  alignas(8) Bytes<1400> room{};
  const Bytes<20> ad{1, 2, 3};
  Secret<32> key;
  secret_key(1, key);
  for (const size_t alignment : {0U, 1U, 4U}) {
    for (const size_t length : {0U, 1U, 15U, 16U, 63U, 64U, 100U, 512U, 1024U, 1280U}) {
      const ByteSpan message = ByteSpan(room).subspan(alignment, length + crypto::TAG_BYTES);
      make_secret(message);
      crypto::seal(key, crypto::nonce_le(length), ad, message);
      require(crypto::open(key, crypto::nonce_le(length), ad, message), "open");
      crypto::xseal(key, Bytes<24>{1}, ad, message);
      require(crypto::xopen(key, Bytes<24>{1}, ad, message), "xopen");
      require(!crypto::open(key, crypto::nonce_le(length), ad, message), "forged");
      make_public(message);
    }
  }
}

void run_hashes() {
  Bytes<200> text{};
  make_secret(text);
  Secret<32> key, one, two, three;
  secret_key(2, key);
  crypto::hmac_blake2s(key.bytes(), {text, key.bytes()}, one);
  crypto::hkdf(key.bytes(), text, one, two, three);
  crypto::hkdf(key.bytes(), text, key);
  auto mac = crypto::blake2s_mac(key.bytes(), {text});
  bool same = ct_equal(mac, ByteView(text).first(16));
  VALGRIND_MAKE_MEM_DEFINED(&same, sizeof(same));
  require(!same, "mac");
}

void run_curve() {
  Secret<32> mine, theirs, here, there;
  secret_key(3, mine);
  secret_key(4, theirs);
  crypto::clamp(mine.writable());
  crypto::PublicKey my_public = crypto::public_key_of(mine);
  crypto::PublicKey their_public = crypto::public_key_of(theirs);
  make_public(my_public);
  make_public(their_public);
  require(crypto::x25519(mine, their_public, here) && crypto::x25519(theirs, my_public, there), "x25519");
  bool same = ct_equal(here.bytes(), there.bytes());
  VALGRIND_MAKE_MEM_DEFINED(&same, sizeof(same));
  require(same, "shared");
}

void run_drbg() {
  Secret<32> seed;
  crypto::Drbg random;
  random.seed(secret_key(5, seed).bytes());
  Bytes<150> out;
  random.fill(out);
}

/// What the test must find.
void leak(std::string_view how) {
  static const Bytes<256> table{1, 2, 3};
  Secret<32> key;
  secret_key(6, key);
  volatile uint8_t sink = 0;
  if (how == "branch" && key.bytes()[0] == 6)
    sink = 1;
  if (how == "index")
    sink = table[key.bytes()[0]];
  (void) sink;
}

}  // namespace

int main(int argc, char **argv) {
  if (RUNNING_ON_VALGRIND == 0) {
    std::printf("run this under valgrind\n");
    return 2;
  }
  if (argc == 2)
    leak(argv[1]);
  run_aead();
  run_hashes();
  run_curve();
  run_drbg();
  return failures == 0 ? 0 : 1;
}
