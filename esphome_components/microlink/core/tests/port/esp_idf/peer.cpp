// SPDX-License-Identifier: MIT
#include "tests/port/esp_idf/peer.h"

#include <esp_random.h>
#include <esp_timer.h>

#include "tests/port/esp_idf/harbour.h"

namespace microlink::chip_test {

Peer::Peer(const Config &config)
    : config_(config), node_({.config = &this->config_, .trust = {}, .loop = {}}, *this, nullptr) {
  (void) this->wake_.open();
  (void) this->overlay_.open();
  (void) this->node_.post({.kind = chip::Command::Kind::UP});
  this->task_ = std::thread([this] {
    while (!this->node_.finished()) {
      this->node_.turn(Instant::NEVER);
      this->wakes_ = this->node_.loop().wakes();
    }
  });
}

Peer::~Peer() {
  (void) this->node_.post({.kind = chip::Command::Kind::STOP});
  this->task_.join();
  this->overlay_.close();
  this->wake_.close();
}

Instant Peer::now() { return static_cast<Instant>(esp_timer_get_time()); }

bool Peer::fill_random(ByteSpan out) {
  esp_fill_random(out.data(), out.size());
  return true;
}

Result<size_t> Peer::load(Record record, ByteSpan out) {
  const auto found = this->records_.find(record);
  return found == this->records_.end() ? size_t{0} : copy(found->second, out);
}

Error Peer::store(Record record, ByteView bytes) {
  this->records_[record] = {bytes.begin(), bytes.end()};
  return Error::NONE;
}

Error Peer::erase(Record record) {
  this->records_.erase(record);
  return Error::NONE;
}

size_t Peer::local_addresses(std::span<IpAddress> out) {
  out[0] = Harbour::ADDRESS;
  return 1;
}

}  // namespace microlink::chip_test
