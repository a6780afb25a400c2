// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/log.h"
#include "microlink/client.h"
#include "microlink/port/chip/streams.h"
#include "microlink/port/chip/system.h"
#include "microlink/port/chip/udp.h"

namespace microlink::chip {

/// Hears of a client's events. Must not call the client: views in `event` would go.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_event(const Event &event) = 0;
};

/// The loop of ports.h for a chip: one task, select(), memory of a fixed size and no heap. It runs on Linux as well,
/// where it is tested. Every turn does a bounded amount of work.
class Loop final : private posix::InputSink {
 public:
  /// `observer` and `log` may be null; all must outlive the loop.
  Loop(System &system, Observer *observer, LogSink *log);
  ~Loop() override { this->detach(); }

  struct Options {
    uint16_t listen_port{0};
    bool relay_only{false};  ///< no UDP socket is opened; local addresses are told with RELAY_ONLY_PORT
  };
  /// Open the sockets: false when the system has none left.
  bool open(const Options &options);
  void close();

  /// Tell the client its records, a seed, the wall time and the network, then START it. An error when a record cannot
  /// be read or there is no randomness; then nothing is attached.
  Error attach(Client &client);
  /// Drop all streams and forget the client, whatever its state.
  void detach();
  /// Whether the client said STOPPED since attach().
  bool stopped() const { return this->stopped_; }

  /// An input from outside, or nothing when detached.
  void feed(const Input &input) override;
  /// After a command was given to the client: work off what it caused.
  void drain();
  /// The time to give a command: never before that of the last input.
  Instant tick();

  /// Wait for something to happen, at most until `latest`, and do it. How long it has waited.
  Duration turn(Instant latest);
  /// How often turn() has waited: a chip that sleeps lightly woke up as often.
  uint32_t wakes() const { return this->wakes_; }

  static constexpr uint16_t RELAY_ONLY_PORT = 9;  ///< "discard": says that there is a network though nothing listens
  static constexpr Duration SETTLE_TIME = milliseconds(250);  ///< a burst of changes of the network is one change
  /// So long may packets of the overlay wait for a stream: the relay's queue holds two, and whoever sends to the
  /// overlay goes slower when it is not emptied. A stream that stands still for longer must not hold up what goes
  /// another way.
  static constexpr Duration PATIENCE = milliseconds(100);

 private:
  Error feed_records_();
  void feed_network_();
  void feed_wall_time_();
  void drain_actions_();
  void perform_(const Action &action);
  void open_stream_(const Action &action);
  bool resolve_(uint32_t token, std::string_view host);
  void serve_answers_();
  void serve_overlay_();
  bool overlay_waits_() const { return this->patient_until_ > this->now_ && this->streams_.is_any_blocked(); }
  void serve_network_();
  Instant next_timeout_(Instant latest) const;

  /// Room for a datagram, a piece of a stream, or a packet of the overlay with the space around it.
  static constexpr size_t ROOM_BYTES = 1504;
  static_assert(ROOM_BYTES >= MAX_WIREGUARD_BYTES && ROOM_BYTES >= OVERLAY_HEADROOM + OVERLAY_MTU + OVERLAY_TAILROOM);
  static constexpr int PACKETS_PER_TURN = 8;

  System &system_;
  Observer *observer_;
  Log log_;
  Options options_{};
  Udp udp_{*this};
  Streams streams_{*this};
  Client *client_{nullptr};
  Instant now_{};
  Instant settled_at_{Instant::NEVER};
  Instant patient_until_{};
  WallTime wall_told_{WallTime::UNKNOWN};
  Instant wall_told_at_{};
  uint32_t wakes_{0};
  bool stopped_{false};
  bool draining_{false};
  alignas(uint32_t) Bytes<ROOM_BYTES> room_{};
  alignas(uint32_t) Bytes<SCRATCH_BYTES> scratch_{};
};

}  // namespace microlink::chip
