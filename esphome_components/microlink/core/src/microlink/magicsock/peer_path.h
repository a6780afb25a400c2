// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <span>

#include "microlink/base/fixed_vector.h"
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
  Path best() const { return {this->best_, microseconds(this->latency_us_)}; }
  bool is_trusted(Instant now) const {
    return this->best_.is_set() && this->state_ != PathState::DOUBTED && now < this->until_;
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
  void handle_timeout(Instant now);
  /// Without call_due().
  Instant next_timeout() const;

  /// The next candidate that is to be pinged at `now`; taken as pinged.
  std::optional<Endpoint> take_ping(Instant now);
  /// When a CallMeMaybe is to be sent; NEVER if none is.
  Instant call_due() const { return this->call_wanted_ ? this->call_after_ : Instant::NEVER; }
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
  struct Candidate {
    Endpoint endpoint{};
    uint8_t sources{0};
    Next next{Next::NONE};
    uint32_t heard_s{0};  ///< second of the last ping that came from there
    Instant pinged{NEVER_PINGED};
    Instant due() const;
  };
  /// Which gap comes before this ping of a burst.
  static size_t gap_index_(Next next);
  static bool is_burst_(Next next) { return next >= Next::BURST_1 && next <= Next::BURST_4; }
  static constexpr Instant NEVER_PINGED{INT64_MIN / 2};

  Candidate *find_(const Endpoint &endpoint);
  Candidate *add_(Instant now, const Endpoint &endpoint, Source source);
  bool make_room_(Source source);
  void sweep_(Instant now);
  void drop_source_(Source source);
  bool is_spent_(Instant now, const Candidate &candidate) const;
  void probe_(Instant now, Candidate &candidate);
  void enter_(Instant now, PathState state);
  void end_bursts_();

  FixedVector<Candidate, MAX_ENDPOINTS_PER_PEER> candidates_;
  Endpoint best_{};
  PathState state_{PathState::IDLE};
  bool call_wanted_{false};
  uint32_t latency_us_{0};
  Instant until_{};  ///< DIRECT, IDLE: trusted until; DOUBTED: given up then
  Instant active_until_{};
  Instant heartbeat_at_{Instant::NEVER};
  Instant round_at_{Instant::NEVER};
  Instant call_after_{};           ///< no CallMeMaybe before
  uint32_t heeded_s_{UINT32_MAX};  ///< second of the last CallMeMaybe that was heeded
  uint32_t pongs_s_{0};
  uint8_t pongs_{0};
};

}  // namespace microlink::magicsock
