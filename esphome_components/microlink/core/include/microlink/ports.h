// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/bytes.h"
#include "microlink/base/ip.h"
#include "microlink/base/result.h"
#include "microlink/base/time.h"
#include "microlink/capacity.h"

struct mbedtls_ssl_config;

namespace microlink::tls {
class HeapWatch;
}

namespace microlink {

/// What the client asks of the system it runs on, and what the system tells it. The client itself never touches a
/// socket, a clock, a file or a random source: a port performs its Actions and feeds it Inputs, one thread, one loop:
///
///     client.handle(now, input);
///     while (auto action = client.poll_action(now, scratch)) perform(*action);
///     while (auto event = client.poll_event()) show(*event);
///     sleep until client.next_timeout() or the next input; then handle(now, {.kind = TIMEOUT})

/// Names a TCP connection; chosen by the client, free again after CLOSE_STREAM or STREAM_CLOSED.
using StreamId = uint8_t;
constexpr size_t MAX_STREAMS = 5;

/// Small records that survive a restart; each is at most MAX_RECORD_BYTES. A port stores each one atomically: after a
/// power cut either the old or the new bytes are there, never a mixture.
enum class Record : uint8_t {
  MACHINE_KEY,       ///< secret
  NODE_KEY,          ///< secret
  PENDING_NODE_KEY,  ///< secret; the next node key while a rotation is under way
  CONTROL_KEY,       ///< the control key that was verified, with the control URL it belongs to
  ALLOWLIST,         ///< peers allowed at run time
  RELAY_CACHE,       ///< home region and how to reach it
  PEER_CACHE_0,      ///< peers for a warm start, as many records as fit
  PEER_CACHE_1,
  PEER_CACHE_2,
  PEER_CACHE_3,
  CLOCK,      ///< WireGuard timestamp reserved ahead (TAI64N), last known wall time
  SELF,       ///< own addresses and name, last known
  DISCO_KEY,  ///< secret; peers that know it can be reached, and reach us, before control is
  PATHS,      ///< endpoints at which peers were reached last
  UDP_PORT,   ///< where the port's UDP socket was (u16, big-endian): its own, the client only erases it
  COUNT,
};
constexpr size_t MAX_RECORD_BYTES = 255;
/// Room that a client needs for one action: a relay's frame of full length and what TLS adds to it.
constexpr size_t SCRATCH_BYTES = 1504;
/// File or preference name of a record, e.g. "machine-key".
const char *record_name(Record record);
/// Whether the record holds a secret (a port keeps those readable by its owner only).
bool is_secret(Record record);
/// Whether the record only makes the next start quicker: when the storage is costly a port may lose it.
bool is_for_speed(Record record);

/// Room around an overlay packet for WireGuard's header, padding and tag.
constexpr size_t OVERLAY_HEADROOM = 16;
constexpr size_t OVERLAY_TAILROOM = 32;

/// `bytes` stays the client's until poll_action() said that there is nothing more: it is decrypted and sealed in place,
/// and actions point into it.
struct Input {
  enum class Kind : uint8_t {
    RECORD,   ///< before START: `record` holds `bytes` in storage. Records that are not there are not announced
    SEED,     ///< before START: `bytes` = 32 random bytes from the system
    NETWORK,  ///< `endpoints`: local addresses with the UDP socket's port, the preferred underlay's first; none = none
    WALL_TIME,  ///< `wall_time` from a trusted source
    START,
    STOP,            ///< go offline in good order; the client is STOPPED when its streams are closed
    TIMEOUT,         ///< next_timeout() has come
    DATAGRAM,        ///< UDP payload `bytes` from `from`; decrypted in place, fastest if it is word-aligned
    STREAM_OPEN,     ///< `stream` is connected
    STREAM_BYTES,    ///< `bytes` arrived on `stream`
    STREAM_BLOCKED,  ///< the last SEND_STREAM could not be sent whole: the port keeps the rest and sends it first
    STREAM_WRITABLE,
    STREAM_CLOSED,  ///< ended by the other side, or could not be opened (`error`)
    RESOLVED,       ///< answer to RESOLVE: `host`, `endpoints` (port 0), none = not found
    OVERLAY,        ///< an IP packet `bytes` from the local overlay interface, with OVERLAY_HEADROOM writable bytes in
                    ///< front of it and OVERLAY_TAILROOM behind: it is sealed in place, fastest if it is word-aligned
    SEND_FAILED,    ///< the system has no way to `endpoints`, where SEND_DATAGRAM wanted to send (no route, forbidden)
  };
  Kind kind;
  StreamId stream{0};
  Record record{Record::COUNT};
  Error error{Error::NONE};
  Endpoint from{};
  WallTime wall_time{WallTime::UNKNOWN};
  ByteSpan bytes{};
  std::span<const Endpoint> endpoints{};
  std::string_view host{};
};

struct Action {
  enum class Kind : uint8_t {
    OPEN_STREAM,     ///< TCP to `host` (a name or a literal) or, when set, to `to`, on port `to.port`
    SEND_STREAM,     ///< `bytes` on `stream`
    CLOSE_STREAM,    ///< drop it; no STREAM_CLOSED follows
    SEND_DATAGRAM,   ///< `bytes` from the one UDP socket of the address's family to `to`
    RESOLVE,         ///< addresses of `host`
    STORE,           ///< `bytes` as `record`, atomically and before the next action is polled
    ERASE,           ///< forget `record`
    OVERLAY,         ///< hand the IP packet `bytes` to the local overlay interface
    SELF_ADDRESSES,  ///< the overlay interface's addresses are `endpoints` (port 0) from now on
  };
  Kind kind;
  StreamId stream{0};
  Record record{Record::COUNT};
  Endpoint to{};
  /// Valid until the next call of the client that is not const.
  ByteView bytes{};
  std::span<const Endpoint> endpoints{};
  std::string_view host{};
};

/// Roots of trust for TLS: as PEM that the port loads before START (system bundle on Linux) and that outlives the
/// client, or kept by the system.
struct TrustStore {
  std::string_view pem{};
  /// Makes a session believe the system's own roots (the certificate bundle of a chip); null = there are none. See
  /// tls::TrustAnchors::attach().
  void (*attach)(mbedtls_ssl_config &session){nullptr};
  /// See tls::TrustAnchors::set_heap(); must outlive the client.
  tls::HeapWatch *heap{nullptr};
};

}  // namespace microlink
