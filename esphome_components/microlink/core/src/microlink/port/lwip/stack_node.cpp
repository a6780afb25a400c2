// SPDX-License-Identifier: MIT
#ifdef MICROLINK_LWIP
#include "microlink/port/lwip/stack_node.h"

#include "microlink/port/posix/clock.h"

namespace microlink::lwip {

StackNode::~StackNode() { this->node_.close(); }

std::string StackNode::up(std::string auth_key) {
  std::string problem;
  if (this->node_.open(problem) != posix::Node::Failure::NONE)
    return problem;
  this->sockets_.join(this->node_.runner());
  this->stack_.join(this->node_.runner());
  if (!auth_key.empty())
    this->node_.set_auth_key(std::move(auth_key));
  return this->node_.up();
}

bool StackNode::wait_online(Duration patience) {
  const Instant until = posix::monotonic_now() + patience;
  while (this->node_.snapshot().state != State::ONLINE) {
    if (until <= posix::monotonic_now())
      return false;
    this->turn(until);
  }
  return true;
}

Result<PeerStatus> StackNode::find(std::string_view peer) {
  posix::Driven *const driven = this->node_.driven();
  if (driven == nullptr)
    return Error::NOT_READY;
  const auto found = driven->find(this->node_.runner().tick(), peer);
  this->node_.runner().drain();
  return found;
}

}  // namespace microlink::lwip
#endif  // MICROLINK_LWIP
