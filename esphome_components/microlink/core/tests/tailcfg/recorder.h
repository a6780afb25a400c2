// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "microlink/tailcfg/map_sink.h"

namespace microlink::testing {

inline std::string describe(const tailcfg::Node &node) {
  std::string out = std::to_string(node.id) + " " + std::string(node.name.view()) + " " +
                    std::string(node.key.short_form().view()) + " " + std::string(node.disco_key.short_form().view());
  for (const auto &prefix : node.addresses)
    out += " a=" + std::string(to_text(prefix).view());
  for (const auto &prefix : node.allowed_ips)
    out += " r=" + std::string(to_text(prefix).view());
  for (const auto &endpoint : node.endpoints)
    out += " e=" + std::string(to_text(endpoint).view());
  for (const auto &tag : node.tags)
    out += " " + std::string(tag.view());
  out += " home=" + std::to_string(node.home_derp) + " cap=" + std::to_string(node.cap);
  out += node.online ? *node.online ? " online" : " offline" : "";
  if (node.key_expiry != WallTime::UNKNOWN)
    out += " expires=" + std::to_string(to_unix_seconds(node.key_expiry));
  out += std::string(node.expired ? " expired" : "") + (node.machine_authorized ? " authorized" : "") +
         (node.is_wireguard_only ? " wgonly" : "") + (node.is_jailed ? " jailed" : "") +
         (node.is_signed ? " signed" : "") + (node.unsigned_peerapi_only ? " unsigned" : "");
  return out;
}

/// Every call as a line of text.
struct Recorder : tailcfg::MapSink {
  std::vector<std::string> lines;
  std::vector<uint32_t> health_ids;  ///< of health() and health_removed(), in turn
  bool counts_only{false};
  size_t calls{0};
  int open{0};

  void say(const std::string &line) {
    this->calls++;
    if (!this->counts_only)
      this->lines.push_back(line);
  }
  static std::string text(const tailcfg::AddressRange &range) {
    return range.any ? "*" : std::string(to_text(range.first).view()) + "-" + std::string(to_text(range.last).view());
  }

  void message_begin() override { this->say("begin"); }
  void message_end(bool keep_alive) override { this->say(keep_alive ? "end keepalive" : "end"); }
  void aborted() override { this->say("aborted"); }
  void self_node(const tailcfg::Node &node) override { this->say("self " + describe(node)); }
  void peers_begin() override { this->say("peers["); }
  void peer(const tailcfg::Node &node) override { this->say("peer " + describe(node)); }
  void peers_end() override { this->say("]peers"); }
  void peer_removed(tailcfg::NodeId id) override { this->say("removed " + std::to_string(id)); }
  void peer_patched(const tailcfg::PeerChange &change) override {
    std::string out = "patch " + std::to_string(change.id);
    if (change.home_derp)
      out += " home=" + std::to_string(*change.home_derp);
    if (change.cap)
      out += " cap=" + std::to_string(*change.cap);
    if (change.endpoints) {
      out += " endpoints";
      for (const auto &endpoint : *change.endpoints)
        out += "=" + std::string(to_text(endpoint).view());
    }
    if (change.key)
      out += " key";
    if (change.disco_key)
      out += " disco";
    if (change.online)
      out += *change.online ? " online" : " offline";
    if (change.key_expiry)
      out += " expires=" + std::to_string(to_unix_seconds(*change.key_expiry));
    this->say(out);
  }
  void peer_online(tailcfg::NodeId id, bool online) override {
    this->say("online " + std::to_string(id) + (online ? " yes" : " no"));
  }
  void derp_regions_begin() override { this->say("regions["); }
  void derp_region(const tailcfg::DerpRegion &region) override {
    std::string out = "region " + std::to_string(region.id) + " " + std::string(region.code.view()) +
                      (region.avoid ? " avoid" : "") + (region.no_measure_no_home ? " nohome" : "");
    for (const auto &node : region.nodes) {
      out += " {" + std::string(node.name.view()) + " " + std::string(node.host_name.view()) + " " +
             std::string(node.cert_name.view()) + " " + std::string(to_text(node.ipv4).view()) +
             (node.no_ipv4 ? "!4" : "") + (node.no_ipv6 ? "!6" : "") + " " + std::to_string(node.derp_port) + " " +
             std::to_string(node.stun_port) + (node.stun_only ? " stun" : "") +
             (node.insecure_for_tests ? " insecure" : "") + "}";
    }
    this->say(out);
  }
  void derp_regions_end() override { this->say("]regions"); }
  void region_scores_reset() override { this->say("scores"); }
  void region_score(uint16_t region, uint32_t score) override {
    this->say("score " + std::to_string(region) + " " + std::to_string(score));
  }
  void filters_begin() override { this->say("filters"); }
  void filters_clear() override { this->say("filters clear"); }
  void filter_removed(std::string_view name) override { this->say("filter gone " + std::string(name)); }
  void filter_begin(std::string_view name) override { this->say("filter[ " + std::string(name)); }
  void filter_end() override { this->say("]filter"); }
  void rule_begin() override { this->say("rule["); }
  void rule_source(const tailcfg::AddressRange &source) override { this->say("from " + text(source)); }
  void rule_source_capability(std::string_view name) override { this->say("from cap " + std::string(name)); }
  void rule_destination(const tailcfg::AddressRange &to, tailcfg::PortRange ports) override {
    this->say("to " + text(to) + ":" + std::to_string(ports.first) + "-" + std::to_string(ports.last));
  }
  void rule_protocol(uint8_t protocol) override { this->say("protocol " + std::to_string(protocol)); }
  void rule_end(bool valid, bool poisoned) override {
    this->say(std::string("]rule") + (valid ? " valid" : "") + (poisoned ? " poisoned" : ""));
  }
  void domain(std::string_view name) override { this->say("domain " + std::string(name)); }
  void dns_config(bool magic_dns, std::string_view suffix) override {
    this->say(std::string(magic_dns ? "magicdns " : "dns ") + std::string(suffix));
  }
  void control_time(WallTime now) override { this->say("time " + std::to_string(static_cast<int64_t>(now))); }
  void health_begin() override { this->say("health"); }
  void health(std::string_view text, uint32_t id) override {
    this->say("unwell " + std::string(text));
    this->health_ids.push_back(id);
  }
  void health_removed(uint32_t id) override {
    this->say("well again");
    this->health_ids.push_back(id);
  }
  void ping_request(std::string_view url, bool is_noise, std::string_view types, std::string_view ip,
                    std::string_view payload) override {
    this->say("ping " + std::string(url) + (is_noise ? " noise" : "") + " " + std::string(types) + " " +
              std::string(ip) + " " + std::string(payload));
  }
  void pop_browser_url(std::string_view url) override { this->say("browser " + std::string(url)); }
  void sleep_request(Duration time) override { this->say("sleep " + std::to_string(to_milliseconds(time))); }
  void tailnet_lock(bool enabled) override { this->say(enabled ? "locked" : "unlocked"); }
};

}  // namespace microlink::testing
