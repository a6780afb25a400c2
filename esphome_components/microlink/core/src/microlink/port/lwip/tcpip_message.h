// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>

#include "lwip/sys.h"
#include "lwip/tcpip.h"

namespace microlink::lwip {

/// A function that lwIP's thread is asked to run, by a message that is allocated once.
///
/// lwIP gives a message up before its function is done, so it is counted who is under way: whoever owns what the
/// function touches calls close() before that goes.
class TcpipMessage {
 public:
  TcpipMessage() = default;
  ~TcpipMessage() { this->close(); }
  TcpipMessage(const TcpipMessage &) = delete;
  TcpipMessage &operator=(const TcpipMessage &) = delete;

  /// `function` calls done() as the last thing it does. False without memory.
  bool open(tcpip_callback_fn function, void *context) {
    if (this->message_ == nullptr)
      this->message_ = tcpip_callbackmsg_new(function, context);
    return this->message_ != nullptr;
  }
  bool is_open() const { return this->message_ != nullptr; }
  /// Wait until the function has run as often as it was asked to. Nobody may post any more. Not on lwIP's thread.
  void close() {
    if (this->message_ == nullptr)
      return;
    while (this->done_ != this->posted_)
      sys_msleep(1);
    tcpip_callbackmsg_delete(this->message_);
    this->message_ = nullptr;
  }

  /// From any task. At most one may be under way, which the caller sees to. False when lwIP's mailbox is full.
  bool post() {
    this->posted_++;
    if (tcpip_callbackmsg_trycallback(this->message_) == ERR_OK)
      return true;
    this->posted_--;
    return false;
  }
  void done() { this->done_++; }

 private:
  tcpip_callback_msg *message_{nullptr};
  std::atomic<unsigned> posted_{0};
  std::atomic<unsigned> done_{0};
};

}  // namespace microlink::lwip
