// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/tailcfg/types.h"

namespace microlink::tailcfg {

/// A relay as it is kept. The views live as long as the region that it comes from, and until that is replaced.
struct DerpNodeView {
  std::string_view name;
  std::string_view host_name;
  std::string_view cert_name;
  IpAddress ipv4{};
  IpAddress ipv6{};
  bool no_ipv4{false};
  bool no_ipv6{false};
  uint16_t derp_port{0};
  int32_t stun_port{0};
  bool stun_only{false};
  bool insecure_for_tests{false};
};

/// A DerpRegion as it is kept, in less than half the room: all its texts share one place.
///
///   text_   code ‖ { name ‖ host name ‖ cert name } of each node
class PackedRegion {
 public:
  PackedRegion() = default;
  /// A node whose texts find no room in RELAY_TEXT_BYTES is left out: a host or a pin is never cut.
  explicit PackedRegion(const DerpRegion &region);

  uint16_t id() const { return this->id_; }
  std::string_view code() const { return this->text_at_(0, this->code_size_); }
  bool avoid() const { return this->avoid_; }
  bool no_measure_no_home() const { return this->no_measure_no_home_; }
  size_t size() const { return this->size_; }
  DerpNodeView node(size_t index) const;
  /// Whether there is a relay that is more than a STUN server.
  bool has_relay() const;
  /// Tells two announcements of a region apart; equal for equal ones.
  uint32_t fingerprint() const;
  bool operator==(const PackedRegion &) const = default;

 private:
  struct Node {
    Bytes<4> ipv4{};  ///< zero = none
    Bytes<16> ipv6{};
    uint16_t derp_port{0};
    uint16_t stun_port{0};
    uint8_t flags{0};
    uint8_t name_size{0};
    uint8_t host_size{0};
    uint8_t cert_size{0};
    bool operator==(const Node &) const = default;
  };

  std::string_view text_at_(size_t at, size_t size) const { return as_text(ByteView(this->text_).subspan(at, size)); }
  bool add_(const DerpNode &node, size_t &text_size);

  uint16_t id_{0};
  bool avoid_{false};
  bool no_measure_no_home_{false};
  uint8_t code_size_{0};
  uint8_t size_{0};
  std::array<Node, MAX_NODES_PER_REGION> nodes_{};  ///< unused ones are zero
  Bytes<RELAY_TEXT_BYTES> text_{};                  ///< what is unused is zero
};
static_assert(RELAY_TEXT_BYTES <= UINT8_MAX && MAX_HOST_BYTES + 16 <= RELAY_TEXT_BYTES);

}  // namespace microlink::tailcfg
