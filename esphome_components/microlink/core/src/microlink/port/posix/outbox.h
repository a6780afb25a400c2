// SPDX-License-Identifier: MIT
#pragma once

#include <sys/socket.h>

#include <array>
#include <vector>

#include "microlink/base/bytes.h"
#include "microlink/base/ip.h"
#include "microlink/port/posix/refusals.h"

namespace microlink::posix {

/// Datagrams that leave together: one system call for many, and where the kernel can (UDP_SEGMENT, Linux 4.18), one
/// trip through its stack for those in a row that go to the same place and have the same length.
class Outbox {
 public:
  /// Longer ones are not sent.
  static constexpr size_t MAX_DATAGRAM_BYTES = 2048;

  Outbox();
  /// False: it is full. Empty it with send() first.
  bool add(const Endpoint &to, ByteView bytes);
  bool empty() const { return this->count_ == 0; }
  /// Send all on the socket of their address's family, -1 if there is none; what the kernel refuses is lost,
  /// and refusals() knows where it should have gone.
  void send(int v4, int v6);
  Refusals &refusals() { return this->refusals_; }

 private:
  static constexpr size_t CAPACITY = 64;
  struct Item {
    Bytes<MAX_DATAGRAM_BYTES> bytes;
    size_t size;
    Endpoint to;
  };
  /// Datagrams in a row that are one message to the kernel.
  struct Group {
    sockaddr_storage to;
    alignas(cmsghdr) uint8_t control[CMSG_SPACE(sizeof(uint16_t))];
    size_t first;
    size_t count;
  };

  size_t group_from_(size_t first) const;
  void send_family_(int fd, size_t first, size_t end);
  void send_singly_(int fd, size_t first, size_t end);
  void describe_(Group &group, msghdr &message);

  std::vector<Item> items_;
  std::array<iovec, CAPACITY> vectors_;
  std::array<Group, CAPACITY> groups_;
  std::array<mmsghdr, CAPACITY> messages_;
  Refusals refusals_;
  size_t count_{0};
  bool can_segment_{true};
};

}  // namespace microlink::posix
