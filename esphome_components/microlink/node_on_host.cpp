// SPDX-License-Identifier: MIT
#include "node_on_host.h"

#ifdef USE_HOST
#include <cstdlib>

#include "esphome/core/application.h"
#include "microlink/port/lwip/exposed_ports.h"

namespace esphome::microlink_ {

std::string NodeOnHost::start(const ::microlink::Config &config, uint16_t listen_port, const char *auth_key,
                              ::microlink::LogSink *log) {
  ::microlink::posix::NodeOptions options{.config = config, .state_dir = this->identity_place()};
  options.runner.listen_port = listen_port;
  std::string problem;
  this->overlay_end_ = ::microlink::lwip::expose_ports(this->served_ports_, problem);
  if (problem.empty())
    problem = this->background_.start(std::move(options), ::microlink::posix::make_client, auth_key,
                                      this->overlay_end_.get(), log);
  return problem;
}

bool NodeOnHost::set_auth_key(std::string auth_key) {
  using ::microlink::posix::Command;
  return this->background_.post({.kind = Command::Kind::SET_AUTH_KEY, .text = std::move(auth_key)});
}

bool NodeOnHost::set_allowed_peers(const std::string &allowed_peers) {
  using ::microlink::posix::Command;
  return this->background_.post({.kind = Command::Kind::SET_ALLOWED_PEERS, .text = allowed_peers});
}

bool NodeOnHost::take_view(NodeView &out) {
  // The snapshot says it all; events only wake their reader.
  while (this->background_.take_event()) {
  }
  ::microlink::posix::Snapshot latest;
  if (!this->background_.take_snapshot(latest))
    return false;
  std::swap(latest, this->snapshot_);
  out = {.state = this->snapshot_.state,
         .login_url = this->snapshot_.login_url,
         .message = this->snapshot_.message,
         .is_new_login_url = !this->snapshot_.login_url.empty() && this->snapshot_.login_url != latest.login_url,
         .is_new_message = !this->snapshot_.message.empty() && this->snapshot_.message != latest.message,
         .allowed_peers = this->snapshot_.everybody_allowed ? "*" : "",
         .allowed_entries = this->snapshot_.allowed_peers.size(),
         .ipv4 = this->snapshot_.ipv4,
         .ipv6 = this->snapshot_.ipv6};
  for (const std::string &each : this->snapshot_.allowed_peers)
    out.allowed_peers += (out.allowed_peers.empty() ? "" : ", ") + each;
  return true;
}

std::string NodeOnHost::identity_place() const {
  // Where HostPreferences::setup_() keeps its file.
  const char *preferences = std::getenv("ESPHOME_PREFDIR");
  const char *home = std::getenv("HOME");
  std::string path = preferences != nullptr ? std::string(preferences)
                     : home != nullptr      ? std::string(home) + "/.esphome/prefs"
                                            : std::string(".esphome/prefs");
  return path + "/" + std::string(App.get_name().c_str(), App.get_name().size()) + ".microlink";
}

std::string NodeOnHost::served_ports_text() const {
  std::string out;
  for (const uint16_t port : this->served_ports_)
    out += (out.empty() ? "" : ", ") + std::to_string(port);
  return out.empty() ? "none" : out;
}

}  // namespace esphome::microlink_
#endif  // USE_HOST
