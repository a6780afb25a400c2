// SPDX-License-Identifier: MIT
#ifdef __linux__
#include "microlink/port/posix/driven.h"

namespace microlink::posix {

namespace {

class ClientDriven final : public Driven {
 public:
  ClientDriven(const Config &config, const TrustStore &trust, LogSink *log) : client_(config, trust, log) {}

  Error set_auth_key(std::string_view auth_key) override { return this->client_.set_auth_key(auth_key); }
  void handle(Instant now, const Input &input) override { this->client_.handle(now, input); }
  std::optional<Action> poll_action(Instant now, ByteSpan scratch) override {
    return this->client_.poll_action(now, scratch);
  }
  std::optional<Event> poll_event() override { return this->client_.poll_event(); }
  Instant next_timeout() const override { return this->client_.next_timeout(); }
  Error ping(Instant now, const NodePublic &peer) override { return this->client_.ping(now, peer); }
  Error rotate_node_key(Instant now) override { return this->client_.rotate_node_key(now); }
  void logout(Instant now) override { this->client_.logout(now); }
  void netcheck(Instant now) override { this->client_.netcheck(now); }
  Error set_allowed_peers(Instant now, std::string_view list) override {
    return this->client_.set_allowed_peers(now, list);
  }
  std::optional<NodePublic> resolve(std::string_view name_or_address) const override {
    return this->client_.resolve(name_or_address);
  }
  Result<PeerStatus> find(Instant now, std::string_view name_or_address) override {
    return this->client_.find(now, name_or_address);
  }
  Snapshot snapshot() const override;

 private:
  Client client_;
};

Snapshot ClientDriven::snapshot() const {
  const Status status = this->client_.status();
  Snapshot out;
  out.state = status.state;
  out.control = status.control;
  out.relay_connected = status.relay_connected;
  out.home_derp = status.home_derp;
  out.home_derp_code = status.home_derp_code.view();
  out.nat = status.nat;
  out.login_url = status.login_url;
  out.message = status.message;
  out.name = status.name.view();
  out.domain = status.domain.view();
  out.ipv4 = status.ipv4;
  out.ipv6 = status.ipv6;
  out.node_key = status.node_key;
  out.key_expiry = status.key_expiry;
  out.tailnet_lock = status.tailnet_lock;
  out.endpoints.assign(status.endpoints.begin(), status.endpoints.end());
  out.peers_in_table = status.peers_in_table;
  out.peers_in_tailnet = status.peers_in_tailnet;
  out.everybody_allowed = status.everybody_allowed;
  out.allowlist_origin = status.allowlist_origin;
  out.filter_complete = status.filter_complete;
  for (size_t i = 0; i != status.allowed_peers; i++)
    out.allowed_peers.emplace_back(this->client_.allowed_peer(i).view());
  out.statistics = this->client_.statistics();
  const size_t count = this->client_.peer_count();
  for (size_t i = 0; i != count; i++)
    out.peers.push_back(this->client_.peer(i));
  Client::RelayLatency relays[MAX_DERP_REGIONS];
  const size_t known = this->client_.relay_latencies(relays);
  out.relays.assign(relays, relays + std::min(known, MAX_DERP_REGIONS));
  return out;
}

}  // namespace

std::unique_ptr<Driven> make_client(const Config &config, const TrustStore &trust, LogSink *log) {
  return std::make_unique<ClientDriven>(config, trust, log);
}

}  // namespace microlink::posix
#endif  // __linux__
