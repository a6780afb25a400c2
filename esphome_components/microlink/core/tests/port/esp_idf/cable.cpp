// SPDX-License-Identifier: MIT
#include "tests/port/esp_idf/cable.h"

#include "tests/port/esp_idf/stack.h"

namespace microlink::chip_test {

Cable::Cable() {
  start_lwip();
  (void) sys_sem_new(&this->bell_, 0);
  (void) sys_sem_new(&this->done_, 0);
}

Cable::~Cable() {
  this->close();
  sys_sem_free(&this->bell_);
  sys_sem_free(&this->done_);
}

bool Cable::open() {
  if (!this->first_.open() || !this->second_.open()) {
    this->first_.close();
    this->second_.close();
    return false;
  }
  this->first_.set_addresses(std::array{Endpoint{FIRST_V4, 0}, Endpoint{FIRST_V6, 0}});
  this->second_.set_addresses(std::array{Endpoint{SECOND_V4, 0}, Endpoint{SECOND_V6, 0}});
  this->ends_ = false;
  this->task_ = std::thread([this] { this->run_(); });
  return true;
}

void Cable::close() {
  if (!this->task_.joinable())
    return;
  this->ends_ = true;
  sys_sem_signal(&this->bell_);
  this->task_.join();
}

void Cable::carry(bool carries) {
  this->carries_ = carries;
  sys_sem_signal(&this->bell_);
}

void Cable::on_task(const std::function<void()> &what) {
  this->asked_ = &what;
  sys_sem_signal(&this->bell_);
  sys_sem_wait(&this->done_);
}

void Cable::run_() {
  while (!this->ends_) {
    sys_sem_wait(&this->bell_);
    if (const auto *what = this->asked_.exchange(nullptr); what != nullptr) {
      (*what)();
      sys_sem_signal(&this->done_);
    }
    this->carry_(this->first_, this->second_);
    this->carry_(this->second_, this->first_);
  }
  this->first_.close();
  this->second_.close();
}

void Cable::carry_(lwip::TcpipOverlay &from, lwip::TcpipOverlay &to) {
  uint8_t packet[lwip::OverlayNetif::MTU];
  while (this->carries_ && !this->ends_) {
    const size_t size = from.read(packet);
    if (size == 0)
      return;
    to.write(ByteView(packet).first(size));
    this->carried_++;
  }
}

}  // namespace microlink::chip_test
