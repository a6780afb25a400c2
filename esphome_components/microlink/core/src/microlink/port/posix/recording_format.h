// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "microlink/base/reader.h"
#include "microlink/config.h"
#include "microlink/ports.h"

namespace microlink::posix {

/// Payloads of a recording's entries. Texts and byte strings carry a 4-byte length, an endpoint is 16 bytes of address
/// (IPv4 mapped) and 2 of port.

void append_u64(std::vector<uint8_t> &out, uint64_t value, size_t bytes);
void append_bytes(std::vector<uint8_t> &out, ByteView bytes);

void write_config(std::vector<uint8_t> &out, const Config &config);
/// The text behind ca_certificates stays the payload's. MALFORMED.
Error read_config(ByteView payload, Config &out);

/// A secret input is written without its bytes.
bool is_secret(const Input &input);
void write_input(std::vector<uint8_t> &out, const Input &input);
/// Owns what the views of `input` point to.
struct ReadInput {
  Input input{};
  std::vector<uint8_t> bytes;
  std::vector<Endpoint> endpoints;
  std::string host;
};
Error read_input(ByteView payload, ReadInput &out);

}  // namespace microlink::posix
