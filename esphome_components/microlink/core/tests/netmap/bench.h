// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <set>

#include "microlink/netmap/netmap.h"
#include "microlink/tailcfg/map_parser.h"
#include "tests/tailcfg/stream.h"

namespace microlink::testing {

/// A key text that belongs to a number.
inline std::string key_text(const char *prefix, int64_t number) {
  char digits[80];
  std::snprintf(digits, sizeof(digits), "%064llx", static_cast<unsigned long long>(number));
  return std::string(prefix) + digits;
}

/// Node n<id>.t.ts.net with an address in 100.64.0.0/10; `more` is further fields, with a comma in front.
inline std::string node(int64_t id, const std::string &more = "") {
  const std::string address = "100.64." + std::to_string(id / 256 % 256) + "." + std::to_string(id % 256);
  return "{\"ID\":" + std::to_string(id) + ",\"Name\":\"n" + std::to_string(id) + ".t.ts.net.\",\"Key\":\"" +
         key_text("nodekey:", id) + "\",\"DiscoKey\":\"" + key_text("discokey:", id) + "\",\"Addresses\":[\"" +
         address + "/32\"]" + more + "}";
}

/// A netmap behind a map parser, as in the client.
struct Bench : tailcfg::MapSink {
  netmap::Netmap netmap;
  tailcfg::MapParser parser{*this};
  std::map<std::pair<size_t, uint16_t>, unsigned> names;  ///< by slot and generation

  void message_begin() override { this->netmap.message_begin(); }
  void message_end(bool keep_alive) override { this->netmap.message_end(keep_alive); }
  void aborted() override { this->netmap.aborted(); }
  void self_node(const tailcfg::Node &self) override { this->netmap.self_node(self); }
  void peers_begin() override { this->netmap.peers_begin(); }
  void peer(const tailcfg::Node &peer) override {
    this->netmap.peer(peer);
    this->learn_names();
  }
  void peers_end() override { this->netmap.peers_end(); }
  void peer_removed(tailcfg::NodeId id) override { this->netmap.peer_removed(id); }
  void peer_patched(const tailcfg::PeerChange &change) override { this->netmap.peer_patched(change); }
  void peer_online(tailcfg::NodeId id, bool online) override { this->netmap.peer_online(id, online); }
  void derp_regions_begin() override { this->netmap.derp_regions_begin(); }
  void derp_region(const tailcfg::DerpRegion &region) override { this->netmap.derp_region(region); }
  void derp_regions_end() override { this->netmap.derp_regions_end(); }
  void region_scores_reset() override { this->netmap.region_scores_reset(); }
  void region_score(uint16_t region, uint32_t score) override { this->netmap.region_score(region, score); }
  void dns_config(bool magic_dns, std::string_view suffix) override { this->netmap.dns_config(magic_dns, suffix); }

  void feed(const std::string &json) {
    const std::string stream = framed(json);
    ASSERT_EQ(this->parser.handle_bytes(as_bytes(stream)), Error::NONE) << json;
  }

  /// Remember who is in which slot, for events() about those that have left.
  void learn_names() {
    for (size_t slot = 0; slot != MAX_PEERS; slot++) {
      if (const netmap::Peer *const peer = this->netmap.peer(this->netmap.at(slot)); peer != nullptr)
        this->names.emplace(std::pair(slot, this->netmap.at(slot).generation), peer->key.bytes[31]);
    }
  }

  /// All events as text; a peer is named by the low byte of the node key that it came with, which is its id in these
  /// tests.
  std::string events() {
    this->learn_names();
    static const char *const NAMES[] = {"self", "+", "~", "key", "restarted", "-", "derp", "full", "resync"};
    std::string out;
    while (const auto event = this->netmap.poll_event()) {
      out += (out.empty() ? "" : " ") + std::string(NAMES[static_cast<size_t>(event->kind)]);
      if (event->peer.is_set())
        out += std::to_string(this->names.at({event->peer.slot, event->peer.generation}));
    }
    return out;
  }

  std::set<int64_t> ids() const {
    std::set<int64_t> out;
    for (size_t slot = 0; slot != MAX_PEERS; slot++) {
      if (const netmap::Peer *const peer = this->netmap.peer(this->netmap.at(slot)); peer != nullptr)
        out.insert(peer->id);
    }
    return out;
  }
};

}  // namespace microlink::testing
