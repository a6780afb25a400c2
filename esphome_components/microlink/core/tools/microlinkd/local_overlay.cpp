// SPDX-License-Identifier: MIT
#include "microlinkd/local_overlay.h"

namespace microlink::tools {

LocalOverlay::LocalOverlay(OverlayOptions options, LogSink *log) : options_(std::move(options)), log_(log) {}

std::string LocalOverlay::open() {
  if (!this->options_.tun.empty()) {
    this->tun_ = std::make_unique<tun::TunDevice>(this->log_);
    return this->tun_->open(this->options_.tun);
  }
  this->stack_ = std::make_unique<lwip::UserspaceStack>();
  this->services_ = std::make_unique<lwip::LocalServices>(*this->stack_);
  this->outbound_ = std::make_unique<lwip::OutboundServices>(*this->stack_);
  std::string problem = this->services_->open(this->options_.served);
  if (problem.empty() && this->options_.socks5.is_set())
    problem = this->outbound_->open_socks5(this->options_.socks5);
  for (const OverlayOptions::Forward &each : this->options_.forwards) {
    if (problem.empty())
      problem = this->outbound_->open_forward(each.local, each.peer, each.port);
  }
  if (!this->options_.socks5.address.is_loopback() && this->options_.socks5.is_set())
    Log(this->log_, "proxy").warning("the SOCKS proxy is open to others than this machine");
  return problem;
}

posix::Overlay *LocalOverlay::interface() {
  if (this->tun_ != nullptr)
    return this->tun_.get();
  return this->stack_.get();
}

std::vector<std::string> LocalOverlay::interfaces() const {
  return this->tun_ == nullptr ? std::vector<std::string>() : std::vector<std::string>{this->tun_->name()};
}

void LocalOverlay::join(posix::Runner &runner) {
  if (this->tun_ != nullptr) {
    this->tun_->set_runner(&runner);
    runner.add(this->tun_.get());
    return;
  }
  this->services_->join(runner);
  this->outbound_->join(runner);
  this->stack_->join(runner);
}

}  // namespace microlink::tools
