// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/control/ping_reply.h"
#include "microlink/tailcfg/map_sink.h"

namespace microlink::control {

/// Hands everything of a map stream on to the owner's sink and notes what the session itself acts on.
class MapTap final : public tailcfg::MapSink {
 public:
  /// `to` must outlive the tap.
  explicit MapTap(tailcfg::MapSink &to) : to_(to) {}

  // Noted; taken and cleared by the session after each piece of the stream.
  bool message_read{false};         ///< a message that was not a keep-alive came to its end
  std::optional<Duration> sleep{};  ///< Debug.SleepSeconds
  bool ping_read{false};            ///< `ping` holds a new PingRequest
  PingReply ping{};

  void stream_begin() override { this->to_.stream_begin(); }
  void message_begin() override { this->to_.message_begin(); }
  void message_end(bool keep_alive) override {
    this->message_read = this->message_read || !keep_alive;
    this->to_.message_end(keep_alive);
  }
  void aborted() override { this->to_.aborted(); }
  void self_node(const tailcfg::Node &node) override { this->to_.self_node(node); }
  void peers_begin() override { this->to_.peers_begin(); }
  void peer(const tailcfg::Node &node) override { this->to_.peer(node); }
  void peers_end() override { this->to_.peers_end(); }
  void peer_removed(tailcfg::NodeId id) override { this->to_.peer_removed(id); }
  void peer_patched(const tailcfg::PeerChange &change) override { this->to_.peer_patched(change); }
  void peer_online(tailcfg::NodeId id, bool online) override { this->to_.peer_online(id, online); }
  void derp_regions_begin() override { this->to_.derp_regions_begin(); }
  void derp_region(const tailcfg::DerpRegion &region) override { this->to_.derp_region(region); }
  void derp_regions_end() override { this->to_.derp_regions_end(); }
  void region_scores_reset() override { this->to_.region_scores_reset(); }
  void region_score(uint16_t region, uint32_t thousandths) override { this->to_.region_score(region, thousandths); }
  void filters_begin() override { this->to_.filters_begin(); }
  void filters_clear() override { this->to_.filters_clear(); }
  void filter_removed(std::string_view name) override { this->to_.filter_removed(name); }
  void filter_begin(std::string_view name) override { this->to_.filter_begin(name); }
  void filter_end() override { this->to_.filter_end(); }
  void rule_begin() override { this->to_.rule_begin(); }
  void rule_source(const tailcfg::AddressRange &source) override { this->to_.rule_source(source); }
  void rule_source_capability(std::string_view name) override { this->to_.rule_source_capability(name); }
  void rule_destination(const tailcfg::AddressRange &to, tailcfg::PortRange ports) override {
    this->to_.rule_destination(to, ports);
  }
  void rule_protocol(uint8_t protocol) override { this->to_.rule_protocol(protocol); }
  void rule_end(bool valid, bool poisoned) override { this->to_.rule_end(valid, poisoned); }
  void domain(std::string_view name) override { this->to_.domain(name); }
  void dns_config(bool magic_dns, std::string_view suffix) override { this->to_.dns_config(magic_dns, suffix); }
  void control_time(WallTime now) override { this->to_.control_time(now); }
  void health_begin() override { this->to_.health_begin(); }
  void health(std::string_view text, uint32_t id) override { this->to_.health(text, id); }
  void health_removed(uint32_t id) override { this->to_.health_removed(id); }
  void ping_request(std::string_view url, bool is_noise, std::string_view types, std::string_view ip,
                    std::string_view payload) override {
    // The same URL again means the same request (02 §6).
    if (this->ping.is_for(url))
      return;
    this->ping.assign(url, is_noise, types, ip, payload);
    this->ping_read = true;
    this->to_.ping_request(url, is_noise, types, ip, payload);
  }
  void pop_browser_url(std::string_view url) override { this->to_.pop_browser_url(url); }
  void sleep_request(Duration time) override {
    this->sleep = time;
    this->to_.sleep_request(time);
  }
  void tailnet_lock(bool enabled) override { this->to_.tailnet_lock(enabled); }

 private:
  tailcfg::MapSink &to_;
};

}  // namespace microlink::control
