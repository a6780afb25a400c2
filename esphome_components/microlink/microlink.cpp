// SPDX-License-Identifier: MIT
#include "microlink.h"

#include <cstdlib>
#include <utility>

#include "esphome/core/application.h"
#include "esphome/core/log.h"
#include "microlink/port/lwip/exposed_ports.h"
#include "microlink/version.h"

namespace esphome::microlink_ {

static const char *const TAG = "microlink";

namespace {

#ifdef USE_TEXT_SENSOR
void publish_text(text_sensor::TextSensor *sensor, const std::string &text) {
  if (sensor != nullptr && (!sensor->has_state() || sensor->get_raw_state() != text))
    sensor->publish_state(text);
}

/// Unknown until there is an address; empty when it is gone.
void publish_address(text_sensor::TextSensor *sensor, const ::microlink::IpAddress &address) {
  if (address.is_set()) {
    publish_text(sensor, std::string(::microlink::to_text(address).view()));
  } else if (sensor != nullptr && sensor->has_state()) {
    publish_text(sensor, {});
  }
}
#endif

#ifdef USE_TEXT
std::string list_of(const ::microlink::posix::Snapshot &snapshot) {
  std::string out = snapshot.everybody_allowed ? "*" : "";
  for (const std::string &each : snapshot.allowed_peers)
    out += (out.empty() ? "" : ", ") + each;
  return out;
}
#endif

}  // namespace

void MicroLink::setup() {
  if (this->config_.hostname.empty())
    this->config_.hostname = std::string_view(App.get_name().c_str(), App.get_name().size());
  this->config_.device_model = std::string_view("ESPHome " ESPHOME_VERSION " " ESPHOME_BOARD);
  this->config_.build_time = ::microlink::wall_seconds(App.get_build_time());
  this->config_.fixed_port = this->listen_port_ != 0;
  ::microlink::posix::NodeOptions options{.config = this->config_, .state_dir = this->state_directory_()};
  options.runner.listen_port = this->listen_port_;
  std::string problem;
  this->overlay_end_ = ::microlink::lwip::expose_ports(this->served_ports_, problem);
  if (problem.empty())
    problem = this->background_.start(std::move(options), ::microlink::posix::make_client, this->initial_auth_key_,
                                      this->overlay_end_.get(), &this->log_);
  if (!problem.empty()) {
    ESP_LOGE(TAG, "The node cannot start: %s", problem.c_str());
    ESP_LOGE(TAG, "Its identity is kept in %s, as ESPHOME_PREFDIR, HOME and the device's name say",
             this->state_directory_().c_str());
    this->mark_failed();
  }
  this->publish_(this->snapshot_);
}

void MicroLink::loop() {
  // The snapshot says it all; events only wake their reader.
  while (this->background_.take_event()) {
  }
  ::microlink::posix::Snapshot latest;
  if (!this->background_.take_snapshot(latest))
    return;
  if (latest.login_url != this->snapshot_.login_url && !latest.login_url.empty())
    ESP_LOGW(TAG, "Open this URL to let the node into the tailnet: %s", latest.login_url.c_str());
  if (latest.message != this->snapshot_.message && !latest.message.empty())
    ESP_LOGW(TAG, "%s", latest.message.c_str());
  this->publish_(latest);
  this->snapshot_ = std::move(latest);
}

void MicroLink::dump_config() {
  const char *udp = this->listen_port_ != 0 ? "fixed port" : "any port";
  if (this->config_.relay_only)
    udp = "not used, everything goes through the relay";
  std::string served;
  for (const uint16_t port : this->served_ports_)
    served += (served.empty() ? "" : ", ") + std::to_string(port);
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
                this->config_.hostname.c_str(), udp, served.empty() ? "none" : served.c_str(),
                this->state_directory_().c_str());
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

bool MicroLink::set_auth_key(std::string auth_key) {
  using ::microlink::posix::Command;
  return this->background_.post({.kind = Command::Kind::SET_AUTH_KEY, .text = std::move(auth_key)});
}

std::string MicroLink::set_allowed_peers(const std::string &allowed_peers) {
  using ::microlink::posix::Command;
  std::string_view wrong;
  const ::microlink::Error error = ::microlink::Client::check_allowed_peers(allowed_peers, &wrong);
  std::string problem;
  if (error != ::microlink::Error::NONE)
    problem = "\"" + std::string(wrong) + "\" " + ::microlink::allowed_peers_problem(error);
  else if (!this->background_.post({.kind = Command::Kind::SET_ALLOWED_PEERS, .text = allowed_peers}))
    problem = "the node does not run, or too much waits for it";
  if (!problem.empty())
    ESP_LOGW(TAG, "The list of allowed peers stays as it is: %s", problem.c_str());
  return problem;
}

std::string MicroLink::state_directory_() {
  // Where HostPreferences::setup_() keeps its file.
  const char *preferences = std::getenv("ESPHOME_PREFDIR");
  const char *home = std::getenv("HOME");
  std::string path = preferences != nullptr ? std::string(preferences)
                     : home != nullptr      ? std::string(home) + "/.esphome/prefs"
                                            : std::string(".esphome/prefs");
  return path + "/" + std::string(App.get_name().c_str(), App.get_name().size()) + ".microlink";
}

void MicroLink::publish_(const ::microlink::posix::Snapshot &snapshot) {
#ifdef USE_BINARY_SENSOR
  if (this->connected_binary_sensor_ != nullptr)
    this->connected_binary_sensor_->publish_state(snapshot.state == ::microlink::State::ONLINE);
#endif
#ifdef USE_TEXT
  if (this->allowed_peers_text_ != nullptr && snapshot.state != ::microlink::State::STOPPED)
    this->allowed_peers_text_->show(list_of(snapshot), snapshot.allowed_peers.size());
#endif
#ifdef USE_TEXT_SENSOR
  publish_address(this->ipv4_text_sensor_, snapshot.ipv4);
  publish_address(this->ipv6_text_sensor_, snapshot.ipv6);
  publish_text(this->state_text_sensor_, ::microlink::state_name(snapshot.state));
  publish_text(this->login_url_text_sensor_, snapshot.login_url);
#endif
}

}  // namespace esphome::microlink_
