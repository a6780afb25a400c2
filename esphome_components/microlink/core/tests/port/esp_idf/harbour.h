// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <list>
#include <thread>

#include "microlink/base/time.h"
#include "microlink/port/chip/bsd.h"
#include "tests/port/esp_idf/fake_idf/interface.h"
#include "tests/port/esp_idf/servers.h"

namespace microlink::chip_test {

/// The underlay: Wi-Fi with an address, and the Servers behind lwIP's sockets there.
class Harbour {
 public:
  Harbour();
  ~Harbour();

  /// Of node 0 or 1.
  static std::string control_url(size_t node);
  size_t streaming() const { return this->streaming_; }
  size_t relayed() const { return this->relayed_; }
  /// End all connections; new ones are taken.
  void cut() { this->cuts_ = true; }

  static const IpAddress ADDRESS;

  struct Connection {
    chip::Socket socket;
    std::unique_ptr<Servers::Connection> server;
    std::string unsent{};
  };

 private:
  void run_();

  fake_idf::Interface wifi_;
  chip::Socket listeners_[3];  ///< in the order of Servers::Kind
  Servers servers_;
  std::list<Connection> open_;
  Instant keep_alive_at_;
  std::atomic<size_t> streaming_{0};
  std::atomic<size_t> relayed_{0};
  std::atomic<bool> cuts_{false};
  std::atomic<bool> ends_{false};
  std::thread thread_;
};

}  // namespace microlink::chip_test
