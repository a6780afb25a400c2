// SPDX-License-Identifier: MIT
#ifdef __linux__
#include "microlink/port/posix/outbox.h"

#include <netinet/in.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "microlink/port/posix/sockets.h"

namespace microlink::posix {

namespace {

// What the kernel takes at once: 64 segments, and one datagram's length in all.
constexpr size_t MAX_SEGMENTS = 64;
constexpr size_t MAX_GROUP_BYTES = 65'000;

}  // namespace

Outbox::Outbox() : items_(CAPACITY) {}

bool Outbox::add(const Endpoint &to, ByteView bytes) {
  if (this->count_ == CAPACITY)
    return false;
  if (bytes.size() > MAX_DATAGRAM_BYTES)
    return true;
  Item &item = this->items_[this->count_++];
  copy(bytes, item.bytes);
  item.size = bytes.size();
  item.to = to;
  return true;
}

void Outbox::send(int v4, int v6) {
  for (size_t first = 0; first != this->count_;) {
    const bool is_v4 = this->items_[first].to.address.is_v4();
    size_t end = first + 1;
    while (end != this->count_ && this->items_[end].to.address.is_v4() == is_v4)
      end++;
    if (const int fd = is_v4 ? v4 : v6; fd >= 0)
      this->send_family_(fd, first, end);
    first = end;
  }
  this->count_ = 0;
}

/// How many from `first` on are one group: the same length, only the last may be shorter.
size_t Outbox::group_from_(size_t first) const {
  const Item &head = this->items_[first];
  size_t bytes = head.size;
  size_t count = 1;
  while (this->can_segment_ && first + count != this->count_ && count != MAX_SEGMENTS) {
    const Item &next = this->items_[first + count];
    const bool last_was_short = this->items_[first + count - 1].size != head.size;
    if (last_was_short || next.to != head.to || next.size > head.size || next.size == 0 ||
        bytes + next.size > MAX_GROUP_BYTES)
      break;
    bytes += next.size;
    count++;
  }
  return count;
}

void Outbox::describe_(Group &group, msghdr &message) {
  const Item &head = this->items_[group.first];
  message = {};
  message.msg_name = &group.to;
  message.msg_namelen = to_sockaddr(head.to, group.to);
  message.msg_iov = &this->vectors_[group.first];
  message.msg_iovlen = group.count;
  if (group.count == 1)
    return;
  message.msg_control = group.control;
  message.msg_controllen = sizeof(group.control);
  cmsghdr *const control = CMSG_FIRSTHDR(&message);
  control->cmsg_level = SOL_UDP;
  control->cmsg_type = UDP_SEGMENT;
  control->cmsg_len = CMSG_LEN(sizeof(uint16_t));
  const auto size = static_cast<uint16_t>(head.size);
  std::memcpy(CMSG_DATA(control), &size, sizeof(size));
}

void Outbox::send_family_(int fd, size_t first, size_t end) {
  size_t groups = 0;
  for (size_t at = first; at != end; groups++) {
    Group &group = this->groups_[groups];
    group.first = at;
    group.count = std::min(this->group_from_(at), end - at);
    for (size_t i = 0; i != group.count; i++)
      this->vectors_[at + i] = {this->items_[at + i].bytes.data(), this->items_[at + i].size};
    this->describe_(group, this->messages_[groups].msg_hdr);
    at += group.count;
  }
  for (size_t done = 0; done != groups;) {
    const int sent = ::sendmmsg(fd, &this->messages_[done], static_cast<unsigned>(groups - done), MSG_DONTWAIT);
    if (sent > 0) {
      done += static_cast<size_t>(sent);
      continue;
    }
    const Group &refused = this->groups_[done];
    this->refusals_.note(errno, this->items_[refused.first].to);
    // EIO: the interface cannot make checksums. EINVAL: the kernel does not know the option, or the path's MTU is less.
    if (refused.count > 1 && (errno == EIO || errno == EINVAL)) {
      this->can_segment_ = errno != EIO;
      this->send_singly_(fd, refused.first, refused.first + refused.count);
    }
    done++;  // lost, like one that the network drops
  }
}

void Outbox::send_singly_(int fd, size_t first, size_t end) {
  for (size_t i = first; i != end; i++) {
    sockaddr_storage to{};
    const socklen_t length = to_sockaddr(this->items_[i].to, to);
    if (::sendto(fd, this->items_[i].bytes.data(), this->items_[i].size, MSG_DONTWAIT,
                 reinterpret_cast<const sockaddr *>(&to), length) < 0)
      this->refusals_.note(errno, this->items_[i].to);
  }
}

}  // namespace microlink::posix
#endif  // __linux__
