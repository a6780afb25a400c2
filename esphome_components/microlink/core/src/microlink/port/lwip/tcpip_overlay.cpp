// SPDX-License-Identifier: MIT
#if defined(ESP_PLATFORM) || defined(MICROLINK_LWIP)
#include "lwip/opt.h"

#if !NO_SYS
#include "microlink/port/lwip/tcpip_overlay.h"

#include "lwip/priv/tcpip_priv.h"

namespace microlink::lwip {

/// lwIP's own way to run a function where it may be called: under the core lock, or on its thread while this task
/// waits.
struct TcpipOverlay::Call {
  tcpip_api_call_data base{};  // first: lwIP hands a pointer to it back
  TcpipOverlay *self;
  void (*what)(TcpipOverlay &self, std::span<const Endpoint> addresses);
  std::span<const Endpoint> addresses;

  static err_t run(tcpip_api_call_data *data) {
    auto &call = *reinterpret_cast<Call *>(data);
    call.what(*call.self, call.addresses);
    return ERR_OK;
  }
};

void TcpipOverlay::run_(void (*what)(TcpipOverlay &, std::span<const Endpoint>), std::span<const Endpoint> addresses) {
  Call call;
  call.self = this;
  call.what = what;
  call.addresses = addresses;
  (void) tcpip_api_call(Call::run, &call.base);
}

bool TcpipOverlay::open() {
  if (this->message_ != nullptr)
    return true;
  this->message_ = tcpip_callbackmsg_new(deliver_, this);
  if (this->message_ == nullptr)
    return false;
  this->run_([](TcpipOverlay &self, std::span<const Endpoint>) { self.netif_.open(self); }, {});
  return true;
}

void TcpipOverlay::close() {
  if (this->message_ == nullptr)
    return;
  this->run_([](TcpipOverlay &self, std::span<const Endpoint>) { self.netif_.close(); }, {});
  // The message may be on its way still, and lwIP gives it up before its function is done.
  while (this->delivered_ != this->sent_)
    sys_msleep(1);
  tcpip_callbackmsg_delete(this->message_);
  this->message_ = nullptr;
  this->scheduled_ = false;
  this->inbound_.clear();
  this->outbound_.clear();
}

void TcpipOverlay::set_addresses(std::span<const Endpoint> addresses) {
  this->run_([](TcpipOverlay &self, std::span<const Endpoint> given) { self.netif_.set_addresses(given); }, addresses);
}

void TcpipOverlay::write(ByteView packet) {
  pbuf *copy = this->message_ != nullptr ? OverlayNetif::copy(packet) : nullptr;
  if (copy == nullptr)
    return;
  if (!this->inbound_.put(copy))
    pbuf_free(copy);
  if (this->scheduled_.exchange(true))
    return;
  this->sent_++;
  if (tcpip_callbackmsg_trycallback(this->message_) == ERR_OK)
    return;
  // No room for a message: it is tried again with the next packet.
  this->sent_--;
  this->scheduled_ = false;
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
  overlay.delivered_++;  // the last thing: close() may return
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
