// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <span>

#include "microlink/base/fixed_vector.h"
#include "microlink/base/short_time.h"
#include "microlink/base/result.h"
#include "microlink/capacity.h"
#include "microlink/magicsock/path.h"

namespace microlink::magicsock {

/// What is known about the way to a peer.
enum class PathState : uint8_t {
  IDLE,     ///< nothing was sent for 45 s. No timer but of pings under way. → SEEKING, DIRECT, DOUBTED: note_sent()
  SEEKING,  ///< entry: no best path, a round is due. Timers HEARTBEAT, ROUND (5 s). → DIRECT: pong; → IDLE
  DIRECT,   ///< entry: trust for 6.5 s, renewed by pongs. Timers HEARTBEAT (3 s: pings the best path), TRUST → DOUBTED,
            ///< ROUND (60 s, looks for something better unless the path is good enough). → IDLE
  DOUBTED,  ///< entry: a round is due. Timers HEARTBEAT, ROUND (5 s), GIVE_UP (5 s) → SEEKING. → DIRECT: pong; → IDLE
};

constexpr Duration HEARTBEAT_INTERVAL = seconds(3);
/// So much earlier a heartbeat goes if the device is awake anyway: heartbeats of several peers meet, and stay together.
constexpr Duration HEARTBEAT_SLACK = milliseconds(500);
constexpr Duration HEARTBEAT_RETRY = seconds(1);
constexpr Duration TRUST_DURATION = milliseconds(6500);
constexpr Duration ACTIVE_TIMEOUT = seconds(45);
constexpr Duration PING_TIMEOUT = seconds(5);
constexpr Duration ROUND_INTERVAL = seconds(5);
constexpr Duration UPGRADE_INTERVAL = seconds(60);
constexpr Duration GOOD_ENOUGH_LATENCY = milliseconds(5);
/// Between CallMeMaybes to a peer; and how often theirs are heeded, and their pings answered (per second).
constexpr Duration CALL_INTERVAL = milliseconds(2500);
constexpr uint8_t MAX_CALLS_HEEDED = 1;
constexpr uint8_t MAX_PONGS_PER_SECOND = 20;
constexpr Duration PROBE_INTERVAL = seconds(1);
/// A candidate that was left alone for so long gets several quick pings again, not a single one.
constexpr Duration BURST_AGAIN = seconds(60);
/// A candidate known only from a ping is forgotten so long after the last one.
constexpr Duration LEARNT_MEMORY = seconds(45);

/// The way to one peer: candidates, when to ping which, and what the pongs proved. Knows nothing of keys and packets.
///
/// Candidates come from the netmap, from CallMeMaybes and from pings that arrived. Full: one that only the netmap lists
/// gives way to a called or learnt one, then the oldest learnt one to a newer one; others are ignored.
class PeerPath {
 public:
  PathState state() const { return this->state_; }
  /// The best path found so far, trusted or not.
  Path best() const {
    return this->has_best_() ? Path{this->candidates_[this->best_].endpoint, microseconds(this->latency_us_)} : Path{};
  }
  bool is_trusted(Instant now) const {
    return this->has_best_() && this->state_ != PathState::DOUBTED && this->since_.age(now) < TRUST_DURATION;
  }
  bool is_active() const { return this->state_ != PathState::IDLE; }
  bool is_candidate(const Endpoint &endpoint) const;
  size_t candidate_count() const { return this->candidates_.size(); }
  const Endpoint &candidate(size_t index) const { return this->candidates_[index].endpoint; }

  /// The netmap's list.
  void set_endpoints(Instant now, std::span<const Endpoint> endpoints);
  /// A WireGuard message was sent to the peer, wherever.
  void note_sent(Instant now);
  /// Ping all candidates now as far as they may be, and ask the peer to do so.
  void start_round(Instant now);
  /// Ping one candidate, unless that was done less than PROBE_INTERVAL ago.
  void probe(Instant now, const Endpoint &endpoint);
  /// Ping every candidate once, on request.
  void ping_all(Instant now);
  /// A pong to a ping of ours to `endpoint`, which must be a candidate.
  void handle_pong(Instant now, const Endpoint &endpoint, Duration latency);
  /// An authentic ping came from `from` over UDP.
  void handle_ping(Instant now, const Endpoint &from);
  /// The peer pinged all of us and expects pings. NOT_READY when that is more often than is heeded.
  Error handle_call_me_maybe(Instant now, std::span<const Endpoint> endpoints);
  /// Whether another pong may be sent in this second; counts it.
  bool may_answer(Instant now);
  void handle_send_error(Instant now, const Endpoint &endpoint);
  /// Another network, or the peer restarted: nothing that was proved or learnt holds.
  void forget(Instant now);
  /// forget() and → IDLE.
  void reset(Instant now);
  /// Also when it is not time yet: what may come early does.
  void handle_timeout(Instant now);
  /// Without call_due(). `now` is that of the last input.
  Instant next_timeout(Instant now) const;
  /// Forget candidates for which nothing speaks any more. To be called every few minutes.
  void sweep(Instant now);

