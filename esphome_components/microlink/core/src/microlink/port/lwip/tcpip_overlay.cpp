// SPDX-License-Identifier: MIT
#if defined(ESP_PLATFORM) || defined(MICROLINK_LWIP)
#include "lwip/opt.h"

#if !NO_SYS
#include "microlink/port/lwip/tcpip_overlay.h"

#include "microlink/port/lwip/on_lwip.h"

namespace microlink::lwip {

bool TcpipOverlay::open() {
  if (this->message_.is_open())
    return true;
  if (!this->message_.open(deliver_, this))
    return false;
  on_lwip([this] { this->netif_.open(*this); });
  return true;
}

void TcpipOverlay::close() {
  if (!this->message_.is_open())
    return;
  on_lwip([this] { this->netif_.close(); });
  this->message_.close();
  this->scheduled_ = false;
  this->inbound_.clear();
  this->outbound_.clear();
}

void TcpipOverlay::set_addresses(std::span<const Endpoint> addresses) {
  on_lwip([this, addresses] { this->netif_.set_addresses(addresses); });
}

void TcpipOverlay::write(ByteView packet) {
  pbuf *copy = this->message_.is_open() ? OverlayNetif::copy(packet) : nullptr;
  if (copy == nullptr)
    return;
  if (!this->inbound_.put(copy))
    pbuf_free(copy);
  if (!this->scheduled_.exchange(true) && !this->message_.post())
    this->scheduled_ = false;  // no room for a message: it is tried again with the next packet
}

void TcpipOverlay::deliver_(void *self) {
  auto &overlay = *static_cast<TcpipOverlay *>(self);
  // First: a packet that is put from now on brings a message of its own. An exchange, so that what was put by somebody
  // who found it true is seen on another core. Under the core lock the socket API of other tasks is shut out meanwhile,
  // so a burst is bounded by the ring.
  (void) overlay.scheduled_.exchange(false);
  for (size_t i = 0; i != MAX_INBOUND; i++) {
    pbuf *packet = overlay.inbound_.take();
    if (packet == nullptr)
      break;
    overlay.netif_.input(packet);
  }
  overlay.message_.done();  // the last thing: close() may return
}

bool TcpipOverlay::send(const pbuf &packet) {
  auto *mine = const_cast<pbuf *>(&packet);
  bool borrowed = false;
  for (const pbuf *piece = &packet; piece != nullptr; piece = piece->next)
    borrowed = borrowed || PBUF_NEEDS_COPY(piece);
  if (borrowed) {
    mine = pbuf_clone(PBUF_RAW, PBUF_RAM, mine);
    if (mine == nullptr)
      return false;
  } else {
    pbuf_ref(mine);
  }
  const bool put = this->outbound_.put(mine);
  if (put)
    this->listener_.on_packet();
  else
    pbuf_free(mine);
  return put;
}

size_t TcpipOverlay::read(ByteSpan out) {
  while (pbuf *packet = this->outbound_.take()) {
    const size_t size = packet->tot_len <= out.size() ? pbuf_copy_partial(packet, out.data(), packet->tot_len, 0) : 0;
    pbuf_free(packet);
    if (size != 0)
      return size;
  }
  return 0;
}

}  // namespace microlink::lwip
#endif  // !NO_SYS
#endif  // ESP_PLATFORM || MICROLINK_LWIP
