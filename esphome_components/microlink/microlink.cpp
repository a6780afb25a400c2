// SPDX-License-Identifier: MIT
#include "microlink.h"

#include <utility>

#include "esphome/core/application.h"
#include "esphome/core/log.h"
#include "microlink/version.h"

namespace esphome::microlink_ {

static const char *const TAG = "microlink";

namespace {

#ifdef USE_TEXT_SENSOR
void publish_text(text_sensor::TextSensor *sensor, std::string_view text) {
  if (sensor != nullptr && (!sensor->has_state() || sensor->get_raw_state() != text))
    sensor->publish_state(std::string(text));
}

/// Unknown until there is an address; empty when it is gone.
void publish_address(text_sensor::TextSensor *sensor, const ::microlink::IpAddress &address) {
  if (address.is_set()) {
    publish_text(sensor, ::microlink::to_text(address).view());
  } else if (sensor != nullptr && sensor->has_state()) {
    publish_text(sensor, {});
  }
}
#endif

}  // namespace

void MicroLink::setup() {
  if (this->config_.hostname.empty())
    this->config_.hostname = std::string_view(App.get_name().c_str(), App.get_name().size());
  this->config_.device_model = std::string_view("ESPHome " ESPHOME_VERSION " " ESPHOME_BOARD);
  this->config_.build_time = ::microlink::wall_seconds(App.get_build_time());
  this->config_.fixed_port = this->listen_port_ != 0;
  const std::string problem =
      this->node_.start(this->config_, this->listen_port_, this->initial_auth_key_, &this->log_);
  if (!problem.empty()) {
    ESP_LOGE(TAG, "The node cannot start: %s", problem.c_str());
    ESP_LOGE(TAG, "Its identity is kept in %s", std::string(this->node_.identity_place()).c_str());
    this->mark_failed();
  }
  this->publish_({});
}

void MicroLink::loop() {
  NodeView view;
  if (!this->node_.take_view(view))
    return;
  if (view.is_new_login_url)
    ESP_LOGW(TAG, "Open this URL to let the node into the tailnet: %.*s", static_cast<int>(view.login_url.size()),
             view.login_url.data());
  if (view.is_new_message)
    ESP_LOGW(TAG, "%.*s", static_cast<int>(view.message.size()), view.message.data());
  this->publish_(view);
}

void MicroLink::dump_config() {
  const char *udp = this->listen_port_ != 0 ? "fixed port" : "any port";
  if (this->config_.relay_only)
    udp = "not used, everything goes through the relay";
  ESP_LOGCONFIG(TAG,
                "MicroLink %s:\n"
                "  Control server: %s\n"
                "  Control key: %s\n"
                "  CA certificate: %s\n"
                "  Auth key: %s\n"
                "  Allowed peers at first: %s\n"
                "  Host name: %s\n"
                "  UDP: %s\n"
                "  Ports that the tailnet reaches: %s\n"
                "  Identity: %s",
                ::microlink::VERSION, this->config_.control_url.c_str(),
                this->config_.control_key.empty() ? "fetched over HTTPS" : "pinned",
                this->config_.ca_certificates.empty() ? "public ones only" : "public ones and a private one",
                this->initial_auth_key_[0] == '\0' ? "none" : "[...]", std::string(this->config_.allowed_peers).c_str(),
                this->config_.hostname.c_str(), udp, std::string(this->node_.served_ports_text()).c_str(),
                std::string(this->node_.identity_place()).c_str());
#ifdef USE_ESP32
  ESP_LOGCONFIG(TAG, "  Memory: %s", this->node_.memory_text().c_str());
#endif
#ifdef USE_BINARY_SENSOR
  LOG_BINARY_SENSOR("  ", "Connected", this->connected_binary_sensor_);
#endif
#ifdef USE_TEXT_SENSOR
  LOG_TEXT_SENSOR("  ", "IPv4", this->ipv4_text_sensor_);
  LOG_TEXT_SENSOR("  ", "IPv6", this->ipv6_text_sensor_);
  LOG_TEXT_SENSOR("  ", "State", this->state_text_sensor_);
  LOG_TEXT_SENSOR("  ", "Login URL", this->login_url_text_sensor_);
#endif
}

bool MicroLink::set_auth_key(std::string auth_key) { return this->node_.set_auth_key(std::move(auth_key)); }

std::string MicroLink::set_allowed_peers(const std::string &allowed_peers) {
  std::string_view wrong;
  const ::microlink::Error error = ::microlink::Client::check_allowed_peers(allowed_peers, &wrong);
  std::string problem;
  if (error != ::microlink::Error::NONE)
    problem = "\"" + std::string(wrong) + "\" " + ::microlink::allowed_peers_problem(error);
  else if (!this->node_.set_allowed_peers(allowed_peers))
    problem = "the node does not run, or too much waits for it";
  if (!problem.empty())
    ESP_LOGW(TAG, "The list of allowed peers stays as it is: %s", problem.c_str());
  return problem;
}

void MicroLink::publish_(const NodeView &view) {
#ifdef USE_BINARY_SENSOR
  if (this->connected_binary_sensor_ != nullptr)
    this->connected_binary_sensor_->publish_state(view.state == ::microlink::State::ONLINE);
#endif
#ifdef USE_TEXT
  if (this->allowed_peers_text_ != nullptr && view.state != ::microlink::State::STOPPED)
    this->allowed_peers_text_->show(view.allowed_peers, view.allowed_entries);
#endif
#ifdef USE_TEXT_SENSOR
  publish_address(this->ipv4_text_sensor_, view.ipv4);
  publish_address(this->ipv6_text_sensor_, view.ipv6);
  publish_text(this->state_text_sensor_, ::microlink::state_name(view.state));
  publish_text(this->login_url_text_sensor_, view.login_url);
#endif
}

}  // namespace esphome::microlink_
