// SPDX-License-Identifier: MIT
#ifdef __linux__
#include "microlink/port/posix/recording_format.h"

namespace microlink::posix {

namespace {

constexpr uint8_t FLAG_PLAIN_HTTP = 1;
constexpr uint8_t FLAG_RELAY_ONLY = 2;
constexpr uint8_t FLAG_FIXED_PORT = 4;
constexpr uint8_t FLAG_NO_OVERLAY_IPV6 = 8;

void append_endpoint(std::vector<uint8_t> &out, const Endpoint &endpoint) {
  out.insert(out.end(), endpoint.address.bytes.begin(), endpoint.address.bytes.end());
  append_u64(out, endpoint.port, 2);
}

Endpoint read_endpoint(Reader &in) {
  Endpoint out;
  out.address.bytes = in.array<16>();
  out.port = in.u16be();
  return out;
}

ByteView read_bytes(Reader &in) {
  const uint32_t size = in.u32be();
  return in.take(size);
}

template<size_t N> bool read_text(Reader &in, FixedString<N> &out) { return out.assign(as_text(read_bytes(in))); }

}  // namespace

void append_u64(std::vector<uint8_t> &out, uint64_t value, size_t bytes) {
  while (bytes-- != 0)
    out.push_back(static_cast<uint8_t>(value >> (8 * bytes)));
}

void append_bytes(std::vector<uint8_t> &out, ByteView bytes) {
  append_u64(out, bytes.size(), 4);
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void write_config(std::vector<uint8_t> &out, const Config &config) {
  append_bytes(out, as_bytes(config.control_url.view()));
  append_bytes(out, as_bytes(config.control_key.view()));
  append_bytes(out, as_bytes(config.hostname.view()));
  append_u64(out, config.request_tags.size(), 1);
  for (const auto &tag : config.request_tags)
    append_bytes(out, as_bytes(tag.view()));
  append_bytes(out, as_bytes(config.ca_certificates));
  append_bytes(out, as_bytes(config.os.view()));
  append_bytes(out, as_bytes(config.device_model.view()));
  append_u64(out, static_cast<uint64_t>(config.build_time), 8);
  append_u64(out, static_cast<uint64_t>(config.rotate_before_expiry), 8);
  append_bytes(out, as_bytes(config.allowed_peers));
  append_u64(out,
             (config.allow_plain_http ? FLAG_PLAIN_HTTP : 0U) | (config.relay_only ? FLAG_RELAY_ONLY : 0U) |
                 (config.fixed_port ? FLAG_FIXED_PORT : 0U) | (config.overlay_ipv6 ? 0U : FLAG_NO_OVERLAY_IPV6),
             1);
}

Error read_config(ByteView payload, Config &out) {
  Reader in(payload);
  bool fits = read_text(in, out.control_url);
  fits &= read_text(in, out.control_key);
  fits &= read_text(in, out.hostname);
  out.request_tags.clear();
  const uint8_t tags = in.u8();
  for (uint8_t i = 0; i != tags && in.ok(); i++) {
    FixedString<MAX_TAG_BYTES> tag;
    fits &= read_text(in, tag);
    fits &= out.request_tags.push_back(tag);
  }
  out.ca_certificates = as_text(read_bytes(in));
  fits &= read_text(in, out.os);
  fits &= read_text(in, out.device_model);
  out.build_time = static_cast<WallTime>(in.u64be());
  out.rotate_before_expiry = static_cast<Duration>(in.u64be());
  out.allowed_peers = as_text(read_bytes(in));
  const uint8_t flags = in.u8();
  out.allow_plain_http = (flags & FLAG_PLAIN_HTTP) != 0;
  out.relay_only = (flags & FLAG_RELAY_ONLY) != 0;
  out.fixed_port = (flags & FLAG_FIXED_PORT) != 0;
  out.overlay_ipv6 = (flags & FLAG_NO_OVERLAY_IPV6) == 0;
  return in.ok() && in.left() == 0 && fits ? Error::NONE : Error::MALFORMED;
}

bool is_secret(const Input &input) {
  return input.kind == Input::Kind::SEED || (input.kind == Input::Kind::RECORD && microlink::is_secret(input.record));
}

void write_input(std::vector<uint8_t> &out, const Input &input) {
  out.push_back(static_cast<uint8_t>(input.kind));
  out.push_back(input.stream);
  out.push_back(static_cast<uint8_t>(input.record));
  out.push_back(static_cast<uint8_t>(input.error));
  append_endpoint(out, input.from);
  append_u64(out, static_cast<uint64_t>(input.wall_time), 8);
  append_bytes(out, is_secret(input) ? ByteView() : ByteView(input.bytes));
  append_u64(out, input.endpoints.size(), 2);
  for (const Endpoint &endpoint : input.endpoints)
    append_endpoint(out, endpoint);
  append_bytes(out, as_bytes(input.host));
}

Error read_input(ByteView payload, ReadInput &out) {
  Reader in(payload);
  out = {};
  const uint8_t kind = in.u8();
  out.input.stream = in.u8();
  const uint8_t record = in.u8();
  const uint8_t error = in.u8();
  out.input.from = read_endpoint(in);
  out.input.wall_time = static_cast<WallTime>(in.u64be());
  const ByteView bytes = read_bytes(in);
  out.bytes.assign(bytes.begin(), bytes.end());
  const uint16_t endpoints = in.u16be();
  for (uint16_t i = 0; i != endpoints && in.ok(); i++)
    out.endpoints.push_back(read_endpoint(in));
  out.host = as_text(read_bytes(in));
  if (!in.ok() || in.left() != 0 || kind > static_cast<uint8_t>(Input::Kind::SEND_FAILED) ||
      record > static_cast<uint8_t>(Record::COUNT) || error >= static_cast<uint8_t>(Error::COUNT))
    return Error::MALFORMED;
  out.input.kind = static_cast<Input::Kind>(kind);
  out.input.record = static_cast<Record>(record);
  out.input.error = static_cast<Error>(error);
  out.input.bytes = out.bytes;
  out.input.endpoints = out.endpoints;
  out.input.host = out.host;
  return Error::NONE;
}

}  // namespace microlink::posix
#endif  // __linux__
