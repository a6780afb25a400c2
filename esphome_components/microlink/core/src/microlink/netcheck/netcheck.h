// SPDX-License-Identifier: MIT
#pragma once

#include <span>

#include "microlink/base/engine.h"
#include "microlink/base/random.h"
#include "microlink/base/short_time.h"
#include "microlink/base/timer_table.h"
#include "microlink/netcheck/home_choice.h"
#include "microlink/status.h"
#include "microlink/stun/message.h"
#include "microlink/tailcfg/packed_region.h"

namespace microlink::netcheck {

/// What kind of network is this, and which DERP region is nearest? Probes the regions' STUN servers through the node's
/// UDP socket, chooses the home region and reports the addresses the node is seen under (tailscale net/netcheck).
///
/// A full report probes every region, every 5 minutes and after link_changed(); while sessions are active the home
/// region alone is asked every 20–26 s, which also keeps the NAT mapping alive. A single region is home without being
/// measured. The first home is chosen after a short grace once one region answered, not when the last one did.
///
/// When nothing answers: the region whose relay connected fastest, else the first usable one in the map; it stays until
/// something was measured.
///
/// A STUN server that answers says nothing about the relay beside it: regions whose relays could not be reached lately
/// are no home while there is any other.
struct Event {
  enum class Kind : uint8_t {
    RESOLVE,      ///< addresses of `host` are wanted; answer with handle_resolved()
    HOME_CHOSEN,  ///< `region` is the home from now on
    REFLEXIVE,    ///< the node is seen as `endpoint`; told for every answer, changed or not
    NAT,          ///< `nat` changed
    REPORT_DONE,  ///< a report (full or not) has ended
  };
  Kind kind;
  uint16_t region{0};
  NatKind nat{NatKind::UNKNOWN};
  Endpoint endpoint{};
  std::string_view host{};  ///< valid until the next call that is not const
};

struct Transmit {
  Endpoint to;
  size_t size;
};

class Netcheck {
 public:
  using Event = netcheck::Event;
  using Transmit = netcheck::Transmit;

  enum class State : uint8_t {
    STOPPED,  ///< no regions or no network. No timer. Both → FULL
    FULL,     ///< entry: probes of all regions are due. Timers: tries, GRACE, FALLBACK, LIMIT (3 s). All answered or
              ///< given up or LIMIT → WAITING
    HOME,     ///< entry: probes of the home region are due. Timers: tries, LIMIT, NEXT_FULL. Answered → WAITING; LIMIT,
              ///< NEXT_FULL → FULL
    WAITING,  ///< entry: REPORT_DONE. Timers: NEXT_FULL, NEXT_HOME (while active). → FULL, HOME
  };

  static constexpr size_t MAX_PROBED_REGIONS = 5;
  static constexpr Duration STUN_LIMIT = seconds(3);
  static constexpr Duration FULL_INTERVAL = seconds(300);
  static constexpr Duration MIN_GRACE = milliseconds(50);
  /// Without any answer for so long a first home is chosen unmeasured; measuring goes on.
  static constexpr Duration FALLBACK_AFTER = milliseconds(600);
  /// So long a region whose relays could not be reached is not chosen for its latency.
  static constexpr Duration FAILED_LATELY = seconds(600);

  explicit Netcheck(Random &random);

  /// The DERP map, in its order; regions beyond MAX_DERP_REGIONS are ignored. Measurements of regions that stay are
  /// kept. A change starts a full report. Not copied: must stay until the next call; a region that has another id
  /// meanwhile is not asked.
  void set_regions(Instant now, std::span<const tailcfg::PackedRegion> regions);
  /// RegionScore of a region that set_regions() named: latencies are multiplied with it. 1000 = 1.0, the default.
  void set_score(uint16_t region, uint16_t thousandths);
  /// Host of the control URL, for relays whose entry names none; before set_regions(). Not copied.
  void set_control_host(std::string_view host) { this->control_host_ = host; }
  /// Which families the underlay has. A change starts a full report; none stops probing, and a first home is chosen
  /// unmeasured.
  void set_families(Instant now, bool ipv4, bool ipv6);
  /// Sessions are active: keep the mapping alive.
  void set_active(Instant now, bool active);
  /// The home does not move while control is away.
  void set_control_connected(bool connected) { this->control_connected_ = connected; }
  /// A known home from an earlier run; taken as if it had been chosen, without an event.
  void set_home(uint16_t region) { this->home_ = region; }
  /// Another network: what was measured is void. The home stays until something was measured.
  void link_changed(Instant now);
  /// While true, no report begins by routine; one that was due begins afterwards.
  void set_quiet(bool quiet) { this->quiet_ = quiet; }
  /// Full report now. No-op while one runs.
  void start_report(Instant now);
  /// Ask the home region for the reflexive address now. No-op while a report runs.
  void refresh(Instant now);

  /// A datagram that looks_like_stun(). TRUNCATED, MALFORMED, UNEXPECTED (not an answer that is awaited).
  Error handle_datagram(Instant now, ByteView datagram);
  /// Answer to RESOLVE; no addresses = not found.
  void handle_resolved(Instant now, std::string_view host, std::span<const Endpoint> addresses);
  /// A connection to a relay of `region` took `time`.
  void handle_relay_connected(Instant now, uint16_t region, Duration time);
  /// No relay of `region` could be reached, several times. If it is the home, another region is: `instead`, of which a
  /// relay is connected, else (0) the nearest that did not fail lately, else the one that failed longest ago.
  void handle_relay_failed(Instant now, uint16_t region, uint16_t instead);
  /// A frame came from the relay of `region`.
  void handle_relay_heard(Instant now, uint16_t region);
  void handle_timeout(Instant now);

