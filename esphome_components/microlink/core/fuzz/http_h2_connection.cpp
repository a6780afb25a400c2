// SPDX-License-Identifier: MIT
#include "microlink/http/h2_connection.h"

using namespace microlink;
using namespace microlink::http;

namespace {

/// A digest of everything that comes out, which must not depend on the chunks.
struct Digest {
  uint64_t sum{0};
  void add(uint64_t value) { this->sum = (this->sum ^ value) * 0x100000001b3; }
  bool operator==(const Digest &) const = default;
};

class Zeros final : public RequestBody {
 public:
  size_t read_body(size_t, ByteSpan out) const override {
    std::fill(out.begin(), out.end(), uint8_t{0});
    return out.size();
  }
};

Digest run(ByteView in, size_t chunk, bool answers) {
  static const Zeros body;
  H2Connection client;
  client.start();
  Digest digest;
  Bytes<600> out;
  size_t credit = 0;
  const auto request = [&] {
    H2Request next;
    next.authority = "a";
    next.path = "/";
    next.body = &body;
    next.body_bytes = 300;
    (void) client.request(next);
    while (answers && client.poll_transmit(out) != 0) {
    }
  };
  for (int i = 0; i != 3; i++)
    request();
  while (!in.empty()) {
    ByteView piece = in.first(std::min(chunk, in.size()));
    in = in.subspan(piece.size());
    while (!piece.empty()) {
      const size_t n = client.handle_bytes(piece);
      if (n > piece.size())
        __builtin_trap();
      bool any = false;
      while (const auto event = client.poll_event()) {
        any = true;
        if (event->kind == H2Event::Kind::DATA) {
          if (event->data.empty() || event->data.data() < piece.data() ||
              event->data.data() + event->data.size() > piece.data() + n)
            __builtin_trap();
          credit += event->data.size();
          for (const uint8_t byte : event->data)
            digest.add(byte + 256u * event->stream);
        } else {
          digest.add(static_cast<uint64_t>(event->kind) << 32 | event->stream);
          digest.add(static_cast<uint64_t>(event->error));
        }
      }
      if (n == 0 && !any)
        __builtin_trap();
      piece = piece.subspan(n);
    }
    while (answers && client.poll_transmit(out) != 0) {
    }
  }
  digest.add(static_cast<uint64_t>(client.state()));
  return digest;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  const ByteView in(data + 1, size - 1);
  // Without transmitting in between: what a server may still do depends on what it was told.
  const Digest whole = run(in, SIZE_MAX, false);
  if (run(in, 1, false) != whole || run(in, 1u + data[0], false) != whole)
    __builtin_trap();
  (void) run(in, 1u + data[0], true);
  return 0;
}
