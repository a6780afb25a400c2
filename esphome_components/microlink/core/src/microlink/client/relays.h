// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/backoff.h"
#include "microlink/base/fixed_vector.h"
#include "microlink/base/log.h"
#include "microlink/base/ring_buffer.h"
#include "microlink/client/stream.h"
#include "microlink/derp/client.h"
#include "microlink/tailcfg/packed_region.h"

namespace microlink::client {

/// The node's relay connections: the home region's, kept for ever, and one to a peer's region, opened when it is needed
/// and closed a minute after it was used last. Which region is home is decided elsewhere; here it is connected.
class Relays {
 public:
  static constexpr size_t COUNT = 2;
  static constexpr Duration IDLE_TIMEOUT = seconds(60);
  /// So many failed attempts in a row at all of its relays make a region "down" (Event::HOME_DOWN).
  static constexpr uint8_t ATTEMPTS_BEFORE_DOWN = 3;
  /// A TCP connection that takes longer makes way for another address of the region, if there is one.
  static constexpr Duration DIAL_TIMEOUT = seconds(4);

  struct Event {
    enum class Kind : uint8_t {
      CONNECTED,     ///< logged in to `region`
      DISCONNECTED,  ///< connection to `region` lost or given up
      HOME_DOWN,     ///< the home region could not be reached for a while; attempts go on
      PACKET,        ///< `packet` from `key` through `region`; may be decrypted in place
      PEER_GONE,     ///< `key` is not at `region` any more
      HEALTH,        ///< `text` from the relay
    };
    Kind kind;
    uint16_t region{0};
    bool is_home{false};
    NodePublic key{};
    ByteSpan packet{};
    std::string_view text{};
    Duration took{};  ///< CONNECTED: from the first try of this attempt
  };

  /// Where regions are looked up; null for one that is unknown.
  class Regions {
   public:
    virtual ~Regions() = default;
    virtual const tailcfg::PackedRegion *find_region(uint16_t id) const = 0;
  };

  /// The streams are the client's, one for each connection.
  Relays(std::array<Stream *, COUNT> streams, const Regions &regions, const NodePrivate &node_key, Random &random,
         LogSink *log);

  /// Host and port of the control URL, for relays whose entry names none. The host is a view and must stay.
  void set_control_host(std::string_view host, uint16_t port);
  /// Families of the underlay's own addresses: a relay is dialled over one that is there, IPv4 first, and over the
  /// other one at the next attempt. Neither = not known, any is tried.
  void set_families(bool ipv4, bool ipv6);
  /// Connect to `region` and make it home once it is connected; 0 = none yet. The old home, if it is connected, is the
  /// home until then. `again`: the region failed just now, as all others did; its first attempt waits for the end of
  /// the pause that has begun.
  void set_home(Instant now, uint16_t region, bool again = false);
  uint16_t home() const { return this->connected_home() != 0 ? this->connected_home() : this->home_; }
  /// Of a connection, by index; 0 = unused.
  uint16_t region(size_t index) const { return this->slots_[index].region; }
  /// The home region if it is connected right now, else 0.
  uint16_t connected_home() const;
  bool is_connected(uint16_t region) const;
  /// Queue a packet; opens a connection to the region if there is none. NO_SPACE, NOT_READY.
  Error send(Instant now, uint16_t region, const NodePublic &destination, ByteView packet);
  /// Peers were cut off: what waits for those for whom `stays` is false does not leave any more, whatever relay it
  /// waits for.
  template<typename Stays> void keep_only(const Stays &stays) {
    (void) this->shared_.queue.keep_only(
        [&](const crypto::PublicKey &destination) { return stays(NodePublic{destination}); });
  }
  /// The network or the node key changed: connect anew at once.
  void reconnect(Instant now);
  /// The DERP map changed: leave what is not in it any more.
  void handle_map_changed(Instant now);
  /// Leave the relay of a peer's region, whose place is needed; a packet opens it again. Whether there was one.
  bool give_way();
  void stop();