  std::optional<Event> poll_event();
  /// `out` must hold stun::REQUEST_BYTES.
  std::optional<Transmit> poll_transmit(Instant now, ByteSpan out);
  Instant next_timeout() const;

  State state() const { return this->state_; }
  uint16_t home() const { return this->home_; }
  /// How long ago the relays of a region could not be reached; for ever when they were since.
  Duration since_failure(Instant now, uint16_t region) const;
  NatKind nat() const { return this->nat_; }
  /// The lowest latency of the last 5 minutes; empty if there was no answer.
  std::optional<Duration> latency(Instant now, uint16_t region) const;

 private:
  enum class Timer : uint8_t { LIMIT, GRACE, FALLBACK, NEXT_FULL, NEXT_HOME, COUNT };
  enum Family : uint8_t { V4, V6, FAMILIES };
  static constexpr uint8_t MAX_TRIES = 4;

  /// One STUN server: its addresses, from the map or from DNS. The rest stands in the region as it was announced.
  struct Server {
    Bytes<4> v4{};  ///< 0.0.0.0 = none
    IpAddress v6{};
    IpAddress address(Family family) const {
      return family == V6 ? this->v6 : this->v4 == Bytes<4>{} ? IpAddress{} : IpAddress::from_bytes(this->v4);
    }
    bool has(Family family) const { return this->address(family).is_set(); }
    void set(const IpAddress &address) {
      if (address.is_v4())
        this->v4 = {address.bytes[12], address.bytes[13], address.bytes[14], address.bytes[15]};
      else
        this->v6 = address;
    }
    enum class Dns : uint8_t { NOT_NEEDED, WANTED, ASKED, DONE, FAILED } dns{Dns::NOT_NEEDED};
  };
  /// How it was announced.
  struct Announced {
    std::string_view host;
    uint16_t port{0};       ///< 0 = does not do STUN
    bool none[FAMILIES]{};  ///< the map says that there is no address of this family
  };
  /// Microseconds since the report began. Nothing in a report lasts longer than STUN_LIMIT.
  using ReportTime = uint32_t;
  static constexpr ReportTime NOT_SET = UINT32_MAX;
  /// Requests to one region over one family within a report. It is over when it was answered or all tries are used up.
  struct Probe {
    ReportTime next_at{NOT_SET};
    ReportTime sent[MAX_TRIES]{};
    uint8_t tries{0};
    uint8_t max_tries{0};
    bool answered{false};
  };
  struct Region {
    uint16_t id{0};
    bool avoid{false};
    bool no_home{false};
    uint16_t score{1000};
    uint32_t fingerprint{0};  ///< of what was announced
    FixedVector<Server, MAX_NODES_PER_REGION> servers;
    Probe probes[FAMILIES]{};
    // Over IPv4, for telling the kind of NAT: who answered, and how we are seen. Hashes: they are compared only.
    uint32_t asked{0};
    uint32_t reflexive{0};
    LatencyHistory history;
    uint32_t latest_us{NOT_SET};  ///< in the current report
    uint32_t connect_us{NOT_SET};
    Stamp failed{};  ///< its relays could not be reached
  };

  bool read_(const tailcfg::PackedRegion &from, Region &to) const;
  void find_addresses_(const tailcfg::DerpNodeView &node, Server &server) const;
  Announced announced_(const Region &region, const Server &server) const;
  Announced announced_(const tailcfg::DerpNodeView &node) const;
  ReportTime in_report_(Instant now) const;
  Region *find_(uint16_t region);
  const Region *find_(uint16_t region) const;
  void begin_full_(Instant now);
  void begin_home_(Instant now);
  void begin_report_(Instant now, State state);
  void begin_probe_(Instant now, Region &region, Family family, uint8_t tries);
  void wake_probes_(Instant now, Region &region);
  void note_asked_(std::string_view host);
  const Server *server_for_(const Region &region, Family family, uint8_t attempt) const;
  bool is_done_() const;
  void end_report_(Instant now);
  void arm_home_(Instant now);
  void update_nat_();
  void set_nat_(NatKind nat);
  void choose_(Instant now);
  void set_home_(Instant now, uint16_t region);
  RegionLatency best_region_(Instant now) const;
  uint16_t fallback_region_(Instant now, uint16_t except) const;
  size_t usable_regions_() const;
  stun::TxId tx_id_(size_t region, Family family, uint8_t attempt) const;
  Duration retry_gap_(Instant now, const Region &region) const;
  static Duration scaled_(const Region &region, Duration latency);

  Random &random_;
  State state_{State::STOPPED};
  NatKind nat_{NatKind::UNKNOWN};
  uint16_t home_{0};
  bool families_[FAMILIES]{};
  bool active_{false};
  bool quiet_{false};
  bool control_connected_{true};
  bool any_answer_{false};  ///< in the current report
  // Events that wait.
  bool home_event_{false};
  bool nat_event_{false};
  bool done_event_{false};
  Endpoint reflexive_events_[FAMILIES]{};

  Bytes<8> report_nonce_{};
  TimerTable<Timer> timers_;
  Instant report_started_{};
  Instant home_heard_{INT64_MIN / 2};
  Instant home_since_{INT64_MIN / 2};
  std::string_view control_host_;
  std::span<const tailcfg::PackedRegion> map_;
  FixedVector<Region, MAX_DERP_REGIONS> regions_;
};
static_assert(Engine<Netcheck>);

}  // namespace microlink::netcheck
