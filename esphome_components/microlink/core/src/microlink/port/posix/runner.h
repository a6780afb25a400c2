// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/log.h"
#include "microlink/port/posix/clock.h"
#include "microlink/port/posix/driven.h"
#include "microlink/port/posix/network.h"
#include "microlink/port/posix/resolver.h"
#include "microlink/port/posix/state_dir.h"
#include "microlink/port/posix/streams.h"
#include "microlink/port/posix/udp.h"

namespace microlink::posix {

/// The local overlay interface (a TUN device, a userspace stack). Called on the Runner's thread.
class Overlay {
 public:
  virtual ~Overlay() = default;
  /// May be held back until flush(), which follows before the Runner waits for anything.
  virtual void write(ByteView packet) = 0;
  virtual void flush() {}
  virtual void set_addresses(std::span<const Endpoint> addresses) = 0;
};

/// Hears of a client's events, on the Runner's thread. Must not call the client: views in `event` would go.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_event(Instant now, const Event &event) = 0;
};

struct RunnerOptions {
  uint16_t listen_port{0};
  /// No UDP socket is opened; local addresses are told with RELAY_ONLY_PORT.
  bool relay_only{false};
  /// Interfaces that are no underlay, e.g. our own TUN device.
  std::vector<std::string> ignored_interfaces;
  Resolver::Lookup lookup{Resolver::system_lookup};
};
/// "discard" (RFC 863): says that there is a network though nothing listens.
constexpr uint16_t RELAY_ONLY_PORT = 9;

/// Drives one client at a time with the sockets, clocks and files of a Linux system: the loop of ports.h on one thread,
/// with poll(). Every turn does a bounded amount of work. No part blocks, except for the sync of a stored record.
class Runner final : private InputSink {
 public:
  /// `state` must be open and outlive the runner, as must the others; `overlay`, `observer` and `log` may be null.
  Runner(RunnerOptions options, StateDir &state, Overlay *overlay, Observer *observer, LogSink *log);
  ~Runner() override;

  /// Open the sockets, that for UDP where it was last unless a port is configured. Empty, or one line that says what is
  /// wrong.
  std::string open();
  uint16_t udp_port() const { return this->udp_.port_v4() != 0 ? this->udp_.port_v4() : this->udp_.port_v6(); }
  /// Another inhabitant of the loop; not owned.
  void add(Companion *companion);
  void remove(Companion *companion);

  /// Tell the client its records, a seed, the wall time and the network, then START it. A record that cannot be read
  /// stops that: the answer is one line, and nothing is attached.
  std::string attach(Driven *driven);
  /// Drop all streams and forget the client, whatever its state.
  void detach();
  Driven *driven() const { return this->driven_; }
  /// Whether the node has an IPv4 address in the tailnet.
  bool has_v4_address() const;
  /// The time to give a command to driven(): never before that of the last input.
  Instant tick();
  /// Whether the client said STOPPED since attach().
  bool stopped() const { return this->stopped_; }

  /// An input from outside, e.g. an overlay packet or STOP; its actions and events are worked off. No-op when detached.
  void feed(const Input &input) override;
  /// After a command was given to driven(): work off what it caused.
  void drain();

  /// Wait for something to happen, at most until `latest`, and do it.
  void turn(Instant latest);

 private:
  uint16_t last_port_() const;
  std::string feed_records_();
  void feed_network_();
  void feed_wall_time_();
  void drain_actions_();
  void perform_(const Action &action);
  void open_stream_(const Action &action);
  void store_(const Action &action);
  void serve_resolver_();
  void flush_();
  void wait_(Instant latest);

  static constexpr size_t SCRATCH_BYTES = 2048;

  RunnerOptions options_;
  StateDir &state_;
  Overlay *overlay_;
  Observer *observer_;
  Log log_;
  UdpSockets udp_{*this};
  Streams streams_{*this};
  Resolver resolver_;
  NetworkWatch network_;
  WallClockWatch wall_clock_;
  WakeTimer wake_timer_;
  std::vector<Companion *> companions_;
  std::vector<pollfd> fds_;
  std::vector<size_t> fd_counts_;
  std::vector<IpAddress> own_addresses_;
  std::vector<Endpoint> told_endpoints_;
  Driven *driven_{nullptr};
  Instant now_{};
  bool stopped_{false};
  bool draining_{false};
};

}  // namespace microlink::posix