  // Streams, by index.
  tls::Policy tls_policy(size_t index) const;
  void handle_open(Instant now, size_t index);
  void handle_closed(Instant now, size_t index, Error error, const char *why);
  /// Where the stream's next bytes are best put before handle_bytes().
  ByteSpan room(size_t index) { return this->slots_[index].derp.room(); }
  /// Consumes from `in` up to an event; poll and call again.
  void handle_bytes(Instant now, size_t index, ByteSpan &in);
  /// What is to be sent: packets where they stand, at most `most` bytes, if they come next …
  ByteView next_packets(size_t index, size_t most) const { return this->slots_[index].derp.next_packets(most); }
  void packets_left(size_t index, size_t n) { this->slots_[index].derp.packets_left(n); }
  /// … else something shorter, written into `out`.
  size_t poll_transmit(Instant now, size_t index, ByteSpan out);

  std::optional<Event> poll_event(Instant now);
  Instant next_timeout() const;
  void handle_timeout(Instant now);
  uint32_t connects() const { return this->connects_; }

 private:
  /// IDLE no region. CONNECTING a stream is being opened, secured or logged in. CONNECTED. WAITING until `retry_at`.
  enum class State : uint8_t { IDLE, CONNECTING, CONNECTED, WAITING };
  struct Slot {
    Slot(Stream &connection, Random &random, derp::Client::Shared &shared, uint8_t index)
        : stream(connection), derp(random, shared, index) {}
    Stream &stream;
    derp::Client derp;
    State state{State::IDLE};
    uint16_t region{0};
    uint8_t attempt{0};  ///< chooses among the region's relays and their addresses
    bool has_other_way{false};
    uint8_t failures{0};
    bool down_told{false};
    Backoff backoff{milliseconds(150), seconds(6)};
    Instant retry_at{Instant::NEVER};
    Instant started{};
    Instant last_used{};
    // Of the relay, as the DERP map called it when the connection was begun.
    FixedString<MAX_HOST_BYTES> host;
    FixedString<24> ideal_node;
  };
  /// News that is not of the connections themselves: DISCONNECTED or HOME_DOWN.
  struct News {
    Event::Kind kind;
    bool is_home;
    uint16_t region;
  };

  Slot *slot_of_(uint16_t region);
  const Slot *slot_of_(uint16_t region) const;
  void assign_(Instant now, Slot &slot, uint16_t region, Instant connect_at);
  void connect_(Instant now, Slot &slot);
  void fail_(Instant now, Slot &slot, Duration at_least);
  void leave_(Slot &slot);
  void tell_preferred_();
  /// Whether its place is not for others, and no silence ends it.
  bool is_kept_(const Slot &slot) const { return slot.region == this->home_ || slot.region == this->connected_home(); }
  size_t count_relays_(const Slot &slot) const;
  std::optional<tailcfg::DerpNodeView> node_of_(const Slot &slot) const;
  /// Addresses under which a relay can be dialled, the best first; unset = ask DNS for its name.
  using Ways = FixedVector<IpAddress, 2>;
  Ways ways_(const tailcfg::DerpNodeView &node, std::string_view host) const;
  Instant dial_limit_(const Slot &slot) const;
  void push_(const News &news) { this->news_.push_dropping_oldest(news); }
  std::optional<Event> pop_news_();

  const Regions &regions_;
  const NodePrivate &node_key_;
  Random &random_;
  Log log_;
  derp::Client::Shared shared_;
  std::array<Slot, COUNT> slots_;
  RingBuffer<News, 8> news_;
  std::string_view control_host_;
  uint16_t control_port_{443};
  uint16_t home_{0};
  uint16_t old_home_{0};  ///< the home while home_ is not connected yet
  bool has_v4_{true}, has_v6_{true};
  std::optional<bool> proven_v6_;  ///< the family over which a relay was reached in this network
  uint32_t connects_{0};
};

/// Two connections, what they share, and the names of two relays.
static_assert(sizeof(void *) != 4 ||
              sizeof(Relays) <= DERP_DATA_QUEUE_BYTES + DERP_DISCO_QUEUE_BYTES + derp::GatherBuffer::BYTES + 1'800);

}  // namespace microlink::client
