// SPDX-License-Identifier: MIT
#ifdef ESP_PLATFORM
#include "microlink/port/esp_idf/wake.h"

#include "lwip/udp.h"
#include "microlink/port/lwip/on_lwip.h"
#include "microlink/port/posix/sockets.h"

#if !LWIP_HAVE_LOOPIF
#error "microlink needs lwIP's loopback interface: CONFIG_LWIP_NETIF_LOOPBACK"
#endif

namespace microlink::esp_idf {

bool Wake::open() {
  if (this->pcb_ != nullptr)
    return true;
  this->socket_ = chip::Socket::open(AF_INET, SOCK_DGRAM);
  sockaddr_storage address{};
  socklen_t length = posix::to_sockaddr({IpAddress::v4(127, 0, 0, 1), 0}, address);
  if (!this->socket_.valid() ||
      ::bind(this->socket_.get(), reinterpret_cast<const sockaddr *>(&address), length) != 0 ||
      ::getsockname(this->socket_.get(), reinterpret_cast<sockaddr *>(&address), &length) != 0) {
    this->close();
    return false;
  }
  this->port_ = posix::from_sockaddr(address).port;
  lwip::on_lwip([this] { this->pcb_ = udp_new_ip_type(IPADDR_TYPE_V4); });
  if (!this->message_.open(serve_, this) || this->pcb_ == nullptr) {
    this->close();
    return false;
  }
  this->signalled_ = false;
  return true;
}

Wake::~Wake() {
  this->close();
  this->message_.close();
}

void Wake::close() {
  this->signalled_ = true;
  // The message stays: others may signal still. send_() does nothing from now on.
  lwip::on_lwip([this] {
    if (this->pcb_ != nullptr)
      udp_remove(this->pcb_);
    this->pcb_ = nullptr;
  });
  this->socket_.close();
}

void Wake::signal() {
  // A message that finds no room is tried again with the next news; a full mailbox means that there is enough of it.
  if (!this->signalled_.exchange(true) && !this->message_.post())
    this->signalled_ = false;
}

void Wake::serve_(void *self) {
  auto &wake = *static_cast<Wake *>(self);
  if (wake.pcb_ != nullptr)
    wake.send_();
  wake.message_.done();  // the last thing: the destructor may go on
}

void Wake::send_() {
  const ip_addr_t loopback = IPADDR4_INIT_BYTES(127, 0, 0, 1);
  pbuf *packet = pbuf_alloc(PBUF_TRANSPORT, 1, PBUF_RAM);
  if (packet == nullptr ||
      (pbuf_put_at(packet, 0, 0), udp_sendto(this->pcb_, packet, &loopback, this->port_)) != ERR_OK)
    this->signalled_ = false;
  if (packet != nullptr)
    pbuf_free(packet);
}

void Wake::clear() {
  uint8_t byte;
  while (::recv(this->socket_.get(), &byte, sizeof(byte), 0) >= 0) {
  }
  // Afterwards: between these lines nothing is sent, and what happened before is looked for after this call. An
  // exchange, so that it is seen when it happened on another core.
  (void) this->signalled_.exchange(false);
}

}  // namespace microlink::esp_idf
#endif  // ESP_PLATFORM
