// SPDX-License-Identifier: MIT
#include "microlink/port/tun/segmentation.h"

#include <algorithm>
#include <cstring>

#include "microlink/ip/packet.h"
#include "microlink/port/tun/tcp_header.h"
#include "microlink/port/tun/vnet_header.h"

namespace microlink::tun {

Segments::Segments(ByteSpan read) {
  VnetHeader header;
  if (read.size() < sizeof(header) + ip::IPV4_HEADER_BYTES)
    return;
  std::memcpy(&header, read.data(), sizeof(header));
  this->packet_ = read.subspan(sizeof(header));
  bool good = true;
  if (header.gso_type == VnetHeader::TCP_V4 || header.gso_type == VnetHeader::TCP_V6)
    good = this->parse_tcp_(header.segment_bytes);
  else if (header.gso_type != VnetHeader::WHOLE)
    good = false;  // nothing else was asked for
  else if ((header.flags & VnetHeader::NEEDS_CHECKSUM) != 0)
    good = this->complete_checksum_(header.checksum_start, header.checksum_offset);
  if (!good)
    this->packet_ = {};
}

/// The field holds the sum of the pseudo-header; the rest was left to us.
bool Segments::complete_checksum_(size_t start, size_t offset) {
  if (start >= this->packet_.size() || offset + sizeof(uint16_t) > this->packet_.size() - start)
    return false;
  const ByteSpan transport = this->packet_.subspan(start);
  uint16_t sum = ip::checksum(transport);
  if (sum == 0 && offset == UDP_CHECKSUM_AT)
    sum = 0xffff;  // RFC 768: 0 would say that there is none
  store_be16(transport.data() + offset, sum);
  return true;
}

bool Segments::parse_tcp_(size_t segment_size) {
  const TcpHeader tcp = find_tcp(this->packet_);
  if (tcp.header_bytes == 0 || segment_size == 0)
    return false;
  this->ip_bytes_ = tcp.ip_bytes;
  this->header_bytes_ = tcp.header_bytes;
  this->segment_bytes_ = segment_size;
  return true;
}

size_t Segments::next(ByteSpan out) {
  const size_t size = this->header_bytes_ == 0 ? this->next_whole_(out) : this->next_segment_(out);
  if (size == 0)
    this->packet_ = {};
  return size;
}

size_t Segments::next_whole_(ByteSpan out) {
  const ByteView packet = this->packet_;
  this->packet_ = {};
  if (packet.size() > out.size())
    return 0;
  std::copy(packet.begin(), packet.end(), out.begin());
  return packet.size();
}

size_t Segments::next_segment_(ByteSpan out) {
  if (this->packet_.size() < this->header_bytes_)
    return 0;
  const ByteView payload = this->packet_.subspan(this->header_bytes_);
  const size_t n = std::min(this->segment_bytes_, payload.size() - this->done_);
  if (n == 0 || this->header_bytes_ + n > out.size())
    return 0;
  const ByteSpan segment = out.first(this->header_bytes_ + n);
  std::copy_n(this->packet_.begin(), this->header_bytes_, segment.begin());
  std::copy_n(payload.begin() + static_cast<ptrdiff_t>(this->done_), n,
              segment.begin() + static_cast<ptrdiff_t>(this->header_bytes_));
  this->patch_ip_(segment);
  this->patch_tcp_(segment, this->done_ + n == payload.size());
  this->done_ += n;
  this->count_++;
  return segment.size();
}

void Segments::patch_ip_(ByteSpan segment) const {
  if (is_v6(segment)) {
    store_be16(segment.data() + IPV6_LENGTH_AT, static_cast<uint16_t>(segment.size() - ip::IPV6_HEADER_BYTES));
    return;
  }
  const uint16_t id = load_be16(segment.data() + IPV4_ID_AT);
  store_be16(segment.data() + IPV4_LENGTH_AT, static_cast<uint16_t>(segment.size()));
  store_be16(segment.data() + IPV4_ID_AT, static_cast<uint16_t>(id + this->count_));
  store_be16(segment.data() + IPV4_CHECKSUM_AT, 0);
  store_be16(segment.data() + IPV4_CHECKSUM_AT, ip::checksum(segment.first(this->ip_bytes_)));
}

void Segments::patch_tcp_(ByteSpan segment, bool is_last) const {
  const ByteSpan tcp = segment.subspan(this->ip_bytes_);
  const uint32_t sequence = load_be32(tcp.data() + TCP_SEQUENCE_AT);
  store_be32(tcp.data() + TCP_SEQUENCE_AT, sequence + static_cast<uint32_t>(this->done_));
  uint8_t &flags = tcp[TCP_FLAGS_AT];
  if (!is_last)
    flags &= static_cast<uint8_t>(~(ip::TCP_FIN | TCP_PSH));
  if (this->count_ != 0)
    flags &= static_cast<uint8_t>(~TCP_CWR);  // RFC 3168 §6.1.2: said once
  store_be16(tcp.data() + TCP_CHECKSUM_AT, 0);
  const uint32_t pseudo = pseudo_header_sum(segment, tcp.size());
  store_be16(tcp.data() + TCP_CHECKSUM_AT, ip::checksum_finish(ip::checksum_add(pseudo, tcp)));
}

}  // namespace microlink::tun
