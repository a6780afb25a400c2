// SPDX-License-Identifier: MIT
#include "node_on_esp32.h"

#ifdef USE_ESP32
#include "microlink/port/esp_idf/certificate_bundle.h"

namespace esphome::microlink_ {

const char *NodeOnEsp32::start(::microlink::Config &config, uint16_t listen_port, const char *auth_key,
                               ::microlink::LogSink *log) {
#ifdef USE_OTA_STATE_LISTENER
  ota::get_global_ota_callback()->add_global_state_listener(this);
#endif
  config.os = std::string_view(CONFIG_IDF_TARGET);
  ::microlink::esp_idf::Background::Options options{};
  options.config = &config;
  options.node.trust.attach = ::microlink::esp_idf::attach_certificate_bundle;
  options.node.loop.listen_port = listen_port;
  options.use_psram = this->use_psram_;
  return this->background_.start(options, auth_key, log);
}

bool NodeOnEsp32::set_auth_key(const std::string &auth_key) {
  using ::microlink::chip::Command;
  return this->background_.post({.kind = Command::Kind::SET_AUTH_KEY, .text = std::string_view(auth_key)});
}

bool NodeOnEsp32::set_allowed_peers(const std::string &allowed_peers) {
  return this->background_.post_allowed_peers(allowed_peers);
}

bool NodeOnEsp32::take_view(NodeView &out) {
  ::microlink::chip::Snapshot latest;
  if (!this->background_.take_snapshot(latest))
    return false;
  out = {.state = latest.state,
         .login_url = std::string(latest.login_url.view()),
         .message = std::string(latest.message.view()),
         .is_new_login_url = latest.is_new_login_url,
         .is_new_message = latest.is_new_message,
         .allowed_peers = std::string(latest.allowed_peers.view()),
         .allowed_entries = latest.allowed_entries,
         .ipv4 = latest.ipv4,
         .ipv6 = latest.ipv6};
  return true;
}

#ifdef USE_OTA_STATE_LISTENER
void NodeOnEsp32::on_ota_global_state(ota::OTAState state, float, uint8_t, ota::OTAComponent *) {
  // The node stays on the tailnet: the update may come from there.
  this->background_.set_quiet(state == ota::OTA_STARTED || state == ota::OTA_IN_PROGRESS);
}
#endif

}  // namespace esphome::microlink_
#endif  // USE_ESP32
