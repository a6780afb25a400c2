// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/tailnet/host.h"
#include "tests/tailnet/ledger.h"
#include "tests/sim/timeline.h"
#include "tests/sim/weather.h"

namespace microlink::tailnet {

/// Whole clients behind NATs, a coordination server and two relays, on a virtual clock; everything from one seed.
class Tailnet : public sim::Timeline {
 public:
  static constexpr WallTime WALL_BASE = wall_seconds(1'893'456'000);
  static constexpr Duration STREAM_LATENCY = milliseconds(20);
  static constexpr Duration LAN_LATENCY = milliseconds(1);
  static constexpr uint16_t REGIONS = 2;
  static constexpr uint16_t MOST_REGIONS = 3;

  /// Region 1 is the nearest one, the last the farthest.
  explicit Tailnet(unsigned seed, uint16_t regions = REGIONS);
  ~Tailnet();

  Host &add(sim::NatModel model);

  // Disturbances.
  void set_control(bool up);
  void set_relay(uint16_t region, bool up);
  /// The relay alone: its STUN server answers on.
  void set_tcp_of_relay(uint16_t region, bool up);
  void leave(Host &host, bool in_order, bool removed);
  void come_back(Host &host);
  void expire_key(Host &host);
  /// Whether `to` may be reached by `from`: control tells `to`.
  void allow(Host &from, Host &to, bool allowed);
  bool is_allowed(const Host &from, const Host &to) const;

  /// A packet of so many bytes from one host's programs to another's.
  void say(Host &from, Host &to, size_t size = 100);

  // What hosts do.
  void open_link(Host &host, StreamId id, const Endpoint &to);
  void send_link(Host &host, StreamId id, const std::string &bytes);
  void close_link(Host &host, StreamId id);
  void send_datagram(Host &host, const Endpoint &to, const std::string &bytes);
  void deliver(Host &host, const std::string &packet);

  unsigned seed;
  std::mt19937 random;
  sim::Weather weather;
  Ledger ledger;
  WireWatch wire;
  std::vector<std::unique_ptr<Host>> hosts;

 private:
  /// What control knows of a node.
  struct Registered {
    std::string node_key, disco_key, endpoints{"[]"};
    unsigned home{0};
    bool is_known{false};
    bool is_removed{false};
    bool is_expired{false};
    std::set<size_t> denied;  ///< hosts that may not send to it
  };
  void keep_alive_();

  // streams
  void at_light_(Host &host, Instant when, std::function<void()> what);
  void on_link_(Host &host, StreamId id, unsigned number, const std::function<void(Host::Link &)> &what);
  void connect_(Host &host, StreamId id, Host::Link &link);
  void serve_(Host &host, StreamId id, Host::Link &link, const std::string &bytes);
  void flush_(Host &host, StreamId id);
  void forward_(Host &host, Host::Link &link, const std::string &to, const std::string &packet);
  void cut_(Host &host, StreamId id);

  // datagrams
  void arrive_(const Endpoint &from, const Endpoint &to, const std::string &bytes);
  void receive_(Host &host, const Endpoint &from, const std::string &bytes);
  Host *host_at_(const Endpoint &to, const Endpoint &from);

  // control
  std::string register_(Host &host, const std::string &body);
  void hear_(Host &host, const std::string &body, bool is_stream);
  std::string node_json_(size_t index) const;
  std::string filter_json_(size_t index) const;
  std::string full_map_(size_t index) const;
  void tell_(Host &host, const std::string &json);
  void tell_others_(size_t index, const std::string &json);
  void tell_filter_(Host &host, const std::string &json);

  std::vector<Registered> registered_;
  bool control_up_{true};
  const uint16_t regions_;
  bool relay_up_[MOST_REGIONS + 1]{true, true, true, true};
  bool stun_up_[MOST_REGIONS + 1]{true, true, true, true};
  unsigned links_{0};
};

}  // namespace microlink::tailnet
