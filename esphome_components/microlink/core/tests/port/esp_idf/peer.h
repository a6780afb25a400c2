// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <map>
#include <thread>
#include <vector>

#include "microlink/port/chip/node.h"
#include "microlink/port/esp_idf/wake.h"
#include "microlink/port/lwip/tcpip_overlay.h"

namespace microlink::chip_test {

/// A second node in the same firmware, on a thread: as the first one, but with records that do not last and an
/// underlay that does not change, since a firmware has one of these things.
class Peer final : private chip::System, private lwip::TcpipOverlay::Listener {
 public:
  explicit Peer(const Config &config);
  ~Peer() override;

  /// How often its wait has ended.
  uint32_t wakes() const { return this->wakes_; }

 private:
  Instant now() override;
  WallTime wall_now() override { return WallTime::UNKNOWN; }
  bool fill_random(ByteSpan out) override;
  Result<size_t> load(Record record, ByteSpan out) override;
  Error store(Record record, ByteView bytes) override;
  Error erase(Record record) override;
  size_t local_addresses(std::span<IpAddress> out) override;
  bool take_network_change() override { return false; }
  bool resolve(uint32_t, std::string_view) override { return false; }
  std::optional<chip::Answer> take_answer() override { return std::nullopt; }
  void set_overlay_addresses(std::span<const Endpoint> given) override { this->overlay_.set_addresses(given); }
  void write_overlay(ByteView packet) override { this->overlay_.write(packet); }
  size_t read_overlay(ByteSpan out) override { return this->overlay_.read(out); }
  void wake_up() override { this->wake_.signal(); }
  const chip::Socket &wake_socket() const override { return this->wake_.socket(); }
  void clear_wake() override { this->wake_.clear(); }
  void on_packet() override { this->wake_.signal(); }

  esp_idf::Wake wake_;
  lwip::TcpipOverlay overlay_{*this};
  std::map<Record, std::vector<uint8_t>> records_;
  const Config config_;
  chip::Node node_;
  std::atomic<uint32_t> wakes_{0};
  std::thread task_;
};

}  // namespace microlink::chip_test
