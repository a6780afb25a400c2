// SPDX-License-Identifier: MIT
#include "bench/rv32_node/overlay.h"

#include "bench/rv32/count.h"
#include "lwip/init.h"
#include "lwip/ip.h"
#include "lwip/udp.h"

extern "C" int tcpip_thread_poll_one(void);

namespace bench {

namespace {

constexpr u16_t PORT = 0x1000;  // of udp_packet() in tests/memory/world.cpp

size_t received_packets = 0;
uint32_t in_lwip = 0;

err_t counted_input(pbuf *packet, netif *in) {
  err_t error = ERR_OK;
  in_lwip += count([&] { error = ip_input(packet, in); });
  return error;
}

void take(void * /*argument*/, udp_pcb * /*pcb*/, pbuf *packet, const ip_addr_t * /*from*/, u16_t /*port*/) {
  received_packets++;
  pbuf_free(packet);
}

}  // namespace

size_t Overlay::received() { return received_packets; }

void Overlay::open() {
  tcpip_init(nullptr, nullptr);
  require(this->overlay_.open(), "overlay");
  this->overlay_.interface()->input = counted_input;
  udp_pcb *pcb = udp_new();
  require(udp_bind(pcb, IP_ANY_TYPE, PORT) == ERR_OK, "udp_bind");
  udp_recv(pcb, take, nullptr);
}

size_t Overlay::send(microlink::ByteView packet, microlink::ByteSpan out, uint32_t &instructions) {
  const auto size = static_cast<u16_t>(packet.size());
  pbuf *sent = pbuf_alloc(PBUF_IP, size, PBUF_RAM);
  require(sent != nullptr && pbuf_take(sent, packet.data(), size) == ERR_OK, "pbuf");
  const ip4_addr_t to{};
  netif *const out_of = this->overlay_.interface();
  size_t got = 0;
  instructions += count([&] {
    if (out_of->output(out_of, sent, &to) == ERR_OK)
      got = this->overlay_.read(out);
  });
  pbuf_free(sent);
  return got;
}

void Overlay::receive(microlink::ByteView packet, uint32_t &instructions) {
  in_lwip = 0;
  uint32_t all = count([&] { this->overlay_.write(packet); });
  all += count([] { (void) tcpip_thread_poll_one(); });
  instructions += all - in_lwip;
}

}  // namespace bench
