// SPDX-License-Identifier: MIT
#pragma once

/// The BSD sockets of the system: lwIP's on a chip, the kernel's where the chip's loop is tested. lwIP's own functions
/// are called by name, so that it does not matter whether a firmware has them behind its virtual file system.

#ifdef ESP_PLATFORM
#include <lwip/sockets.h>

#include <cerrno>
#else
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#endif

namespace microlink::chip {

#ifdef ESP_PLATFORM
constexpr int NO_SIGNAL = 0;
inline void close_socket(int fd) { (void) ::lwip_close(fd); }
inline int select_sockets(int count, fd_set *readable, fd_set *writable, timeval *timeout) {
  return ::lwip_select(count, readable, writable, nullptr, timeout);
}
inline bool make_non_blocking(int fd) { return ::lwip_fcntl(fd, F_SETFL, O_NONBLOCK) == 0; }
#else
constexpr int NO_SIGNAL = MSG_NOSIGNAL;
inline void close_socket(int fd) { (void) ::close(fd); }
inline int select_sockets(int count, fd_set *readable, fd_set *writable, timeval *timeout) {
  return ::select(count, readable, writable, nullptr, timeout);
}
inline bool make_non_blocking(int fd) { return ::fcntl(fd, F_SETFL, O_NONBLOCK) == 0; }
#endif

/// A descriptor that is closed when it is dropped.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() { this->close(); }
  Socket(Socket &&other) noexcept : fd_(other.release_()) {}
  Socket &operator=(Socket &&other) noexcept {
    this->close();
    this->fd_ = other.release_();
    return *this;
  }

  /// A non-blocking one; not valid when the system has none to give.
  static Socket open(int family, int type) {
    Socket out(::socket(family, type, 0));
    if (out.valid() && !make_non_blocking(out.fd_))
      out.close();
    return out;
  }
  bool valid() const { return this->fd_ >= 0; }
  int get() const { return this->fd_; }
  void close() {
    if (this->valid())
      close_socket(this->release_());
  }

 private:
  int release_() {
    const int fd = this->fd_;
    this->fd_ = -1;
    return fd;
  }

  int fd_{-1};
};

/// What a turn of the loop waits for.
class Selection {
 public:
  Selection() {
    FD_ZERO(&this->readable_);
    FD_ZERO(&this->writable_);
  }
  void want_read(const Socket &socket) { this->add_(socket, this->readable_); }
  void want_write(const Socket &socket) { this->add_(socket, this->writable_); }
  /// Wait at most `microseconds`; negative: until something happens. Afterwards ask.
  void wait(int64_t microseconds);
  bool can_read(const Socket &socket) const { return socket.valid() && FD_ISSET(socket.get(), &this->readable_) != 0; }
  bool can_write(const Socket &socket) const { return socket.valid() && FD_ISSET(socket.get(), &this->writable_) != 0; }

 private:
  void add_(const Socket &socket, fd_set &set) {
    if (!socket.valid())
      return;
    FD_SET(socket.get(), &set);
    this->count_ = socket.get() >= this->count_ ? socket.get() + 1 : this->count_;
  }

  fd_set readable_;
  fd_set writable_;
  int count_{0};
};

}  // namespace microlink::chip
