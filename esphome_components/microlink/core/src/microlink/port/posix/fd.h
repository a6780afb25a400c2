// SPDX-License-Identifier: MIT
#pragma once

#include <unistd.h>

#include <utility>

namespace microlink::posix {

/// A file descriptor that is closed when its owner goes.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd &operator=(Fd &&other) noexcept {
    if (this != &other)
      this->reset(std::exchange(other.fd_, -1));
    return *this;
  }
  Fd(const Fd &) = delete;
  Fd &operator=(const Fd &) = delete;
  ~Fd() { this->reset(); }

  bool valid() const { return this->fd_ >= 0; }
  int get() const { return this->fd_; }
  void reset(int fd = -1) {
    if (this->fd_ >= 0)
      ::close(this->fd_);
    this->fd_ = fd;
  }

 private:
  int fd_{-1};
};

}  // namespace microlink::posix
