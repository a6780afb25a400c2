// SPDX-License-Identifier: MIT
#include "microlinkd/signals.h"

#include <signal.h>
#include <sys/signalfd.h>

namespace microlink::tools {

Signals::Signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  this->fd_.reset(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
}

void Signals::serve(Instant, std::span<const pollfd> fds) {
  signalfd_siginfo info{};
  if (fds[0].revents != 0 && ::read(this->fd_.get(), &info, sizeof(info)) == sizeof(info))
    this->stop_asked_ = true;
}

}  // namespace microlink::tools
