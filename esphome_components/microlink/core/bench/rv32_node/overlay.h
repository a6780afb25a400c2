// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/port/lwip/tcpip_overlay.h"

namespace bench {

/// The overlay's interface on a real lwIP, whose thread is run by hand. Counts this project's instructions, lwIP's own
/// apart: what IP and UDP do with a packet that came in is lwIP's.
class Overlay final : private microlink::lwip::TcpipOverlay::Listener {
 public:
  void open();
  void set_addresses(std::span<const microlink::Endpoint> addresses) { this->overlay_.set_addresses(addresses); }
  /// A packet that a program of the chip sent, from lwIP's output to where it is sealed. Its size.
  size_t send(microlink::ByteView packet, microlink::ByteSpan out, uint32_t &instructions);
  /// A packet from the client, until lwIP has it.
  void receive(microlink::ByteView packet, uint32_t &instructions);
  /// Packets that came out of lwIP's UDP.
  static size_t received();

 private:
  void on_packet() override {}

  microlink::lwip::TcpipOverlay overlay_{*this};
};

}  // namespace bench
