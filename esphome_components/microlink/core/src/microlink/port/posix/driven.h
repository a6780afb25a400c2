// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "microlink/client.h"

namespace microlink::posix {

/// Everything that a Client says about itself at one moment, owned: may be kept, copied and given to another thread.
struct Snapshot {
  State state{State::STOPPED};
  ControlState control{ControlState::OFFLINE};
  bool relay_connected{false};
  uint16_t home_derp{0};
  std::string home_derp_code;
  NatKind nat{NatKind::UNKNOWN};
  std::string login_url;
  std::string message;
  std::string name;
  std::string domain;
  IpAddress ipv4{};
  IpAddress ipv6{};
  NodePublic node_key{};
  WallTime key_expiry{WallTime::UNKNOWN};
  bool tailnet_lock{false};
  std::vector<Endpoint> endpoints;
  size_t peers_in_table{0};
  uint32_t peers_in_tailnet{0};
  Statistics statistics{};
  bool everybody_allowed{true};
  AllowlistOrigin allowlist_origin{AllowlistOrigin::CONFIGURED};
  bool filter_complete{true};
  std::vector<std::string> allowed_peers;
  std::vector<PeerStatus> peers;
  std::vector<Client::RelayLatency> relays;
};

/// What a Runner drives: a Client, or a stand-in (a recorder around it, a script in a test). The functions are those of
/// Client, see there.
class Driven {
 public:
  virtual ~Driven() = default;
  virtual Error set_auth_key(std::string_view auth_key) = 0;
  virtual void handle(Instant now, const Input &input) = 0;
  virtual std::optional<Action> poll_action(Instant now, ByteSpan scratch) = 0;
  virtual std::optional<Event> poll_event() = 0;
  virtual Instant next_timeout() const = 0;
  virtual Error ping(Instant now, const NodePublic &peer) = 0;
  virtual Error rotate_node_key(Instant now) = 0;
  virtual void logout(Instant now) = 0;
  virtual void netcheck(Instant now) = 0;
  virtual Result<PeerStatus> find(Instant now, std::string_view name_or_address) = 0;
  virtual Error set_allowed_peers(Instant now, std::string_view list) = 0;
  virtual Snapshot snapshot() const = 0;
  virtual std::optional<NodePublic> resolve(std::string_view name_or_address) const = 0;
};

/// Makes what is driven; called for each start. `config`, `trust` and `log` outlive the result.
using DrivenFactory =
    std::function<std::unique_ptr<Driven>(const Config &config, const TrustStore &trust, LogSink *log)>;

/// The real one.
std::unique_ptr<Driven> make_client(const Config &config, const TrustStore &trust, LogSink *log);

}  // namespace microlink::posix
