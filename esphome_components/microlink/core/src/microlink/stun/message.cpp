// SPDX-License-Identifier: MIT
#include "microlink/stun/message.h"

#include "microlink/base/reader.h"

namespace microlink::stun {

namespace {

constexpr uint32_t MAGIC_COOKIE = 0x2112A442;
constexpr size_t HEADER_BYTES = 20;
constexpr uint16_t BINDING_REQUEST = 0x0001;
constexpr uint16_t BINDING_SUCCESS = 0x0101;
constexpr uint16_t ATTR_MAPPED_ADDRESS = 0x0001;
constexpr uint16_t ATTR_XOR_MAPPED_ADDRESS = 0x0020;
constexpr uint16_t ATTR_XOR_MAPPED_ADDRESS_EARLY = 0x8020;  // before it got its number
constexpr uint16_t ATTR_SOFTWARE = 0x8022;
constexpr uint16_t ATTR_FINGERPRINT = 0x8028;
constexpr uint32_t FINGERPRINT_XOR = 0x5354554E;
constexpr std::string_view SOFTWARE = "tailnode";  // DERP's STUN servers answer to no other

/// CRC-32 of ISO HDLC, bit by bit: it runs over 32 bytes a few times a minute.
uint32_t crc32(ByteView bytes) {
  uint32_t crc = UINT32_MAX;
  for (const uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit != 8; bit++)
      crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xEDB88320 : 0);
  }
  return ~crc;
}

/// RFC 8489 §14.2: the port is XORed with the cookie's top half, the address with cookie and transaction ID.
/// §14.1 is the same without XOR: an all-zero mask.
Result<Endpoint> parse_address(ByteView value, const Bytes<16> &mask) {
  Reader in(value);
  in.u8();  // reserved
  const uint8_t family = in.u8();
  Bytes<2> port = in.array<2>();
  const size_t size = family == 1 ? 4 : family == 2 ? 16 : 0;
  Bytes<16> address{};
  copy(in.take(size), address);
  if (!in.ok() || size == 0)
    return Error::MALFORMED;
  for (size_t i = 0; i != 2; i++)
    port[i] = static_cast<uint8_t>(port[i] ^ mask[i]);
  for (size_t i = 0; i != size; i++)
    address[i] = static_cast<uint8_t>(address[i] ^ mask[i]);
  return Endpoint{IpAddress::from_bytes(ByteView(address).first(size)), Reader(port).u16be()};
}

Bytes<16> xor_mask(const TxId &tx_id) {
  Bytes<16> mask;
  Writer(mask).u32be(MAGIC_COOKIE).bytes(tx_id);
  return mask;
}

}  // namespace

bool looks_like_stun(ByteView datagram) {
  // No cursor: asked of every datagram. Byte 1 is 01 in every message of the Binding method; other methods are not
  // ours.
  const uint8_t *const at = datagram.data();
  return datagram.size() >= HEADER_BYTES && (at[0] & 0xC0) == 0 && at[1] == BINDING_REQUEST &&
         at[4] == MAGIC_COOKIE >> 24 && at[5] == (MAGIC_COOKIE >> 16 & 0xff) && at[6] == (MAGIC_COOKIE >> 8 & 0xff) &&
         at[7] == (MAGIC_COOKIE & 0xff);
}

void write_binding_request(Writer &out, const TxId &tx_id) {
  const ByteSpan message = out.claim(REQUEST_BYTES);
  if (message.size() != REQUEST_BYTES)
    return;
  Writer in_place(message);
  in_place.u16be(BINDING_REQUEST).u16be(REQUEST_BYTES - HEADER_BYTES).u32be(MAGIC_COOKIE).bytes(tx_id);
  in_place.u16be(ATTR_SOFTWARE).u16be(static_cast<uint16_t>(SOFTWARE.size())).text(SOFTWARE);
  const uint32_t fingerprint = crc32(in_place.written()) ^ FINGERPRINT_XOR;
  in_place.u16be(ATTR_FINGERPRINT).u16be(4).u32be(fingerprint);
}

Result<BindingResponse> parse_binding_response(ByteView datagram) {
  Reader in(datagram);
  const uint16_t type = in.u16be();
  const uint16_t length = in.u16be();
  const uint32_t cookie = in.u32be();
  const TxId tx_id = in.array<12>();
  Reader attributes(in.take(length));
  if (!in.ok())
    return Error::TRUNCATED;
  if (cookie != MAGIC_COOKIE)
    return Error::MALFORMED;
  if (type != BINDING_SUCCESS)
    return Error::UNEXPECTED;

  Endpoint mapped;
  while (attributes.left() != 0) {
    const uint16_t attribute = attributes.u16be();
    const uint16_t size = attributes.u16be();
    const ByteView value = attributes.take(size);
    attributes.take((4U - size % 4U) % 4U);  // padding
    if (!attributes.ok())
      return Error::MALFORMED;
    const bool is_xor = attribute == ATTR_XOR_MAPPED_ADDRESS || attribute == ATTR_XOR_MAPPED_ADDRESS_EARLY;
    if (!is_xor && attribute != ATTR_MAPPED_ADDRESS)
      continue;
    const auto address = parse_address(value, is_xor ? xor_mask(tx_id) : Bytes<16>{});
    if (!address)
      return address.error();
    if (is_xor && address->is_set())
      return BindingResponse{tx_id, *address};
    mapped = *address;
  }
  if (!mapped.is_set() || !mapped.address.is_set())
    return Error::MALFORMED;
  return BindingResponse{tx_id, mapped};
}

}  // namespace microlink::stun
