// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/bytes.h"

namespace microlink::tun {

/// What one read of a TUN device with IFF_VNET_HDR gave, as packets that fit into the tunnel. With segmentation offload
/// the system's stack hands over up to 64 KiB of one TCP connection at once, and leaves checksums to whoever takes them
/// (VIRTIO 1.2 §5.1.6).
class Segments {
 public:
  /// `read`: a VnetHeader and a packet. Must outlive the object; its checksum fields are written to.
  explicit Segments(ByteSpan read);
  /// The next packet, complete with lengths and checksums, at the front of `out`; its length. 0: there is no further
  /// one, or what was read cannot be believed, or is longer than `out`.
  size_t next(ByteSpan out);

 private:
  bool complete_checksum_(size_t start, size_t offset);
  bool parse_tcp_(size_t segment_size);
  size_t next_whole_(ByteSpan out);
  size_t next_segment_(ByteSpan out);
  void patch_ip_(ByteSpan segment) const;
  void patch_tcp_(ByteSpan segment, bool is_last) const;

  ByteSpan packet_{};
  size_t ip_bytes_{0};
  size_t header_bytes_{0};   ///< IP and TCP; 0: there is one packet, as it is
  size_t segment_bytes_{0};  ///< payload of each but the last
  size_t done_{0};           ///< payload that was given
  uint16_t count_{0};
};

}  // namespace microlink::tun
