// SPDX-License-Identifier: MIT
#include "microlinkd/report.h"

#include <algorithm>
#include <ctime>
#include <vector>

#include "microlink/json/writer.h"
#include "microlink/version.h"
#include "microlinkd/allowed_peers.h"

namespace microlink::tools {

namespace {

using posix::Snapshot;

/// Runs `write` with ever more room until its JSON fits: the answers are small, the peers bounded by MAX_PEERS.
template<typename F> std::string build(F write) {
  for (size_t size = 4096; size <= 4 << 20; size *= 4) {
    std::vector<uint8_t> room(size);
    json::Writer out(room);
    write(out);
    if (out.is_complete())
      return std::string(out.text());
  }
  return R"({"error":{"code":"failed","message":"the answer is too long"}})";
}

void text_or_null(json::Writer &out, std::string_view key, std::string_view text) {
  out.key(key);
  if (text.empty())
    out.null();
  else
    out.string(text);
}

void address_or_null(json::Writer &out, std::string_view key, const IpAddress &address) {
  text_or_null(out, key, address.is_set() ? to_text(address).view() : std::string_view());
}

void endpoint_or_null(json::Writer &out, std::string_view key, const Endpoint &endpoint) {
  text_or_null(out, key, endpoint.is_set() ? to_text(endpoint).view() : std::string_view());
}

void key_or_null(json::Writer &out, std::string_view key, const NodePublic &node_key) {
  text_or_null(out, key, node_key.is_set() ? node_key.to_text().view() : std::string_view());
}

void counter(json::Writer &out, std::string_view key, uint64_t value) {
  out.key(key).integer(static_cast<int64_t>(std::min<uint64_t>(value, INT64_MAX)));
}

void region_or_null(json::Writer &out, std::string_view key, uint16_t region) {
  out.key(key);
  if (region == 0)
    out.null();
  else
    out.integer(region);
}

/// Milliseconds with one digit behind the point.
void milliseconds_or_null(json::Writer &out, std::string_view key, std::optional<Duration> value) {
  out.key(key);
  if (!value) {
    out.null();
    return;
  }
  const int64_t tenths = (to_microseconds(*value) + 50) / 100;
  char text[32];
  std::snprintf(text, sizeof(text), "%lld.%lld", static_cast<long long>(tenths / 10),
                static_cast<long long>(tenths % 10));
  out.raw(text);
}

void write_endpoints(json::Writer &out, const Snapshot &snapshot) {
  out.key("endpoints").begin_array();
  for (const Endpoint &endpoint : snapshot.endpoints)
    out.string(to_text(endpoint).view());
  out.end_array();
}

void write_statistics(json::Writer &out, const Statistics &statistics) {
  out.key("statistics").begin_object();
  counter(out, "rx_packets", statistics.rx_packets);
  counter(out, "tx_packets", statistics.tx_packets);
  out.key("refused").begin_object();
  for (uint8_t i = 0; i != static_cast<uint8_t>(Refusal::COUNT); i++) {
    if (statistics.refused[i] != 0)
      counter(out, refusal_name(static_cast<Refusal>(i)), statistics.refused[i]);
  }
  out.end_object();
  out.key("rx_dropped").begin_object();
  for (uint8_t i = 1; i != static_cast<uint8_t>(Error::COUNT); i++) {
    if (statistics.rx_dropped[i] != 0)
      counter(out, error_name(static_cast<Error>(i)), statistics.rx_dropped[i]);
  }
  out.end_object();
  counter(out, "map_bytes", statistics.map_bytes);
  counter(out, "map_polls", statistics.map_polls);
  counter(out, "control_connects", statistics.control_connects);
  counter(out, "relay_connects", statistics.relay_connects);
  out.end_object();
}

void write_expiry(json::Writer &out, WallTime expiry) {
  char text[32] = {};
  if (expiry != WallTime::UNKNOWN) {
    const auto at = static_cast<time_t>(to_unix_seconds(expiry));
    tm utc{};
    gmtime_r(&at, &utc);
    std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
  }
  text_or_null(out, "key_expiry", text);
}

void write_allowed_peers(json::Writer &out, const Snapshot &snapshot) {
  out.key("allowed_peers").raw(allowed_peers_json(snapshot));
  out.key("allowed_peers_origin").string(allowlist_origin_name(snapshot.allowlist_origin));
}

void write_peer(json::Writer &out, const PeerStatus &peer) {
  out.begin_object();
  out.key("name").string(peer.name.view());
  key_or_null(out, "node_key", peer.node_key);
  address_or_null(out, "ipv4", peer.ipv4);
  address_or_null(out, "ipv6", peer.ipv6);
  out.key("allowed").boolean(peer.allowed);
  out.key("expired").boolean(peer.expired);
  out.key("online");
  if (peer.online)
    out.boolean(*peer.online);
  else
    out.null();
  region_or_null(out, "home_derp", peer.home_derp);
  endpoint_or_null(out, "direct", peer.direct);
  milliseconds_or_null(out, "latency_ms", peer.latency);
  out.key("handshake_age_s");
  if (peer.handshake_age)
    out.integer(to_microseconds(*peer.handshake_age) / 1'000'000);
  else
    out.null();
  counter(out, "rx_bytes", peer.rx_bytes);
  counter(out, "tx_bytes", peer.tx_bytes);
  out.end_object();
}

const char *event_name(Event::Kind kind) {
  switch (kind) {
    case Event::Kind::STATE_CHANGED:
      return "state-changed";
    case Event::Kind::LOGIN_URL:
      return "login-url";
    case Event::Kind::ADDRESSES_CHANGED:
      return "addresses-changed";
    case Event::Kind::PEER_CHANGED:
      return "peer-changed";
    case Event::Kind::PEER_GONE:
      return "peer-gone";
    case Event::Kind::PONG:
      return "pong";
    case Event::Kind::PING_TIMED_OUT:
      return "ping-timed-out";
    case Event::Kind::KEY_ROTATED:
      return "key-rotated";
    case Event::Kind::ROTATION_FAILED:
      return "rotation-failed";
    case Event::Kind::LOGGED_OUT:
      return "logged-out";
    case Event::Kind::LOGOUT_FAILED:
      return "logout-failed";
    case Event::Kind::MESSAGE:
      return "message";
    case Event::Kind::STOPPED:
      return "stopped";
  }
  return "?";
}

}  // namespace

std::string status_json(const Snapshot &snapshot) {
  return build([&snapshot](json::Writer &out) {
    out.begin_object();
    out.key("state").string(state_name(snapshot.state));
    out.key("control").string(control_state_name(snapshot.control));
    out.key("relay").begin_object().key("connected").boolean(snapshot.relay_connected);
    region_or_null(out, "region", snapshot.home_derp);
    text_or_null(out, "code", snapshot.home_derp_code);
    out.end_object();
    text_or_null(out, "name", snapshot.name);
    text_or_null(out, "domain", snapshot.domain);
    address_or_null(out, "ipv4", snapshot.ipv4);
    address_or_null(out, "ipv6", snapshot.ipv6);
    key_or_null(out, "node_key", snapshot.node_key);
    write_expiry(out, snapshot.key_expiry);
    write_endpoints(out, snapshot);
    out.key("nat").string(nat_kind_name(snapshot.nat));
    text_or_null(out, "login_url", snapshot.login_url);
    text_or_null(out, "message", snapshot.message);
    out.key("tailnet_lock").boolean(snapshot.tailnet_lock);
    write_allowed_peers(out, snapshot);
    out.key("filter_complete").boolean(snapshot.filter_complete);
    out.key("peers").begin_object();
    counter(out, "in_table", snapshot.peers_in_table);
    counter(out, "in_tailnet", snapshot.peers_in_tailnet);
    out.end_object();
    write_statistics(out, snapshot.statistics);
    out.key("version").string(VERSION);
    out.end_object();
  });
}

std::string peers_json(const Snapshot &snapshot) {
  return build([&snapshot](json::Writer &out) {
    out.begin_array();
    for (const PeerStatus &peer : snapshot.peers)
      write_peer(out, peer);
    out.end_array();
  });
}

std::string netcheck_json(const Snapshot &snapshot) {
  return build([&snapshot](json::Writer &out) {
    out.begin_object();
    out.key("nat").string(nat_kind_name(snapshot.nat));
    region_or_null(out, "home_derp", snapshot.home_derp);
    write_endpoints(out, snapshot);
    out.key("relays").begin_array();
    for (const Client::RelayLatency &relay : snapshot.relays) {
      out.begin_object().key("region").integer(relay.region);
      text_or_null(out, "code", relay.code.view());
      milliseconds_or_null(out, "latency_ms", relay.latency);
      out.end_object();
    }
    out.end_array().end_object();
  });
}

std::string event_json(const Event &event, const Snapshot &snapshot) {
  return build([&](json::Writer &out) {
    out.begin_object();
    out.key("event").string(event_name(event.kind));
    out.key("state").string(state_name(snapshot.state));
    key_or_null(out, "peer", event.peer);
    endpoint_or_null(out, "endpoint", event.path);
    region_or_null(out, "region", event.region);
    const bool timed = event.kind == Event::Kind::PONG;
    milliseconds_or_null(out, "latency_ms", timed ? std::optional(event.latency) : std::nullopt);
    text_or_null(out, "text", event.text);
    out.end_object();
  });
}

std::string pong_json(const Pong &pong) {
  return build([&pong](json::Writer &out) {
    out.begin_object();
    out.key("peer").string(pong.peer);
    key_or_null(out, "node_key", pong.node_key);
    out.key("via").string(pong.path.is_set() ? "direct" : "derp");
    endpoint_or_null(out, "endpoint", pong.path);
    region_or_null(out, "region", pong.region);
    milliseconds_or_null(out, "latency_ms", pong.latency);
    out.end_object();
  });
}

std::string ok_json(const NodePublic *node_key) {
  return build([node_key](json::Writer &out) {
    out.begin_object().key("ok").boolean(true);
    if (node_key != nullptr)
      key_or_null(out, "node_key", *node_key);
    out.end_object();
  });
}

std::string allow_json(const Snapshot &snapshot) {
  return build([&snapshot](json::Writer &out) {
    out.begin_object();
    write_allowed_peers(out, snapshot);
    out.end_object();
  });
}

std::string error_json(std::string_view code, std::string_view message) {
  return build([&](json::Writer &out) {
    out.begin_object().key("error").begin_object();
    out.key("code").string(code).key("message").string(message);
    out.end_object().end_object();
  });
}

}  // namespace microlink::tools
