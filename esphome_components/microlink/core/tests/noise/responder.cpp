// SPDX-License-Identifier: MIT
#include "tests/noise/responder.h"

#include "microlink/base/reader.h"
#include "microlink/base/writer.h"

namespace microlink::noise {

std::optional<Answer> respond(const crypto::SecretKey &control, ByteView initiation, const std::string &version,
                              Random &random) {
  Answer answer;
  Reader in(initiation);
  in.take(5);
  const auto client_ephemeral = in.array<32>();
  auto machine = in.array<48>();
  auto payload = in.array<16>();
  if (!in.ok())
    return std::nullopt;

  SymmetricState state;
  state.start("Noise_IK_25519_ChaChaPoly_BLAKE2s");
  state.mix_hash(as_bytes("Tailscale Control Protocol v" + version));
  state.mix_hash(crypto::public_key_of(control));
  state.mix_hash(client_ephemeral);
  if (!state.mix_dh(control, client_ephemeral) || !state.decrypt_and_hash(machine))
    return std::nullopt;
  copy(ByteView(machine).first(32), answer.machine);
  if (!state.mix_dh(control, answer.machine) || !state.decrypt_and_hash(payload))
    return std::nullopt;

  crypto::SecretKey ephemeral;
  random.fill(ephemeral.writable());
  const auto ephemeral_public = crypto::public_key_of(ephemeral);
  Writer out(answer.response);
  out.u8(MESSAGE_RESPONSE).u16be(48).bytes(ephemeral_public);
  state.mix_hash(ephemeral_public);
  if (!state.mix_dh(ephemeral, client_ephemeral) || !state.mix_dh(ephemeral, answer.machine))
    return std::nullopt;
  state.encrypt_and_hash(out.claim(16));
  Secret<32> client_to_server, server_to_client;
  state.split(client_to_server, server_to_client);
  copy(client_to_server.bytes(), answer.rx_key);
  copy(server_to_client.bytes(), answer.tx_key);
  answer.handshake_hash = state.hash();
  return answer;
}

}  // namespace microlink::noise
