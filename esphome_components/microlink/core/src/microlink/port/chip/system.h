// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

#include "microlink/base/fixed_string.h"
#include "microlink/base/fixed_vector.h"
#include "microlink/port/chip/bsd.h"
#include "microlink/ports.h"

namespace microlink::chip {

/// The answer to a question for a name's addresses, in the order in which they should be tried; none = not found.
struct Answer {
  uint32_t token;  ///< as given to resolve()
  FixedString<MAX_HOST_BYTES> host;
  FixedVector<IpAddress, 2> addresses;  ///< one of each family is what a resolver is asked for
};

/// What a chip's loop needs of the system besides BSD sockets. Called on the node's task, except for wake_up(); nothing
/// here blocks, except for the writing of a record.
class System {
 public:
  virtual ~System() = default;

  virtual Instant now() = 0;
  /// UNKNOWN before the clock was set.
  virtual WallTime wall_now() = 0;
  virtual bool fill_random(ByteSpan out) = 0;

  /// Copy a record to `out`, of MAX_RECORD_BYTES: its size, 0 when it is not there. An error when it cannot be read.
  virtual Result<size_t> load(Record record, ByteSpan out) = 0;
  virtual Error store(Record record, ByteView bytes) = 0;
  virtual Error erase(Record record) = 0;

  /// Addresses of all underlays, those of the preferred one first; how many.
  virtual size_t local_addresses(std::span<IpAddress> out) = 0;
  /// Whether one of them came or went since the last call.
  virtual bool take_network_change() = 0;

  /// Exactly one answer follows; or false, and none does: too many names are being looked up, or there is no memory.
  virtual bool resolve(uint32_t token, std::string_view host) = 0;
  virtual std::optional<Answer> take_answer() = 0;

  virtual void set_overlay_addresses(std::span<const Endpoint> addresses) = 0;
  /// A packet for the local overlay interface; lost when that has no room.
  virtual void write_overlay(ByteView packet) = 0;
  /// The next packet from it, copied to `out`, of OVERLAY_MTU bytes; its size, 0 = none.
  virtual size_t read_overlay(ByteSpan out) = 0;

  /// Make wake_socket() readable, from any task: something above has news, or a command was posted.
  virtual void wake_up() = 0;
  virtual const Socket &wake_socket() const = 0;
  /// Make it unreadable again. What happens after that wakes anew.
  virtual void clear_wake() = 0;
};

}  // namespace microlink::chip