  /// The next candidate that is to be pinged at `now`; taken as pinged.
  std::optional<Endpoint> take_ping(Instant now);
  /// When a CallMeMaybe is to be sent, seen from `now`; NEVER if none is.
  Instant call_due(Instant now) const {
    return this->call_wanted_ ? this->called_.at(now) + CALL_INTERVAL : Instant::NEVER;
  }
  /// It was sent, or cannot be.
  void note_called(Instant now);
  /// Own addresses changed: tell a peer to which no path is proven.
  void want_call();

 private:
  enum Source : uint8_t { NETMAP = 1, CALLED = 2, LEARNT = 4 };
  /// Which ping of a candidate is next.
  enum class Next : uint8_t {
    NONE,
    BURST_0,  ///< now; then 100, 250, 500, 1000 ms after the first unless a path is proven
    BURST_1,
    BURST_2,
    BURST_3,
    BURST_4,
    SINGLE,  ///< now
    ANSWER,  ///< when a ping comes from there: what stopped the one before is open now
    ANSWER_NOW,
    HEARTBEAT,  ///< now, and once more if it stays unanswered
    HEARTBEAT_AGAIN,
  };
  /// A stamp of a ping that wraps makes a burst a single ping.
  struct Candidate {
    Endpoint endpoint{};
    uint8_t sources : 3 {0};
    uint8_t next_bits : 4 {0};
    uint8_t heard{0};  ///< when a ping came from there last, in HEARD_UNITs modulo 256; sweep() comes before the wrap
    Stamp pinged;
    Next next() const { return static_cast<Next>(this->next_bits); }
    void set_next(Next next) { this->next_bits = static_cast<uint8_t>(static_cast<uint8_t>(next) & 15); }
    Instant due(Instant now) const;
  };
  static_assert(sizeof(Candidate) == 24, "it exists MAX_ENDPOINTS_PER_PEER times for each peer");
  static constexpr Duration HEARD_UNIT = seconds(3);
  static constexpr uint8_t NO_BEST = UINT8_MAX;
  /// Which gap comes before this ping of a burst.
  static size_t gap_index_(Next next);
  static bool is_burst_(Next next) { return next >= Next::BURST_1 && next <= Next::BURST_4; }
  static uint8_t heard_now_(Instant now);

  bool has_best_() const { return this->best_ != NO_BEST; }
  bool is_best_(const Candidate &candidate) const {
    return this->has_best_() && &candidate == &this->candidates_[this->best_];
  }
  void drop_best_();
  void remove_(size_t index);

  Candidate *find_(const Endpoint &endpoint);
  Candidate *add_(Instant now, const Endpoint &endpoint, Source source);
  bool make_room_(Instant now, Source source);
  void drop_source_(Source source);
  bool is_spent_(Instant now, const Candidate &candidate) const;
  void probe_(Instant now, Candidate &candidate);
  void enter_(Instant now, PathState state);
  void end_bursts_();

  FixedVector<Candidate, MAX_ENDPOINTS_PER_PEER> candidates_;
  // Stamps that wrap: an idle path is trusted for some seconds too long, a CallMeMaybe waits for some seconds.
  Stamp since_;  ///< DIRECT, IDLE: when it was proven; DOUBTED: when the doubt began
  Stamp sent_;   ///< the last WireGuard message
  Stamp called_;
  Deadline heartbeat_;
  Deadline round_;
  uint32_t latency_us_{0};
  uint16_t heeded_s_{UINT16_MAX};  ///< second of the last CallMeMaybe that was heeded, modulo 2^16
  uint16_t pongs_s_{0};            ///< second that pongs_ counts in
  uint8_t pongs_{0};
  uint8_t best_{NO_BEST};  ///< candidate
  PathState state_{PathState::IDLE};
  bool call_wanted_{false};
};

}  // namespace microlink::magicsock
