// SPDX-License-Identifier: MIT
/// The input is a payload in the clear: what is parsed is written again and parses to the same, sealed and opened too.
/// It is also a packet from the wire: opening it never succeeds by chance.
#include "microlink/disco/message.h"

using namespace microlink;

namespace {

class CountingRandom : public Random {
 public:
  void fill(ByteSpan out) override {
    for (uint8_t &byte : out)
      byte = this->next_++;
  }

 private:
  uint8_t next_{1};
};

bool same(const disco::Message &a, const disco::Message &b) {
  return a.type == b.type && a.tx_id == b.tx_id && a.node_key == b.node_key && a.source == b.source &&
         a.endpoints == b.endpoints;
}

void check_round_trip(const crypto::BoxKey &key, const disco::Message &message) {
  Bytes<512> payload{};
  Writer out(payload);
  switch (message.type) {
    case disco::Type::PING:
      disco::write_ping(out, message.tx_id, message.node_key);
      break;
    case disco::Type::PONG:
      disco::write_pong(out, message.tx_id, message.source);
      break;
    case disco::Type::CALL_ME_MAYBE:
      disco::write_call_me_maybe(out, {message.endpoints.begin(), message.endpoints.size()});
      break;
  }
  if (!out.ok())
    __builtin_trap();
  CountingRandom random;
  Bytes<1024> packet{};
  const auto size = disco::seal(key, DiscoPublic{}, random, out.written(), packet);
  if (!size || !disco::looks_like_disco(ByteView(packet).first(*size)))
    __builtin_trap();
  const auto again = disco::open(key, ByteSpan(packet).first(*size));
  if (!again || !same(message, *again))
    __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const auto KEYS = [] {
    struct Keys {
      crypto::BoxKey box;
    };
    static Keys keys;
    CountingRandom random;
    DiscoPrivate mine;
    DiscoPrivate theirs;
    mine.generate(random);
    theirs.generate(random);
    if (!keys.box.precompute(mine.secret(), theirs.public_key().bytes))
      __builtin_trap();
    return &keys;
  }();
  const ByteView input(data, size);
  if (const auto message = disco::parse_message(input))
    check_round_trip(KEYS->box, *message);

  Bytes<2048> packet{};
  const ByteSpan copied = ByteSpan(packet).first(copy(input, packet));
  if (disco::looks_like_disco(copied) && disco::looks_like_geneve(copied))
    __builtin_trap();
  (void) disco::sender_of(copied);
  if (disco::open(KEYS->box, copied))
    __builtin_trap();
  return 0;
}
