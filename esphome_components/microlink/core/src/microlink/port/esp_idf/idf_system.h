// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/port/chip/system.h"
#include "microlink/port/esp_idf/entropy.h"
#include "microlink/port/esp_idf/names.h"
#include "microlink/port/esp_idf/nvs_records.h"
#include "microlink/port/esp_idf/underlays.h"
#include "microlink/port/esp_idf/wake.h"
#include "microlink/port/lwip/tcpip_overlay.h"

namespace microlink::esp_idf {

/// ESP-IDF as a node's system. There is one in a firmware, and it is never destroyed: lwIP may answer a question for a
/// name at any time. It may be closed and opened again.
class IdfSystem final : public chip::System, private lwip::TcpipOverlay::Listener {
 public:
  /// Where the system lacks something the answer is one line; else empty. lwIP and NVS must have been started.
  const char *open();
  void close();
  Entropy &entropy() { return this->entropy_; }

  Instant now() override;
  WallTime wall_now() override;
  bool fill_random(ByteSpan out) override { return this->entropy_.fill(out); }
  Result<size_t> load(Record record, ByteSpan out) override { return this->records_.load(record, out); }
  Error store(Record record, ByteView bytes) override { return this->records_.store(record, bytes); }
  Error erase(Record record) override { return this->records_.erase(record); }
  size_t local_addresses(std::span<IpAddress> out) override { return Underlays::addresses(out); }
  bool take_network_change() override { return this->underlays_.take_change(); }
  bool resolve(uint32_t token, std::string_view host) override { return this->names_.ask(token, host); }
  std::optional<chip::Answer> take_answer() override { return this->names_.take(); }
  void set_overlay_addresses(std::span<const Endpoint> addresses) override { this->overlay_.set_addresses(addresses); }
  void write_overlay(ByteView packet) override { this->overlay_.write(packet); }
  size_t read_overlay(ByteSpan out) override { return this->overlay_.read(out); }
  void wake_up() override { this->wake_.signal(); }
  const chip::Socket &wake_socket() const override { return this->wake_.socket(); }
  void clear_wake() override { this->wake_.clear(); }

 private:
  void on_packet() override { this->wake_.signal(); }

  Wake wake_;
  Names names_{wake_};
  Underlays underlays_{wake_};
  NvsRecords records_;
  Entropy entropy_;
  lwip::TcpipOverlay overlay_{*this};
};

}  // namespace microlink::esp_idf
