// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/port/posix/companion.h"
#include "microlink/port/posix/fd.h"

namespace microlink::tools {

/// SIGTERM and SIGINT as something to read. For a program of one thread: the signals are blocked from here on.
class Signals final : public posix::Companion {
 public:
  Signals();
  bool stop_asked() const { return this->stop_asked_; }

  void watch(std::vector<pollfd> &fds) override { fds.push_back({this->fd_.get(), POLLIN, 0}); }
  void serve(Instant now, std::span<const pollfd> fds) override;

 private:
  posix::Fd fd_;
  bool stop_asked_{false};
};

}  // namespace microlink::tools
