// SPDX-License-Identifier: MIT
/// What a server sends to a TLS session. The session's randomness is fixed, so that a recorded handshake fits again and
/// mutations reach what lies behind it.
///
///     0  u8  bit 1: TLS 1.2 only, bit 2: a pin instead of anchors, bit 3: insecure
///     1  u8  bytes in a piece, 0: all at once
///     2  ciphertext

#include "microlink/tls/memory.h"
#include "microlink/tls/session.h"
#include "tests/tls/certificates.h"
#include "tests/support/seeded_random.h"

namespace {

using namespace microlink;

void require(bool condition) {
  if (!condition)
    __builtin_trap();
}

/// Let the session say what it has to say; bounded, as it was fed a bounded input.
void flush(tls::Session &session) {
  Bytes<1500> out;
  for (int i = 0; i != 64; i++) {
    ByteView none;
    const auto n = session.write(none, out);
    if (!n) {
      require(session.is_finished());
      return;
    }
    require(*n <= out.size());
    if (*n == 0)
      return;
  }
  require(false);
}

void run(tls::Session &session, ByteView in) {
  Bytes<700> plain;
  size_t idle = 0;
  while (idle != 3) {
    const size_t before = in.size();
    const auto state = session.state();
    const auto n = session.read(in, plain);
    require(in.size() <= before);
    if (!n) {
      require(session.is_finished());
      require(session.read(in, plain).error() == n.error());
      return;
    }
    require(*n <= plain.size());
    require(*n == 0 || session.state() == tls::Session::State::OPEN);
    flush(session);
    const bool moved = *n != 0 || in.size() != before || session.state() != state;
    idle = moved ? 0 : idle + 1;
  }
  require(in.empty() || session.is_finished());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static tls::PemAnchors anchors;
  if (anchors.empty())
    require(anchors.add(tls::testing::ROOT) == Error::NONE);
  if (size < 2)
    return 0;
  testing::SeededRandom random;
  const size_t before = tls::memory_use().current;
  {
    tls::Session session;
    tls::Policy policy{.host = "relay.example", .anchors = &anchors, .wall_time = wall_seconds(1'893'456'000)};
    policy.versions = (data[0] & 2) != 0 ? tls::Versions::TLS12 : tls::Versions::TLS12_AND_TLS13;
    policy.cert_name = (data[0] & 4) != 0 ? tls::testing::PIN : std::string_view();
    policy.insecure_for_tests = (data[0] & 8) != 0;
    require(session.start(policy, random) == Error::NONE);
    flush(session);
    ByteView in(data + 2, size - 2);
    const size_t piece = data[1] == 0 ? in.size() : data[1];
    while (!in.empty() && !session.is_finished()) {
      run(session, in.first(std::min(piece, in.size())));
      in = in.subspan(std::min(piece, in.size()));
    }
    flush(session);
  }
  require(tls::memory_use().current == before);
  return 0;
}
