// SPDX-License-Identifier: MIT
#pragma once

#include "esphome/core/defines.h"

#ifdef USE_ESP32
#include <string>

#include "esphome/components/microlink/node_view.h"
#include "microlink/port/esp_idf/background.h"
#ifdef USE_OTA_STATE_LISTENER
#include "esphome/components/ota/ota_backend.h"
#endif

namespace esphome::microlink_ {

/// The node on a chip: a FreeRTOS task, and NVS for its identity, in a namespace of its own. ESPHome's preferences are
/// written some time after they were changed (`flash_write_interval`); the node's keys, and the times that it reserves,
/// must be safe before they are used.
class NodeOnEsp32
#ifdef USE_OTA_STATE_LISTENER
    : public ota::OTAGlobalStateListener
#endif
{
 public:
  /// Take the node's memory from PSRAM.
  void set_use_psram(bool use_psram) { this->use_psram_ = use_psram; }

  /// For the node's keys. The generated code calls it before any component is set up.
  void gather_entropy() { this->background_.gather_entropy(); }
  /// Empty, or one line that says what is wrong. `config` is told the chip, and must stay as it is while the node runs.
  const char *start(::microlink::Config &config, uint16_t listen_port, const char *auth_key, ::microlink::LogSink *log);
  void stop() { this->background_.stop(); }
  bool set_auth_key(const std::string &auth_key);
  bool set_allowed_peers(const std::string &allowed_peers);
  /// False when nothing is new.
  bool take_view(NodeView &out);
  /// What is left of the stack and of memory.
  std::string memory_text() const { return std::string(this->background_.memory_text().view()); }
  const char *identity_place() const { return "NVS"; }
  /// The tailnet's interface is the system's: whatever listens is reached.
  const char *served_ports_text() const { return "all that are open"; }

#ifdef USE_OTA_STATE_LISTENER
  void on_ota_global_state(ota::OTAState state, float progress, uint8_t error, ota::OTAComponent *component) override;
#endif

 protected:
  ::microlink::esp_idf::Background background_;
  bool use_psram_{false};
};

using PlatformNode = NodeOnEsp32;

}  // namespace esphome::microlink_
#endif  // USE_ESP32
