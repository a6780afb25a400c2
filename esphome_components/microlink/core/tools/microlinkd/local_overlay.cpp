// SPDX-License-Identifier: MIT
#include "microlinkd/local_overlay.h"

namespace microlink::tools {

LocalOverlay::LocalOverlay(OverlayOptions options, LogSink *log) : options_(std::move(options)), log_(log) {}

std::string LocalOverlay::open() {
  if (this->options_.tun.empty())
    return {};
  this->tun_ = std::make_unique<tun::TunDevice>(this->log_);
  return this->tun_->open(this->options_.tun);
}

posix::Overlay *LocalOverlay::interface() { return this->tun_.get(); }

std::vector<std::string> LocalOverlay::interfaces() const {
  return this->tun_ == nullptr ? std::vector<std::string>() : std::vector<std::string>{this->tun_->name()};
}

void LocalOverlay::join(posix::Runner &runner) {
  if (this->tun_ == nullptr)
    return;
  this->tun_->set_runner(&runner);
  runner.add(this->tun_.get());
}

}  // namespace microlink::tools
