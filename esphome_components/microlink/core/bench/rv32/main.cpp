// SPDX-License-Identifier: MIT
/// Counts instructions of 32-bit RISC-V (the ESP32-C3's rv32imc) for what a packet and a handshake cost. Runs in
/// qemu-system-riscv32; script/bench-rv32 builds it, runs it and compares with the gates. One line a figure:
/// "name instructions". Every result is checked, so that nothing is counted that is wrong or was optimised away.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "bench/rv32/count.h"
#include "microlink/crypto/aead.h"
#include "microlink/crypto/blake2s.h"

void bench_mailbox();  // mailbox.cpp
void bench_tunnel();   // tunnel.cpp

namespace {

using namespace microlink;
using bench::count;
using bench::report;

constexpr size_t MAX_TEXT_BYTES = 1280;
constexpr uint8_t ZEROS_64 = 0xae;  // first byte of hashlib.blake2s(bytes(64))
// First word of the tags, from Python's cryptography package.
constexpr uint32_t TAG_64 = 0x47332004;
constexpr uint32_t TAG_1280 = 0x41781f3c;

void bench_loop() {
  // 1 000 rounds of two instructions and the one before them.
  report("loop_of_2001", count([] { asm volatile("li t0, 1000\n1: addi t0, t0, -1\nbnez t0, 1b" ::: "t0"); }));
}

void bench_aead(const char *seal_name, const char *open_name, size_t bytes, size_t alignment) {
  alignas(16) static Bytes<MAX_TEXT_BYTES + crypto::TAG_BYTES + 16> room;
  static const Secret<32> key(Bytes<32>{1, 2, 3, 4});
  const ByteSpan text = ByteSpan(room).subspan(alignment, bytes + crypto::TAG_BYTES);
  for (size_t i = 0; i != bytes; i++)
    text[i] = static_cast<uint8_t>(i);
  const crypto::Nonce nonce = crypto::nonce_le(7);
  report(seal_name, count([&] { crypto::seal(key, nonce, {}, text); }));
  uint32_t tag;
  std::memcpy(&tag, text.data() + bytes, sizeof(tag));
  bench::require(tag == (bytes == 64 ? TAG_64 : TAG_1280), seal_name);
  bool opened = false;
  report(open_name, count([&] { opened = crypto::open(key, nonce, {}, text); }));
  for (size_t i = 0; i != bytes; i++)
    opened = opened && text[i] == static_cast<uint8_t>(i);
  bench::require(opened, open_name);
}

void bench_blake2s() {
  alignas(4) static Bytes<640> text;
  const auto hash = [](size_t bytes) {
    Bytes<32> digest;
    const uint32_t spent = count([&] { digest = crypto::blake2s({ByteView(text).first(bytes)}); });
    bench::require(bytes != 64 || digest[0] == ZEROS_64, "blake2s");
    return spent;
  };
  report("blake2s_block", (hash(640) - hash(64)) / 9);
  report("blake2s_64", hash(64));
  Secret<32> one, two, three;
  report("hkdf_3", count([&] { crypto::hkdf(one.bytes(), {}, one, two, three); }));
}

}  // namespace

int main() {
  bench_loop();
  bench_aead("seal_1280", "open_1280", 1280, 0);
  bench_aead("seal_64", "open_64", 64, 0);
  bench_aead("seal_1280_unaligned", "open_1280_unaligned", 1280, 1);
  bench_blake2s();
  bench_tunnel();
  bench_mailbox();
  return 0;
}
