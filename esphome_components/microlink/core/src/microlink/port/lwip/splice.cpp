// SPDX-License-Identifier: MIT
#ifdef MICROLINK_LWIP
#include "microlink/port/lwip/splice.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace microlink::lwip {

namespace {

/// Bytes read from a socket at a time.
constexpr size_t CHUNK_BYTES = 16 * 1024;
constexpr int ROUNDS = 8;  ///< chunks in one turn; then others get theirs

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

}  // namespace

Splice::Splice(tcp_pcb *connection, posix::Fd socket, State state)
    : connection_(connection), socket_(std::move(socket)), state_(state) {
  tcp_arg(connection, this);
  tcp_recv(connection, on_receive_);
  tcp_err(connection, on_error_);
  tcp_nagle_disable(connection);
  ip_set_option(connection, SOF_KEEPALIVE);
  const int one = 1;
  (void) ::setsockopt(this->socket_.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

Splice::~Splice() { this->fail_(); }

short Splice::interest() const {
  if (this->state_ == State::DONE)
    return 0;
  if (this->state_ == State::CONNECTING)
    return POLLOUT;
  int out = 0;
  if (!this->waiting_.empty() || this->connection_ended_ != this->socket_told_)
    out |= POLLOUT;
  if (!this->socket_ended_ && tcp_sndbuf(this->connection_) >= TCP_MSS &&
      tcp_sndqueuelen(this->connection_) < TCP_SND_QUEUELEN / 2)
    out |= POLLIN;
  return static_cast<short>(out);
}

void Splice::serve(short happened) {
  if (this->state_ == State::CONNECTING && happened != 0)
    this->finish_connecting_();
  if (this->state_ != State::FLOWING)
    return;
  this->to_socket_();
  if (this->state_ == State::FLOWING && (happened & (POLLIN | POLLHUP | POLLERR)) != 0)
    this->from_socket_();
  this->end_when_both_have_();
}

void Splice::finish_connecting_() {
  int error = 0;
  socklen_t size = sizeof(error);
  if (::getsockopt(this->socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
    this->fail_();  // refused here, so refused there
    return;
  }
  this->state_ = State::FLOWING;
}

err_t Splice::on_receive_(void *self, tcp_pcb *, pbuf *bytes, err_t) {
  auto *splice = static_cast<Splice *>(self);
  if (bytes != nullptr) {
    splice->waiting_.push_back(bytes);
    return ERR_OK;  // written by serve(), outside of lwIP
  }
  splice->connection_ended_ = true;
  if (splice->socket_ended_)
    splice->let_go_();  // it lingers, and lwIP frees it without a word
  return ERR_OK;
}

void Splice::on_error_(void *self, err_t error) {
  auto *splice = static_cast<Splice *>(self);
  splice->connection_ = nullptr;  // freed by lwIP already
  if (error != ERR_CLSD)          // which says that both sides have ended well; the socket may still be behind
    splice->fail_();
}

void Splice::to_socket_() {
  while (!this->waiting_.empty()) {
    pbuf *first = this->waiting_.front();
    const ssize_t n = ::send(this->socket_.get(), first->payload, first->len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) {
      if (!would_block())
        this->fail_();
      return;
    }
    if (this->connection_ != nullptr)
      tcp_recved(this->connection_, static_cast<u16_t>(n));
    first = pbuf_free_header(first, static_cast<u16_t>(n));
    if (first != nullptr)
      this->waiting_.front() = first;
    else
      this->waiting_.pop_front();
  }
  if (this->connection_ended_ && !this->socket_told_) {
    this->socket_told_ = true;
    (void) ::shutdown(this->socket_.get(), SHUT_WR);
  }
}

void Splice::from_socket_() {
  uint8_t chunk[CHUNK_BYTES];
  for (int i = 0; i != ROUNDS && (this->interest() & POLLIN) != 0; i++) {
    const size_t room = std::min<size_t>(sizeof(chunk), tcp_sndbuf(this->connection_));
    const ssize_t n = ::recv(this->socket_.get(), chunk, room, MSG_DONTWAIT);
    if (n < 0) {
      if (!would_block())
        this->fail_();
      break;
    }
    if (n == 0) {
      this->socket_ended_ = true;
      if (tcp_shutdown(this->connection_, 0, 1) != ERR_OK)
        this->fail_();
      break;
    }
    if (tcp_write(this->connection_, chunk, static_cast<u16_t>(n), TCP_WRITE_FLAG_COPY) != ERR_OK) {
      this->fail_();  // there was room, so this is the end of the system's memory
      break;
    }
  }
  if (this->connection_ != nullptr)
    (void) tcp_output(this->connection_);
}

void Splice::end_when_both_have_() {
  if (this->state_ != State::FLOWING || !this->socket_told_ || !this->socket_ended_)
    return;
  tcp_pcb *connection = this->connection_;
  this->release_();
  if (connection != nullptr && tcp_close(connection) != ERR_OK)
    tcp_abort(connection);
  this->state_ = State::DONE;
}

/// Both sides learn that it went wrong.
void Splice::fail_() {
  if (this->state_ == State::DONE)
    return;
  this->state_ = State::DONE;
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  (void) ::setsockopt(this->socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  tcp_pcb *connection = this->connection_;
  this->release_();
  if (connection != nullptr)
    tcp_abort(connection);
}

void Splice::release_() {
  for (pbuf *bytes : this->waiting_)
    pbuf_free(bytes);
  this->waiting_.clear();
  this->socket_.reset();
  this->let_go_();
}

void Splice::let_go_() {
  if (this->connection_ != nullptr) {
    tcp_arg(this->connection_, nullptr);
    tcp_recv(this->connection_, nullptr);
    tcp_err(this->connection_, nullptr);
  }
  this->connection_ = nullptr;
}

void Splices::add(tcp_pcb *connection, posix::Fd socket, Splice::State state) {
  this->splices_.push_back(std::make_unique<Splice>(connection, std::move(socket), state));
}

void Splices::watch(std::vector<pollfd> &fds) {
  this->watched_.clear();
  std::erase_if(this->splices_, [](const auto &splice) { return splice->state() == Splice::State::DONE; });
  for (const auto &splice : this->splices_) {
    // Without interest poll() would still report a hang-up, again and again.
    const short interest = splice->interest();
    fds.push_back({interest != 0 ? splice->fd() : -1, interest, 0});
    this->watched_.push_back(splice.get());
  }
}

void Splices::serve(Instant now, std::span<const pollfd> fds) {
  this->stack_.tell(now);
  for (size_t i = 0; i != this->watched_.size(); i++)
    this->watched_[i]->serve(fds[i].revents);
}

posix::Fd connect_to_localhost(int type, uint16_t port) {
  posix::Fd fd(::socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd.valid() && ::connect(fd.get(), reinterpret_cast<const sockaddr *>(&to), sizeof(to)) != 0 &&
      errno != EINPROGRESS)
    fd.reset();
  return fd;
}

}  // namespace microlink::lwip
#endif  // MICROLINK_LWIP
