// SPDX-License-Identifier: MIT
#include "microlink/tailcfg/packed_region.h"

#include "microlink/base/hash.h"

namespace microlink::tailcfg {

namespace {

constexpr uint8_t NO_IPV4 = 1;
constexpr uint8_t NO_IPV6 = 2;
constexpr uint8_t NO_STUN = 4;
constexpr uint8_t STUN_ONLY = 8;
constexpr uint8_t INSECURE_FOR_TESTS = 16;

}  // namespace

PackedRegion::PackedRegion(const DerpRegion &region)
    : id_(region.id), avoid_(region.avoid), no_measure_no_home_(region.no_measure_no_home) {
  this->code_size_ = static_cast<uint8_t>(copy(as_bytes(region.code), this->text_));
  size_t text_size = this->code_size_;
  for (const DerpNode &node : region.nodes)
    (void) this->add_(node, text_size);
}

bool PackedRegion::add_(const DerpNode &node, size_t &text_size) {
  const size_t needed = node.name.size() + node.host_name.size() + node.cert_name.size();
  if (this->size_ == this->nodes_.size() || needed > this->text_.size() - text_size)
    return false;
  Node &to = this->nodes_[this->size_++];
  copy(node.ipv4.is_v4() ? node.ipv4.raw() : ByteView(), to.ipv4);
  copy(node.ipv6.is_v6() ? node.ipv6.raw() : ByteView(), to.ipv6);
  to.derp_port = node.derp_port;
  const bool stun = node.stun_port >= 0 && node.stun_port <= UINT16_MAX;
  to.stun_port = stun ? static_cast<uint16_t>(node.stun_port) : uint16_t{0};
  to.flags =
      static_cast<uint8_t>((node.no_ipv4 ? NO_IPV4 : 0) | (node.no_ipv6 ? NO_IPV6 : 0) | (stun ? 0 : NO_STUN) |
                           (node.stun_only ? STUN_ONLY : 0) | (node.insecure_for_tests ? INSECURE_FOR_TESTS : 0));
  to.name_size = static_cast<uint8_t>(node.name.size());
  to.host_size = static_cast<uint8_t>(node.host_name.size());
  to.cert_size = static_cast<uint8_t>(node.cert_name.size());
  for (const std::string_view text : {node.name.view(), node.host_name.view(), node.cert_name.view()})
    text_size += copy(as_bytes(text), ByteSpan(this->text_).subspan(text_size));
  return true;
}

DerpNodeView PackedRegion::node(size_t index) const {
  size_t at = this->code_size_;
  for (size_t i = 0; i != index; i++)
    at += size_t{this->nodes_[i].name_size} + this->nodes_[i].host_size + this->nodes_[i].cert_size;
  const Node &node = this->nodes_[index];
  DerpNodeView out;
  out.name = this->text_at_(at, node.name_size);
  out.host_name = this->text_at_(at + node.name_size, node.host_size);
  out.cert_name = this->text_at_(at + node.name_size + node.host_size, node.cert_size);
  if (!equal(node.ipv4, Bytes<4>{}))
    out.ipv4 = IpAddress::from_bytes(node.ipv4);
  out.ipv6 = IpAddress::from_bytes(node.ipv6);
  out.no_ipv4 = (node.flags & NO_IPV4) != 0;
  out.no_ipv6 = (node.flags & NO_IPV6) != 0;
  out.derp_port = node.derp_port;
  out.stun_port = (node.flags & NO_STUN) != 0 ? -1 : node.stun_port;
  out.stun_only = (node.flags & STUN_ONLY) != 0;
  out.insecure_for_tests = (node.flags & INSECURE_FOR_TESTS) != 0;
  return out;
}

bool PackedRegion::has_relay() const {
  for (size_t i = 0; i != this->size_; i++) {
    if ((this->nodes_[i].flags & STUN_ONLY) == 0)
      return true;
  }
  return false;
}

uint32_t PackedRegion::fingerprint() const {
  Fnv1a hash;
  hash.add(this->id_).add(uint8_t{this->avoid_}).add(uint8_t{this->no_measure_no_home_}).add(this->code_size_);
  hash.add(ByteView(this->text_));
  for (const Node &node : this->nodes_) {
    hash.add(ByteView(node.ipv4)).add(ByteView(node.ipv6)).add(node.derp_port).add(node.stun_port);
    hash.add(node.flags).add(node.name_size).add(node.host_size).add(node.cert_size);
  }
  return hash.value();
}

}  // namespace microlink::tailcfg
