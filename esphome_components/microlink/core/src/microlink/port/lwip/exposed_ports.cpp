// SPDX-License-Identifier: MIT
#ifdef MICROLINK_LWIP
#include "microlink/port/lwip/exposed_ports.h"

#include "microlink/port/lwip/local_services.h"

namespace microlink::lwip {

namespace {

class ExposedPorts final : public posix::OverlayEnd {
 public:
  std::string open(const std::vector<uint16_t> &ports) { return this->services_.open(ports); }
  posix::Overlay *overlay() override { return &this->stack_; }
  void join(posix::Runner &runner) override {
    this->services_.join(runner);
    this->stack_.join(runner);
  }

 private:
  UserspaceStack stack_;
  LocalServices services_{this->stack_};
};

}  // namespace

std::unique_ptr<posix::OverlayEnd> expose_ports(const std::vector<uint16_t> &ports, std::string &problem) {
  auto out = std::make_unique<ExposedPorts>();
  problem = out->open(ports);
  if (!problem.empty())
    return nullptr;
  return out;
}

}  // namespace microlink::lwip
#endif  // MICROLINK_LWIP
