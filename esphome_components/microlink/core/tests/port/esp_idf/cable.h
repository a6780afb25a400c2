// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <functional>
#include <thread>

#include "lwip/sys.h"
#include "microlink/port/lwip/tcpip_overlay.h"

namespace microlink::chip_test {

/// Two interfaces of a tailnet in one lwIP, and a task that carries packets from one to the other, as two nodes would.
class Cable {
 public:
  Cable();
  ~Cable();

  /// Interfaces with addresses; the task runs. False without memory, then all is closed.
  bool open();
  /// The task ends and the interfaces go, whatever is on its way.
  void close();
  /// While false nothing is taken from lwIP.
  void carry(bool carries);
  /// Run on the task that carries.
  void on_task(const std::function<void()> &what);

  size_t carried() const { return this->carried_; }
  lwip::TcpipOverlay &first() { return this->first_; }
  lwip::TcpipOverlay &second() { return this->second_; }

 private:
  class Ring final : public lwip::TcpipOverlay::Listener {
   public:
    explicit Ring(sys_sem_t &bell) : bell_(bell) {}
    void on_packet() override { sys_sem_signal(&this->bell_); }

   private:
    sys_sem_t &bell_;
  };
  void run_();
  void carry_(lwip::TcpipOverlay &from, lwip::TcpipOverlay &to);

  sys_sem_t bell_;
  sys_sem_t done_;
  Ring ring_{bell_};
  lwip::TcpipOverlay first_{ring_};
  lwip::TcpipOverlay second_{ring_};
  std::atomic<bool> carries_{true};
  std::atomic<bool> ends_{false};
  std::atomic<const std::function<void()> *> asked_{nullptr};
  std::atomic<size_t> carried_{0};
  std::thread task_;
};

}  // namespace microlink::chip_test
