// SPDX-License-Identifier: MIT
#ifdef MICROLINK_LWIP
#include "microlink/port/lwip/userspace_sockets.h"

#include <algorithm>
#include <cassert>

#include "microlink/port/lwip/listening.h"
#include "microlink/port/posix/clock.h"
#include "microlink/port/posix/finding.h"

namespace microlink::lwip {

UserspaceSockets::UserspaceSockets(UserspaceStack &stack, size_t limit) : stack_(stack), slots_(limit) {
  assert(limit <= UINT8_MAX);
  for (Slot &slot : this->slots_)
    slot.owner = this;
}

UserspaceSockets::~UserspaceSockets() {
  for (Slot &slot : this->slots_)
    release_(slot);
}

void UserspaceSockets::join(posix::Runner &runner) {
  this->runner_ = &runner;
  runner.add(this);
}

size_t UserspaceSockets::size() const {
  return static_cast<size_t>(std::count_if(this->slots_.begin(), this->slots_.end(),
                                           [](const Slot &slot) { return slot.state != Slot::State::FREE; }));
}

UserspaceSockets::Slot *UserspaceSockets::take_() {
  for (Slot &slot : this->slots_) {
    if (slot.state == Slot::State::FREE)
      return &slot;
  }
  return nullptr;
}

const UserspaceSockets::Slot *UserspaceSockets::slot_(SocketId id, Slot::State state) const {
  return id < this->slots_.size() && this->slots_[id].state == state ? &this->slots_[id] : nullptr;
}

// --- datagrams -------------------------------------------------------------------------------------------------------

Result<SocketId> UserspaceSockets::open_udp(uint16_t port) {
  Slot *const slot = this->take_();
  udp_pcb *const pcb = slot == nullptr ? nullptr : udp_new_ip_type(IPADDR_TYPE_ANY);
  if (pcb == nullptr)
    return Error::NO_SPACE;
  if (udp_bind(pcb, IP_ANY_TYPE, port) != ERR_OK) {
    udp_remove(pcb);
    return Error::UNEXPECTED;
  }
  udp_recv(pcb, on_datagram_, slot);
  slot->state = Slot::State::DATAGRAMS;
  slot->udp = pcb;
  slot->port = pcb->local_port;
  return this->id_of_(*slot);
}

void UserspaceSockets::on_datagram_(void *self, udp_pcb *, pbuf *bytes, const ip_addr_t *from, u16_t port) {
  auto *slot = static_cast<Slot *>(self);
  if (!slot->datagrams.push({bytes, {from_lwip(*from), port}}))
    pbuf_free(bytes);
}

Error UserspaceSockets::send(SocketId id, const Endpoint &to, ByteView bytes) {
  Slot *const slot = this->slot_(id, Slot::State::DATAGRAMS);
  if (slot == nullptr)
    return Error::CLOSED;
  if (bytes.size() > MAX_DATAGRAM_BYTES)
    return Error::NO_SPACE;
  if (!this->stack_.own_address(to.address).is_set())
    return Error::NOT_READY;
  pbuf *const packet = pbuf_alloc(PBUF_TRANSPORT, static_cast<u16_t>(bytes.size()), PBUF_RAM);
  if (packet == nullptr)
    return Error::NOT_READY;
  const ip_addr_t address = to_lwip(to.address);
  if (!bytes.empty())
    (void) pbuf_take(packet, bytes.data(), packet->len);
  const err_t error = udp_sendto(slot->udp, packet, &address, to.port);
  pbuf_free(packet);
  if (error == ERR_RTE || error == ERR_VAL)
    return Error::UNKNOWN_PEER;
  return error == ERR_OK ? Error::NONE : Error::NOT_READY;
}

Result<Datagram> UserspaceSockets::receive(SocketId id, ByteSpan room) {
  Slot *const slot = this->slot_(id, Slot::State::DATAGRAMS);
  if (slot == nullptr)
    return Error::CLOSED;
  const auto waiting = slot->datagrams.pop();
  if (!waiting)
    return Error::NOT_READY;
  const auto size = static_cast<u16_t>(std::min<size_t>(room.size(), waiting->bytes->tot_len));
  (void) pbuf_copy_partial(waiting->bytes, room.data(), size, 0);
  pbuf_free(waiting->bytes);
  return Datagram{waiting->from, room.first(size)};
}

// --- connections -----------------------------------------------------------------------------------------------------

Result<SocketId> UserspaceSockets::connect(std::string_view peer, uint16_t port) {
  if (peer.empty() || port == 0)
    return Error::MALFORMED;
  Slot *const slot = this->take_();
  if (slot == nullptr)
    return Error::NO_SPACE;
  slot->state = Slot::State::FINDING;
  slot->name = peer;
  slot->port = port;
  slot->deadline = this->now_() + Client::FIND_LIMIT;
  this->look_(*slot);
  return this->id_of_(*slot);
}

/// lwIP is told, too: its timers begin with what follows.
Instant UserspaceSockets::now_() {
  this->stack_.tell(posix::monotonic_now());
  return this->stack_.now();
}

/// The node may have no address yet: then even a known peer waits.
void UserspaceSockets::look_(Slot &slot) {
  const auto address = this->find(slot.name);
  if (address && this->stack_.own_address(*address).is_set())
    this->dial_(slot, *address);
  else if (!address && address.error() != Error::NOT_READY)
    this->fail_(slot, address.error());
}

void UserspaceSockets::dial_(Slot &slot, const IpAddress &address) {
  slot.tcp = tcp_new_ip_type(address.is_v4() ? IPADDR_TYPE_V4 : IPADDR_TYPE_V6);
  if (slot.tcp == nullptr) {
    this->fail_(slot, Error::NO_SPACE);
    return;
  }
  this->adopt_(slot, slot.tcp);
  slot.state = Slot::State::CONNECTING;
  slot.deadline = this->now_() + CONNECT_LIMIT;
  slot.peer = {address, slot.port};
  const ip_addr_t to = to_lwip(address);
  if (const err_t error = tcp_connect(slot.tcp, &to, slot.port, on_connected_); error != ERR_OK)
    this->fail_(slot, error == ERR_RTE ? Error::UNKNOWN_PEER : Error::NO_SPACE);
}

void UserspaceSockets::adopt_(Slot &slot, tcp_pcb *connection) {
  slot.tcp = connection;
  tcp_arg(connection, &slot);
  tcp_recv(connection, on_bytes_);
  tcp_err(connection, on_error_);
  tcp_nagle_disable(connection);
  ip_set_option(connection, SOF_KEEPALIVE);
}

err_t UserspaceSockets::on_connected_(void *self, tcp_pcb *, err_t) {
  auto *slot = static_cast<Slot *>(self);
  slot->state = Slot::State::CONNECTED;
  slot->deadline = Instant::NEVER;
  return ERR_OK;
}

Result<SocketId> UserspaceSockets::listen(uint16_t port) {
  Slot *const slot = this->take_();
  if (slot == nullptr)
    return Error::NO_SPACE;
  err_t error = ERR_OK;
  tcp_pcb *const listening = listen_on(port, error);
  if (listening == nullptr)
    return error == ERR_USE ? Error::UNEXPECTED : Error::NO_SPACE;
  tcp_arg(listening, slot);
  tcp_accept(listening, on_accept_);
  slot->state = Slot::State::LISTENING;
  slot->tcp = listening;
  slot->port = listening->local_port;
  return this->id_of_(*slot);
}

size_t UserspaceSockets::waiting_for_(SocketId listener) const {
  return static_cast<size_t>(std::count_if(this->slots_.begin(), this->slots_.end(), [&](const Slot &slot) {
    return slot.for_listener && slot.listener == listener;
  }));
}

/// It has a place of its own from now on, so that bytes that come before accept() are kept.
err_t UserspaceSockets::on_accept_(void *self, tcp_pcb *connection, err_t error) {
  auto *listener = static_cast<Slot *>(self);
  if (error != ERR_OK || connection == nullptr)
    return ERR_VAL;
  UserspaceSockets &owner = *listener->owner;
  const SocketId id = owner.id_of_(*listener);
  Slot *const slot = owner.waiting_for_(id) < MAX_WAITING_CONNECTIONS ? owner.take_() : nullptr;
  if (slot == nullptr) {
    tcp_abort(connection);
    return ERR_ABRT;
  }
  owner.adopt_(*slot, connection);
  slot->state = Slot::State::CONNECTED;
  slot->for_listener = true;
  slot->listener = id;
  slot->peer = {from_lwip(connection->remote_ip), connection->remote_port};
  return ERR_OK;
}

Result<SocketId> UserspaceSockets::accept(SocketId id) {
  if (this->slot_(id, Slot::State::LISTENING) == nullptr)
    return Error::CLOSED;
  for (Slot &slot : this->slots_) {
    if (!slot.for_listener || slot.listener != id)
      continue;
    slot.for_listener = false;
    return this->id_of_(slot);
  }
  return Error::NOT_READY;
}

Error UserspaceSockets::status(SocketId id) const {
  switch (id < this->slots_.size() ? this->slots_[id].state : Slot::State::FREE) {
    case Slot::State::FREE:
      return Error::CLOSED;
    case Slot::State::FINDING:
    case Slot::State::CONNECTING:
      return Error::NOT_READY;
    case Slot::State::FAILED:
      return this->slots_[id].error;
    case Slot::State::DATAGRAMS:
    case Slot::State::LISTENING:
    case Slot::State::CONNECTED:
      break;
  }
  return Error::NONE;
}

err_t UserspaceSockets::on_bytes_(void *self, tcp_pcb *, pbuf *bytes, err_t) {
  auto *slot = static_cast<Slot *>(self);
  if (bytes != nullptr) {
    slot->received.push_back(bytes);
    return ERR_OK;
  }
  slot->ended = true;
  if (slot->has_ended)
    let_go_(*slot);
  return ERR_OK;
}

/// What came before the end or a failure is read first.
Result<size_t> UserspaceSockets::read(SocketId id, ByteSpan room) {
  const Error error = this->status(id);
  if (error == Error::NOT_READY || id >= this->slots_.size() ||
      (error != Error::NONE && this->slots_[id].received.empty()))
    return error;
  Slot &slot = this->slots_[id];
  if (slot.received.empty())
    return slot.ended ? Result<size_t>(size_t{0}) : Result<size_t>(Error::NOT_READY);
  size_t size = 0;
  while (!slot.received.empty() && size != room.size()) {
    pbuf *first = slot.received.front();
    const auto n = static_cast<u16_t>(std::min<size_t>(room.size() - size, first->len));
    std::copy_n(static_cast<const uint8_t *>(first->payload), n, room.data() + size);
    size += n;
    first = pbuf_free_header(first, n);
    if (first != nullptr)
      slot.received.front() = first;
    else
      slot.received.pop_front();
    if (slot.tcp != nullptr)
      tcp_recved(slot.tcp, n);  // the window opens
  }
  return size == 0 ? Result<size_t>(Error::NOT_READY) : Result<size_t>(size);
}

Result<size_t> UserspaceSockets::write(SocketId id, ByteView bytes) {
  if (const Error error = this->status(id); error != Error::NONE)
    return error;
  Slot *const slot = this->slot_(id, Slot::State::CONNECTED);
  if (slot == nullptr || slot->tcp == nullptr || slot->has_ended)
    return Error::CLOSED;
  const size_t size = std::min<size_t>(bytes.size(), tcp_sndbuf(slot->tcp));
  if (size == 0 || tcp_sndqueuelen(slot->tcp) >= TCP_SND_QUEUELEN / 2)
    return Error::NOT_READY;
  const err_t error = tcp_write(slot->tcp, bytes.data(), static_cast<u16_t>(size), TCP_WRITE_FLAG_COPY);
  if (error != ERR_OK)
    return Error::NOT_READY;
  (void) tcp_output(slot->tcp);
  return size;
}

Error UserspaceSockets::end(SocketId id) {
  if (const Error error = this->status(id); error != Error::NONE)
    return error;
  Slot *const slot = this->slot_(id, Slot::State::CONNECTED);
  if (slot == nullptr)
    return Error::CLOSED;
  if (!slot->has_ended && tcp_shutdown(slot->tcp, 0, 1) != ERR_OK)
    return Error::NOT_READY;
  slot->has_ended = true;
  return Error::NONE;
}

bool UserspaceSockets::is_finished(SocketId id) const {
  const Slot *const slot = this->slot_(id, Slot::State::CONNECTED);
  return slot != nullptr && slot->ended && slot->has_ended && slot->tcp == nullptr;
}

/// Both sides have ended: lwIP lingers with the connection, and frees it without a word.
void UserspaceSockets::let_go_(Slot &slot) {
  tcp_arg(slot.tcp, nullptr);
  tcp_recv(slot.tcp, nullptr);
  tcp_err(slot.tcp, nullptr);
  slot.tcp = nullptr;
}

void UserspaceSockets::on_error_(void *self, err_t error) {
  auto *slot = static_cast<Slot *>(self);
  slot->tcp = nullptr;  // freed by lwIP already
  if (error == ERR_CLSD)
    return;  // both directions have ended well
  const bool connected = slot->state == Slot::State::CONNECTED;
  slot->state = Slot::State::FAILED;
  slot->error = connected ? Error::CLOSED : error == ERR_RST ? Error::REJECTED : Error::TIMED_OUT;
}

void UserspaceSockets::fail_(Slot &slot, Error error) {
  release_(slot);
  slot.state = Slot::State::FAILED;
  slot.error = error;
}

Endpoint UserspaceSockets::endpoint(SocketId id) const {
  if (this->slots_.size() <= id)
    return {};
  const Slot &slot = this->slots_[id];
  if (slot.state == Slot::State::CONNECTED)
    return slot.peer;
  const bool own = slot.state == Slot::State::DATAGRAMS || slot.state == Slot::State::LISTENING;
  return {{}, own ? slot.port : uint16_t{0}};
}

void UserspaceSockets::close(SocketId id) {
  if (this->slots_.size() <= id)
    return;
  Slot &slot = this->slots_[id];
  const bool listened = slot.state == Slot::State::LISTENING;
  release_(slot);
  for (Slot &other : this->slots_) {
    if (listened && other.for_listener && other.listener == id)
      release_(other);
  }
}

/// Free again. A connection ends in good order when everything that came was read, else at once.
void UserspaceSockets::release_(Slot &slot) {
  const bool unread = !slot.received.empty();
  for (pbuf *const bytes : slot.received)
    pbuf_free(bytes);
  while (const auto waiting = slot.datagrams.pop())
    pbuf_free(waiting->bytes);
  if (slot.udp != nullptr)
    udp_remove(slot.udp);
  if (tcp_pcb *const tcp = slot.tcp; tcp != nullptr) {
    tcp_arg(tcp, nullptr);
    if (slot.state == Slot::State::LISTENING) {
      (void) tcp_close(tcp);
    } else {
      tcp_recv(tcp, nullptr);
      tcp_err(tcp, nullptr);
      if (unread || slot.state != Slot::State::CONNECTED || tcp_close(tcp) != ERR_OK)
        tcp_abort(tcp);
    }
  }
  UserspaceSockets *const owner = slot.owner;
  slot = Slot{};
  slot.owner = owner;
}

// --- the loop --------------------------------------------------------------------------------------------------------

Result<IpAddress> UserspaceSockets::find(std::string_view peer) { return posix::find_address(this->runner_, peer); }

void UserspaceSockets::serve(Instant now, std::span<const pollfd>) {
  this->stack_.tell(now);
  for (Slot &slot : this->slots_) {
    if (slot.state == Slot::State::FINDING)
      this->look_(slot);
    if (slot.deadline <= now)
      this->fail_(slot, Error::TIMED_OUT);
  }
}

Instant UserspaceSockets::next_timeout() const {
  Instant out = Instant::NEVER;
  for (const Slot &slot : this->slots_)
    out = earlier(out, slot.deadline);
  return out;
}

}  // namespace microlink::lwip
#endif  // MICROLINK_LWIP
