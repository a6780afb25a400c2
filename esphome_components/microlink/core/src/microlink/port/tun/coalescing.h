// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <functional>
#include <vector>

#include "microlink/base/bytes.h"

namespace microlink::tun {

/// Joins segments of a TCP connection that come one after another into one of up to 64 KiB, which the system takes in
/// one call and in one piece. The reverse of Segments; whatever cannot be joined goes through as it is. What belongs to
/// one connection stays in order.
class Coalescing {
 public:
  /// `write` gets a VnetHeader and the packet behind it.
  using Write = std::function<void(ByteView)>;
  explicit Coalescing(Write write);

  void add(ByteView packet);
  /// Write what is held back. To be called when no further packet is at hand: nothing waits for a timer.
  void flush();

 private:
  /// Segments that were joined so far: room for a header, then the packet.
  struct Run {
    std::vector<uint8_t> bytes;
    size_t size{0};  ///< with the room; 0: free
    size_t ip_bytes{0};
    size_t header_bytes{0};
    size_t segment_bytes{0};
    size_t segments{0};
    uint32_t next_sequence{0};
    bool closed{false};  ///< its last segment was a short one, or one to be pushed
  };
  /// Connections with a run at the same time; more take turns.
  static constexpr size_t MAX_RUNS = 4;

  Run *find_(ByteView packet, size_t ip_bytes);
  Run &free_run_();
  bool join_(Run &run, ByteView packet, size_t header_bytes);
  void begin_(ByteView packet, size_t ip_bytes, size_t header_bytes);
  void finish_(Run &run);
  void write_alone_(ByteView packet);

  Write write_;
  std::array<Run, MAX_RUNS> runs_;
  size_t next_victim_{0};
  std::vector<uint8_t> alone_;
};

}  // namespace microlink::tun
