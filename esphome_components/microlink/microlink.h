// SPDX-License-Identifier: MIT
#pragma once

#include "esphome/core/defines.h"

#ifndef USE_HOST
// clang-format off
#error "microlink: this version runs on `host:` only. Configurations for ESP32 are checked and generated, but the core has no ESP-IDF port (microlink/port/esp_idf): there is nothing that could be built for a chip."
// clang-format on
#else

#include "esphome/core/component.h"
#ifdef USE_BINARY_SENSOR
#include "esphome/components/binary_sensor/binary_sensor.h"
#endif
#ifdef USE_TEXT
#include "esphome/components/microlink/allowed_peers_text.h"
#endif
#ifdef USE_TEXT_SENSOR
#include "esphome/components/text_sensor/text_sensor.h"
#endif

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "esphome/components/microlink/esphome_log.h"
#include "microlink/config.h"
#include "microlink/port/posix/background.h"

namespace esphome::microlink_ {

/// A thin adapter: YAML becomes the core's Config, the core's snapshots become sensors.
///
/// The core runs on a thread of its own; loop() only looks into its mailbox. All of this is called on the main loop.
///
/// The node's identity lies beside ESPHome's preferences (NAME.microlink/ in the same folder), not in them: on `host:`
/// these are one file that is emptied and written anew at each sync, so a power cut could take the identity with it.
/// The core's StateDir replaces each record atomically, and on the core's thread.
class MicroLink final : public Component {
#ifdef USE_BINARY_SENSOR
  SUB_BINARY_SENSOR(connected)
#endif
#ifdef USE_TEXT_SENSOR
  SUB_TEXT_SENSOR(ipv4)
  SUB_TEXT_SENSOR(ipv6)
  SUB_TEXT_SENSOR(state)
  SUB_TEXT_SENSOR(login_url)
#endif

 public:
  // From the configuration, before setup(). Text lives as long as the program.

  void set_control_url(const char *control_url) { this->config_.control_url = std::string_view(control_url); }
  void set_control_key(const char *control_key) { this->config_.control_key = std::string_view(control_key); }
  void set_ca_certificates(const char *pem) { this->config_.ca_certificates = pem; }
  void set_initial_auth_key(const char *auth_key) { this->initial_auth_key_ = auth_key; }
  void set_initial_allowed_peers(const char *allowed_peers) { this->config_.allowed_peers = allowed_peers; }
#ifdef USE_TEXT
  void set_allowed_peers_text(AllowedPeersText *text) { this->allowed_peers_text_ = text; }
#endif
  void set_hostname(const char *hostname) { this->config_.hostname = std::string_view(hostname); }
  void set_listen_port(uint16_t listen_port) { this->listen_port_ = listen_port; }
  void set_relay_only(bool relay_only) { this->config_.relay_only = relay_only; }
  /// Ports of this machine that the tailnet reaches, TCP and UDP.
  void set_served_ports(std::vector<uint16_t> served_ports) { this->served_ports_ = std::move(served_ports); }

  void setup() override;
  void loop() override;
  void dump_config() override;
  /// Takes the node off the tailnet in good order: two seconds at most.
  void on_shutdown() override { this->background_.stop(); }
  float get_setup_priority() const override { return setup_priority::AFTER_WIFI; }

  /// Let the node in with a key that was not known when it was built; the core wipes it after use. False when the node
  /// does not run, or too much waits for it.
  bool set_auth_key(std::string auth_key);
  /// Who may talk with the node from now on, as Client::set_allowed_peers(). Empty, or one line on what is wrong, which
  /// is in the log too; then nothing changes.
  std::string set_allowed_peers(const std::string &allowed_peers);

 protected:
  static std::string state_directory_();
  void publish_(const ::microlink::posix::Snapshot &snapshot);

  ::microlink::Config config_{};
  EsphomeLog log_;
  std::unique_ptr<::microlink::posix::OverlayEnd> overlay_end_;
  ::microlink::posix::Background background_;
  ::microlink::posix::Snapshot snapshot_;
  const char *initial_auth_key_{""};
#ifdef USE_TEXT
  AllowedPeersText *allowed_peers_text_{nullptr};
#endif
  std::vector<uint16_t> served_ports_;
  uint16_t listen_port_{0};
};

}  // namespace esphome::microlink_

#endif  // USE_HOST
