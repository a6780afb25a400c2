// SPDX-License-Identifier: MIT
#pragma once

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

#include <string>

#include "esphome/components/microlink/esphome_log.h"
#include "esphome/components/microlink/node_on_esp32.h"
#include "esphome/components/microlink/node_on_host.h"
#include "microlink/config.h"

namespace esphome::microlink_ {

/// A thin adapter: YAML becomes the core's Config, the core's snapshots become sensors.
///
/// The core runs on a thread or task of its own; loop() only looks into its mailbox. All of this is called on the main
/// loop.
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
  void set_priority_peers(const char *priority_peers) { this->config_.priority_peers = priority_peers; }
#ifdef USE_TEXT
  void set_allowed_peers_text(AllowedPeersText *text) { this->allowed_peers_text_ = text; }
#endif
  void set_hostname(const char *hostname) { this->config_.hostname = std::string_view(hostname); }
  void set_listen_port(uint16_t listen_port) { this->listen_port_ = listen_port; }
  void set_relay_only(bool relay_only) { this->config_.relay_only = relay_only; }
  /// For what only one platform knows.
  PlatformNode &node() { return this->node_; }

  void setup() override;
  void loop() override;
  void dump_config() override;
  /// Takes the node off the tailnet in good order: two seconds at most.
  void on_shutdown() override { this->node_.stop(); }
  float get_setup_priority() const override { return setup_priority::AFTER_WIFI; }

  /// Let the node in with a key that was not known when it was built; the core wipes it after use. False when the node
  /// does not run, or too much waits for it.
  bool set_auth_key(std::string auth_key);
  /// Who may talk with the node from now on, as Client::set_allowed_peers(). Empty, or one line on what is wrong, which
  /// is in the log too; then nothing changes.
  std::string set_allowed_peers(const std::string &allowed_peers);

 protected:
  void publish_(const NodeView &view);

  ::microlink::Config config_{};
  EsphomeLog log_;
  PlatformNode node_;
  const char *initial_auth_key_{""};
#ifdef USE_TEXT
  AllowedPeersText *allowed_peers_text_{nullptr};
#endif
  uint16_t listen_port_{0};
};

}  // namespace esphome::microlink_
