// SPDX-License-Identifier: MIT
#include "microlink/port/tun/coalescing.h"

#include <algorithm>
#include <cstring>

#include "microlink/ip/packet.h"
#include "microlink/port/tun/tcp_header.h"
#include "microlink/port/tun/vnet_header.h"

namespace microlink::tun {

namespace {

constexpr size_t ROOM = sizeof(VnetHeader);
constexpr size_t MAX_PACKET_BYTES = 65'535;
constexpr size_t PORTS_BYTES = 4;
// Bytes of the headers that may differ between segments of one run; all others must be the same.
constexpr size_t TCP_ACK_AT = 8;

/// TCP data with no flags but ACK and PSH, and nothing in the IP header that joining would lose.
bool may_join(ByteView packet, const TcpHeader &tcp) {
  if (tcp.header_bytes == 0 || packet.size() <= tcp.header_bytes)
    return false;
  if (!is_v6(packet)) {
    if (tcp.ip_bytes != ip::IPV4_HEADER_BYTES || load_be16(packet.data() + IPV4_LENGTH_AT) != packet.size() ||
        ip::checksum(packet.first(tcp.ip_bytes)) != 0)
      return false;
  } else if (load_be16(packet.data() + IPV6_LENGTH_AT) + ip::IPV6_HEADER_BYTES != packet.size()) {
    return false;
  }
  const uint8_t flags = packet[tcp.ip_bytes + TCP_FLAGS_AT];
  if ((flags & ~TCP_PSH) != ip::TCP_ACK)
    return false;
  // The system will make a new checksum, so a wrong one must be seen here.
  const ByteView transport = packet.subspan(tcp.ip_bytes);
  return ip::checksum_finish(ip::checksum_add(pseudo_header_sum(packet, transport.size()), transport)) == 0;
}

bool same(ByteView a, ByteView b, size_t from, size_t to) {
  return equal(a.subspan(from, to - from), b.subspan(from, to - from));
}

/// Addresses and ports.
bool same_connection(ByteView a, ByteView b, size_t ip_bytes) {
  if (is_v6(a) != is_v6(b))
    return false;
  const size_t addresses = is_v6(a) ? 8 : 12;
  return same(a, b, addresses, ip_bytes + PORTS_BYTES);
}

/// Everything but lengths, identification, checksums, sequence number and PSH.
bool same_header(ByteView a, ByteView b, size_t ip_bytes, size_t header_bytes) {
  const bool ip = is_v6(a) ? same(a, b, 0, IPV6_LENGTH_AT) && same(a, b, IPV6_LENGTH_AT + 2, ip_bytes)
                           : same(a, b, 0, IPV4_LENGTH_AT) && same(a, b, IPV4_FRAGMENT_AT, IPV4_CHECKSUM_AT) &&
                                 same(a, b, IPV4_CHECKSUM_AT + 2, ip_bytes);
  return ip && same(a, b, ip_bytes, ip_bytes + TCP_SEQUENCE_AT) &&
         same(a, b, ip_bytes + TCP_ACK_AT, ip_bytes + TCP_FLAGS_AT) &&
         same(a, b, ip_bytes + TCP_FLAGS_AT + 1, ip_bytes + TCP_CHECKSUM_AT) &&
         same(a, b, ip_bytes + TCP_CHECKSUM_AT + 2, header_bytes);
}

}  // namespace

Coalescing::Coalescing(Write write) : write_(std::move(write)) {}

void Coalescing::add(ByteView packet) {
  const TcpHeader tcp = find_tcp(packet);
  if (tcp.header_bytes == 0) {
    this->write_alone_(packet);
    return;
  }
  Run *run = this->find_(packet, tcp.ip_bytes);
  const bool joinable = may_join(packet, tcp);
  if (run != nullptr && joinable && this->join_(*run, packet, tcp.header_bytes))
    return;
  if (run != nullptr)
    this->finish_(*run);
  if (joinable)
    this->begin_(packet, tcp.ip_bytes, tcp.header_bytes);
  else
    this->write_alone_(packet);
}

void Coalescing::flush() {
  for (Run &run : this->runs_)
    this->finish_(run);
}

Coalescing::Run *Coalescing::find_(ByteView packet, size_t ip_bytes) {
  for (Run &run : this->runs_) {
    if (run.size != 0 && run.ip_bytes == ip_bytes &&
        same_connection(packet, ByteView(run.bytes).subspan(ROOM, run.size - ROOM), ip_bytes))
      return &run;
  }
  return nullptr;
}

bool Coalescing::join_(Run &run, ByteView packet, size_t header_bytes) {
  const ByteSpan joined = ByteSpan(run.bytes).subspan(ROOM, run.size - ROOM);
  const size_t payload = packet.size() - header_bytes;
  if (run.closed || header_bytes != run.header_bytes || payload > run.segment_bytes ||
      joined.size() + payload > MAX_PACKET_BYTES ||
      load_be32(packet.data() + run.ip_bytes + TCP_SEQUENCE_AT) != run.next_sequence ||
      !same_header(packet, joined, run.ip_bytes, header_bytes))
    return false;
  copy(packet.subspan(header_bytes), ByteSpan(run.bytes).subspan(run.size));
  run.size += payload;
  run.next_sequence += static_cast<uint32_t>(payload);
  run.segments++;
  const uint8_t push = packet[run.ip_bytes + TCP_FLAGS_AT] & TCP_PSH;
  joined[run.ip_bytes + TCP_FLAGS_AT] |= push;
  run.closed = push != 0 || payload < run.segment_bytes;
  return true;
}

Coalescing::Run &Coalescing::free_run_() {
  for (Run &run : this->runs_) {
    if (run.size == 0)
      return run;
  }
  Run &victim = this->runs_[this->next_victim_];
  this->next_victim_ = (this->next_victim_ + 1) % MAX_RUNS;
  this->finish_(victim);
  return victim;
}

void Coalescing::begin_(ByteView packet, size_t ip_bytes, size_t header_bytes) {
  Run &run = this->free_run_();
  run.bytes.resize(ROOM + MAX_PACKET_BYTES);
  copy(packet, ByteSpan(run.bytes).subspan(ROOM));
  run.size = ROOM + packet.size();
  run.ip_bytes = ip_bytes;
  run.header_bytes = header_bytes;
  run.segment_bytes = packet.size() - header_bytes;
  run.segments = 1;
  run.next_sequence = load_be32(packet.data() + ip_bytes + TCP_SEQUENCE_AT) + static_cast<uint32_t>(run.segment_bytes);
  run.closed = (packet[ip_bytes + TCP_FLAGS_AT] & TCP_PSH) != 0;
}

void Coalescing::finish_(Run &run) {
  if (run.size == 0)
    return;
  VnetHeader header{};
  const ByteSpan packet = ByteSpan(run.bytes).subspan(ROOM, run.size - ROOM);
  if (run.segments > 1) {
    header.flags = VnetHeader::NEEDS_CHECKSUM;
    header.gso_type = is_v6(packet) ? VnetHeader::TCP_V6 : VnetHeader::TCP_V4;
    header.header_bytes = static_cast<uint16_t>(run.header_bytes);
    header.segment_bytes = static_cast<uint16_t>(run.segment_bytes);
    header.checksum_start = static_cast<uint16_t>(run.ip_bytes);
    header.checksum_offset = TCP_CHECKSUM_AT;
    if (is_v6(packet)) {
      store_be16(packet.data() + IPV6_LENGTH_AT, static_cast<uint16_t>(packet.size() - ip::IPV6_HEADER_BYTES));
    } else {
      store_be16(packet.data() + IPV4_LENGTH_AT, static_cast<uint16_t>(packet.size()));
      store_be16(packet.data() + IPV4_CHECKSUM_AT, 0);
      store_be16(packet.data() + IPV4_CHECKSUM_AT, ip::checksum(packet.first(run.ip_bytes)));
    }
    // Of the pseudo-header only, and not complemented: the kernel adds the rest where it must.
    const uint32_t pseudo = pseudo_header_sum(packet, packet.size() - run.ip_bytes);
    store_be16(packet.data() + run.ip_bytes + TCP_CHECKSUM_AT, static_cast<uint16_t>(~ip::checksum_finish(pseudo)));
  }
  std::memcpy(run.bytes.data(), &header, sizeof(header));
  this->write_(ByteView(run.bytes).first(run.size));
  run.size = 0;
}

void Coalescing::write_alone_(ByteView packet) {
  this->alone_.assign(ROOM, 0);
  this->alone_.insert(this->alone_.end(), packet.begin(), packet.end());
  this->write_(this->alone_);
}

}  // namespace microlink::tun
