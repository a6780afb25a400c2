// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace microlink::tun {

/// struct virtio_net_hdr (VIRTIO 1.2 §5.1.6), in front of every packet of a device with IFF_VNET_HDR; this machine's
/// byte order. linux/virtio_net.h has it too, but is not C++.
struct VnetHeader {
  static constexpr uint8_t NEEDS_CHECKSUM = 1;  ///< of `flags`
  // `gso_type`
  static constexpr uint8_t WHOLE = 0;
  static constexpr uint8_t TCP_V4 = 1;
  static constexpr uint8_t TCP_V6 = 4;

  uint8_t flags;
  uint8_t gso_type;
  uint16_t header_bytes;
  uint16_t segment_bytes;
  uint16_t checksum_start;   ///< where the checksum's cover begins
  uint16_t checksum_offset;  ///< and where from there it is stored
};
static_assert(sizeof(VnetHeader) == 10);

}  // namespace microlink::tun
